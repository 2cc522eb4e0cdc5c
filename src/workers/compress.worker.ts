import { blobSource } from '../core/bytes/source.ts';
import type { Model } from '../core/ir/model.ts';
import { externalFiles, externalLocations } from '../core/onnx/external.ts';
import { readModel } from '../core/onnx/read.ts';
import { summarize } from '../core/onnx/summary.ts';
import { planWrite, writePlan } from '../core/onnx/write.ts';
import { runRecipe } from '../core/pass/pipeline.ts';
import { filesHash } from '../core/study/identity.ts';
import { passes } from '../passes/registry.ts';
import { variantDataFileName, variantDataName, variantFileName } from '../platform/artifacts.ts';
import { hasOpfs, opfsRoot } from '../platform/opfs.ts';
import { openKept } from './kept.ts';
import { type FinishedOutput, type Output, openOutput } from './output.ts';
import type { CompressArgs, CompressMethods, CompressResult, DiagnoseArgs, GroupSensitivityArgs } from './protocol.ts';
import { type Call, serve } from './serve.ts';
import { openModel, totalBytes } from './sources.ts';

/** Reading and changing the graph is quick; computing and writing the weights is the work. */
const passShare = 0.25;
/** Passes that run the model take most of the time. */
const learnShare = 0.9;

async function inspect({ files }: Parameters<CompressMethods['inspect']>[0], call: Call): Promise<ReturnType<CompressMethods['inspect']>> {
	const model = await openModel(files, (fraction) => call.progress(fraction, 'Reading the structure'));
	return summarize(model, { fileName: files.name, byteLength: totalBytes(files) });
}

async function compress(args: CompressArgs, call: Call): Promise<CompressResult> {
	const kept = args.modelHash === undefined ? undefined : await openKept(args.modelHash);
	try {
		return await compressModel(kept?.model ?? (await openModel(args.files)), args, call);
	} finally {
		kept?.close();
	}
}

async function compressModel(model: Model, { files, recipe, job, learn }: CompressArgs, call: Call): Promise<CompressResult> {
	// The runtime and the readers come only with recipes that ask for them.
	const learnt = learn && (await (await import('./learn.ts')).learning(learn, call));
	const share = learn ? learnShare : passShare;
	const report = await runRecipe(model, recipe, passes, {
		...learnt,
		onProgress: (fraction, stage) => call.progress(fraction * share, stage),
	});
	// An untouched model with external data would be written as a reference to files that the variant does not own.
	const keepsFiles = !model.touched && externalLocations(model).length > 0;
	const plan = await planWrite(model, {
		baseName: variantDataName.slice(0, -'.data'.length),
		externalData: keepsFiles ? 'always' : 'auto',
	});
	const root = (await hasOpfs()) ? opfsRoot() : undefined;
	const folder = root?.folder('tmp').folder(job);
	const outputs: Output[] = [];
	let finished: FinishedOutput[];
	try {
		for (const { name, byteLength } of plan.files) outputs.push(await openOutput(folder, name, byteLength));
		const [main, data] = outputs as [Output, Output?];
		await writePlan(plan, main, {
			externalSink: data,
			onProgress: (fraction) => call.progress(share + fraction * (1 - share), 'Computing and writing weights'),
		});
		finished = [];
		for (const output of outputs) finished.push(await output.finish());
	} catch (error) {
		for (const output of outputs) output.discard();
		await root
			?.folder('tmp')
			.remove(job)
			.catch(() => {});
		throw error;
	}
	const [main, data] = finished as [FinishedOutput, FinishedOutput?];
	const file = await filesHash(main.hash, data ? [{ path: variantDataName, hash: data.hash }] : []);
	const stored = await place(root, job, plan.files, file, main, data);
	// What is said of the variant is read from the file that was written, not from what was meant to be written.
	const written = await readModel(blobSource(stored.model), {
		...(stored.data && { external: externalFiles([{ name: variantDataName, source: blobSource(stored.data) }]) }),
	});
	const bytes = main.byteLength + (data?.byteLength ?? 0);
	const facts = await summarize(written, { fileName: files.name, byteLength: bytes });
	return {
		file,
		bytes,
		parameters: facts.parameters,
		operators: facts.operators.map(({ op, count }) => ({ op, count })),
		layers: facts.layers,
		report,
		...(!root && { held: { model: stored.model, ...(stored.data && { data: stored.data }) } }),
	};
}

/** Moves the finished files to their hash. The data file goes first: a model file that is there is complete. */
async function place(
	root: ReturnType<typeof opfsRoot> | undefined,
	job: string,
	files: readonly { readonly name: string }[],
	hash: string,
	main: FinishedOutput,
	data: FinishedOutput | undefined,
): Promise<{ model: Blob; data: Blob | undefined }> {
	if (!root) return { model: main.blob as Blob, data: data?.blob };
	const folder = root.folder('tmp').folder(job);
	const variants = root.folder('variants');
	const [mainFile, dataFile] = files;
	if (dataFile) await folder.move(dataFile.name, variants, variantDataFileName(hash));
	if (mainFile) await folder.move(mainFile.name, variants, variantFileName(hash));
	await root.folder('tmp').remove(job);
	const model = await variants.read(variantFileName(hash));
	if (!model || model.size !== main.byteLength) throw new Error('The written file is not where it was put.');
	return { model, data: data && (await variants.read(variantDataFileName(hash))) };
}

serve({
	inspect,
	compress,
	diagnose: async (args: DiagnoseArgs, call: Call) => (await import('./diagnose.ts')).diagnose(args, call),
	groupSensitivity: async (args: GroupSensitivityArgs, call: Call) => (await import('./group-sensitivity.ts')).groupSensitivity(args, call),
	nodeTimes: async (args: Parameters<CompressMethods['nodeTimes']>[0], call: Call) => (await import('./diagnose.ts')).nodeTimes(args, call),
});

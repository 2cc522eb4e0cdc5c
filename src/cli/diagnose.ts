import type { Model } from '../core/ir/model.ts';
import { serialize } from '../core/onnx/write.ts';
import type { Compute } from '../core/pass/calibration.ts';
import { runRecipe } from '../core/pass/pipeline.ts';
import type { RecipeStep } from '../core/pass/recipe.ts';
import { engineCompute } from '../engine/compute.ts';
import { commonValues } from '../engine/diagnose/align.ts';
import { findCulprit, restoredSensitivity } from '../engine/diagnose/culprit.ts';
import { layerErrors } from '../engine/diagnose/errors.ts';
import { nodeTimes } from '../engine/diagnose/latency.ts';
import type { CulpritReport, ErrorFigures, ErrorReport, LatencyReport, SensitivityReport } from '../engine/diagnose/report.ts';
import { plainSteps } from '../passes/keep-layers.ts';
import { passes } from '../passes/registry.ts';
import type { Command, CommandContext } from './command.ts';
import { leaveOutOf, leftOutText } from './data-flags.ts';
import { refuseHazards, runOptionHelp, runOptions, startEngine } from './engine.ts';
import { UsageError, WorkError } from './failure.ts';
import { openInputs } from './inputs.ts';
import { type ModelFile, openModel } from './model-file.ts';
import { recipeFrom } from './recipe-argument.ts';
import { modelBytes, runnableBytes } from './runtime-model.ts';
import { bytesText, msText, printable, table } from './text.ts';

const usualExamples = 16;

export const diagnose: Command = {
	name: 'diagnose',
	usage: 'pare diagnose MODEL VARIANT [--data FILE]… [--recipe RECIPE] [--restored] [--culprit] [--latency]',
	summary: 'Where a variant loses: error, sensitivity and time layer by layer.',
	details: `Both graphs are cut at the values that they have in common; what lies between is a layer. For each: its error alone on the original's inputs (own),
with only its weights or only its activations as the variant has them, accumulated up to its value, and what the outputs lose when it alone is as in the variant.
With --recipe the variant is compared with the original after those steps that lose nothing; without, with the original or the original after "optimize",
whichever shares more values with the variant. --culprit searches the smallest set of layers that explains 80 % of the noise at the worst output.
Figures in dB are signal to noise: higher is better, null where nothing differs. In JSON: errors, sensitivity, and restored, culprit, latency where asked for.`,
	options: {
		data: { type: 'string', multiple: true },
		limit: { type: 'string' },
		'leave-out': { type: 'string' },
		recipe: { type: 'string' },
		restored: { type: 'boolean' },
		culprit: { type: 'boolean' },
		latency: { type: 'boolean' },
		...runOptions,
	},
	optionHelp: [
		['--data FILE', 'inputs: .npz, .npy, IDX, pictures, a zip or folder of them; may be repeated. Default: synthetic'],
		['--limit N', `at most N examples, spread evenly; default ${usualExamples}, 64 rank layers best`],
		['--leave-out FILE', 'examples that are not used: content hashes of "pare data --health --json", a JSON list or one a line'],
		['--recipe RECIPE', 'what made the variant: a name of "pare presets" or a file'],
		['--restored', 'also what one layer alone restored gives, for each'],
		['--culprit', 'also the smallest set of layers that explains most of the loss'],
		['--latency', 'also times of the variant’s nodes, from the runtime’s profile'],
		...runOptionHelp,
	],
	run: async (context) => {
		const { args, terminal, signal } = context;
		const [originalPath, variantPath, ...more] = args.positionals;
		if (originalPath === undefined || variantPath === undefined || more.length > 0) {
			throw new UsageError('diagnose takes the original and one variant.');
		}
		const limit = args.count('limit') ?? usualExamples;
		const recipeArgument = args.text('recipe');
		const given = recipeArgument === undefined ? undefined : plainSteps(await recipeFrom(recipeArgument));
		const settings = await leaveOutOf(args);
		const engine = await startEngine(context);
		const compute = engineCompute(engine);
		const opened: ModelFile[] = [];
		const open = async (path: string): Promise<ModelFile> => {
			const file = await openModel(path, { whole: true, signal });
			opened.push(file);
			if (file.byteLength > runnableBytes) {
				throw new WorkError(`${path} has ${bytesText(file.byteLength)}: too large for the runtime here.`, 'memory');
			}
			await refuseHazards(file.model, path, context);
			return file;
		};
		try {
			const original = await open(originalPath);
			const bytes = modelBytes(original.path, original.external);
			const data = args.texts('data');
			const dataset = await openInputs({ engine, model: original.model, bytes, data, settings, signal, terminal });
			const gone = leftOutText(settings, dataset.facts.leftOutCount);
			const inputs = gone === undefined ? dataset.facts.preprocessing : `${dataset.facts.preprocessing}; ${gone}`;
			const synthetic = dataset.facts.kind === 'synthetic';
			const steps = given ?? (await likelySteps(originalPath, variantPath, open, context, compute));
			const subjects = async (offset: number, share: number) => ({
				original: await plainModel((await open(originalPath)).model, steps, compute, signal),
				variant: (await open(variantPath)).model,
				compute,
				examples: dataset,
				synthetic,
				limit,
				signal,
				onProgress: (fraction: number, stage: string) => terminal.progress(offset + share * fraction, printable(stage)),
			});
			const { errors, sensitivity } = await layerErrors(await subjects(0, 0.6));
			const restored = args.flag('restored') ? await restoredSensitivity(await subjects(0.6, 0.2)) : undefined;
			const ranking = sensitivity?.layers.map(({ node }) => node);
			const culprit = args.flag('culprit') ? await findCulprit({ ...(await subjects(0.8, 0.15)), ...(ranking && { ranking }) }) : undefined;
			const latency = args.flag('latency')
				? await nodeTimes({
						engine,
						model: (await open(variantPath)).model,
						bytes: async (model: Model) => ({ model: await serialize(model) }),
						feeds: (await dataset.example(0, signal)).feeds,
						signal,
						onProgress: (fraction) => terminal.progress(0.95 + 0.05 * fraction, 'Timing nodes'),
					})
				: undefined;
			const document = {
				runtime: engine.runtime,
				target: { ...engine.target },
				inputs,
				synthetic,
				comparedAfter: steps.map(({ pass }) => pass),
				errors,
				...(sensitivity && { sensitivity }),
				...(restored && { restored }),
				...(culprit && { culprit }),
				...(latency && { latency }),
			};
			return { document, text: textOf(errors, sensitivity, culprit, latency, inputs) };
		} finally {
			for (const file of opened) await file.close();
		}
	},
};

async function plainModel(model: Model, steps: readonly RecipeStep[], compute: Compute, signal: AbortSignal): Promise<Model> {
	if (steps.length > 0) await runRecipe(model, { v: 1, seed: 0, steps }, passes, { compute, signal });
	return model;
}

/** Whether the variant was made from a cleaned graph: then more of its values have a counterpart after "optimize". */
async function likelySteps(
	originalPath: string,
	variantPath: string,
	open: (path: string) => Promise<ModelFile>,
	{ signal }: CommandContext,
	compute: Compute,
): Promise<readonly RecipeStep[]> {
	const optimize: readonly RecipeStep[] = [{ pass: 'optimize', options: {} }];
	const variant = (await open(variantPath)).model;
	const shared = (original: Model): number => commonValues(original, variant).length;
	const cleaned = await plainModel((await open(originalPath)).model, optimize, compute, signal);
	const plain = (await open(originalPath)).model;
	// A value that only one of them has makes its layers larger than need be.
	const lost = (original: Model): number => valueCount(original) - shared(original);
	return lost(cleaned) < lost(plain) ? optimize : [];
}

function valueCount(model: Model): number {
	return commonValues(model, model).length;
}

const db = (value: number | null | undefined): string => (value === undefined ? '' : value === null ? 'equal' : value.toFixed(1));
const dbOf = (figures: ErrorFigures | undefined): string => (figures?.maxAbs === null ? 'not finite' : db(figures?.sqnrDb));
const rowsShown = 30;

function textOf(
	errors: ErrorReport,
	sensitivity: SensitivityReport | undefined,
	culprit: CulpritReport | undefined,
	latency: LatencyReport | undefined,
	inputs: string,
): string {
	const alone = new Map(sensitivity?.layers.map((layer) => [layer.node, layer]));
	const rows = errors.layers.slice(0, rowsShown).map((layer) => {
		const clipped = Math.max(0, ...layer.quantized.map(({ clippedShare }) => clippedShare ?? 0));
		return [
			printable(layer.label),
			layer.op === layer.variantOp ? layer.op : `${layer.op} > ${layer.variantOp}`,
			dbOf(layer.own),
			dbOf(layer.weights),
			dbOf(layer.activations),
			dbOf(layer.accumulated),
			db(alone.get(layer.node)?.sqnrDb),
			clipped > 0 ? `${(clipped * 100).toFixed(2)} %` : '',
			bytesText(layer.bytes),
			layer.missing ?? '',
		];
	});
	const titles = ['layer', 'operator', 'own', 'weights', 'activations', 'accumulated', 'outputs', 'clipped', 'bytes', ''];
	const lines = [
		table(
			titles.map((title, i) => ({ title, right: i > 1 && i < 9 })),
			rows,
		).trimEnd(),
	];
	if (errors.layers.length > rowsShown) lines.push(`… ${errors.layers.length - rowsShown} more, all better; --json has them.`);
	lines.push(
		'',
		`dB, worst first. Worst output: ${dbOf(errors.output)} dB on ${errors.examples} ${errors.synthetic ? 'made-up examples' : 'examples'}; ${printable(inputs)}`,
		...errors.notes.slice(0, 10).map(printable),
	);
	if (culprit) {
		lines.push(
			'',
			culprit.layers.length === 0
				? 'No culprit: the outputs lose nothing.'
				: `${culprit.layers.length} of ${errors.layers.length} layers explain ${(culprit.explained * 100).toFixed(0)} % of the loss: restored, the worst output goes from ${db(culprit.before)} to ${db(culprit.after)} dB.`,
			...culprit.layers.map(({ label }) => `  ${printable(label)}`),
		);
	}
	if (latency) {
		const timed = latency.nodes
			.slice(0, rowsShown)
			.map(({ runtimeName, op, provider, medianMs, label, fileOp }) => [
				printable(label ?? `(runtime’s own) ${runtimeName}`),
				fileOp === undefined || fileOp === op ? op : `${fileOp} > ${op}`,
				provider,
				msText(medianMs),
				`${((100 * medianMs) / Math.max(latency.nodesMs, 1e-9)).toFixed(1)} %`,
			]);
		lines.push(
			'',
			table(
				['node', 'operator', 'where', 'median', 'share'].map((title, i) => ({ title, right: i > 2 })),
				timed,
			).trimEnd(),
			`${latency.runs} runs on ${latency.target}; ${(latency.mapped * 100).toFixed(0)} % of the time belongs to nodes of the file, the rest to nodes that the runtime made; ${latency.silent.length} nodes have no time of their own (fused, folded or not run).`,
		);
	}
	return `${lines.join('\n')}\n`;
}

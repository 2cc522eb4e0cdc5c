import { differenceSentence, mainMetric, metricText, metricTitle } from '../core/study/metrics/metric-facts.ts';
import type { Evaluation, Hash } from '../core/study/study.ts';
import { createReference, evaluate } from '../engine/evaluate.ts';
import type { Command, CommandContext } from './command.ts';
import { leaveOutOf, leftOutText } from './data-flags.ts';
import { refuseHazards, runOptionHelp, runOptions, startEngine } from './engine.ts';
import { exitCode, UsageError, WorkError } from './failure.ts';
import { hashModel } from './hash-file.ts';
import { openInputs } from './inputs.ts';
import { openModel } from './model-file.ts';
import { modelBytes, runnableBytes } from './runtime-model.ts';
import { bytesText, cosineText, printable, table } from './text.ts';

interface Compared {
	readonly path: string;
	readonly bytes: number;
	readonly sha256: Hash;
	readonly evaluation: Evaluation;
}

export const compare: Command = {
	name: 'compare',
	usage: 'pare compare ORIGINAL VARIANT… [--data FILE]… [--limit N] [--leave-out FILE]',
	summary: 'How far each variant is from the original on the same inputs.',
	details: `Without --data the inputs are made up, and the figures marked synthetic: they say how far two models are apart on noise, not how good one
is. With labels (folders of pictures by class, an array named labels, IDX labels) the metrics of the task are there too, by name.
In JSON, variants[].outputs[] has name, n, cosine (mean over the inputs), worstCosine, sqnrDb (null where the outputs are equal or not numbers), maxAbs, and for
classifiers agreement (share of equal answers) with its 95 % interval. Exit code 1 where a variant could not be run.`,
	options: { data: { type: 'string', multiple: true }, limit: { type: 'string' }, 'leave-out': { type: 'string' }, ...runOptions },
	optionHelp: [
		['--data FILE', 'inputs: .npz, .npy, IDX, pictures, a zip or folder of them; may be repeated'],
		['--limit N', 'at most N inputs, spread evenly'],
		['--leave-out FILE', 'examples that are not used: content hashes of "pare data --health --json", a JSON list or one a line'],
		...runOptionHelp,
	],
	run: async (context) => {
		const { args, terminal, signal } = context;
		const [originalPath, ...variantPaths] = args.positionals;
		if (originalPath === undefined || variantPaths.length === 0)
			throw new UsageError('compare takes the original and at least one variant.');
		const limit = args.count('limit');
		const settings = await leaveOutOf(args);
		const engine = await startEngine(context);
		const opened = await describe(originalPath, context);
		const { model } = opened;
		const dataset = await openInputs({ engine, model, bytes: opened.bytesOf, data: args.texts('data'), limit, settings, signal, terminal });
		const { facts } = dataset;
		const synthetic = facts.kind === 'synthetic';
		const reference = await createReference({
			engine,
			original: opened.bytesOf,
			examples: dataset,
			dataset: { hash: facts.hash, synthetic },
			...(limit !== undefined && { limit }),
			signal,
			onProgress: (fraction) => terminal.progress(fraction, 'Running the original'),
		});
		const compared: Compared[] = [];
		for (const path of variantPaths) {
			const { bytes, sha256, bytesOf } = await describe(path, context);
			const evaluation = await evaluate({
				engine,
				variant: { id: sha256, model: bytesOf },
				reference,
				examples: dataset,
				signal,
				onProgress: (fraction) => terminal.progress(fraction, `Running ${printable(path)}`),
			});
			compared.push({ path, bytes, sha256, evaluation });
		}
		const original = { path: originalPath, bytes: opened.bytes, sha256: opened.sha256 };
		const document = {
			runtime: engine.runtime,
			target: { ...engine.target },
			synthetic,
			dataset: facts,
			n: reference.indices.length,
			task: reference.task,
			original: { ...original, ...metricsOf(reference.evaluation) },
			variants: compared.map(documentOf),
		};
		const failed = compared.some(({ evaluation }) => evaluation.failure);
		const gone = leftOutText(settings, facts.leftOutCount);
		const inputs = gone === undefined ? facts.preprocessing : `${facts.preprocessing}; ${gone}`;
		const text = textOf(original, reference.evaluation, compared, inputs, reference.indices.length, facts.skipped.length);
		return { document, text, exit: failed ? exitCode.failed : exitCode.ok };
	},
};

/** Opens a model to see that it is one; what remains is what the runtime needs, and the graph without its weights. */
async function describe(path: string, context: CommandContext) {
	const { signal } = context;
	const file = await openModel(path, { whole: true, signal });
	try {
		if (file.byteLength > runnableBytes) {
			throw new WorkError(`${path} has ${bytesText(file.byteLength)}: too large for the runtime here.`, 'memory');
		}
		await refuseHazards(file.model, path, context);
		const sha256 = await hashModel(file, signal);
		const bytesOf = modelBytes(
			path,
			file.external.map((entry) => ({ location: entry.location, path: entry.path })),
		);
		return { model: file.model, bytes: file.byteLength, sha256, bytesOf };
	} finally {
		await file.close();
	}
}

function metricsOf({ metrics }: Evaluation) {
	return Object.fromEntries(
		metrics.map(({ metric, value, interval, n, difference }) => [
			metric,
			{
				value,
				interval,
				n,
				...(difference && { difference: difference.value, differenceInterval: difference.interval, pValue: difference.pValue }),
			},
		]),
	);
}

function documentOf({ path, bytes, sha256, evaluation }: Compared): unknown {
	return {
		path,
		bytes,
		sha256,
		outputs: evaluation.outputs.map(({ output, n, cosine, worstCosine, sqnrDb, maxAbs, agreement }) => ({
			name: output,
			n,
			cosine,
			worstCosine,
			sqnrDb,
			maxAbs,
			...(agreement && { agreement: agreement.value, agreementInterval: agreement.interval, agreementN: agreement.n }),
		})),
		...metricsOf(evaluation),
		...(evaluation.failure && { failure: evaluation.failure }),
	};
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;

function textOf(
	original: { readonly path: string; readonly bytes: number },
	own: Evaluation,
	compared: readonly Compared[],
	preprocessing: string,
	n: number,
	skipped: number,
): string {
	const rows: string[][] = [];
	const name = [own, ...compared.map(({ evaluation }) => evaluation)]
		.map(({ metrics }) => mainMetric(metrics)?.metric)
		.find((metric) => metric);
	const main = (evaluation: Evaluation): string => {
		const found = evaluation.metrics.find(({ metric }) => metric === name);
		return found ? metricText(found.metric, found.value) : '';
	};
	rows.push([printable(original.path), bytesText(original.bytes), '(original)', '', '', '', '', '', main(own)]);
	const failures: string[] = [];
	for (const { path, bytes, evaluation } of compared) {
		const { failure, outputs } = evaluation;
		if (failure)
			failures.push(`! ${printable(path)}: ${printable(failure.message)}${failure.advice ? ` ${printable(failure.advice)}` : ''}`);
		if (outputs.length === 0) rows.push([printable(path), bytesText(bytes), 'could not run']);
		outputs.forEach((output, i) => {
			rows.push([
				i === 0 ? printable(path) : '',
				i === 0 ? bytesText(bytes) : '',
				printable(output.output),
				cosineText(output.cosine),
				cosineText(output.worstCosine),
				output.sqnrDb === null ? (output.maxAbs === 0 ? 'equal' : '-') : output.sqnrDb.toFixed(1),
				output.maxAbs.toPrecision(3),
				output.agreement ? percent(output.agreement.value) : '',
				i === 0 ? main(evaluation) : '',
			]);
		});
	}
	const titles = [
		'model',
		'size',
		'output',
		'cosine',
		'worst',
		'SQNR dB',
		'max abs',
		'agreement',
		name ? metricTitle(name, own.task?.kind) : '',
	];
	// Columns that nothing fills are left out.
	const used = titles.map((_, i) => i < 3 || rows.some((row) => (row[i] ?? '') !== ''));
	const columns = titles.map((title, i) => ({ title, right: i === 1 || i > 2 }));
	const shown = table(
		columns.filter((_, i) => used[i]),
		rows.map((row) => titles.map((_, i) => row[i] ?? '').filter((_, i) => used[i])),
	);
	const notes = own.synthetic ? ['Synthetic inputs: distance on noise, not quality. Give --data for figures that mean something.'] : [];
	const difference = compared.flatMap(({ path, evaluation }) =>
		evaluation.metrics.flatMap((metric) =>
			metric.difference && metric.metric === name
				? [`${printable(path)}: ${metricTitle(name, own.task?.kind)} ${differenceSentence(metric, evaluation.stopped?.alpha)}`]
				: [],
		),
	);
	const about = `${n} inputs, ${printable(preprocessing)}${skipped > 0 ? `; ${skipped} entries could not be read` : ''}`;
	return `${[shown.trimEnd(), '', about, ...notes, ...difference, ...failures].join('\n')}\n`;
}

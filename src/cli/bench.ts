import type { Run } from '../core/study/study.ts';
import { type BenchmarkModel, benchmark } from '../engine/benchmark.ts';
import type { Command } from './command.ts';
import { refuseHazards, runOptionHelp, runOptions, startEngine } from './engine.ts';
import { exitCode, UsageError, WorkError } from './failure.ts';
import { hashModel } from './hash-file.ts';
import { openInputs } from './inputs.ts';
import { type ModelFile, openModel } from './model-file.ts';
import { modelBytes, runnableBytes } from './runtime-model.ts';
import { bytesText, msText, printable, table } from './text.ts';

/** Time for all models together where --rounds does not say how much is wanted. */
const usualBudgetMs = 20_000;
const longBudgetMs = 24 * 3600 * 1000;
const usualRounds = 40;

export const bench: Command = {
	name: 'bench',
	usage: 'pare bench MODEL… [--rounds N] [--data FILE]',
	summary: 'Times models against the first, in interleaved rounds.',
	details: `Each round runs every model once, in a shuffled order, so that whatever slows the machine slows all of them. The ratio is that of the medians to
the first model, with its 95 % interval; an interval that holds 1 is told as no measurable difference. One thread of WASM: as the page without threads. Without --rounds as
many rounds as fit 20 s, at most ${usualRounds}. Exit code 1 where a model could not be run.`,
	options: { rounds: { type: 'string' }, data: { type: 'string', multiple: true }, ...runOptions },
	optionHelp: [
		['--rounds N', 'exactly so many rounds, however long they take'],
		['--data FILE', 'inputs; the first example is used. Default: synthetic'],
		...runOptionHelp,
	],
	run: async (context) => {
		const { args, terminal, signal } = context;
		const paths = args.positionals;
		if (paths.length === 0) throw new UsageError('bench takes at least one model.');
		const rounds = args.count('rounds');
		const engine = await startEngine(context);
		const opened: ModelFile[] = [];
		try {
			for (const path of paths) {
				const file = await openModel(path, { whole: true, signal });
				opened.push(file);
				if (file.byteLength > runnableBytes) {
					throw new WorkError(`${path} has ${bytesText(file.byteLength)}: too large for the runtime here.`, 'memory');
				}
				await refuseHazards(file.model, path, context);
			}
			const [first] = opened as [ModelFile];
			const models: BenchmarkModel[] = [];
			const hashes: string[] = [];
			for (const [i, file] of opened.entries()) {
				hashes.push(await hashModel(file, signal));
				models.push({
					// The same file may be given twice, to see what the noise is.
					id: i === 0 ? 'original' : `${i}`,
					model: modelBytes(file.path, file.external),
					byteLength: file.byteLength,
				});
			}
			const [original, ...variants] = models as [BenchmarkModel, ...BenchmarkModel[]];
			const bytes = modelBytes(first.path, first.external);
			const dataset = await openInputs({ engine, model: first.model, bytes, data: args.texts('data'), limit: 1, signal, terminal });
			const { feeds } = await dataset.example(0, signal);
			const result = await benchmark({
				engine,
				original,
				variants,
				feeds,
				rounds: rounds ?? usualRounds,
				budgetMs: rounds === undefined ? usualBudgetMs : longBudgetMs,
				profile: false,
				signal,
				onProgress: (fraction, stage) => terminal.progress(fraction, stage),
			});
			const entries = opened.map((file, i) => ({
				path: file.path,
				bytes: file.byteLength,
				sha256: hashes[i],
				run: result.runs.find(({ variant }) => variant === models[i]?.id),
			}));
			const document = {
				runtime: engine.runtime,
				target: { ...engine.target },
				threadsUsed: engine.threadsUsed,
				inputs: dataset.facts.preprocessing,
				synthetic: dataset.facts.kind === 'synthetic',
				models: entries.map(({ run, ...entry }) => ({ ...entry, ...(run ? figures(run) : { failure: unmeasured }) })),
			};
			const failed = entries.some(({ run }) => !run || run.failure);
			return { document, text: textOf(entries, dataset.facts.preprocessing), exit: failed ? exitCode.failed : exitCode.ok };
		} finally {
			for (const file of opened) await file.close();
		}
	},
};

const unmeasured = { code: 'unavailable', message: 'Not measured: the runtime broke down at an earlier model.' };

function figures({ variant: _, target: __, ...run }: Run) {
	return run;
}

function textOf(
	entries: readonly { readonly path: string; readonly bytes: number; readonly run: Run | undefined }[],
	inputs: string,
): string {
	const rows = entries.map(({ path, bytes, run }, i) => {
		if (!run || run.failure) return [printable(path), bytesText(bytes), '', '', '', '', '', 'could not run'];
		const { ratio } = run;
		const known = ratio
			? ratio.interval[0] <= 1 && ratio.interval[1] >= 1
				? 'no measurable difference'
				: ratio.value < 1
					? 'faster'
					: 'slower'
			: '';
		return [
			printable(path),
			bytesText(bytes),
			msText(run.loadMs),
			msText(run.medianMs),
			msText(run.p95Ms),
			String(run.samplesMs.length),
			ratio ? `${ratio.value.toFixed(3)} [${ratio.interval.map((x) => x.toFixed(3)).join(', ')}]` : '',
			i === 0 ? '(reference)' : known,
		];
	});
	const titles = ['model', 'size', 'load', 'median', 'p95', 'n', 'ratio', ''];
	const shown = table(
		titles.map((title, i) => ({ title, right: i > 0 && i < 7 })),
		rows,
	);
	const notes = entries.flatMap(({ path, run }) => [
		...(run?.caveats ?? []).map((caveat) => `${printable(path)}: ${printable(caveat)}`),
		...(run?.failure
			? [`! ${printable(path)}: ${printable(run.failure.message)}`]
			: run
				? []
				: [`! ${printable(path)}: ${unmeasured.message}`]),
	]);
	return `${[shown.trimEnd(), '', `Inputs: ${printable(inputs)}`, ...notes].join('\n')}\n`;
}

import { classBalance, examine, type HealthReport } from '../core/data-health/report.ts';
import type { ExampleFacts } from '../core/study/examples.ts';
import { chosenExamples } from '../data/calibration.ts';
import type { Dataset } from '../data/dataset.ts';
import { engineCompute } from '../engine/compute.ts';
import type { Command } from './command.ts';
import { leftOutText, settingsFrom } from './data-flags.ts';
import { refuseHazards, runOptionHelp, runOptions, startEngine } from './engine.ts';
import { UsageError, WorkError } from './failure.ts';
import { openInputs } from './inputs.ts';
import { openModel } from './model-file.ts';
import { modelBytes, runnableBytes } from './runtime-model.ts';
import { bytesText, printable, table } from './text.ts';

/** Lines of each list for people; JSON has all. */
const shownLines = 20;

export const data: Command = {
	name: 'data',
	usage: 'pare data MODEL --data FILE… [--health] [--preprocess FILE|auto] [--leave-out FILE] [--limit N]',
	summary: 'What examples are to a model: counts, classes, and what looks wrong with them.',
	details: `--health runs the model on each example once and lists, by the features that it makes of them: copies (exact, encoded again or resized), labels
that the model disagrees with and is sure of another, and examples unlike the others. What it lists is to be looked at: a model is sure of wrong answers too.
In JSON: dataset, classes (label, name, count), preprocessing, skipped and, with --health, health: duplicates (index, of, likeness; 1 is equal), mislabelled (label, predicted,
confidence, labelConfidence), outliers (score, in deviations from what is usual); each with the name and contentHash of the example.`,
	options: {
		data: { type: 'string', multiple: true },
		health: { type: 'boolean' },
		preprocess: { type: 'string' },
		limit: { type: 'string' },
		'sound-state': { type: 'string' },
		'leave-out': { type: 'string' },
		...runOptions,
	},
	optionHelp: [
		['--data FILE', 'examples, as for evaluate: a file, a folder or a zip; may be repeated'],
		['--health', 'look for copies, wrong labels and strange examples'],
		['--preprocess FILE', 'JSON of preprocessing for pictures; "auto" (the default) finds it'],
		['--limit N', 'at most N examples, spread evenly'],
		['--sound-state HOW', '"carried" from frame to frame (the default), or "zero" in each'],
		['--leave-out FILE', 'examples that are not used: content hashes of "pare data --health --json", a JSON list or one a line'],
		...runOptionHelp,
	],
	run: async (context) => {
		const { args, terminal, signal } = context;
		const [path, ...more] = args.positionals;
		if (path === undefined || more.length > 0) throw new UsageError('data takes one model.');
		const files = args.texts('data');
		if (files.length === 0) throw new UsageError('data needs examples.', 'Give them with --data.');
		const limit = args.count('limit');
		const settings = await settingsFrom(args.text('preprocess'), args.text('sound-state'), args.text('leave-out'));
		const file = await openModel(path, { whole: true, signal });
		try {
			if (file.byteLength > runnableBytes)
				throw new WorkError(`${path} has ${bytesText(file.byteLength)}: too large for the runtime here.`, 'memory');
			await refuseHazards(file.model, path, context);
			const bytes = modelBytes(
				path,
				file.external.map((entry) => ({ location: entry.location, path: entry.path })),
			);
			const engine = await startEngine(context);
			const dataset = await openInputs({ engine, model: file.model, bytes, data: files, limit, settings, signal, terminal });
			const facts = await dataset.exampleFacts(signal, (fraction) => terminal.progress(fraction, 'Reading the examples'));
			const examined = !args.flag('health')
				? undefined
				: await examine(file.model, {
						compute: engineCompute(engine),
						examples: chosenExamples(
							dataset,
							Array.from({ length: dataset.n }, (_, index) => index),
						),
						facts,
						signal,
						onProgress: (fraction) => terminal.progress(fraction, 'Running the model on each'),
					});
			const seen: Seen = { path, dataset, facts, health: examined };
			return { document: documentOf(seen), text: textOf(seen) };
		} finally {
			await file.close();
		}
	},
};

interface Seen {
	readonly path: string;
	readonly dataset: Dataset;
	readonly facts: readonly ExampleFacts[];
	readonly health: HealthReport | undefined;
}

function documentOf({ path, dataset, facts, health }: Seen): unknown {
	const { skipped, skippedCount, preprocessing, picture, ...rest } = dataset.facts;
	const example = (index: number): { name: string; contentHash: string } => {
		const { name = '', contentHash = '' } = facts[index] ?? {};
		return { name, contentHash };
	};
	const className = (label: number): string | undefined => dataset.classNames?.[label];
	return {
		model: path,
		dataset: rest,
		classes: classBalance(facts).map(({ label, count }) => ({ label, name: className(label), count })),
		preprocessing: { text: preprocessing, ...(picture && { picture }), evidence: dataset.evidence },
		skipped: { count: skippedCount ?? skipped.length, entries: skipped },
		...(health && {
			health: {
				featuresOf: health.featuresOf,
				duplicates: health.duplicates.map((found) => ({ ...found, ...example(found.index), ofName: example(found.of).name })),
				mislabelled: health.mislabelled.map((found) => ({
					...found,
					...example(found.index),
					labelName: className(found.label),
					predictedName: className(found.predicted),
				})),
				outliers: health.outliers.map((found) => ({ ...found, ...example(found.index) })),
			},
		}),
	};
}

function textOf({ dataset, facts, health }: Seen): string {
	const { name, preprocessing, skipped, skippedCount } = dataset.facts;
	const lines = [`${printable(name)}: ${dataset.n} examples; ${printable(preprocessing)}`];
	const classes = classBalance(facts);
	const counts = classes.map(({ count }) => count);
	if (classes.length > 0) {
		// Not spread into Math.min: a vocabulary of labels may be long.
		const [fewest, most] = [counts.reduce((a, b) => Math.min(a, b)), counts.reduce((a, b) => Math.max(a, b))];
		lines.push(`${classes.length} classes with ${fewest === most ? fewest : `${fewest} to ${most}`} examples each`);
	}
	const gone = leftOutText(dataset.facts.settings ?? {}, dataset.facts.leftOutCount);
	if (gone) lines.push(gone);
	const bad = skippedCount ?? skipped.length;
	if (bad > 0) lines.push(`${bad} ${bad === 1 ? 'entry' : 'entries'} left out:`);
	for (const entry of skipped.slice(0, shownLines)) lines.push(`  ${printable(entry.name)}: ${printable(entry.reason)}`);
	if (health) {
		const nameAt = (index: number): string => printable(facts[index]?.name ?? '');
		const className = (label: number): string => printable(dataset.classNames?.[label] ?? String(label));
		lines.push(
			...listed(
				'Copies',
				['example', 'copy of', 'likeness'],
				health.duplicates.map(({ index, of, likeness }) => [nameAt(index), nameAt(of), likeness.toFixed(3)]),
			),
			...listed(
				'Labels that the model disagrees with',
				['example', 'label', 'model says', 'probability'],
				health.mislabelled.map(({ index, label, predicted, confidence }) => [
					nameAt(index),
					className(label),
					className(predicted),
					confidence.toFixed(3),
				]),
			),
			...listed(
				'Unlike the others',
				['example', 'deviations'],
				health.outliers.map(({ index, score }) => [nameAt(index), score.toFixed(1)]),
			),
		);
	}
	return `${lines.join('\n')}\n`;
}

function listed(title: string, columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
	if (rows.length === 0) return ['', `${title}: none found`];
	const last = columns.length - 1;
	const shown = table(
		columns.map((name, i) => ({ title: name, right: i === last })),
		rows.slice(0, shownLines),
	).trimEnd();
	return [
		'',
		`${title}: ${rows.length}`,
		shown,
		...(rows.length > shownLines ? [`and ${rows.length - shownLines} more; --json lists all`] : []),
	];
}

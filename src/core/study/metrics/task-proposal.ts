import type { TaskFacts, TaskKind } from '../task.ts';

/** What one output of the original looked like over the examples. */
export interface OutputEvidence {
	readonly name: string;
	readonly float: boolean;
	/** Axes of one example's output. */
	readonly rank: number;
	/** Length of the last axis; 0 where it varies. */
	readonly width: number;
	/** Values of one example; 0 where the number varies. */
	readonly values: number;
	/** One class for each example, or for each row, where it looks like that. */
	readonly classifies: 'example' | 'rows' | undefined;
	/** Rows are at least 0 and sum to 1. */
	readonly probabilities: boolean;
	/** Vectors have length 1. */
	readonly unitLength: boolean;
	/** All values are between 0 and 1. */
	readonly unitInterval: boolean;
	/** By name, or by a width that embeddings often have. */
	readonly feature: boolean;
}

/** What labels there are, over the examples. */
export interface LabelEvidence {
	/** Examples with a class, and the largest. */
	readonly classes: number;
	readonly largest: number;
	/** Examples with 0 or 1 for each of several labels, and how many labels; 0 where it varies. */
	readonly several: number;
	readonly severalWidth: number;
	/** Examples with values, and how many values; 0 where it varies. */
	readonly values: number;
	readonly valuesWidth: number;
	/** Examples with a text. */
	readonly texts: number;
}

type Proposal = Pick<TaskFacts, 'kind' | 'why'> & { readonly output: string };

/**
 * The task that outputs and labels speak for, and why. Labels decide where they fit an output; without them the outputs' shapes, values and
 * names do. Where nothing speaks for anything, outputs are only compared.
 */
export function proposeTask(outputs: readonly OutputEvidence[], labels: LabelEvidence): Proposal {
	return byLabels(outputs, labels) ?? byOutputs(outputs);
}

function byLabels(outputs: readonly OutputEvidence[], labels: LabelEvidence): Proposal | undefined {
	const floats = outputs.filter(({ float }) => float);
	const propose = (kind: TaskKind, output: OutputEvidence, why: string): Proposal => ({ kind, output: output.name, why });
	const steps = outputs.find(isSteps);
	if (labels.texts > 0 && steps) return propose('sequence', steps, `Labels are texts, and ${quoted(steps)} holds a class for each step.`);
	if (labels.several > 0) {
		const fit = floats.find(({ values }) => values === labels.severalWidth && values > 0);
		if (fit && fit.values === 1) return propose('binary', fit, `Labels are 0 and 1, and ${quoted(fit)} holds one score.`);
		if (fit) return propose('multi-label', fit, `Any of ${fit.values} labels may apply, and ${quoted(fit)} holds a score for each.`);
	}
	if (labels.values > 0) {
		if (steps) return propose('sequence', steps, `Labels are rows of numbers, and ${quoted(steps)} holds a class for each step.`);
		const fit = floats.find(({ values }) => values === labels.valuesWidth && values > 0);
		if (fit) {
			return propose(
				'regression',
				fit,
				fit.values === 1
					? `Labels are numbers, and ${quoted(fit)} holds one.`
					: `Labels are ${fit.values} numbers each, and so is ${quoted(fit)}.`,
			);
		}
	}
	if (labels.classes > 0) {
		const fit = floats.find(({ classifies }) => classifies === 'example');
		if (fit && fit.width === 2 && labels.largest <= 1) {
			return propose('binary', fit, `Labels are 0 and 1, and ${quoted(fit)} holds a score for each of the two.`);
		}
		if (fit && labels.largest < fit.width) {
			return propose(
				'classification',
				fit,
				`Labels go up to ${labels.largest}, and ${quoted(fit)} holds ${fit.probabilities ? 'probabilities of' : 'a score for each of'} ${fit.width} classes.`,
			);
		}
		const single = labels.largest <= 1 ? floats.find(({ values }) => values === 1) : undefined;
		if (single) {
			return propose(
				'binary',
				single,
				`Labels are 0 and 1, and ${quoted(single)} holds one ${single.unitInterval ? 'probability' : 'score'}.`,
			);
		}
	}
	return undefined;
}

function byOutputs(outputs: readonly OutputEvidence[]): Proposal {
	const floats = outputs.filter(({ float }) => float);
	const propose = (kind: TaskKind, output: OutputEvidence | undefined, why: string): Proposal => ({
		kind,
		output: output?.name ?? '',
		why,
	});
	const classes = floats.find(({ classifies }) => classifies === 'example');
	if (classes?.width === 2) return propose('binary', classes, `${quoted(classes)} holds a score for each of two answers.`);
	if (classes) {
		return propose(
			'classification',
			classes,
			`${quoted(classes)} holds ${classes.probabilities ? 'probabilities of' : 'a score for each of'} ${classes.width} classes.`,
		);
	}
	const steps = outputs.find((output) => isSteps(output) && !besideBoxes(output, outputs));
	if (steps)
		return propose('sequence', steps, `${quoted(steps)} holds ${steps.float ? 'probabilities for each step' : 'whole numbers in a row'}.`);
	const vectors = floats.find(({ rank, width, unitLength }) => rank <= 2 && width > 8 && unitLength);
	if (vectors) return propose('embedding', vectors, `${quoted(vectors)} holds vectors of length 1.`);
	const features = floats.find(({ rank, width, feature }) => rank <= 3 && rank >= 1 && width > 8 && feature);
	if (features)
		return propose('embedding', features, `${quoted(features)} holds ${features.width} numbers and is named or sized like features.`);
	const single = floats.find(({ values, unitInterval }) => values === 1 && unitInterval);
	if (single) return propose('binary', single, `${quoted(single)} holds one number between 0 and 1.`);
	return propose('generic', outputs[0], 'Neither labels nor outputs speak for a task: outputs are compared with those of the original.');
}

/** A class for each of several steps: rows of probabilities over at least 3 classes, or whole numbers in a row. */
function isSteps({ float, rank, width, values, classifies }: OutputEvidence): boolean {
	if (!float) return rank >= 1 && values !== 1;
	return classifies === 'rows' && width > 2;
}

/** Scores with as many rows as another output has (boxes, masks) are no sequence. */
function besideBoxes(output: OutputEvidence, outputs: readonly OutputEvidence[]): boolean {
	const rows = ({ values, width }: OutputEvidence): number => (width > 0 ? values / width : 0);
	return outputs.some((other) => other !== output && other.rank === output.rank && rows(other) > 1 && rows(other) === rows(output));
}

const quoted = ({ name }: OutputEvidence): string => `output "${name}"`;

/** The class that stands for nothing in a model trained with CTC: the first or the last class, where it is the most frequent one of all steps. */
export function findBlank(steps: readonly (Int32Array | undefined)[], width: number): number | null {
	if (width < 2) return null;
	const counts = new Map<number, number>();
	let total = 0;
	for (const row of steps) {
		for (const step of row ?? []) {
			counts.set(step, (counts.get(step) ?? 0) + 1);
			total += 1;
		}
	}
	const [most] = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
	return most && (most[0] === 0 || most[0] === width - 1) && most[1] >= 0.2 * total ? most[0] : null;
}

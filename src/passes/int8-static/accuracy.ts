import type { Model } from '../../core/ir/model.ts';
import type { TensorData } from '../../core/ir/tensor-data.ts';
import type { CalibrationSet } from '../../core/pass/calibration.ts';
import type { PassContext } from '../../core/pass/pass.ts';

/** Examples that accuracy is watched on at most. */
const mostExamples = 128;

/** What a classifier says to the sample inputs: one class for each row of its first float output. */
export interface Answers {
	/** Classes by example. */
	readonly classes: readonly Int32Array[];
	/** The right class by example, where each has one label and one row. */
	readonly labels: readonly number[] | undefined;
}

/**
 * Answers of the model as it stands. undefined where its first float output names no classes: rows that are no probabilities, without labels
 * and without a name that says so.
 */
export async function answersOf(
	model: Model,
	{ compute, signal }: PassContext,
	calibration: CalibrationSet | undefined,
): Promise<Answers | undefined> {
	if (!compute || !calibration) return undefined;
	const session = await compute.load(model);
	try {
		const output = session.outputs.find(({ dtype }) => dtype === 'float32')?.name;
		if (output === undefined) return undefined;
		const count = Math.min(calibration.n, mostExamples);
		const classes: Int32Array[] = [];
		const labels: number[] = [];
		let probabilities = true;
		for (let i = 0; i < count; i++) {
			signal?.throwIfAborted();
			const { feeds, label } = await calibration.example(Math.floor((i * calibration.n) / count), signal);
			const tensor = (await session.run(feeds, [output]))[output];
			const rows = tensor && rowsOf(tensor);
			if (!rows) return undefined;
			probabilities &&= rows.probabilities;
			classes.push(rows.classes);
			if (label !== undefined && rows.classes.length === 1) labels.push(label);
		}
		const labelled = labels.length === count;
		if (!labelled && !probabilities && !/logit|prob|softmax|class|score/i.test(output)) return undefined;
		return { classes, labels: labelled ? labels : undefined };
	} finally {
		await session.release();
	}
}

function rowsOf({ data, dims }: TensorData): { readonly classes: Int32Array; readonly probabilities: boolean } | undefined {
	const width = dims.at(-1) ?? 0;
	if (!(data instanceof Float32Array) || width < 2) return undefined;
	const classes = new Int32Array(data.length / width);
	let probabilities = true;
	for (let row = 0; row < classes.length; row++) {
		let [best, sum] = [0, 0];
		for (let c = 0; c < width; c++) {
			const value = data[row * width + c] as number;
			sum += value;
			if (!(value >= -1e-6 && value <= 1 + 1e-6)) probabilities = false;
			if (value > (data[row * width + best] as number)) best = c;
		}
		if (Math.abs(sum - 1) > 2e-3) probabilities = false;
		classes[row] = best;
	}
	return { classes, probabilities };
}

/** Fewer examples are not split: what is learned from them counts for more. */
const leastSplit = 12;
const unseenEvery = 3;

/**
 * Sample inputs to learn from and those that are only judged on: ranges and biases fit what they were learned from better than anything
 * else, so a limit that holds there may not hold elsewhere. Every third is kept unseen. Few examples are learned from and judged on alike.
 */
export function unseenPart(calibration: CalibrationSet): {
	readonly learning: CalibrationSet;
	readonly unseen: CalibrationSet | undefined;
} {
	if (calibration.n < leastSplit) return { learning: calibration, unseen: undefined };
	const all = Array.from({ length: calibration.n }, (_, i) => i);
	const part = (indices: readonly number[], name: string): CalibrationSet => ({
		...calibration,
		n: indices.length,
		hash: `${calibration.hash}/${name}`,
		example: (index, signal) => calibration.example(indices[index] ?? 0, signal),
	});
	const isUnseen = (i: number): boolean => i % unseenEvery === 1;
	return {
		learning: part(
			all.filter((i) => !isUnseen(i)),
			'learning',
		),
		unseen: part(all.filter(isUnseen), 'unseen'),
	};
}

const leastDoubted = 200;

/**
 * What was lost, as a share of 1: right answers with labels, otherwise answers that are no longer the original's. `most`: one standard error
 * more, where answers are many enough to tell.
 */
export function lossOf(
	original: Answers,
	variant: Answers,
): { readonly share: number; readonly most: number; readonly n: number; readonly what: string } {
	const { labels } = original;
	if (labels) {
		const right = (answers: Answers): number => labels.filter((label, i) => answers.classes[i]?.[0] === label).length;
		const share = (right(original) - right(variant)) / labels.length;
		return { share, most: share, n: labels.length, what: 'right answers' };
	}
	let [changed, n] = [0, 0];
	for (const [i, before] of original.classes.entries()) {
		const after = variant.classes[i];
		for (let row = 0; row < before.length; row++) if (after?.[row] !== before[row]) changed += 1;
		n += before.length;
	}
	// Counts vary by their root; a few answers tell too little to ask for that as well.
	const doubt = n >= leastDoubted ? Math.sqrt(changed) : 0;
	return { share: n === 0 ? 0 : changed / n, most: n === 0 ? 0 : (changed + doubt) / n, n, what: 'answers that are the same' };
}

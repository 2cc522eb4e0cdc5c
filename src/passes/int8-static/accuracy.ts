import type { Model } from '../../core/ir/model.ts';
import type { TensorData } from '../../core/ir/tensor-data.ts';
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
export async function answersOf(model: Model, { compute, calibration, signal }: PassContext): Promise<Answers | undefined> {
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

/** What was lost, as a share of 1: right answers with labels, otherwise answers that are no longer the original's. */
export function lossOf(original: Answers, variant: Answers): { readonly share: number; readonly n: number; readonly what: string } {
	const { labels } = original;
	if (labels) {
		const right = (answers: Answers): number => labels.filter((label, i) => answers.classes[i]?.[0] === label).length;
		return { share: (right(original) - right(variant)) / labels.length, n: labels.length, what: 'right answers' };
	}
	let [changed, n] = [0, 0];
	for (const [i, before] of original.classes.entries()) {
		const after = variant.classes[i];
		for (let row = 0; row < before.length; row++) if (after?.[row] !== before[row]) changed += 1;
		n += before.length;
	}
	return { share: n === 0 ? 0 : changed / n, n, what: 'answers that are the same' };
}

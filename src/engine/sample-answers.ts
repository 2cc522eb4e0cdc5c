import { fidelity } from '../core/numeric/statistics.ts';
import type { PortChange } from '../core/pass/ports.ts';
import type { Examples } from '../core/study/examples.ts';
import { runExamples } from './batches.ts';
import { asBefore } from './changed-ports.ts';
import { argmax } from './classifier.ts';
import { numbersOf, type Outputs } from './outputs.ts';
import type { Engine, ModelBytes } from './port.ts';
import type { Reference } from './reference.ts';

/** What a model says to one example. */
export interface SampleAnswer {
	/** Best classes first, with their share where the output gives probabilities or logits. */
	readonly top: readonly { readonly index: number; readonly share: number }[];
	/** The first few numbers, where it is no classifier. */
	readonly numbers: readonly number[];
}

/** broken: right before, wrong now. fixed: the other way round. wrong: both are. differs: without labels, another answer. */
export type SampleChange = 'same' | 'broken' | 'fixed' | 'wrong' | 'differs';

/** One example with what original and variant say to it. */
export interface Sample {
	/** Place among the examples that results are judged on. */
	readonly position: number;
	readonly name: string;
	readonly label?: number;
	readonly original: SampleAnswer;
	readonly variant: SampleAnswer;
	/** Of the main output. */
	readonly cosine: number;
	readonly change: SampleChange;
}

export interface SampleOptions {
	readonly engine: Engine;
	readonly reference: Reference;
	/** The examples that the reference was made from. */
	readonly examples: Examples;
	/** Absent: the original with itself. */
	readonly variant?: { readonly model: () => Promise<ModelBytes>; readonly ports?: readonly PortChange[] | undefined } | undefined;
	readonly signal?: AbortSignal;
	readonly onProgress?: (fraction: number) => void;
}

const shownClasses = 5;
const shownNumbers = 6;

/**
 * Runs a variant on all examples of a reference and puts its answers beside the original's. A few numbers an example are kept, whatever the
 * models put out. Throws EngineError where the variant cannot be loaded or run, and the signal's reason.
 */
export async function sampleAnswers(options: SampleOptions): Promise<readonly Sample[]> {
	const { engine, reference, examples, variant, signal, onProgress } = options;
	const main = reference.outputs.find(({ name }) => reference.classifying.get(name) === 'example') ?? reference.outputs[0];
	if (!main) return [];
	const classifies = reference.classifying.get(main.name) === 'example';
	const session = asBefore(await engine.load(variant ? await variant.model() : await reference.original()), variant?.ports);
	let original: Awaited<ReturnType<Engine['load']>> | undefined;
	try {
		const samples: Sample[] = [];
		for await (const { example, outputs } of runExamples({ session, examples, indices: reference.indices, signal })) {
			const position = samples.length;
			let before: Outputs | undefined = reference.kept(position);
			if (!before) {
				original ??= await engine.load(await reference.original());
				before = await original.run(example.feeds);
			}
			const [a, b] = [before[main.name], outputs[main.name]].map((tensor) => tensor && numbersOf(tensor));
			const label = typeof example.label === 'number' ? example.label : undefined;
			const [first, second] = [answerOf(a, classifies), answerOf(b, classifies)];
			const same = a && b && a.length === b.length ? fidelity(a, b) : undefined;
			samples.push({
				position: reference.indices[position] as number,
				name: example.name,
				...(label !== undefined && { label }),
				original: first,
				variant: second,
				cosine: same === undefined || Number.isNaN(same.cosine) ? 0 : same.maxAbs === 0 ? 1 : same.cosine,
				change: changeOf(first, second, label),
			});
			onProgress?.(samples.length / reference.indices.length);
		}
		return samples;
	} finally {
		await session.release();
		await original?.release();
	}
}

function changeOf(original: SampleAnswer, variant: SampleAnswer, label: number | undefined): SampleChange {
	const [before, after] = [original.top[0]?.index, variant.top[0]?.index];
	if (before === undefined && after === undefined) return 'same';
	if (label === undefined) return before === after ? 'same' : 'differs';
	if (before === label) return after === label ? 'same' : 'broken';
	return after === label ? 'fixed' : 'wrong';
}

function answerOf(values: ArrayLike<number> | undefined, classifies: boolean): SampleAnswer {
	if (!values) return { top: [], numbers: [] };
	const list = Float64Array.from(values);
	if (!classifies) return { top: [], numbers: Array.from(list.subarray(0, shownNumbers)) };
	const best = argmax(list);
	if (best < 0) return { top: [], numbers: [] };
	const share = sharesOf(list, best);
	const order: number[] = [];
	for (let k = 0; k < Math.min(shownClasses, list.length); k++) {
		let next = -1;
		for (let i = 0; i < list.length; i++) {
			if (!order.includes(i) && (next < 0 || (list[i] as number) > (list[next] as number))) next = i;
		}
		order.push(next);
	}
	return { top: order.map((index) => ({ index, share: share(list[index] as number) })), numbers: [] };
}

/** Probabilities as they are; logits through softmax. */
function sharesOf(list: Float64Array, best: number): (value: number) => number {
	let sum = 0;
	let proper = true;
	for (const x of list) {
		sum += x;
		proper &&= x >= -1e-6;
	}
	if (proper && Math.abs(sum - 1) < 2e-3) return (value) => value;
	const most = list[best] as number;
	let total = 0;
	for (const x of list) total += Math.exp(x - most);
	return (value) => Math.exp(value - most) / total;
}

import type { PortChange } from '../core/pass/ports.ts';
import type { Examples } from '../core/study/examples.ts';
import type { Evaluation, Hash } from '../core/study/study.ts';
import { collectAnswers, maskOf } from './answers.ts';
import { runExamples } from './batches.ts';
import { failureOf } from './benchmark-group.ts';
import { asBefore } from './changed-ports.ts';
import { argmax } from './classifier.ts';
import { type EarlyStop, EarlyStopping } from './early-stopping.ts';
import { OutputComparison } from './output-comparison.ts';
import type { OutputLog } from './output-log.ts';
import { numbersOf, type Outputs } from './outputs.ts';
import { type Engine, EngineError, type ModelBytes, type Session, type TensorData } from './port.ts';
import type { Reference } from './reference.ts';

export { createReference, type Reference, type ReferenceOptions } from './reference.ts';

export interface EvaluateOptions {
	/** Any target: with another one than the reference's, the figures hold its rounding too. */
	readonly engine: Engine;
	readonly variant: {
		readonly id: Hash | 'original';
		readonly model: () => ModelBytes | Promise<ModelBytes>;
		/** How its inputs and outputs differ from the original's. */
		readonly ports?: readonly PortChange[] | undefined;
	};
	readonly reference: Reference;
	/** The examples that the reference was made from. */
	readonly examples: Examples;
	readonly batch?: number;
	/** Where an evaluation that was ended goes on from. */
	readonly log?: OutputLog | undefined;
	/** Ends where the answer is clear, after a part of the examples in random order; see early-stopping.ts. Takes no log. */
	readonly stopEarly?: EarlyStop | undefined;
	/** Most disagreeing examples listed; default 50. */
	readonly disagreements?: number;
	readonly signal?: AbortSignal;
	readonly onProgress?: (fraction: number) => void;
}

type Disagreement = Evaluation['disagreements'][number];

/**
 * Fidelity of a variant to the original over the examples, and with labels the task metrics with their paired difference. A variant
 * that cannot be loaded or run, or whose outputs are not finite where the original's are, gets an Evaluation with a failure.
 * Throws the signal's reason, and EngineError `unavailable` where the engine itself is broken.
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
	const { engine, variant, reference, examples, signal } = options;
	const base = {
		variant: variant.id,
		dataset: reference.dataset.hash,
		synthetic: reference.dataset.synthetic,
		target: engine.target,
		...(options.stopEarly && { stopEarly: { margin: options.stopEarly.margin } }),
	};
	let session: Session | undefined;
	let original: Session | undefined;
	try {
		session = asBefore(await engine.load(await variant.model()), variant.ports);
		// Surgery may leave some outputs out: the others are compared.
		const shared = reference.outputs.filter((port) => session?.outputs.some((own) => own.name === port.name));
		if (shared.length === 0) throw new EngineError('run', 'None of its outputs is an output of the original: there is nothing to compare.');
		const comparisons = shared.map((port) => new OutputComparison(port.name, reference.classifying.get(port.name)));
		const { task } = reference;
		const answers = collectAnswers(task, reference.indices.length, examples.classNames);
		const judged = task.output === undefined || shared.some(({ name }) => name === task.output);
		const early = options.stopEarly && judged ? new EarlyStopping(options.stopEarly, reference, answers) : undefined;
		const order = early?.order;
		const worst = new WorstExamples(options.disagreements ?? 50);
		let i = 0;
		const batch = options.batch === undefined ? {} : { batch: options.batch };
		for await (const { index, example, outputs } of runExamples({
			session,
			examples,
			indices: order ? order.map((at) => reference.indices[at] as number) : reference.indices,
			signal,
			log: order ? undefined : options.log,
			...batch,
		})) {
			const at = order?.[i] ?? i;
			let expected = reference.kept(at);
			if (!expected) {
				original ??= await engine.load(await reference.original());
				expected = await original.run(example.feeds);
			}
			let cosine = 1;
			let differs = false;
			for (const comparison of comparisons) {
				const found = comparison.add(expected[comparison.name] as TensorData, outputs[comparison.name] as TensorData);
				cosine = Math.min(cosine, found.cosine);
				differs ||= found.classChanged;
			}
			if (judged) answers.add({ at, labels: example, mask: maskOf(example.feeds), outputs, expected });
			if (differs || cosine < 1 - 1e-12) {
				worst.offer(differs, {
					index,
					...(example.label !== undefined && { label: className(examples, example.label) }),
					original: describe(expected, reference, examples),
					variant: describe(outputs, reference, examples),
					cosine: Number.isFinite(cosine) ? cosine : 0,
				});
			}
			i += 1;
			options.onProgress?.(i / reference.indices.length);
			if (early?.enough(i)) break;
		}
		const nonFinite = comparisons.reduce((sum, comparison) => sum + comparison.nonFinite, 0);
		return {
			...base,
			outputs: comparisons.map((comparison) => comparison.result()),
			task,
			metrics: judged ? answers.metrics(reference.answers, early && { alpha: early.alpha }) : [],
			...(judged && answers.details(reference.answers)),
			...(early && { stopped: early.outcome }),
			disagreements: worst.list(),
			...(nonFinite > 0 && {
				failure: {
					code: 'not-finite',
					message: `${nonFinite} values of its outputs are infinite or not a number where the original's are finite.`,
					advice: 'A value overflowed on the way. Keep more of the model in float32.',
				},
			}),
			measuredAt: new Date().toISOString(),
		};
	} catch (error) {
		if (!(error instanceof EngineError) || error.code === 'unavailable') throw error;
		return { ...base, outputs: [], metrics: [], disagreements: [], failure: failureOf(error), measuredAt: new Date().toISOString() };
	} finally {
		await session?.release();
		await original?.release();
	}
}

/** What a model said to one example, in a few words. */
function describe(outputs: Outputs, reference: Reference, examples: Examples): string {
	const classifier = reference.outputs.find((port) => reference.classifying.get(port.name) === 'example');
	const tensor = outputs[classifier?.name ?? reference.outputs[0]?.name ?? ''];
	if (!tensor) return '';
	const values = numbersOf(tensor);
	if (!values) return String(tensor.data[0] ?? '').slice(0, 80);
	if (classifier) {
		const best = argmax(values);
		if (best < 0) return 'not a number';
		const share = reference.probabilities.has(classifier.name) ? ` (${((values[best] as number) * 100).toFixed(0)} %)` : '';
		return `${className(examples, best)}${share}`;
	}
	const few = Array.from({ length: Math.min(4, values.length) }, (_, i) => (values[i] as number).toPrecision(3));
	return `[${few.join(', ')}${values.length > 4 ? ', …' : ''}]`;
}

function className(examples: Examples, index: number): string {
	return examples.classNames?.[index] ?? String(index);
}

/** The examples that disagree most: those whose class changed first, then by cosine. */
class WorstExamples {
	readonly #limit: number;
	readonly #entries: { readonly differs: boolean; readonly entry: Disagreement }[] = [];

	constructor(limit: number) {
		this.#limit = limit;
	}

	offer(differs: boolean, entry: Disagreement): void {
		this.#entries.push({ differs, entry });
		if (this.#entries.length >= 4 * this.#limit + 16) this.#cut();
	}

	list(): Disagreement[] {
		this.#cut();
		return this.#entries.map(({ entry }) => entry);
	}

	#cut(): void {
		this.#entries.sort((a, b) => Number(b.differs) - Number(a.differs) || a.entry.cosine - b.entry.cosine || a.entry.index - b.entry.index);
		this.#entries.length = Math.min(this.#entries.length, this.#limit);
	}
}

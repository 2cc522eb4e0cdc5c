import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { storedBytes } from '../../core/ir/stored-bytes.ts';
import { inferTypes } from '../../core/onnx/infer.ts';
import { countMacs } from '../../core/onnx/macs.ts';
import type { PassContext } from '../../core/pass/pass.ts';
import { type Copy, copyModel } from '../../core/refit/copy.ts';
import { divergenceOf, type Reference, referenceOutputs } from '../../core/refit/reference.ts';
import { divideSamples, type Samples } from '../../core/refit/samples.ts';
import type { Block } from './blocks.ts';
import { fitStand } from './fit-stand.ts';
import type { Options } from './options.ts';
import { dropBlock, type Stand } from './replace.ts';

export type Full = PassContext & Required<Pick<PassContext, 'compute' | 'calibration'>>;

export interface Size {
	readonly macs: number;
	readonly bytes: number;
}

/** A block with what is known of it. */
export interface Candidate {
	readonly block: Block;
	/** What the original saves without it. */
	saved: Size;
	/** What the outputs lose without it alone. */
	alone: number;
	stand: Stand | undefined;
	/** As last measured, besides what was gone then. */
	latest: { readonly size: Size; readonly divergence: number; readonly gone: number };
}

/** Budgets may be missed by this share: whole blocks seldom meet them to the number. */
const SLACK = 0.005;

export async function sizeOf(model: Model): Promise<Size> {
	return { macs: countMacs(model, await inferTypes(model)) ?? 0, bytes: storedBytes(model) };
}

/**
 * Drops blocks one after another, each time the one that costs the outputs of held-out examples least for what it saves. What others cost
 * is measured again only as far as needed: with more gone a block seldom costs less (lazy greedy, Minoux 1978).
 */
export class Search {
	readonly candidates: readonly Candidate[];
	/** What the outputs have lost so far. */
	reached = 0;
	/** Values that gave way, with what is read in their place. */
	readonly #moved = new Map<Value, Value>();
	readonly #original: Copy;

	private constructor(
		private readonly model: Model,
		readonly whole: Size,
		blocks: readonly Block[],
		private readonly options: Options,
		private readonly samples: Samples,
		private readonly reference: Reference,
		private readonly context: Full,
	) {
		const latest = { size: whole, divergence: 0, gone: -1 };
		this.candidates = blocks.map((block) => ({ block, saved: { macs: 0, bytes: 0 }, alone: 0, stand: undefined, latest }));
		this.#original = copyModel(model);
	}

	static async open(model: Model, blocks: readonly Block[], options: Options, context: Full): Promise<Search> {
		const samples = await divideSamples(context.calibration, options, context.signal);
		const reference = await referenceOutputs(model, samples, context.compute, context.signal);
		return new Search(model, await sizeOf(model), blocks, options, samples, reference, context);
	}

	/** Examples that judge. */
	get held(): number {
		return this.samples.held.length;
	}

	/** Measures every block alone, then drops blocks until the budget is met; gives those that are gone, in order. */
	async solve(): Promise<Candidate[]> {
		const { context, candidates, whole } = this;
		const gone: Candidate[] = [];
		for (const [i, candidate] of candidates.entries()) {
			context.progress((0.6 * i) / candidates.length, `without ${candidate.block.name}`);
			await this.#measure(candidate, 0);
			const { size, divergence } = candidate.latest;
			candidate.alone = divergence;
			candidate.saved = { macs: whole.macs - size.macs, bytes: whole.bytes - size.bytes };
		}
		for (let size = whole; !this.#met(size, gone.length); size = await sizeOf(this.model)) {
			context.progress(0.6 + 0.4 * (gone.length / (gone.length + 3)), `${gone.length} blocks are gone`);
			const next = await this.#cheapest(gone, size);
			const ends = next && this.#ends(next.block);
			if (!next || !ends) break;
			this.#moved.set(ends.exit, dropBlock(next.block, ends.entry, ends.exit, next.stand));
			this.reached = next.latest.divergence;
			gone.push(next);
		}
		return gone;
	}

	/** Said where the budget is not met. */
	unmet(size: Size, gone: number): string | undefined {
		if (this.#met(size, gone)) return undefined;
		const limit = this.options.mostDivergence > 0 ? ', or the outputs would lose more than they may' : '';
		return `less is gone than was asked for: all blocks that can go are gone${limit}`;
	}

	#met(size: Size, gone: number): boolean {
		const { macsChange, bytesChange, count } = this.options;
		if (macsChange === 0 && bytesChange === 0) return gone >= count;
		const holds = (now: number, before: number, change: number): boolean => change === 0 || now <= before * (1 + change + SLACK);
		return holds(size.macs, this.whole.macs, macsChange) && holds(size.bytes, this.whole.bytes, bytesChange);
	}

	/** Where a block begins and ends in the model as it is now; undefined: it went with another. */
	#ends({ entry, exit }: Block): { entry: Value; exit: Value } | undefined {
		let from = entry;
		for (let next = this.#moved.get(from); next; next = this.#moved.get(from)) from = next;
		const stands = (value: Value): boolean => (value.producer ? value.producer.placed : value.isGraphInput);
		return !this.#moved.has(exit) && stands(from) && stands(exit) && from !== exit ? { entry: from, exit } : undefined;
	}

	/** The block that costs least for what it saves, besides those that are gone. */
	async #cheapest(gone: readonly Candidate[], now: Size): Promise<Candidate | undefined> {
		const { mostDivergence } = this.options;
		const open = new Set(this.candidates.filter((candidate) => !gone.includes(candidate) && this.#ends(candidate.block)));
		for (;;) {
			let best: Candidate | undefined;
			for (const candidate of open) if (!best || this.#price(candidate, now) < this.#price(best, now)) best = candidate;
			if (!best || best.latest.gone === gone.length) {
				if (!best || mostDivergence === 0 || best.latest.divergence <= mostDivergence) return best;
				open.delete(best);
				continue;
			}
			await this.#measure(best, gone.length);
			const { size } = best.latest;
			if (size.macs >= now.macs && size.bytes >= now.bytes) open.delete(best);
		}
	}

	/** What the outputs lose for each share of what is asked for. */
	#price({ latest, saved }: Candidate, now: Size): number {
		const { macsChange, bytesChange } = this.options;
		const loss = Math.max(0, latest.divergence - this.reached) + 1e-12;
		if (macsChange === 0 && bytesChange === 0) return loss;
		const open = (change: number, left: number, whole: number): boolean => change < 0 && left > whole * (1 + change + SLACK);
		const share =
			(open(macsChange, now.macs, this.whole.macs) ? saved.macs / Math.max(1, this.whole.macs) : 0) +
			(open(bytesChange, now.bytes, this.whole.bytes) ? saved.bytes / Math.max(1, this.whole.bytes) : 0);
		return share > 0 ? loss / share : Number.POSITIVE_INFINITY;
	}

	/** Takes a block out of a copy and looks at the outputs. */
	async #measure(candidate: Candidate, gone: number): Promise<void> {
		const { block } = candidate;
		const { context, samples, reference, model } = this;
		context.signal?.throwIfAborted();
		const ends = this.#ends(block);
		const exit = ends && copied(this.#original, ends.exit, this.model);
		if (!ends || !exit) return;
		let fitted: Stand | undefined;
		if (this.options.replacement === 'affine') {
			const untouched = gone === 0 ? copied(this.#original, ends.entry, this.model) : undefined;
			const at = untouched ? { model: this.#original.model, entry: untouched } : { model, entry: ends.entry };
			fitted = (await fitStand(block, at, { model: this.#original.model, exit }, samples, context))?.stand;
		}
		const now = await sizeOf(model);
		for (const stand of fitted ? [fitted, undefined] : [undefined]) {
			const copy = copyModel(model);
			const [from, to] = [copied(copy, ends.entry, model), copied(copy, ends.exit, model)];
			if (!from || !to) return;
			dropBlock(block, from, to, stand);
			const size = await sizeOf(copy.model);
			// A map that is larger than the block saves nothing: then the block must go without one.
			if (stand && (size.macs >= now.macs || size.bytes >= now.bytes)) continue;
			const divergence = await divergenceOf(copy.model, reference, samples, context.compute, context.signal);
			candidate.stand = stand;
			candidate.latest = { size, divergence, gone };
			return;
		}
	}
}

/** The value of a copy that stands for a value of the model that was copied. */
function copied(copy: Copy, value: Value, model: Model): Value | undefined {
	const { producer } = value;
	if (producer) return copy.nodes.get(producer)?.outputs[producer.outputs.indexOf(value)] ?? undefined;
	const inputs = model.graph.inputs.filter((input) => !input.initializer);
	const at = inputs.indexOf(value);
	return at < 0 ? undefined : copy.model.graph.inputs[at];
}

import type { Node } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import type { TensorRef } from '../ir/tensor.ts';
import { spreadOrder } from '../layerwise/example-runs.ts';
import type { PassContext } from '../pass/pass.ts';
import { copyModel } from './copy.ts';
import { divergenceOf, type Reference, referenceOutputs } from './reference.ts';
import type { Samples } from './samples.ts';

/** Examples whose outputs tell what a weight is worth. */
const EXAMPLES = 8;
/** Examples that are set aside for trials at most, and the share of all. */
const ASIDE = { most: 16, share: 0.25 };
/** Losses and divergences below this are rounding. */
const LEAST = 1e-9;

/** Tries single weights in other forms and looks at the outputs of the whole model. Nothing of the model changes. */
export class OutputTrials {
	private constructor(
		private readonly model: Model,
		private readonly reference: Reference,
		private readonly samples: Samples,
		private readonly context: PassContext,
	) {}

	/** Indices of the examples that are looked at. */
	get examples(): readonly number[] {
		return this.samples.held;
	}

	/** undefined where there is no runtime or no sample input. `examples`: indices of those whose outputs are looked at; default: a few. */
	static async open(model: Model, context: PassContext, examples?: readonly number[]): Promise<OutputTrials | undefined> {
		const { compute, calibration, signal } = context;
		if (!compute || !calibration || calibration.n === 0) return undefined;
		const samples = { calibration, fit: [], held: examples ?? spreadOrder(calibration.n).slice(0, EXAMPLES), all: [] };
		return new OutputTrials(model, await referenceOutputs(model, samples, compute, signal), samples, context);
	}

	/** What the outputs lose for each unit of `loss` when the node reads `tensor` at `slot` instead. */
	async scale(node: Node, slot: number, tensor: TensorRef, loss: number): Promise<number> {
		const { compute, signal } = this.context;
		signal?.throwIfAborted();
		const copy = copyModel(this.model);
		const other = copy.nodes.get(node);
		if (!other || !compute) return 1;
		other.setInput(slot, other.graph.addInitializer('trial', tensor));
		const divergence = await divergenceOf(copy.model, this.reference, this.samples, compute, signal);
		return Math.max(divergence, LEAST) / Math.max(loss, LEAST);
	}
}

/**
 * Examples that layers are tried on, and a context with the others: layers with few rows of inputs make up for anything on the examples that
 * they are fitted to. The last ones, in one piece: in folders by class these are other classes. `held` is undefined where there are too few.
 */
export function setAside(context: PassContext): { readonly held: readonly number[] | undefined; readonly others: PassContext } {
	const { calibration } = context;
	const count = calibration ? Math.min(ASIDE.most, Math.floor(calibration.n * ASIDE.share)) : 0;
	if (!calibration || count === 0) return { held: undefined, others: context };
	const n = calibration.n - count;
	return { held: Array.from({ length: count }, (_, i) => n + i), others: { ...context, calibration: { ...calibration, n } } };
}

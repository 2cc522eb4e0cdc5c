import { extractModel } from '../../../core/calibrate/extract.ts';
import type { Node, Value } from '../../../core/ir/graph.ts';
import type { Model } from '../../../core/ir/model.ts';
import type { TensorRef } from '../../../core/ir/tensor.ts';
import { tensorType } from '../../../core/ir/type.ts';
import type { Compute } from '../../../core/pass/calibration.ts';
import { tensorOfData } from './dense.ts';

/** Regions computed by the runtime in one optimization: each loads a model of its own. */
const MOST_REGIONS = 500;

/** Computes constant regions that the core cannot compute as small models without inputs. */
export class RuntimeFolder {
	readonly #model: Model;
	readonly #compute: Compute;
	readonly #signal: AbortSignal | undefined;
	#regions = 0;

	constructor(model: Model, compute: Compute, signal: AbortSignal | undefined) {
		this.#model = model;
		this.#compute = compute;
		this.#signal = signal;
	}

	/** `nodes`: all that compute the value, in order. undefined where the runtime does not take or run the region. */
	async fold(value: Value, nodes: readonly Node[]): Promise<TensorRef | undefined> {
		this.#regions += 1;
		if (this.#regions > MOST_REGIONS) return undefined;
		this.#signal?.throwIfAborted();
		try {
			const { model, outputs } = extractModel(this.#model, withConstants(nodes), [], [value], () => tensorType('float32', null));
			const name = outputs.get(value);
			const session = await this.#compute.load(model);
			try {
				const results = await session.run({}, name === undefined ? [] : [name]);
				const result = name === undefined ? undefined : results[name];
				return result && tensorOfData(result);
			} finally {
				await session.release();
			}
		} catch (error) {
			if (this.#signal?.aborted) throw error;
			// No kernel for these types, or values that the operator refuses: the node stays, and the model's own run says why.
			return undefined;
		}
	}
}

/** The nodes with the Constant and Identity nodes that they read, which hold no stored tensor of their own. */
function withConstants(nodes: readonly Node[]): Node[] {
	const order: Node[] = [];
	const seen = new Set<Node>();
	const visit = (node: Node): void => {
		if (seen.has(node)) return;
		seen.add(node);
		for (const input of node.inputs) {
			const producer = input?.producer;
			if (producer && (producer.op === 'Constant' || producer.op === 'Identity')) visit(producer);
		}
		order.push(node);
	};
	for (const node of nodes) visit(node);
	return order;
}

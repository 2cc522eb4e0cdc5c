import { dtypeBits, elementCount } from '../../../core/ir/dtype.ts';
import type { Graph, Node, Value } from '../../../core/ir/graph.ts';
import { graphsWithin } from '../../../core/ir/model.ts';
import type { TensorRef } from '../../../core/ir/tensor.ts';
import type { Note } from '../../../core/pass/pass.ts';
import { type Dense, denseTensor, readDense } from '../fold/dense.ts';
import { canEvaluate, evaluate } from '../fold/evaluate.ts';
import { RuntimeFolder } from '../fold/runtime.ts';
import type { Sweep, SweepContext, SweepResult } from '../rule.ts';

/**
 * What depends on constants only is computed once and stored.
 *
 * 1. Regions of constant nodes are found in graph order. A value of a region that something outside reads is stored.
 * 2. It is stored where the file does not grow by it: its bytes against those of the constants and nodes that go with it. Where
 *    it would grow (Expand, Tile, ConstantOfShape, Cast to a wider type …) the last node stays, and what it reads is tried.
 * 3. Exact operators are computed here; others by the runtime, where there is one.
 * 4. Never folded: QuantizeLinear and DequantizeLinear (they say where integers are meant), random operators, subgraphs.
 */
export const foldConstants: Sweep = {
	id: 'fold-constants',
	title: 'Nodes whose inputs are all constant become stored tensors, as far as the file does not grow.',
	needsTypes: true,
	run: (context) => new Folding(context).run(),
};

const KEPT: ReadonlySet<string> = new Set([
	'Constant',
	'QuantizeLinear',
	'DequantizeLinear',
	'DynamicQuantizeLinear',
	'RandomNormal',
	'RandomUniform',
	'RandomNormalLike',
	'RandomUniformLike',
	'Multinomial',
	'Bernoulli',
]);

/** About what a node's record takes in the file beyond its names. */
const NODE_BYTES = 32;
/** A stored scalar takes no more than the node that it replaces. */
const SMALL_BYTES = 16;
/** Elements of one tensor that is computed here: 256 MB of float32. */
const MOST_ELEMENTS = 1 << 26;

class Folding {
	readonly #context: SweepContext;
	readonly #constant = new Set<Node>();
	readonly #opsets = new Map<Graph, number>();
	readonly #runtime: RuntimeFolder | undefined;
	readonly #notes: Note[] = [];
	#budget: number;
	#changed = 0;

	constructor(context: SweepContext) {
		this.#context = context;
		this.#budget = context.sizeBudget;
		this.#runtime = context.compute && new RuntimeFolder(context.model, context.compute, context.signal);
	}

	async run(): Promise<SweepResult> {
		const { model } = this.#context;
		// Function bodies may hold no initializers: they are folded once they are inlined.
		for (const graph of graphsWithin(model.graph)) {
			this.#opsets.set(graph, model.opset);
			for (const node of graph.nodes()) if (this.#isConstant(node)) this.#constant.add(node);
		}
		for (const node of [...this.#constant]) {
			this.#context.signal?.throwIfAborted();
			if (!node.placed) continue;
			for (const output of node.outputs) if (output && this.#isRead(output)) await this.#store(output);
		}
		return { changed: this.#changed, notes: this.#notes };
	}

	#isConstant(node: Node): boolean {
		if (node.domain !== '' || KEPT.has(node.op) || node.inputs.length === 0 || node.subgraphs.length > 0) return false;
		if (!canEvaluate(node) && !this.#runtime) return false;
		for (const attr of node.attributes.values()) if (attr.kind === 'ref') return false;
		for (const output of node.outputs) {
			if (!output) continue;
			const type = this.#context.typeOf(output);
			if (type?.kind !== 'tensor' || dtypeBits(type.dtype) < 8) return false;
		}
		return node.inputs.every((input) => !input || this.#isKnown(input));
	}

	#isKnown(value: Value): boolean {
		return this.#context.constant(value) !== undefined || (value.producer !== undefined && this.#constant.has(value.producer));
	}

	/** Whether something outside of the constant regions reads a value. */
	#isRead(value: Value): boolean {
		if (this.#context.constant(value)) return false;
		if (value.isGraphOutput) return true;
		for (const { node } of value.uses) if (!this.#constant.has(node)) return true;
		return false;
	}

	async #store(first: Value): Promise<void> {
		const pending = [first];
		for (let value = pending.pop(); value; value = pending.pop()) {
			const producer = value.producer;
			if (!producer || !this.#constant.has(producer) || !this.#isRead(value)) continue;
			const gain = this.#gain(value);
			const size = this.#byteLength(value);
			let tensor: TensorRef | undefined;
			if (size === undefined || size <= gain + this.#budget) tensor = await this.#compute(value);
			if (tensor && tensor.byteLength > gain + this.#budget) tensor = undefined;
			if (tensor) {
				this.#budget -= Math.max(0, tensor.byteLength - gain);
				this.#replace(value, producer, tensor);
				continue;
			}
			// It stays a node; what it reads may be stored instead.
			this.#constant.delete(producer);
			for (const input of producer.inputs) if (input) pending.push(input);
		}
	}

	#byteLength(value: Value): number | undefined {
		const type = this.#context.typeOf(value);
		const shape = this.#context.shapeOf(value);
		if (type?.kind !== 'tensor' || !shape?.every((dim) => typeof dim === 'number')) return undefined;
		return (elementCount(shape) * dtypeBits(type.dtype)) / 8;
	}

	/** Bytes of stored tensors and nodes that go when a value is stored instead of computed. */
	#gain(value: Value): number {
		const gone = new Map<Value, number>();
		let bytes = SMALL_BYTES;
		const pending: Node[] = [];
		const release = (producer: Node | undefined): void => {
			if (
				producer?.outputs.every((output) => !output || output === value || (gone.get(output) === output.uses.size && !output.isGraphOutput))
			)
				pending.push(producer);
		};
		release(value.producer);
		for (let node = pending.pop(); node; node = pending.pop()) {
			bytes += NODE_BYTES;
			for (const attr of node.attributes.values()) if (attr.kind === 'tensor') bytes += attr.value.byteLength;
			for (const input of node.inputs) {
				if (!input) continue;
				const times = (gone.get(input) ?? 0) + 1;
				gone.set(input, times);
				if (times < input.uses.size || input.isGraphOutput) continue;
				if (input.producer) release(input.producer);
				else if (input.initializer && !(input.isGraphInput && this.#context.model.irVersion >= 4)) bytes += input.initializer.byteLength;
			}
		}
		return bytes;
	}

	async #compute(value: Value): Promise<TensorRef | undefined> {
		const known = new Map<Value, Dense>();
		const order = this.#cone(value);
		if (!order) return undefined;
		if (!order.every(canEvaluate)) return this.#runtime?.fold(value, order);
		for (const node of order) {
			const inputs: (Dense | null)[] = [];
			for (const input of node.inputs) {
				const dense = input && (known.get(input) ?? (await this.#read(input)));
				if (dense === undefined) return undefined;
				if (input && dense) known.set(input, dense);
				inputs.push(dense);
			}
			for (const output of node.outputs) if (output && (this.#byteLength(output) ?? 0) > MOST_ELEMENTS * 4) return undefined;
			const results = evaluate({ node, opset: this.#opsets.get(node.graph) ?? this.#context.opset, inputs });
			if (!results) return this.#runtime?.fold(value, order);
			for (const [index, output] of node.outputs.entries()) {
				const result = results[index];
				if (output && result) known.set(output, result);
			}
		}
		const result = known.get(value);
		return result && denseTensor(result);
	}

	/** The constant nodes that a value is computed by, in order. */
	#cone(value: Value): Node[] | undefined {
		const found = new Set<Node>();
		const order: Node[] = [];
		const stack: { readonly node: Node; next: number }[] = [];
		const enter = (from: Value | null): void => {
			const producer = from?.producer;
			if (!from || !producer || found.has(producer) || this.#context.constant(from) || !this.#constant.has(producer)) return;
			found.add(producer);
			stack.push({ node: producer, next: 0 });
		};
		enter(value);
		while (stack.length > 0) {
			const top = stack[stack.length - 1]!;
			if (top.next < top.node.inputs.length) enter(top.node.input(top.next++));
			else {
				order.push(top.node);
				stack.pop();
			}
		}
		return order.length > 0 ? order : undefined;
	}

	async #read(value: Value): Promise<Dense | undefined> {
		const tensor = this.#context.constant(value);
		if (!tensor || elementCount(tensor.dims) > MOST_ELEMENTS) return undefined;
		try {
			return await readDense(tensor, this.#context.signal);
		} catch (error) {
			if (this.#context.signal?.aborted) throw error;
			this.#notes.push({
				level: 'skip',
				node: value.name,
				reason: `its stored values cannot be read: ${error instanceof Error ? error.message : String(error)}`,
			});
			return undefined;
		}
	}

	#replace(value: Value, producer: Node, tensor: TensorRef): void {
		const stored = this.#context.addConstant(producer, value.name, tensor);
		producer.graph.replaceUses(value, stored);
		this.#context.removeUnread(value);
		this.#changed += 1;
	}
}

import { type Attribute, attribute } from '../../core/ir/attribute.ts';
import { type DType, elementCount } from '../../core/ir/dtype.ts';
import { Graph, type Value } from '../../core/ir/graph.ts';
import { Model } from '../../core/ir/model.ts';
import { int64Tensor, memoryTensor, type TensorRef } from '../../core/ir/tensor.ts';
import type { Feeds, TensorData } from '../../core/ir/tensor-data.ts';
import { tensorType } from '../../core/ir/type.ts';
import { type SeededRandom, seededRandom } from '../../core/numeric/random.ts';
import { layerSteps } from './random-layers.testkit.ts';
import { moveSteps } from './random-moves.testkit.ts';
import { patternSteps } from './random-patterns.testkit.ts';

/** A float32 value of the graph being made, with the dimensions that it has for the feeds. */
export interface Made {
	readonly value: Value;
	readonly dims: readonly number[];
}

/** Adds nodes to the graph that read `from`; undefined where they do not fit its shape or the operator set. */
export type Step = (build: GraphBuilder, from: Made) => Made | undefined;

export interface RandomGraph {
	readonly model: Model;
	readonly feeds: Feeds;
	/** Kinds of steps that made it, in order. */
	readonly steps: readonly string[];
}

const OPSETS = [8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21] as const;
/** Values stay small, so that rounding does not grow through a chain. */
const MOST_ELEMENTS = 4096;

/**
 * A small graph put together from what exporters write and optimizers rewrite: layers with affine chains around them, moving
 * operators, activations and normalizations in their long forms, residual sums, branches, dynamic dimensions, weights as
 * initializers or Constant nodes, shared or not. Equal seeds give equal graphs.
 */
export function randomGraph(seed: number): RandomGraph {
	const random = seededRandom(seed);
	const build = new GraphBuilder(random, pick(random, OPSETS));
	const inputs = 1 + random.below(2);
	for (let i = 0; i < inputs; i++) build.input();
	const count = 3 + random.below(9);
	for (let i = 0; i < count; i++) build.step(0);
	build.finish();
	return { model: build.model, feeds: build.feeds, steps: build.steps };
}

export function pick<T>(random: SeededRandom, list: readonly T[]): T {
	return list[random.below(list.length)] as T;
}

export class GraphBuilder {
	readonly random: SeededRandom;
	readonly opset: number;
	readonly model = new Model();
	readonly feeds: Record<string, TensorData> = {};
	readonly steps: string[] = [];
	/** Graph that nodes are added to: the main graph, or a branch. */
	graph: Graph;
	/** What later steps may read, in this graph and those around it. */
	#pool: Made[] = [];
	/** Outputs whose type the file does not tell. */
	readonly #undeclared: Value[] = [];
	readonly #weights: { readonly value: Value; readonly dims: string; readonly graph: Graph }[] = [];

	constructor(random: SeededRandom, opset: number) {
		this.random = random;
		this.opset = opset;
		this.model.setOpset('', opset);
		this.model.irVersion = opset < 9 ? pick(random, [3, 4]) : pick(random, [4, 7, 8]);
		this.graph = this.model.graph;
	}

	pick<T>(list: readonly T[]): T {
		return pick(this.random, list);
	}

	chance(probability: number): boolean {
		return this.random.next() < probability;
	}

	/** An input with numbers drawn from a normal distribution; dimensions are numbers, symbols or unknown. */
	input(): void {
		const dims = this.pick([[2, 4, 6, 6], [1, 3, 8, 8], [2, 4, 5, 7], [2, 6, 8], [3, 8], [2, 3, 4, 8], [4]]);
		const name = `x${Object.keys(this.feeds).length}`;
		const open = this.pick([0, 0, 0.3, 1]);
		const shape = dims.map((dim, axis) => (this.chance(open) ? this.pick([`d${name}${axis}`, `d${name}${axis}`, null]) : dim));
		this.#pool.push({ value: this.model.graph.addInput(name, tensorType('float32', shape)), dims });
		this.feeds[name] = { dtype: 'float32', dims, data: this.normal(elementCount(dims)) };
	}

	normal(count: number, scale = 1): Float32Array {
		return Float32Array.from({ length: count }, () => this.random.normal() * scale);
	}

	/** A value made before; mostly a recent one. */
	any(): Made {
		const recent = this.#pool.slice(-2);
		return this.chance(0.85) ? this.pick(recent) : this.pick(this.#pool);
	}

	/** Another value of this very shape. */
	like(dims: readonly number[]): Made | undefined {
		const same = this.#pool.filter((made) => made.dims.join() === dims.join());
		return same.length > 0 ? this.pick(same) : undefined;
	}

	/** Adds a node and gives its first output. */
	op(op: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
		return this.ops(op, inputs, attributes, 1)[0] as Value;
	}

	ops(op: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>>, outputs: number): Value[] {
		const { graph } = this;
		const name = this.model.ledger.fresh(op.toLowerCase());
		const names = Array.from({ length: outputs }, (_, i) => this.model.ledger.fresh(`${name}_${i}`));
		const node = graph.append(graph.createNode({ op, name: this.chance(0.1) ? '' : name, inputs, outputs: names, attributes }));
		return node.outputs as Value[];
	}

	/** A stored tensor: an initializer, a Constant node, or behind an Identity. */
	constant(tensor: TensorRef): Value {
		const form = this.random.next();
		if (form < 0.15 || (this.graph !== this.model.graph && this.model.irVersion < 4))
			return this.op('Constant', [], { value: attribute.tensor(tensor) });
		const value = this.graph.addInitializer('c', tensor);
		if (this.model.irVersion < 4) {
			value.type = tensorType(tensor.dtype, tensor.dims);
			this.graph.listAsInput(value);
		}
		return form > 0.95 ? this.op('Identity', [value]) : value;
	}

	/** float32 numbers; now and then a tensor of the same shape that another node reads already. */
	weight(dims: readonly number[], scale = 1, shift = 0): Value {
		const key = `${dims.join()}/${scale}/${shift}`;
		const shared = this.#weights.find((weight) => weight.dims === key && weight.graph === this.graph);
		if (shared && this.chance(0.2)) return shared.value;
		const data = this.normal(elementCount(dims), scale).map((value) => value + shift);
		const value = this.constant(memoryTensor('float32', dims, data));
		this.#weights.push({ value, dims: key, graph: this.graph });
		return value;
	}

	scalar(number: number, dims: readonly number[] = this.pick([[], [], [1]])): Value {
		return this.constant(memoryTensor('float32', dims, Float32Array.of(number)));
	}

	ints(values: readonly number[], dtype: DType = 'int64'): Value {
		return this.constant(dtype === 'int64' ? int64Tensor(values) : memoryTensor('int32', [values.length], Int32Array.from(values)));
	}

	/** Axes as the operator set at hand takes them for Squeeze and Unsqueeze: an attribute before 13, an input from then on. */
	withAxes(op: 'Squeeze' | 'Unsqueeze', value: Value, axes: readonly number[]): Value {
		return this.opset < 13 ? this.op(op, [value], { axes: attribute.ints(axes) }) : this.op(op, [value, this.ints(axes)]);
	}

	/** Mean over axes: an attribute before 18, an input from then on. */
	mean(value: Value, axes: readonly number[], keep = true): Value {
		const keepdims = attribute.int(keep ? 1 : 0);
		if (this.opset < 18) return this.op('ReduceMean', [value], { axes: attribute.ints(axes), keepdims });
		return this.op('ReduceMean', [value, this.ints(axes)], { keepdims });
	}

	clip(value: Value, low: number | undefined, high: number | undefined): Value {
		if (this.opset < 11) {
			return this.op('Clip', [value], {
				...(low !== undefined && { min: attribute.float(low) }),
				...(high !== undefined && { max: attribute.float(high) }),
			});
		}
		return this.op('Clip', [value, low === undefined ? null : this.scalar(low, []), high === undefined ? null : this.scalar(high, [])]);
	}

	/** One random step. `depth` counts the branches around it. */
	step(depth: number): void {
		for (let attempt = 0; attempt < 20; attempt++) {
			const kinds = depth === 0 && this.chance(0.06) ? branchSteps : this.pick([layerSteps, layerSteps, moveSteps, patternSteps]);
			const [name, step] = this.pick(Object.entries(kinds));
			const made = step(this, this.any());
			// Scalars are stored with one dimension now and then, which would widen a value without any.
			if (!made || made.dims.length === 0 || elementCount(made.dims) > MOST_ELEMENTS || elementCount(made.dims) === 0) continue;
			this.#pool.push(made);
			this.steps.push(name);
			return;
		}
	}

	/** If on whether the sum of `from` is positive: each branch makes some steps and gives a value of the shape of `from`. */
	branch(from: Made): Made {
		const sum = this.op('ReduceMax', [from.value], { keepdims: attribute.int(0) });
		const condition = this.op('Greater', [sum, this.scalar(this.pick([0, 100]), [])]);
		const outer = this.graph;
		const pool = this.#pool;
		const bodies = ['then', 'else'].map((name) => {
			const body = new Graph(this.model.ledger, name);
			// Owned when the node is made; until then, nodes of the branch only need their graph.
			this.graph = body;
			this.#pool = [...pool];
			const count = 1 + this.random.below(3);
			for (let i = 0; i < count; i++) this.step(1);
			const result = this.#pool.slice(pool.length).findLast((made) => made.dims.join() === from.dims.join()) ?? from;
			// An output of a branch is computed in it.
			body.setOutputs([
				result.value.graph === body && !result.value.isGraphOutput && result.value.producer
					? result.value
					: this.op('Identity', [result.value]),
			]);
			return body;
		});
		this.graph = outer;
		this.#pool = pool;
		const [then, other] = bodies as [Graph, Graph];
		return {
			value: this.op('If', [condition], { then_branch: attribute.graph(then), else_branch: attribute.graph(other) }),
			dims: from.dims,
		};
	}

	/** Outputs: all that nobody reads, and now and then a value inside a pattern, which optimizers must keep. */
	finish(): void {
		const { graph } = this.model;
		const made = this.#pool.filter(({ value }) => value.producer !== undefined);
		const chosen = new Set(made.filter(({ value }) => value.uses.size === 0));
		if (this.chance(0.3) && made.length > 0) chosen.add(this.pick(made));
		if (this.chance(0.1)) {
			const inner = [...graph.nodes()].filter((node) => node.op !== 'Constant' && node.subgraphs.length === 0);
			const value = inner.length > 0 ? this.pick(inner).outputs[0] : undefined;
			if (value && ![...chosen].some((other) => other.value === value)) this.#undeclared.push(value);
		}
		if (chosen.size === 0) {
			const [first] = this.#pool as [Made];
			chosen.add({ value: this.op('Relu', [first.value]), dims: first.dims });
		}
		for (const { value, dims } of chosen) value.type = tensorType('float32', this.chance(0.3) ? dims : dims.map(() => null));
		graph.setOutputs([...[...chosen].map(({ value }) => value), ...this.#undeclared]);
	}
}

const branchSteps: Readonly<Record<string, Step>> = { If: (build, from) => build.branch(from) };

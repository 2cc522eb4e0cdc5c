import { attributeGraphs } from '../ir/attribute.ts';
import { constantOf } from '../ir/constants.ts';
import { dtypeBits } from '../ir/dtype.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import type { TensorRef } from '../ir/tensor.ts';
import type { Dim } from '../ir/type.ts';
import type { InferredTypes } from '../onnx/infer.ts';
import { macsOf } from '../onnx/macs.ts';
import { Atoms, type Labels, type Refusal } from './atoms.ts';
import { type Box, settleBoxes } from './boxes.ts';
import { readsSizes, SizeOrigins } from './size-origin.ts';

/** A layer that sums over an axis of its data input with stored weights: where a removed channel ends. */
export interface Contraction {
	readonly node: Node;
	/** Which input is the data, and which the weight. */
	readonly data: number;
	readonly weight: number;
	/** Axis of the data that is summed over, counted from the front. */
	readonly axis: number;
	/** Atoms along that axis. */
	readonly labels: Int32Array;
}

/** Multiply-accumulates of a node: proportional to what is left of each of these axes. */
export interface Cost {
	readonly node: Node;
	readonly macs: number;
	readonly axes: readonly Int32Array[];
}

/** How a node must change once it is known what goes. `kept` counts the indices that stay, `stays` tells for one atom. */
export type Edit = (remaining: Remaining) => void;

export interface Remaining {
	stays(atom: number): boolean;
	/** How many indices along an axis stay. */
	kept(labels: ArrayLike<number>): number;
}

/** What one operator does to the axes that may shrink. */
export type Rule = (trace: Trace, node: Node) => void;

/**
 * Walks a model in order and says for each axis of each value which indices go together. Rules by operator join atoms, refuse them with
 * a reason, and leave edits for what must be rewritten when something goes. Names play no part.
 */
export class Trace {
	readonly atoms = new Atoms();
	readonly contractions: Contraction[] = [];
	readonly costs: Cost[] = [];
	readonly edits: { readonly axes: readonly Int32Array[]; readonly apply: Edit }[] = [];
	readonly sizes: SizeOrigins;
	readonly axes = new Map<Value, readonly Labels[]>();
	readonly #boxes: Box[] = [];
	readonly #constants = new Map<Value, boolean>();

	constructor(
		readonly model: Model,
		readonly types: InferredTypes,
		readonly rules: ReadonlyMap<string, Rule>,
		/** Operators that treat each element alone. */
		readonly elementwise: { has(op: string): boolean },
	) {
		this.sizes = new SizeOrigins(this);
		this.#graph(model.graph);
		settleBoxes(this.atoms, this.#boxes);
		for (const [i, cost] of this.costs.entries()) {
			const axes = cost.axes.filter((labels) => this.#counts(cost.node, labels));
			if (axes.length < cost.axes.length) this.costs[i] = { ...cost, axes };
		}
	}

	#alike(a: Int32Array, b: Int32Array): boolean {
		return a === b || (a.length === b.length && a.every((atom, i) => this.atoms.find(atom) === this.atoms.find(b[i] as number)));
	}

	/** Whether multiply-accumulates grow with an axis of a node: its size must be one that they are counted with, not an open one. */
	#counts(node: Node, labels: Int32Array): boolean {
		let open = false;
		for (const value of [...node.inputs, ...node.outputs]) {
			for (const [at, own] of (value && this.axes.get(value))?.entries() ?? []) {
				if (!own || !this.#alike(own, labels)) continue;
				if (typeof this.types.shapeOf(value)?.[at] === 'number') return true;
				open = true;
			}
		}
		return !open;
	}

	#graph(graph: Graph): void {
		for (const node of graph.nodes()) this.#node(node);
		for (const output of graph.outputs) {
			const where = graph.owner ? `an output of a body of ${graph.owner.label}` : 'an output of the model';
			this.refuseAll(output, { node: output.name, reason: `it is ${where}` });
			this.sizes.escape(output);
		}
	}

	#node(node: Node): void {
		const rule = this.rules.get(node.qualifiedOp);
		if (readsSizes(node, this)) this.sizes.follow(node);
		else if (rule) rule(this, node);
		else {
			const inner = [...node.attributes.values()].flatMap((attr) => attributeGraphs(attr));
			for (const input of node.inputs) this.refuseAll(input, { node: node.label, reason: `${node.qualifiedOp} may mix channels` });
			for (const graph of inner) this.#graph(graph);
		}
		if (!readsSizes(node, this)) for (const input of node.inputs) this.sizes.escapeUnless(input, node);
	}

	/** Declared or inferred dimensions, open ones filled in where the rules know them. */
	shapeOf(value: Value | null): readonly Dim[] | undefined {
		const shape = this.types.shapeOf(value);
		const labels = value && this.axes.get(value);
		return labels && shape?.length === labels.length
			? shape.map((dim, axis) => (typeof dim === 'number' ? dim : (labels[axis]?.length ?? dim)))
			: shape;
	}

	/** Labels of the axes of a value; undefined where its rank is not known. Weights get atoms when they are first asked for. */
	axesOf(value: Value | null): readonly Labels[] | undefined {
		if (!value) return undefined;
		const known = this.axes.get(value);
		if (known) return known;
		const tensor = this.tensorOf(value);
		if (tensor) {
			// Types that share a byte cannot be cut at any index.
			const whole = dtypeBits(tensor.dtype) >= 8;
			const labels = tensor.dims.map((size) => (size > 1 && whole ? this.atoms.fresh(size) : null));
			this.axes.set(value, labels);
			return labels;
		}
		return this.shapeOf(value)?.map(() => null);
	}

	/** The stored tensor of the value itself: initializer or Constant node. Overridable initializers count: they are listed by old exporters. */
	tensorOf(value: Value): TensorRef | undefined {
		if (value.initializer || (value.producer?.op === 'Constant' && value.producer.domain === '')) return constantOf(value, 3);
		return undefined;
	}

	/** Whether a value depends on stored tensors only. */
	isConstant(value: Value | null): boolean {
		if (!value) return false;
		const known = this.#constants.get(value);
		if (known !== undefined) return known;
		const { producer } = value;
		const constant =
			this.tensorOf(value) !== undefined ||
			(producer !== undefined &&
				producer.subgraphs.length === 0 &&
				producer.inputs.length > 0 &&
				producer.inputs.every((input) => input === null || this.isConstant(input)));
		this.#constants.set(value, constant);
		return constant;
	}

	/** States the axes of an output. Axes whose size is not a number above 1 carry nothing. */
	set(value: Value | null | undefined, labels: readonly Labels[]): void {
		if (!value) return;
		const shape = this.shapeOf(value);
		this.axes.set(
			value,
			labels.map((axis, i) => {
				if (!axis) return null;
				const size = shape?.[i];
				if (shape?.length === labels.length && (size === axis.length || typeof size !== 'number')) return axis.length > 1 ? axis : null;
				this.refuse(axis, { node: value.producer?.label ?? value.name, reason: 'the size of its result is not known' });
				return null;
			}),
		);
	}

	refuse(labels: Labels | undefined, refusal: Refusal): void {
		if (labels) for (const atom of labels) this.atoms.refuse(atom, refusal);
	}

	refuseAll(value: Value | null, refusal: Refusal): void {
		if (!value) return;
		for (const labels of this.axes.get(value) ?? []) this.refuse(labels, refusal);
		// A weight that has no atoms yet gets them refused, so that no later reader makes it shrink.
		if (!this.axes.has(value) && this.tensorOf(value)) for (const labels of this.axesOf(value) ?? []) this.refuse(labels, refusal);
	}

	/** Indices of two axes go together one by one. Where only one axis can shrink, it is refused. Gives the labels of both. */
	join(a: Labels | undefined, b: Labels | undefined, node: Node, reason = 'the size on its other side is fixed'): Labels {
		if (a && b && a.length === b.length) {
			for (let i = 0; i < a.length; i++) this.atoms.union(a[i] as number, b[i] as number);
			return a;
		}
		this.refuse(a, { node: node.label, reason });
		this.refuse(b, { node: node.label, reason });
		return null;
	}

	addBox(box: Box): void {
		this.#boxes.push(box);
	}

	/** Says that `node` must be rewritten when something along one of `axes` goes. */
	edit(axes: readonly Labels[], apply: Edit): void {
		const present = axes.filter((labels) => labels !== null);
		if (present.length > 0) this.edits.push({ axes: present, apply });
	}

	contract(node: Node, data: number, weight: number, axis: number, labels: Labels): void {
		if (labels) this.contractions.push({ node, data, weight, axis, labels });
	}

	cost(node: Node, axes: readonly (Labels | undefined)[]): void {
		const macs = macsOf(node, this.types);
		if (macs) this.costs.push({ node, macs, axes: axes.filter((labels) => labels !== null && labels !== undefined) });
	}
}

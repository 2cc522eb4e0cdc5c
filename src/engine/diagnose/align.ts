import { attributeGraphs } from '../../core/ir/attribute.ts';
import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import { graphsWithin, type Model } from '../../core/ir/model.ts';
import { isSparse, type TensorRef } from '../../core/ir/tensor.ts';
import { bodyScope, type NodeKey, nodeKey } from '../../core/study/node-figures.ts';

/** A value that both graphs compute under the same name. */
export interface CommonValue {
	readonly name: NodeKey;
	readonly original: Value;
	readonly variant: Value;
}

/** A piece of the variant between common values, and the piece of the original that it stands for. */
export interface LayerPair {
	/** Key of the main node in the variant, and the same in the original. */
	readonly node: NodeKey;
	readonly originalNode: Node;
	readonly variantNode: Node;
	/** The common value that the piece computes. */
	readonly output: CommonValue;
	/** Common values that either side reads. */
	readonly inputs: readonly CommonValue[];
	/** Nodes of each side in an order that can run, constants' nodes included. */
	readonly originalPart: readonly Node[];
	readonly variantPart: readonly Node[];
}

export interface Alignment {
	readonly layers: readonly LayerPair[];
	/** Nodes of the variant with stored weights that belong to no piece, with the reason. */
	readonly unmatched: readonly { readonly node: NodeKey; readonly label: string; readonly reason: string }[];
}

/** Bodies in which a value has one meaning in a run: those of If. In loops it has one for each turn. */
const ONCE: ReadonlySet<string> = new Set(['If']);
const DEEPEST_CONSTANT = 64;

/** Values of both models that have the same key: inputs and computed values of the main graph and of If bodies. Constants are none. */
export function commonValues(original: Model, variant: Model): CommonValue[] {
	const theirs = keyedValues(variant.graph);
	const common: CommonValue[] = [];
	for (const [name, value] of keyedValues(original.graph)) {
		const other = theirs.get(name);
		if (other && (value.producer === undefined) === (other.producer === undefined)) common.push({ name, original: value, variant: other });
	}
	return common;
}

function keyedValues(graph: Graph, scope: NodeKey = '', values = new Map<NodeKey, Value>()): Map<NodeKey, Value> {
	const add = (value: Value): void => {
		if (value.name === '') return;
		const key = scope === '' ? value.name : `${scope}/${value.name}`;
		if (!values.has(key)) values.set(key, value);
	};
	if (scope === '') for (const value of graph.inputs) if (!value.initializer) add(value);
	for (const node of graph.nodes()) {
		for (const value of node.outputs) if (value && !isConstant(value)) add(value);
		const key = nodeKey(node, scope);
		if (key === undefined || node.domain !== '' || !ONCE.has(node.op)) continue;
		for (const [name, attr] of node.attributes) {
			for (const body of attributeGraphs(attr)) keyedValues(body, bodyScope(key, name), values);
		}
	}
	return values;
}

/**
 * Cuts both graphs at `points` and pairs the pieces: each value of `ends` (computed float values among the points) with what computes it
 * from the points before it. Pieces that are the same in both are left out, so what remains is what the variant changed. Weights are read
 * where only their content can tell.
 */
export async function alignModels(points: readonly CommonValue[], ends: ReadonlySet<CommonValue>, variant: Model): Promise<Alignment> {
	const byOriginal = new Map(points.map((point) => [point.original, point]));
	const byVariant = new Map(points.map((point) => [point.variant, point]));
	const keys = nodeKeys(variant.graph);
	const layers: LayerPair[] = [];
	const covered = new Set<Node>();
	const reasons = new Map<Node, string>();
	for (const point of points) {
		if (!ends.has(point) || !point.variant.producer || !point.original.producer) continue;
		const theirs = piece(point.variant, (value) => byVariant.get(value));
		const ours = piece(point.original, (value) => byOriginal.get(value));
		if (!theirs || !ours) {
			for (const node of theirs?.nodes ?? []) reasons.set(node, 'it reads a value that the original does not have');
			continue;
		}
		for (const node of theirs.nodes) covered.add(node);
		if (await samePiece(ours.nodes, theirs.nodes)) continue;
		const variantNode = mainNode(theirs.nodes, point.variant.producer);
		const originalNode = mainNode(ours.nodes, point.original.producer);
		const node = keys.get(variantNode);
		if (node === undefined) continue;
		layers.push({
			node,
			variantNode,
			originalNode,
			output: point,
			inputs: [...new Set([...ours.inputs, ...theirs.inputs])],
			originalPart: ours.nodes,
			variantPart: theirs.nodes,
		});
	}
	const unmatched: { node: NodeKey; label: string; reason: string }[] = [];
	for (const graph of graphsWithin(variant.graph)) {
		for (const node of graph.nodes()) {
			const key = keys.get(node);
			if (key === undefined || covered.has(node) || weightBytes(node) < LEAST_WEIGHT || isConstantNode(node)) continue;
			unmatched.push({ node: key, label: node.label, reason: reasons.get(node) ?? 'no value behind it is common to both graphs' });
		}
	}
	return { layers, unmatched };
}

/** Smaller constants (shapes, axes) make no layer. */
const LEAST_WEIGHT = 64;

interface Piece {
	readonly nodes: readonly Node[];
	readonly inputs: ReadonlySet<CommonValue>;
}

/** Everything that computes `end` from points; undefined where something else comes in. */
function piece(end: Value, pointOf: (value: Value) => CommonValue | undefined): Piece | undefined {
	const nodes: Node[] = [];
	const inputs = new Set<CommonValue>();
	const state = new Set<Node>();
	let whole = true;
	// Depth first with a stack of its own: chains may be longer than the call stack.
	const stack: { readonly node: Node; readonly reads: Iterator<Value> }[] = [];
	const open = (node: Node): void => {
		state.add(node);
		stack.push({ node, reads: readsOf(node)[Symbol.iterator]() });
	};
	if (end.producer) open(end.producer);
	while (stack.length > 0) {
		const top = stack[stack.length - 1];
		const next = top?.reads.next();
		if (!top || !next || next.done) {
			if (top) nodes.push(top.node);
			stack.pop();
			continue;
		}
		const value = next.value;
		const point = pointOf(value);
		if (point) inputs.add(point);
		else if (value.producer) {
			if (!state.has(value.producer)) open(value.producer);
		} else if (!value.initializer) whole = false;
	}
	return whole ? { nodes, inputs } : undefined;
}

/** Values that a node reads from its own graph or outer ones, bodies included. */
function readsOf(node: Node): Value[] {
	const reads = node.inputs.filter((value): value is Value => value !== null);
	if (node.subgraphs.length === 0) return reads;
	const inner = new Set<Graph>();
	for (const sub of node.subgraphs) for (const graph of graphsWithin(sub)) inner.add(graph);
	for (const graph of inner) {
		for (const part of graph.nodes()) for (const value of part.inputs) if (value && !inner.has(value.graph)) reads.push(value);
		for (const value of graph.outputs) if (!inner.has(value.graph)) reads.push(value);
	}
	return reads;
}

/** Keys of all nodes, bodies included. */
export function nodeKeys(graph: Graph, scope: NodeKey = '', keys = new Map<Node, NodeKey>()): Map<Node, NodeKey> {
	for (const node of graph.nodes()) {
		const key = nodeKey(node, scope);
		if (key === undefined) continue;
		keys.set(node, key);
		for (const [name, attr] of node.attributes) for (const body of attributeGraphs(attr)) nodeKeys(body, bodyScope(key, name), keys);
	}
	return keys;
}

/** The node that a piece is told by: the one with most stored weights, otherwise the last. */
function mainNode(nodes: readonly Node[], last: Node): Node {
	let best = last;
	let most = LEAST_WEIGHT;
	for (const node of nodes) {
		if (isConstantNode(node)) continue;
		const bytes = weightBytes(node);
		if (bytes > most) {
			best = node;
			most = bytes;
		}
	}
	return best;
}

/** Bytes of the constants that a node reads, seen through the nodes that decode or rearrange them. */
export function weightBytes(node: Node): number {
	let bytes = 0;
	const seen = new Set<Value>();
	const add = (value: Value | null, depth: number): void => {
		if (!value || seen.has(value) || depth > DEEPEST_CONSTANT || !isConstant(value)) return;
		seen.add(value);
		const tensor = value.initializer;
		if (tensor) bytes += tensor.byteLength;
		else if (value.producer) {
			for (const attr of value.producer.attributes.values()) if (attr.kind === 'tensor') bytes += attr.value.byteLength;
			for (const input of value.producer.inputs) add(input, depth + 1);
		}
	};
	for (const value of node.inputs) add(value, 0);
	return bytes;
}

/** Whether a value is made of stored tensors alone. */
export function isConstant(value: Value, depth = 0): boolean {
	if (value.initializer) return true;
	const node = value.producer;
	if (!node || value.isGraphInput || depth > DEEPEST_CONSTANT || node.subgraphs.length > 0) return false;
	if (node.op === 'Constant' && node.domain === '') return true;
	// Random numbers have no inputs and are no constants.
	const reads = node.inputs.filter((input) => input !== null);
	return reads.length > 0 && reads.every((input) => isConstant(input, depth + 1));
}

function isConstantNode(node: Node): boolean {
	return node.outputs.every((output) => !output || isConstant(output));
}

/** Whether two pieces compute the same from the same stored numbers. */
async function samePiece(a: readonly Node[], b: readonly Node[]): Promise<boolean> {
	if (a.length !== b.length) return false;
	for (const [i, node] of a.entries()) {
		const other = b[i];
		if (!other || node.op !== other.op || node.domain !== other.domain || node.inputs.length !== other.inputs.length) return false;
		if (node.subgraphs.length > 0 || other.subgraphs.length > 0) {
			if (!sameBodies(node, other)) return false;
			continue;
		}
		if (attributesText(node) !== attributesText(other)) return false;
		for (const [slot, value] of node.inputs.entries()) {
			if (!(await sameStored(value, other.inputs[slot] ?? null))) return false;
		}
		for (const [name, attr] of node.attributes) {
			const twin = other.attributes.get(name);
			if (attr.kind === 'tensor' && (twin?.kind !== 'tensor' || !(await sameTensor(attr.value, twin.value)))) return false;
		}
	}
	return true;
}

/**
 * A node with bodies is a layer of its own only where its bodies cannot be cut at common values (loops). Bodies of If are: the node itself then
 * only hands their results on.
 */
function sameBodies(node: Node, other: Node): boolean {
	return ONCE.has(node.op) && node.op === other.op;
}

function attributesText(node: Node): string {
	return [...node.attributes]
		.map(
			([name, attr]) =>
				`${name}=${attr.kind === 'tensor' ? '' : attr.kind === 'string' ? attr.value.join() : String('value' in attr ? attr.value : '')}`,
		)
		.sort()
		.join(';');
}

async function sameStored(a: Value | null, b: Value | null): Promise<boolean> {
	if (!a || !b) return a === b;
	const [one, two] = [a.initializer, b.initializer];
	if (!one || !two) return one === two;
	if (isSparse(one) || isSparse(two)) return false;
	return sameTensor(one, two);
}

async function sameTensor(a: TensorRef, b: TensorRef): Promise<boolean> {
	if (a === b) return true;
	if (a.dtype !== b.dtype || a.byteLength !== b.byteLength || a.dims.join() !== b.dims.join()) return false;
	const [one, two] = [await a.bytes(), await b.bytes()];
	for (let i = 0; i < one.length; i++) if (one[i] !== two[i]) return false;
	return true;
}

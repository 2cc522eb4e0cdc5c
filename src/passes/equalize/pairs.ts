import { constantOf } from '../../core/ir/constants.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import { graphsWithin, type Model } from '../../core/ir/model.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import type { Note } from '../../core/pass/pass.ts';
import { Layer } from './layers.ts';
import type { Options } from './options.ts';

/** Two layers with nothing between them that minds the scale of a channel. */
export interface Pair {
	readonly first: Layer;
	readonly second: Layer;
	/** Upper bound of a Clip between them. */
	readonly bound: number;
	/** A Relu or Clip at 0 directly behind the first layer. */
	readonly rectified: boolean;
	/** Nothing but a Relu between the two: an offset passes through unchanged. */
	readonly direct: boolean;
}

const WEIGHTED: ReadonlySet<string> = new Set(['Conv', 'Gemm', 'MatMul']);
/** Operators with f(s x) = s f(x) for s > 0, channel by channel. */
const HOMOGENEOUS: ReadonlySet<string> = new Set(['Identity', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'LeakyRelu']);

/** Pairs of layers in graph order, and why others are none. */
export async function findPairs(model: Model, options: Options): Promise<{ pairs: Pair[]; notes: Note[]; layers: Layer[] }> {
	const layers = new Map<Node, Layer>();
	const notes: Note[] = [];
	for (const graph of graphsWithin(model.graph)) {
		for (const node of graph.nodes()) {
			if (node.domain !== '' || !WEIGHTED.has(node.op) || options.nodesToExclude.includes(node.name)) continue;
			const layer = await Layer.of(node);
			if (typeof layer !== 'string') layers.set(node, layer);
			else if (node.op !== 'MatMul') notes.push({ level: 'skip', node: node.label, reason: layer });
		}
	}
	const pairs: Pair[] = [];
	for (const first of layers.values()) {
		const found = await follow(model, first, layers);
		if (typeof found === 'string') notes.push({ level: 'skip', node: first.node.label, reason: found });
		else pairs.push(found);
	}
	return { pairs, notes, layers: [...layers.values()] };
}

async function follow(model: Model, first: Layer, layers: ReadonlyMap<Node, Layer>): Promise<Pair | string> {
	let value: Value = first.node.output();
	let bound = Number.POSITIVE_INFINITY;
	let rectified = false;
	let direct = true;
	let pooled = false;
	for (let steps = 0; steps < 16; steps++) {
		if (value.isGraphOutput) return 'its output is an output of the model';
		if (value.uses.size !== 1) return 'several nodes read its output';
		const [use] = value.uses;
		if (!use) return 'nothing reads its output';
		const { node, index } = use;
		if (node.graph !== first.node.graph) return 'its output is read in a subgraph';
		const second = layers.get(node);
		if (second && index === 0) {
			const sameKind = (first.node.op === 'Conv') === (node.op === 'Conv');
			if (!sameKind && !pooled) return `${node.label} reads it in another layout`;
			if (second.inputs !== first.outputs) return `${node.label} reads another number of channels`;
			return { first, second, bound, rectified, direct };
		}
		if (node.domain !== '') return `${node.qualifiedOp} follows`;
		if (node.op === 'Relu') {
			rectified ||= steps === 0;
			direct &&= steps === 0;
		} else if (node.op === 'Clip') {
			const limits = await clipBounds(model, node);
			if (limits?.[0] !== 0) return 'a Clip with bounds other than 0 and a constant follows';
			bound = Math.min(bound, limits[1]);
			rectified ||= steps === 0;
			direct = false;
		} else if (HOMOGENEOUS.has(node.op)) {
			direct = false;
			pooled ||= node.op.startsWith('Global');
		} else if (pooled && (node.op === 'Flatten' || node.op === 'Reshape' || node.op === 'Squeeze')) direct = false;
		else return `${node.op} follows, which does not let a scale through`;
		value = node.output();
	}
	return 'no layer follows';
}

async function clipBounds(model: Model, node: Node): Promise<readonly [number, number] | undefined> {
	const bounds: number[] = [];
	for (const [slot, name, fallback] of [
		[1, 'min', Number.NEGATIVE_INFINITY],
		[2, 'max', Number.POSITIVE_INFINITY],
	] as const) {
		const attr = node.attributes.get(name);
		const input = node.input(slot);
		if (attr?.kind === 'float') bounds.push(attr.value);
		else if (!input) bounds.push(fallback);
		else {
			const tensor = constantOf(input, model.irVersion);
			const value = tensor?.dtype === 'float32' && tensor.byteLength === 4 ? float32View(await tensor.bytes())[0] : undefined;
			if (value === undefined) return undefined;
			bounds.push(value);
		}
	}
	return [bounds[0] as number, bounds[1] as number];
}

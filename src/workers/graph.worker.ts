import { graphlib, layout } from '@dagrejs/dagre';
import type { Graph } from '../core/ir/graph.ts';
import type { Model } from '../core/ir/model.ts';
import { isSparse, type SparseTensorRef, type TensorRef } from '../core/ir/tensor.ts';
import { type InferredTypes, inferTypes } from '../core/onnx/infer.ts';
import { findStructure } from '../core/structure/groups.ts';
import { planOf } from '../core/structure/plan.ts';
import { diffGraphs, type GraphDiff } from '../core/view/diff.ts';
import { drawGraph, graphAt } from '../core/view/drawing.ts';
import { type LayoutRequest, type LayoutResult, layeredLayout } from '../core/view/layers.ts';
import { tensorFacts } from '../core/view/tensor-facts.ts';
import type { GraphMethods, ShownModel } from './graph-protocol.ts';
import { serve } from './serve.ts';
import { openModel } from './sources.ts';

type Args<M extends keyof GraphMethods> = Parameters<GraphMethods[M]>[0];
type Result<M extends keyof GraphMethods> = Promise<ReturnType<GraphMethods[M]>>;

interface Opened {
	readonly key: string;
	readonly model: Promise<{ readonly model: Model; readonly types: InferredTypes }>;
}

/** The last two models that were looked at: what a comparison needs. */
const opened: Opened[] = [];
const keptModels = 2;

function open({ key, files }: ShownModel): Opened['model'] {
	const known = opened.find((entry) => entry.key === key);
	if (known) return known.model;
	const model = (async () => {
		const read = await openModel(files);
		return { model: read, types: await inferTypes(read) };
	})();
	opened.push({ key, model });
	if (opened.length > keptModels) opened.shift();
	model.catch(() => {
		const at = opened.findIndex((entry) => entry.model === model);
		if (at >= 0) opened.splice(at, 1);
	});
	return model;
}

async function draw({ model, scope }: Args<'draw'>): Result<'draw'> {
	const found = await open(model);
	return drawGraph(found.model, found.types, scope);
}

async function diff({ a, b, scope }: Args<'diff'>): Result<'diff'> {
	const before = await open(a);
	const after = await open(b);
	const inA = graphAt(before.model, scope) ? scope : '';
	const inB = graphAt(after.model, scope) ? scope : '';
	const found = diffGraphs(drawGraph(before.model, before.types, inA), drawGraph(after.model, after.types, inB));
	return withWeights(found, graphAt(before.model, inA)?.graph, graphAt(after.model, inB)?.graph);
}

async function pruningPlan({ model }: Args<'pruningPlan'>): Result<'pruningPlan'> {
	return planOf(await findStructure((await open(model)).model));
}

/** Bytes of weights that are compared; beyond that only types and shapes are. */
const mostCompared = 1_000_000_000;

/** Nodes that are alike but for the numbers in their weights changed too. */
async function withWeights(found: GraphDiff, a: Graph | undefined, b: Graph | undefined): Promise<GraphDiff> {
	if (!a || !b) return found;
	const before = tensorsOf(a);
	const after = tensorsOf(b);
	const states = [...found.states];
	const changes = new Map(found.changes);
	const counts = { ...found.counts };
	let left = mostCompared;
	for (const [id, node] of found.drawing.nodes.entries()) {
		const was = found.partner.get(id);
		if (!was || states[id] === 'removed' || states[id] === 'added') continue;
		const different: string[] = [];
		for (const [i, port] of node.inputs.entries()) {
			const [x, y] = [before.get(was.inputs[i]?.name ?? ''), after.get(port.name)];
			if (!x || !y || x.dtype !== y.dtype || String(x.dims) !== String(y.dims)) continue;
			left -= x.byteLength;
			if (left < 0) return { ...found, states, changes, counts };
			if (!(await sameBytes(x, y))) different.push(`input ${i} has other numbers`);
		}
		if (different.length === 0) continue;
		if (states[id] === 'same' && node.kind !== 'constant') {
			counts.same -= 1;
			counts.changed += 1;
		}
		states[id] = 'changed';
		changes.set(id, [...(changes.get(id) ?? []), ...different]);
	}
	return { ...found, states, changes, counts };
}

function tensorsOf(graph: Graph): Map<string, TensorRef | SparseTensorRef> {
	const found = new Map<string, TensorRef | SparseTensorRef>();
	for (const value of graph.initializers) if (value.initializer) found.set(value.name, value.initializer);
	for (const node of graph.nodes()) {
		if (node.op !== 'Constant') continue;
		const name = node.outputs[0]?.name;
		for (const attribute of node.attributes.values()) if (name && attribute.kind === 'tensor') found.set(name, attribute.value);
	}
	return found;
}

const chunk = 1 << 22;

async function sameBytes(a: TensorRef | SparseTensorRef, b: TensorRef | SparseTensorRef): Promise<boolean> {
	if (isSparse(a) || isSparse(b)) {
		return isSparse(a) && isSparse(b) && (await sameBytes(a.values, b.values)) && (await sameBytes(a.indices, b.indices));
	}
	if (a.byteLength !== b.byteLength) return false;
	for (let at = 0; at < a.byteLength; at += chunk) {
		const length = Math.min(chunk, a.byteLength - at);
		const [x, y] = [await a.read(at, length), await b.read(at, length)];
		for (let i = 0; i < length; i++) if (x[i] !== y[i]) return false;
	}
	return true;
}

/** Beyond this the thorough layout takes more than a few seconds. */
const mostThorough = 1200;

async function layOut(request: Args<'layOut'>): Result<'layOut'> {
	if (request.boxes.length > mostThorough || request.links.length > 2 * mostThorough) {
		return { ...layeredLayout(request), method: 'layers' };
	}
	try {
		return { ...thoroughLayout(request), method: 'dagre' };
	} catch (error) {
		// dagre calls itself along the longest path: a very deep graph does not fit its stack.
		if (!(error instanceof RangeError)) throw error;
		return { ...layeredLayout(request), method: 'layers' };
	}
}

function thoroughLayout(request: LayoutRequest): LayoutResult {
	const graph = new graphlib.Graph({ multigraph: true });
	graph.setGraph({ rankdir: 'TB', nodesep: 24, ranksep: 36, edgesep: 12, marginx: 24, marginy: 24, ranker: 'tight-tree' });
	graph.setDefaultEdgeLabel(() => ({}));
	for (const { id, width, height } of request.boxes) graph.setNode(id, { width, height });
	for (const [i, { from, to }] of request.links.entries()) graph.setEdge(from, to, {}, String(i));
	layout(graph);
	const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
	return {
		boxes: request.boxes.map(({ id }) => {
			const { x, y } = graph.node(id) as { x: number; y: number };
			return { x, y };
		}),
		links: request.links.map(({ from, to }, i) => {
			const { points = [] } = graph.edge(from, to, String(i)) as { points?: { x: number; y: number }[] };
			return points.map(({ x, y }) => ({ x, y }));
		}),
		width,
		height,
	};
}

async function tensor({ model, scope, name }: Args<'tensor'>): Result<'tensor'> {
	const found = await open(model);
	const graph = graphAt(found.model, scope)?.graph;
	const stored = graph && (tensorsOf(graph).get(name) ?? outerTensor(graph, name));
	return (stored && (await tensorFacts(stored))) ?? null;
}

/** A body may read what the graphs around it store. */
function outerTensor(graph: Graph, name: string): TensorRef | SparseTensorRef | undefined {
	for (let owner = graph.owner; owner; owner = owner.graph.owner) {
		const found = tensorsOf(owner.graph).get(name);
		if (found) return found;
	}
	return undefined;
}

serve({ draw, diff, pruningPlan, layOut, tensor });

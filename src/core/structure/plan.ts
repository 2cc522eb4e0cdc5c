import { elementCount } from '../ir/dtype.ts';
import type { Graph } from '../ir/graph.ts';
import { allGraphs, graphsWithin, type Model } from '../ir/model.ts';
import { storedBytes } from '../ir/stored-bytes.ts';
import type { NodeKey } from '../study/node-figures.ts';
import { groupIds, scopedKey } from './group-ids.ts';
import type { Group, KeptLayer, Structure } from './groups.ts';

/** What one unit of a group is, in the field's words. */
export type UnitKind = 'channels' | 'units' | 'heads' | 'blocks';

/** A group that can shrink, as a page shows it: plain data. */
export interface PlannedGroup {
	/** As recipes name it, see groupIds. */
	readonly id: string;
	/** Label of the layer that makes it, and its operator. */
	readonly name: string;
	readonly op: string;
	readonly kind: UnitKind;
	readonly units: number;
	/** Indices of the making layer that one unit stands for. */
	readonly width: number;
	/** Of everything stored that shrinks with it, as it is. */
	readonly parameters: number;
	readonly bytes: number;
	readonly tensors: number;
	/** Multiply-accumulates of everything that shrinks with it, as it is. */
	readonly macs: number;
	/** Labels of the layers that read it, in the model's order. */
	readonly readers: readonly string[];
	/** Nodes with multiply-accumulates that shrink with it, by key. */
	readonly layers: readonly NodeKey[];
	/** Read by one layer only. */
	readonly inner: boolean;
	/** Units take the same share of every tensor: estimates do not depend on which of them go. */
	readonly even: boolean;
}

/** An axis that can shrink: its size, and for each group how many indices one unit takes (a mean where the group is not even). */
export interface PlannedAxis {
	readonly size: number;
	readonly groups: readonly { readonly group: number; readonly perUnit: number }[];
}

/** A stored tensor that can shrink. */
export interface PlannedTensor {
	readonly name: string;
	readonly dims: readonly number[];
	readonly byteLength: number;
	/** For each dimension its axis, or null where it stays. */
	readonly axes: readonly (PlannedAxis | null)[];
}

/** A node whose output can shrink. */
export interface PlannedNode {
	readonly key: NodeKey;
	readonly axes: readonly PlannedAxis[];
}

/** Multiply-accumulates of one graph: its own that stay, and those of bodies. Of the branches of an If the dearest counts. */
interface PlannedBody {
	readonly fixed: number;
	readonly owners: readonly { readonly branches: boolean; readonly bodies: readonly number[] }[];
}

/** Everything that a page needs to say what a choice of units leaves of a model, without the model. */
export interface PruningPlan {
	readonly groups: readonly PlannedGroup[];
	/** Layers whose output channels all stay, with the reason. */
	readonly kept: readonly KeptLayer[];
	readonly macs: number;
	readonly allMacs: number;
	/** Of all stored tensors. */
	readonly bytes: number;
	readonly parameters: number;
	readonly tensors: readonly PlannedTensor[];
	readonly nodes: readonly PlannedNode[];
	readonly costs: readonly { readonly macs: number; readonly body: number; readonly axes: readonly PlannedAxis[] }[];
	readonly bodies: readonly PlannedBody[];
}

/** What is left of a model. `allMacs`: with all branches of every If added up. */
export interface PlanEstimate {
	readonly macs: number;
	readonly allMacs: number;
	readonly bytes: number;
	readonly parameters: number;
}

/** The structure of a model as plain data. Reads no weights. */
export function planOf(structure: Structure): PruningPlan {
	const { trace, groups } = structure;
	const ids = groupIds(groups);
	const uneven = new Set<number>();
	const axisOf = axisReader(structure, uneven);
	const graphs = [...graphsWithin(trace.model.graph)];
	const tensors: PlannedTensor[] = [];
	const nodes: PlannedNode[] = [];
	for (const [value, labels] of trace.axes) {
		const stored = trace.tensorOf(value);
		const axes = labels.map((own) => own && axisOf(own));
		if (axes.every((axis) => !axis)) continue;
		if (stored)
			tensors.push({ name: value.name, dims: stored.dims, byteLength: stored.byteLength, axes: axes.map((axis) => axis ?? null) });
		const key = value.producer && value === value.producer.outputs[0] ? scopedKey(value.producer) : undefined;
		if (key !== undefined && !stored && !trace.isConstant(value)) {
			nodes.push({ key, axes: axes.filter((axis) => axis !== undefined && axis !== null) });
		}
	}
	const attended = attendedAtoms(structure);
	const fixed = new Map<Graph, number>();
	const costs = trace.costs.flatMap(({ node, macs, axes }) => {
		const shrinking = axes.flatMap((labels) => axisOf(labels) ?? []);
		if (shrinking.length > 0) return [{ macs, body: graphs.indexOf(node.graph), axes: shrinking }];
		fixed.set(node.graph, (fixed.get(node.graph) ?? 0) + macs);
		return [];
	});
	return {
		groups: groups.map((group, i) => describe(structure, group, ids[i] as string, !uneven.has(group.index), attended)),
		kept: structure.kept,
		macs: structure.macs,
		allMacs: structure.allMacs,
		bytes: storedBytes(trace.model),
		parameters: parametersOf(trace.model),
		tensors,
		nodes,
		costs,
		bodies: graphs.map((graph) => ({ fixed: fixed.get(graph) ?? 0, owners: ownersIn(graph, graphs) })),
	};
}

function parametersOf(model: Model): number {
	let count = 0;
	for (const graph of allGraphs(model)) {
		for (const value of graph.initializers) count += elementCount(value.initializer?.dims ?? []);
		for (const node of graph.nodes()) {
			for (const attr of node.attributes.values()) if (attr.kind === 'tensor') count += elementCount(attr.value.dims);
		}
	}
	return count;
}

function ownersIn(graph: Graph, graphs: readonly Graph[]): PlannedBody['owners'] {
	return [...graph.nodes()].flatMap((node) =>
		node.subgraphs.length === 0
			? []
			: [{ branches: node.op === 'If', bodies: node.subgraphs.map((body) => graphs.indexOf(body)).filter((at) => at >= 0) }],
	);
}

function describe(structure: Structure, group: Group, id: string, even: boolean, attended: ReadonlySet<number>): PlannedGroup {
	const { trace } = structure;
	const values = [...new Set(group.places.map((place) => place.value))];
	const layers = structure.nodesOf(group);
	return {
		id,
		name: group.name,
		op: group.maker?.op ?? '',
		kind: kindOf(group, attended),
		units: group.units.length,
		width: group.width,
		parameters: values.reduce((sum, value) => sum + elementCount(trace.tensorOf(value)?.dims ?? []), 0),
		bytes: group.bytes,
		tensors: values.length,
		macs: group.macs,
		readers: [...new Set(group.consumers.map((consumer) => consumer.node.label))],
		layers: layers.flatMap((node) => scopedKey(node) ?? []),
		inner: group.consumers.length <= 1,
		even,
	};
}

function kindOf(group: Group, attended: ReadonlySet<number>): UnitKind {
	const makes = group.maker?.op ?? '';
	if (group.width > 1) return group.units.some((root) => attended.has(root)) ? 'heads' : 'blocks';
	return makes.includes('MatMul') || makes.includes('Gemm') ? 'units' : 'channels';
}

/** Atoms along axes of what attention multiplies by each other: two values, no weights. */
function attendedAtoms({ trace }: Structure): Set<number> {
	const roots = new Set<number>();
	for (const graph of graphsWithin(trace.model.graph)) {
		for (const node of graph.nodes()) {
			const [a, b] = [node.inputs[0], node.inputs[1]];
			if (!node.op.includes('MatMul') || !a || !b || trace.isConstant(a) || trace.isConstant(b)) continue;
			for (const labels of [...(trace.axes.get(a) ?? []), ...(trace.axes.get(b) ?? [])]) {
				for (const atom of labels ?? []) roots.add(trace.atoms.find(atom));
			}
		}
	}
	return roots;
}

/** What of an axis can shrink; undefined where nothing can. Groups whose units take different numbers of indices are told. */
function axisReader({ trace, groups }: Structure, uneven: Set<number>): (labels: Int32Array) => PlannedAxis | undefined {
	const groupOf = new Map<number, number>();
	for (const group of groups) for (const root of group.units) groupOf.set(root, group.index);
	const known = new Map<Int32Array, PlannedAxis | null>();
	return (labels) => {
		const found = known.get(labels);
		if (found !== undefined) return found ?? undefined;
		const counts = new Map<number, Map<number, number>>();
		for (const atom of labels) {
			const root = trace.atoms.find(atom);
			const group = groupOf.get(root);
			if (group === undefined) continue;
			const own = counts.get(group) ?? new Map<number, number>();
			own.set(root, (own.get(root) ?? 0) + 1);
			counts.set(group, own);
		}
		const shares = [...counts].map(([group, own]) => {
			const units = groups[group]?.units.length ?? 1;
			const first = own.values().next().value ?? 0;
			if (own.size < units || [...own.values()].some((count) => count !== first)) uneven.add(group);
			return { group, perUnit: [...own.values()].reduce((sum, count) => sum + count, 0) / units };
		});
		const axis = shares.length > 0 ? { size: labels.length, groups: shares } : null;
		known.set(labels, axis);
		return axis ?? undefined;
	};
}

/** Indices of an axis that are left when so many units of each group go. */
export function leftOfAxis(axis: PlannedAxis, gone: readonly number[]): number {
	let left = axis.size;
	for (const { group, perUnit } of axis.groups) left -= (gone[group] ?? 0) * perUnit;
	return left;
}

/** The dimensions of a stored tensor when so many units of each group are gone. */
export function leftOfTensor(tensor: PlannedTensor, gone: readonly number[]): number[] {
	return tensor.dims.map((size, i) => {
		const axis = tensor.axes[i];
		return axis ? Math.round(leftOfAxis(axis, gone)) : size;
	});
}

/** The share of a node's output that goes, 0..1. */
export function shareGone(node: PlannedNode, gone: readonly number[]): number {
	return 1 - node.axes.reduce((product, axis) => (product * leftOfAxis(axis, gone)) / axis.size, 1);
}

/** What is left when so many units of each group go: exact where the groups are even. */
export function estimatePlan(plan: PruningPlan, gone: readonly number[]): PlanEstimate {
	const own = plan.bodies.map((body) => body.fixed);
	let allMacs = own.reduce((sum, macs) => sum + macs, 0);
	for (const { macs, body, axes } of plan.costs) {
		const left = axes.reduce((product, axis) => (product * leftOfAxis(axis, gone)) / axis.size, macs);
		own[body] = (own[body] ?? 0) + left;
		allMacs += left;
	}
	let { bytes, parameters } = plan;
	for (const tensor of plan.tensors) {
		const before = elementCount(tensor.dims);
		const after = tensor.dims.reduce((product, size, i) => {
			const axis = tensor.axes[i];
			return product * (axis ? leftOfAxis(axis, gone) : size);
		}, 1);
		parameters -= before - after;
		bytes -= tensor.byteLength * (1 - after / before);
	}
	return {
		macs: Math.round(totalOf(plan, own, 0)),
		allMacs: Math.round(allMacs),
		bytes: Math.round(bytes),
		parameters: Math.round(parameters),
	};
}

function totalOf(plan: PruningPlan, own: readonly number[], at: number): number {
	let total = own[at] ?? 0;
	for (const { branches, bodies } of plan.bodies[at]?.owners ?? []) {
		const inner = bodies.map((body) => totalOf(plan, own, body));
		total += branches ? Math.max(0, ...inner) : inner.reduce((sum, macs) => sum + macs, 0);
	}
	return total;
}

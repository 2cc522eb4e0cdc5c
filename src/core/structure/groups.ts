import type { Graph, Node, Value } from '../ir/graph.ts';
import { graphsWithin, type Model } from '../ir/model.ts';
import { inferTypes } from '../onnx/infer.ts';
import type { Refusal } from './atoms.ts';
import { remainingAfter } from './cut.ts';
import { elementwiseRules } from './rules-elementwise.ts';
import { layerRules } from './rules-layers.ts';
import { shapeRules } from './rules-shape.ts';
import { type Contraction, type Cost, Trace } from './trace.ts';

/** An axis of a stored tensor along which a group runs. */
export interface Place {
	readonly value: Value;
	readonly axis: number;
	readonly labels: Int32Array;
}

/** Indices that can go one unit at a time (a channel, a hidden unit, a head) with all stored tensors that shrink with them. */
export interface Group {
	/** Position among the groups: stable for one model. */
	readonly index: number;
	/** Label of the first node that makes what can go. */
	readonly name: string;
	readonly maker: Node | undefined;
	readonly kind: 'channels' | 'blocks';
	/** Classes of atoms, each one unit. */
	readonly units: readonly number[];
	/** Indices of the producing axis that one unit stands for: 1 for channels, the head's width for heads. */
	readonly width: number;
	readonly places: readonly Place[];
	/** Layers where what goes ends, in the model's order. */
	readonly consumers: readonly Contraction[];
	/** Bytes of stored tensors that shrink with it. */
	readonly bytes: number;
	/** Multiply-accumulates of nodes that shrink with it. */
	readonly macs: number;
}

/** A layer whose output channels must all stay. */
export interface KeptLayer extends Refusal {
	readonly layer: string;
}

/** What can be cut out of a model, and what it saves. */
export interface Structure {
	readonly trace: Trace;
	readonly groups: readonly Group[];
	/** Layers with weights whose output channels cannot go, with the reason. */
	readonly kept: readonly KeptLayer[];
	/** Multiply-accumulates of the layers known here, before anything goes: of the branches of an If the dearest. */
	readonly macs: number;
	/** The same with all branches added up. */
	readonly allMacs: number;
	/** Bytes of all stored tensors. */
	readonly bytes: number;
	/** What is left when so many units of each group go (fractions allowed). */
	estimate(gone: readonly number[]): { readonly macs: number; readonly allMacs: number; readonly bytes: number };
	/** The share of its multiply-accumulates that is then left of each node. */
	sharesLeft(gone: readonly number[]): Map<Node, number>;
	/** Nodes with multiply-accumulates that shrink with a group. */
	nodesOf(group: Group): Node[];
}

const rules = new Map([...elementwiseRules, ...layerRules, ...shapeRules]);

/** Finds everything that can be cut out of a model. Reads no weights and changes nothing. */
export async function findStructure(model: Model): Promise<Structure> {
	const trace = new Trace(model, await inferTypes(model), rules, elementwiseRules);
	const { atoms } = trace;
	const places = new Map<number, Place[]>();
	for (const [value, axes] of trace.axes) {
		if (!trace.tensorOf(value)) continue;
		for (const [axis, labels] of axes.entries()) {
			if (!labels) continue;
			const place = { value, axis, labels };
			for (const root of new Set(Array.from(labels, (atom) => atoms.find(atom)))) {
				if (!atoms.isFree(root)) continue;
				places.set(root, [...(places.get(root) ?? []), place]);
			}
		}
	}
	const ids = new Map<Place, number>();
	const idOf = (place: Place): number => {
		const known = ids.get(place);
		if (known !== undefined) return known;
		ids.set(place, ids.size);
		return ids.size - 1;
	};
	const consumersOf = new Map<number, Contraction[]>();
	for (const contraction of trace.contractions) {
		for (const root of new Set(Array.from(contraction.labels, (atom) => atoms.find(atom)))) {
			consumersOf.set(root, [...(consumersOf.get(root) ?? []), contraction]);
		}
	}
	const bySignature = new Map<string, { roots: number[]; places: readonly Place[] }>();
	for (const [root, found] of places) {
		if (!consumersOf.has(root)) continue;
		const signature = found.map(idOf).join(',');
		const entry = bySignature.get(signature) ?? { roots: [], places: found };
		entry.roots.push(root);
		bySignature.set(signature, entry);
	}
	const groups = [...bySignature.values()]
		.filter((entry) => entry.roots.length > 1)
		.map(({ roots, places: found }, index) => describe(trace, index, roots, found, consumersOf));
	const bytes = storedBytesOf(trace);
	const share = sharesOf(trace, groups);
	const macs = totalMacs(trace, (cost) => cost.macs);
	const leftOf =
		(gone: readonly number[]) =>
		(labels: Int32Array): number => {
			let count = labels.length;
			for (const [group, perUnit] of share(labels)) count -= (gone[group] ?? 0) * perUnit;
			return count / labels.length;
		};
	return {
		trace,
		groups,
		kept: keptLayers(trace),
		macs,
		allMacs: trace.costs.reduce((sum, cost) => sum + cost.macs, 0),
		bytes,
		sharesLeft(gone) {
			const left = leftOf(gone);
			return new Map(trace.costs.map((cost) => [cost.node, cost.axes.reduce((product, labels) => product * left(labels), 1)]));
		},
		nodesOf(group) {
			const own = new Set(group.units);
			const touched = (labels: Int32Array): boolean => labels.some((atom) => own.has(trace.atoms.find(atom)));
			return trace.costs.filter((cost) => cost.axes.some(touched)).map((cost) => cost.node);
		},
		estimate(gone) {
			const left = leftOf(gone);
			const macsLeft = (cost: Cost): number => cost.axes.reduce((product, labels) => product * left(labels), cost.macs);
			const total = totalMacs(trace, macsLeft);
			const allMacs = trace.costs.reduce((sum, cost) => sum + macsLeft(cost), 0);
			let size = bytes;
			for (const [value, axes] of trace.axes) {
				const tensor = trace.tensorOf(value);
				if (!tensor) continue;
				const fraction = axes.reduce((product, labels) => (labels ? product * left(labels) : product), 1);
				size -= tensor.byteLength * (1 - fraction);
			}
			return { macs: total, allMacs, bytes: size };
		},
	};
}

function describe(
	trace: Trace,
	index: number,
	roots: readonly number[],
	places: readonly Place[],
	consumersOf: ReadonlyMap<number, readonly Contraction[]>,
): Group {
	const own = new Set(roots);
	const consumers = [...new Set(roots.flatMap((root) => consumersOf.get(root) ?? []))];
	const consumed = new Set(consumers.map((consumer) => consumer.node.input(consumer.weight)));
	const first = places.find((place) => !consumed.has(place.value)) ?? (places[0] as Place);
	let width = 0;
	for (const atom of first.labels) if (own.has(trace.atoms.find(atom))) width += 1;
	const perUnit = Math.max(1, Math.round(width / roots.length));
	const reader = [...first.value.uses][0]?.node;
	return {
		index,
		name: reader?.label ?? first.value.name,
		maker: reader,
		kind: perUnit > 1 ? 'blocks' : 'channels',
		units: [...roots].sort((a, b) => a - b),
		width: perUnit,
		places,
		consumers,
		bytes: [...new Set(places.map((place) => place.value))].reduce((sum, value) => sum + (trace.tensorOf(value)?.byteLength ?? 0), 0),
		macs: trace.costs.reduce((sum, cost) => {
			const touched = cost.axes.some((labels) => labels.some((atom) => own.has(trace.atoms.find(atom))));
			return touched ? sum + cost.macs : sum;
		}, 0),
	};
}

/** For an axis: how many of its indices one unit of each group stands for. */
function sharesOf(trace: Trace, groups: readonly Group[]): (labels: Int32Array) => ReadonlyMap<number, number> {
	const groupOf = new Map<number, number>();
	for (const group of groups) for (const root of group.units) groupOf.set(root, group.index);
	const known = new Map<Int32Array, Map<number, number>>();
	return (labels) => {
		let shares = known.get(labels);
		if (!shares) {
			shares = new Map();
			for (const atom of labels) {
				const group = groupOf.get(trace.atoms.find(atom));
				if (group !== undefined) shares.set(group, (shares.get(group) ?? 0) + 1);
			}
			for (const [group, count] of shares) shares.set(group, count / (groups[group] as Group).units.length);
			known.set(labels, shares);
		}
		return shares;
	};
}

/** Over the whole model: of the branches of an If the dearest counts, as in countMacs. */
function totalMacs(trace: Trace, macsOf: (cost: Cost) => number): number {
	const own = new Map<Graph, number>();
	for (const cost of trace.costs) own.set(cost.node.graph, (own.get(cost.node.graph) ?? 0) + macsOf(cost));
	const owners = new Map<Graph, Node[]>();
	for (const graph of graphsWithin(trace.model.graph)) {
		if (graph.owner) owners.set(graph.owner.graph, [...(owners.get(graph.owner.graph) ?? []), graph.owner]);
	}
	const ofGraph = (graph: Graph): number => {
		let total = own.get(graph) ?? 0;
		for (const node of new Set(owners.get(graph))) {
			const inner = node.subgraphs.map(ofGraph);
			total += node.op === 'If' ? Math.max(0, ...inner) : inner.reduce((sum, macs) => sum + macs, 0);
		}
		return total;
	};
	return ofGraph(trace.model.graph);
}

function storedBytesOf(trace: Trace): number {
	let bytes = 0;
	for (const value of trace.model.graph.initializers) bytes += value.initializer?.byteLength ?? 0;
	for (const value of trace.axes.keys()) {
		if (!trace.model.graph.initializers.has(value)) bytes += trace.tensorOf(value)?.byteLength ?? 0;
	}
	return bytes;
}

function keptLayers(trace: Trace): KeptLayer[] {
	const kept: KeptLayer[] = [];
	for (const { node } of trace.costs) {
		const output = node.outputs[0];
		const axes = (output && trace.axes.get(output)) ?? [];
		const axis = node.op.includes('Conv') ? 1 : axes.length - 1;
		const labels = axes[axis];
		if (!labels || trace.atoms.anyFree(labels)) continue;
		const refusal = trace.atoms.refusalOf(labels[0] as number);
		if (refusal && !trace.isConstant(output ?? null) && node.inputs.some((input) => trace.isConstant(input))) {
			kept.push({ layer: node.label, ...refusal });
		}
	}
	return kept;
}

/** MACs and bytes of a choice of classes, counted exactly. */
export function measureCut(structure: Structure, gone: ReadonlySet<number>): { readonly macs: number; readonly bytes: number } {
	const remaining = remainingAfter(structure.trace, gone);
	const left = (labels: Int32Array): number => remaining.kept(labels) / labels.length;
	const macs = totalMacs(structure.trace, (cost) => cost.axes.reduce((product, labels) => product * left(labels), cost.macs));
	let bytes = structure.bytes;
	for (const [value, axes] of structure.trace.axes) {
		const tensor = structure.trace.tensorOf(value);
		if (tensor) bytes -= tensor.byteLength * (1 - axes.reduce((product, labels) => (labels ? product * left(labels) : product), 1));
	}
	return { macs, bytes };
}

import type { DrawnEdge, DrawnNode, GraphDrawing } from './drawing.ts';

export type NodeState = 'same' | 'changed' | 'added' | 'removed';

/** Two graphs in one: the second with what the first has beyond it. */
export interface GraphDiff {
	readonly drawing: GraphDrawing;
	/** By node id of the drawing. */
	readonly states: readonly NodeState[];
	/** What changed, in words, by node id. */
	readonly changes: ReadonlyMap<number, readonly string[]>;
	/** The node of the first graph that a node stands for, by node id. */
	readonly partner: ReadonlyMap<number, DrawnNode>;
	readonly counts: Readonly<Record<NodeState, number>>;
}

/** Operators that quantization and casts put between layers: neighbours are looked for beyond them. */
const between: ReadonlySet<string> = new Set(['QuantizeLinear', 'DequantizeLinear', 'Cast', 'DynamicQuantizeLinear', 'Identity']);

/**
 * Finds which nodes of two graphs are the same: by the name of their first output, then by their own name, then by operator and matched
 * neighbours, from the inputs down and from the outputs up until nothing more is found. What is left is added or removed.
 */
export function diffGraphs(a: GraphDrawing, b: GraphDrawing): GraphDiff {
	const pairs = matchNodes(a, b);
	const partnerOf = new Map([...pairs].map(([from, to]) => [to, from]));
	const changes = new Map<number, readonly string[]>();
	const partner = new Map<number, DrawnNode>();
	const states: NodeState[] = b.nodes.map((node) => {
		const from = partnerOf.get(node.id);
		if (from === undefined) return 'added';
		const before = a.nodes[from] as DrawnNode;
		partner.set(node.id, before);
		const found = differences(before, node);
		if (found.length > 0) changes.set(node.id, found);
		return found.length > 0 ? 'changed' : 'same';
	});
	const nodes: DrawnNode[] = [...b.nodes];
	const placed = new Map<number, number>(pairs);
	for (const node of a.nodes) {
		if (pairs.has(node.id)) continue;
		const id = nodes.length;
		placed.set(node.id, id);
		nodes.push({ ...node, id });
		states.push('removed');
	}
	const edges: DrawnEdge[] = [...b.edges];
	for (const edge of a.edges) {
		if (pairs.has(edge.from) && pairs.has(edge.to)) continue;
		edges.push({ ...edge, from: placed.get(edge.from) as number, to: placed.get(edge.to) as number });
	}
	const counts = { same: 0, changed: 0, added: 0, removed: 0 };
	for (const [id, state] of states.entries()) if (nodes[id]?.kind !== 'constant') counts[state] += 1;
	return { drawing: { ...b, nodes, edges }, states, changes, partner, counts };
}

/** Node ids of `b` by those of `a`. */
function matchNodes(a: GraphDrawing, b: GraphDrawing): Map<number, number> {
	const pairs = new Map<number, number>();
	const taken = new Set<number>();
	const pair = (from: DrawnNode, to: DrawnNode): void => {
		pairs.set(from.id, to.id);
		taken.add(to.id);
	};
	const byUnique = (name: (node: DrawnNode) => string | undefined): void => {
		const left = uniqueBy(
			a.nodes.filter((node) => !pairs.has(node.id)),
			name,
		);
		const right = uniqueBy(
			b.nodes.filter((node) => !taken.has(node.id)),
			name,
		);
		for (const [key, node] of left) {
			const other = right.get(key);
			if (other) pair(node, other);
		}
	};
	const output = ({ outputs }: DrawnNode): string | undefined => outputs.find(({ name }) => name !== '')?.name;
	byUnique((node) => (node.kind === 'operator' || node.kind === 'constant' ? undefined : `${node.kind} ${node.name}`));
	byUnique((node) => (isOperator(node) && output(node) ? `${node.op} ${output(node)}` : undefined));
	byUnique((node) => (isOperator(node) && node.name !== '' ? `${node.op} ${node.name}` : undefined));
	// A layer that became another operator (Conv to QLinearConv, MatMul to MatMulNBits) keeps its output or its name.
	byUnique((node) => (isOperator(node) && !between.has(node.op) ? output(node) : undefined));
	byUnique((node) => (isOperator(node) && !between.has(node.op) && node.name !== '' ? node.name : undefined));
	const before = neighbours(a);
	const after = neighbours(b);
	for (let changed = true; changed; ) {
		const size = pairs.size;
		for (const direction of ['up', 'down'] as const) {
			const known = (near: readonly number[], mine: boolean): string | undefined => {
				const names = near.map((id) => (mine ? pairs.get(id) : taken.has(id) ? id : undefined));
				return names.length === 0 || names.includes(undefined) ? undefined : names.sort().join(' ');
			};
			const left = uniqueBy(
				a.nodes.filter((node) => isOperator(node) && !pairs.has(node.id)),
				(node) => signature(node, known(before[direction][node.id] ?? [], true)),
			);
			const right = uniqueBy(
				b.nodes.filter((node) => isOperator(node) && !taken.has(node.id)),
				(node) => signature(node, known(after[direction][node.id] ?? [], false)),
			);
			for (const [key, node] of left) {
				const other = right.get(key);
				if (other) pair(node, other);
			}
		}
		changed = pairs.size > size;
	}
	return pairs;
}

function signature(node: DrawnNode, near: string | undefined): string | undefined {
	return near === undefined ? undefined : `${node.op} ${near}`;
}

function isOperator({ kind }: DrawnNode): boolean {
	return kind === 'operator' || kind === 'constant';
}

function uniqueBy(nodes: readonly DrawnNode[], name: (node: DrawnNode) => string | undefined): Map<string, DrawnNode> {
	const found = new Map<string, DrawnNode | undefined>();
	for (const node of nodes) {
		const key = name(node);
		if (key !== undefined) found.set(key, found.has(key) ? undefined : node);
	}
	return new Map([...found].flatMap(([key, node]) => (node ? [[key, node] as const] : [])));
}

/** Nodes above and below each node, in order; what only passes values on is looked through. */
function neighbours({ nodes, edges }: GraphDrawing): Readonly<Record<'up' | 'down', readonly (readonly number[])[]>> {
	const up: number[][] = nodes.map(() => []);
	const down: number[][] = nodes.map(() => []);
	for (const { from, to } of edges) {
		if (nodes[from]?.kind === 'constant') continue;
		up[to]?.push(from);
		down[from]?.push(to);
	}
	const through = (list: readonly number[][]): number[][] =>
		nodes.map((node) => {
			const found = new Set<number>();
			const visit = (id: number, steps: number): void => {
				for (const next of list[id] ?? []) {
					if (steps < 4 && between.has(nodes[next]?.op ?? '')) visit(next, steps + 1);
					else found.add(next);
				}
			};
			visit(node.id, 0);
			return [...found].sort((x, y) => x - y);
		});
	return { up: through(up), down: through(down) };
}

/** What is different between two nodes that stand for each other, a phrase each. */
function differences(before: DrawnNode, after: DrawnNode): string[] {
	const found: string[] = [];
	if (before.kind !== 'operator' && before.kind !== 'constant') {
		const [a, b] = [before.inputs[0] ?? before.outputs[0], after.inputs[0] ?? after.outputs[0]];
		return a && b && a.type !== b.type && !a.type.includes('?') && !b.type.includes('?') ? [`type ${a.type} to ${b.type}`] : [];
	}
	if (before.op !== after.op) found.push(`operator ${before.op} to ${after.op}`);
	const old = new Map(before.attributes.map(({ name, text }) => [name, text]));
	for (const { name, text } of after.attributes) {
		const was = old.get(name);
		old.delete(name);
		if (was === undefined) found.push(`attribute ${name} = ${text} is new`);
		else if (was !== text) found.push(`attribute ${name} from ${was} to ${text}`);
	}
	for (const name of old.keys()) found.push(`attribute ${name} is gone`);
	if (before.inputs.length !== after.inputs.length) found.push(`${before.inputs.length} inputs to ${after.inputs.length}`);
	for (const [i, port] of after.inputs.entries()) {
		const was = before.inputs[i];
		const [x, y] = [was?.stored, port.stored];
		if (x && y && (x.dtype !== y.dtype || String(x.dims) !== String(y.dims))) {
			found.push(`input ${i} from ${x.dtype}[${x.dims.join(', ')}] to ${y.dtype}[${y.dims.join(', ')}]`);
		} else if (was && !x !== !y && was.name !== '' && port.name !== '') found.push(`input ${i} is ${y ? 'stored' : 'computed'} now`);
	}
	for (const [i, port] of after.outputs.entries()) {
		const was = before.outputs[i];
		if (was && was.type !== port.type && !was.type.includes('?') && !port.type.includes('?'))
			found.push(`output ${i} from ${was.type} to ${port.type}`);
	}
	return found;
}

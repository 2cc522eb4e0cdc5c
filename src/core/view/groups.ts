import type { DrawnNode, GraphDrawing } from './drawing.ts';

/** What stands on the picture: a node, or a group of nodes that is closed. */
export interface Item {
	/** `n12` for a node, `g/encoder` for a group. */
	readonly id: string;
	readonly node?: DrawnNode;
	readonly group?: { readonly path: string; readonly members: readonly number[] };
}

export interface Link {
	readonly from: string;
	readonly to: string;
	/** Values that flow along it. */
	readonly names: readonly string[];
	readonly type: string;
}

export interface Picture {
	readonly items: readonly Item[];
	readonly links: readonly Link[];
	/** Item of each node, by node id; undefined for nodes that are not drawn. */
	readonly itemOf: readonly (string | undefined)[];
}

export interface GroupFacts {
	readonly path: string;
	readonly depth: number;
	readonly count: number;
}

/** All groups with more than one node, outermost first. */
export function groupsIn({ nodes }: GraphDrawing): GroupFacts[] {
	const counts = new Map<string, number>();
	for (const { groups, kind } of nodes) {
		if (kind === 'constant') continue;
		groups.forEach((_, depth) => {
			const path = groups.slice(0, depth + 1).join('/');
			counts.set(path, (counts.get(path) ?? 0) + 1);
		});
	}
	const own = nodes.filter(({ kind }) => kind === 'operator').length;
	return (
		[...counts]
			.map(([path, count]) => ({ path, depth: path.split('/').length, count }))
			// A group that holds everything says nothing.
			.filter(({ count }) => count > 1 && count < own)
			.sort((a, b) => a.depth - b.depth || (a.path < b.path ? -1 : 1))
	);
}

/** The picture with some groups closed. Constants are shown inside their readers unless `constants`. */
export function pictureOf(drawing: GraphDrawing, closed: ReadonlySet<string>, constants = false): Picture {
	const itemOf: (string | undefined)[] = [];
	const items = new Map<string, { id: string; node?: DrawnNode; group?: { path: string; members: number[] } }>();
	for (const node of drawing.nodes) {
		if (node.kind === 'constant' && !constants) {
			itemOf.push(undefined);
			continue;
		}
		const path = closedGroup(node, closed);
		const id = path === undefined ? `n${node.id}` : `g/${path}`;
		itemOf.push(id);
		if (path === undefined) items.set(id, { id, node });
		else {
			const known = items.get(id);
			if (known?.group) known.group.members.push(node.id);
			else items.set(id, { id, group: { path, members: [node.id] } });
		}
	}
	const links = new Map<string, { from: string; to: string; names: string[]; type: string }>();
	for (const edge of drawing.edges) {
		const from = itemOf[edge.from];
		const to = itemOf[edge.to];
		if (from === undefined || to === undefined || from === to) continue;
		const key = `${from}\n${to}`;
		const known = links.get(key);
		if (!known) links.set(key, { from, to, names: [edge.name], type: edge.type });
		else if (!known.names.includes(edge.name)) known.names.push(edge.name);
	}
	return { items: [...items.values()], links: [...links.values()], itemOf };
}

/** The outermost closed group that a node is in. */
function closedGroup({ groups }: DrawnNode, closed: ReadonlySet<string>): string | undefined {
	for (let depth = 1; depth <= groups.length; depth++) {
		const path = groups.slice(0, depth).join('/');
		if (closed.has(path)) return path;
	}
	return undefined;
}

/** Groups to close so that at most about `most` items are left, innermost ones first. */
export function groupsToClose(drawing: GraphDrawing, most: number): Set<string> {
	const closed = new Set<string>();
	const groups = groupsIn(drawing);
	const deepest = Math.max(0, ...groups.map(({ depth }) => depth));
	for (let depth = deepest; depth >= 1; depth--) {
		if (pictureOf(drawing, closed).items.length <= most) return closed;
		for (const group of groups) if (group.depth === depth) closed.add(group.path);
	}
	return closed;
}

import { type PruningPlan, shareGone } from '../structure/plan.ts';
import type { NodeKey } from '../study/node-figures.ts';

/** What a drawing says of groups of channels at a node. */
export interface GroupMark {
	/** Groups along the axes of its output, by place in the plan; the first one made comes first. */
	readonly groups: readonly number[];
	/** Share of its output that goes, 0..1. */
	readonly gone: number;
}

/** Nodes whose output can shrink, with their groups and what of them goes. */
export function groupMarks(plan: PruningPlan, gone: readonly number[]): Map<NodeKey, GroupMark> {
	const marks = new Map<NodeKey, GroupMark>();
	for (const node of plan.nodes) {
		const groups = [...new Set(node.axes.flatMap((axis) => axis.groups.map(({ group }) => group)))].sort((a, b) => a - b);
		marks.set(node.key, { groups, gone: shareGone(node, gone) });
	}
	return marks;
}

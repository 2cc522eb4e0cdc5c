import type { Note } from '../../core/pass/pass.ts';
import type { GroupEntry, RecoveryEntry, ReportEntry, UnfittedEntry } from '../../core/pass/report.ts';
import { groupIds } from '../../core/structure/group-ids.ts';
import type { Structure } from '../../core/structure/groups.ts';
import { nodeKey } from '../../core/study/node-figures.ts';
import type { Learned } from './learn.ts';
import type { Reader } from './readers.ts';
import type { RefitResult } from './recover.ts';

/** Reasons for layers whose output channels stay, one note for each reason. */
export function keptNotes(structure: Structure): Note[] {
	const byReason = new Map<string, string[]>();
	for (const { layer, node, reason } of structure.kept) {
		const key = `${reason} (${node})`;
		byReason.set(key, [...(byReason.get(key) ?? []), layer]);
	}
	return [...byReason].map(([reason, layers]): Note => {
		const shown = layers.slice(0, 3).join(', ') + (layers.length > 3 ? ` and ${layers.length - 3} more` : '');
		return { level: 'skip', node: layers[0] ?? '', reason: `the outputs of ${shown} stay: ${reason}` };
	});
}

export function groupNotes(learned: readonly Learned[], counts: readonly number[]): Note[] {
	return learned.flatMap(({ group, probes }, i): Note[] => {
		const count = counts[i] as number;
		if (count === 0) return [];
		const what = group.kind === 'blocks' ? `blocks of ${group.width}` : 'channels';
		const cost = probes.map((probe) => `; ${probe.removed} fewer alone move the outputs by ${probe.divergence.toPrecision(3)}`).join('');
		return [{ level: 'info', node: group.name, reason: `${group.units.length} → ${group.units.length - count} ${what}${cost}` }];
	});
}

export function refitNotes(results: readonly RefitResult[]): Note[] {
	return results.map((result): Note => {
		const errors = `error on held-out rows ${result.before.toPrecision(3)} → ${result.after.toPrecision(3)}`;
		const how =
			result.strength === undefined
				? 'left as it was'
				: result.strength === Number.POSITIVE_INFINITY
					? 'bias fitted'
					: `regularization ${result.strength}`;
		return { level: 'info', node: result.node.label, reason: `refitted: ${errors} (${how})` };
	});
}

/** Every group that could be cut, whether it was or not. `latencyMs`: of what shrinks with a group, where it was measured. */
export function groupEntries(
	structure: Structure,
	learned: readonly Learned[],
	counts: readonly number[],
	latencyMs?: (entry: Learned) => number,
): GroupEntry[] {
	const ids = groupIds(structure.groups);
	return learned.map((entry, i): GroupEntry => {
		const { group, probes } = entry;
		const key = group.maker && nodeKey(group.maker);
		return {
			kind: 'group',
			id: ids[group.index] as string,
			node: group.name,
			...(key !== undefined && { key }),
			units: group.kind,
			width: group.width,
			before: group.units.length,
			after: group.units.length - (counts[i] ?? 0),
			bytes: group.bytes,
			macs: group.macs,
			...(latencyMs && { latencyMs: latencyMs(entry) }),
			effects: probes.map(({ removed, divergence }) => ({ removed, divergence })),
			readers: [...new Set(group.consumers.map((consumer) => consumer.node.label))],
		};
	});
}

export function shapeEntries(
	shapes: readonly { readonly tensor: string; readonly before: readonly number[]; readonly after: readonly number[] }[],
): ReportEntry[] {
	return shapes.map((shape) => ({ kind: 'shape', ...shape }));
}

/** `leftOut`: why none of them was kept. */
export function recoveryEntries(results: readonly RefitResult[], leftOut?: string): RecoveryEntry[] {
	return results.map(({ node, before, after, strength }): RecoveryEntry => {
		const key = nodeKey(node);
		return {
			kind: 'recovery',
			node: node.label,
			...(key !== undefined && { key }),
			errorBefore: before,
			errorAfter: after,
			...(strength !== undefined && { strength: strength === Number.POSITIVE_INFINITY ? 'bias' : strength }),
			...(leftOut !== undefined && { leftOut }),
		};
	});
}

export function unfittedEntries(readers: readonly Reader[]): UnfittedEntry[] {
	return readers.flatMap(({ node, layer, reason }): UnfittedEntry[] => {
		const key = nodeKey(node);
		return layer ? [] : [{ kind: 'unfitted', node: node.label, ...(key !== undefined && { key }), reason }];
	});
}

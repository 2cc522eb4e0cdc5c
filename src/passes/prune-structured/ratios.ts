import { InvalidOptions } from '../../core/pass/options.ts';
import { groupIds } from '../../core/structure/group-ids.ts';
import type { Group, Structure } from '../../core/structure/groups.ts';
import type { PruneOptions } from './options.ts';

/** Most names that an error lists. */
const MOST_NAMED = 8;

/**
 * What of each group shall go where the option `ratios` says so for each; undefined where it says nothing. Throws InvalidOptions where it
 * names a group that the model does not have or that other options keep, and where a budget is set besides.
 */
export function askedShares(
	structure: Structure,
	eligible: readonly Group[],
	options: PruneOptions,
): ((group: Group) => number) | undefined {
	const entries = Object.entries(options.ratios);
	if (entries.length === 0) return undefined;
	const besides = (['macsChange', 'bytesChange', 'msChange', 'floor'] as const).find((key) => options[key] !== 0);
	if (besides) throw new InvalidOptions('ratios', `give a share for each group or ${besides}, not both`);
	const ids = groupIds(structure.groups);
	const groupOf = new Map(ids.map((id, i) => [id, structure.groups[i] as Group]));
	const may = new Set(eligible);
	const shares = new Map<Group, number>();
	for (const [id, share] of entries) {
		const group = groupOf.get(id);
		if (!group) throw new InvalidOptions('ratios', `the model has no group "${id}" at this step; ${listed(ids)}`);
		if (!may.has(group) && share > 0) throw new InvalidOptions('ratios', `the group "${id}" is kept by scope or nodesToExclude`);
		shares.set(group, share);
	}
	return (group) => shares.get(group) ?? 0;
}

function listed(ids: readonly string[]): string {
	if (ids.length === 0) return 'nothing of it can be cut';
	const more = ids.length > MOST_NAMED ? ` and ${ids.length - MOST_NAMED} more` : '';
	return `its groups: ${ids.slice(0, MOST_NAMED).join(', ')}${more}`;
}

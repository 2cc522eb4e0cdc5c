import type { PassReport } from '../../core/pass/pass.ts';
import type { GroupEntry, RecoveryEntry, ShapeEntry, UnfittedEntry } from '../../core/pass/report.ts';
import type { Variant } from '../../core/study/study.ts';

/** What a step that cut groups did. */
export interface PrunedReport {
	readonly report: PassReport;
	/** Of several such steps, which one; from 1. */
	readonly step: number;
	readonly groups: readonly GroupEntry[];
	readonly shapes: readonly ShapeEntry[];
	readonly recovery: readonly RecoveryEntry[];
	readonly unfitted: readonly UnfittedEntry[];
}

export function prunedReports(variant: Variant | undefined): PrunedReport[] {
	const pruned = variant?.report.filter(({ pass, entries }) => pass === 'prune-structured' && (entries?.length ?? 0) > 0) ?? [];
	return pruned.map((report, i) => {
		const entries = report.entries ?? [];
		return {
			report,
			step: i + 1,
			groups: entries.filter((entry) => entry.kind === 'group'),
			shapes: entries.filter((entry) => entry.kind === 'shape'),
			recovery: entries.filter((entry) => entry.kind === 'recovery'),
			unfitted: entries.filter((entry) => entry.kind === 'unfitted'),
		};
	});
}

/** How a layer was fitted, in words. */
export function fitText({ strength, leftOut }: Pick<RecoveryEntry, 'strength' | 'leftOut'>): string {
	if (leftOut !== undefined) return `left out: ${leftOut}`;
	if (strength === undefined) return 'left as it was: no strength gained on held-out rows';
	if (strength === 'bias') return 'bias alone';
	return `damping ${strength}`;
}

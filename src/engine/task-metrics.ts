import { pairedDifference, proportion } from '../core/study/intervals.ts';
import type { OutputFidelity, TaskMetric } from '../core/study/study.ts';
import type { RowStatistics } from './classifier.ts';
import type { Port } from './port.ts';

/**
 * Top-1 and, from 10 classes on, top-5 out of the rank of the right class by example (-1: no label). With the original's ranks on the
 * same examples each comes with the paired difference.
 */
export function metricsOf(ranks: Int32Array, classes: number, original?: Int32Array, alpha?: number): TaskMetric[] {
	const metrics: TaskMetric[] = [];
	for (const [metric, depth] of [
		['top1', 1],
		['top5', 5],
	] as const) {
		if (metric === 'top5' && classes < 10) continue;
		let n = 0;
		let right = 0;
		let lost = 0;
		let gained = 0;
		ranks.forEach((rank, i) => {
			if (rank < 0) return;
			n += 1;
			const ours = rank < depth;
			if (ours) right += 1;
			const known = original?.[i] ?? -1;
			if (known < 0) return;
			const theirs = known < depth;
			if (theirs && !ours) lost += 1;
			if (ours && !theirs) gained += 1;
		});
		if (n === 0) continue;
		metrics.push({ metric, ...proportion(right, n, alpha), ...(original && { difference: pairedDifference(lost, gained, n, alpha) }) });
	}
	return metrics;
}

/** The original compared with itself. */
export function perfectFidelity(
	port: Port,
	n: number,
	rows: RowStatistics | undefined,
	classifies: 'example' | 'rows' | undefined,
): OutputFidelity {
	return {
		output: port.name,
		n,
		cosine: 1,
		worstCosine: 1,
		sqnrDb: null,
		maxAbs: 0,
		...(classifies && rows && { agreement: { ...proportion(n, n), n: rows.rows } }),
	};
}

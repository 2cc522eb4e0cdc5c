import type { Node } from '../ir/graph.ts';
import { rowWeights } from '../numeric/tiered-table.ts';
import type { CalibrationSet } from '../pass/calibration.ts';

/** How much each row of a table counts: how often sample inputs look it up by `gather`, spread over others. undefined where the indices are computed. */
export async function tableRowWeights(
	gather: Node,
	rows: number,
	calibration: CalibrationSet | undefined,
	signal?: AbortSignal,
): Promise<Float64Array | undefined> {
	const indices = gather.input(1);
	if (!indices?.isGraphInput || !calibration) return undefined;
	const counts = new Float64Array(rows);
	for (let i = 0; i < calibration.n; i++) {
		signal?.throwIfAborted();
		const data = (await calibration.example(i, signal)).feeds[indices.name]?.data;
		if (!data || !ArrayBuffer.isView(data)) return undefined;
		for (const value of data as BigInt64Array | Int32Array) {
			const row = Number(value);
			const at = row < 0 ? row + rows : row;
			if (at >= 0 && at < rows) counts[at] = (counts[at] as number) + 1;
		}
	}
	return rowWeights(counts);
}

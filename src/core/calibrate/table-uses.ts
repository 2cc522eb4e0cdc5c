import type { Node } from '../ir/graph.ts';
import { RowMask } from '../layerwise/inputs.ts';
import { rowWeights } from '../numeric/tiered-table.ts';
import type { CalibrationSet } from '../pass/calibration.ts';

/**
 * How much each row of a table counts: how often sample inputs look it up by `gather`, spread over others. Padding, told by an attention
 * mask, does not count, and no example of `leftOut`. undefined where the indices are computed.
 */
export async function tableRowWeights(
	gather: Node,
	rows: number,
	calibration: CalibrationSet | undefined,
	signal?: AbortSignal,
	leftOut?: ReadonlySet<number>,
): Promise<Float64Array | undefined> {
	const indices = gather.input(1);
	if (!indices?.isGraphInput || !calibration) return undefined;
	const counts = new Float64Array(rows);
	for (let i = 0; i < calibration.n; i++) {
		signal?.throwIfAborted();
		if (leftOut?.has(i)) continue;
		const { feeds } = await calibration.example(i, signal);
		const tensor = feeds[indices.name];
		if (!tensor || !ArrayBuffer.isView(tensor.data)) return undefined;
		const data = tensor.data as BigInt64Array | Int32Array;
		const places = RowMask.of(feeds)?.rows([...tensor.dims, 1]) ?? data.keys();
		for (const place of places) {
			const row = Number(data[place]);
			const at = row < 0 ? row + rows : row;
			if (at >= 0 && at < rows) counts[at] = (counts[at] as number) + 1;
		}
	}
	return rowWeights(counts);
}

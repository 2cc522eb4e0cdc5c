import { tableRowWeights } from '../../core/calibrate/table-uses.ts';
import { attribute } from '../../core/ir/attribute.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import type { TensorRef } from '../../core/ir/tensor.ts';
import { readFloats } from '../../core/numeric/quantize-tensor.ts';
import type { PassContext } from '../../core/pass/pass.ts';
import type { Plan } from '../../core/pass/weight-plan.ts';
import { ScoreCounts } from './allocate.ts';

/** A table that one Gather reads by rows. */
export interface SparseTable {
	readonly plan: Plan;
	readonly gather: Node;
	readonly rows: number;
	readonly columns: number;
	readonly values: Float32Array;
	/** How much each row counts; all add up to 1. */
	readonly uses: Float64Array;
	/** Elements of the basis that its rows are told in, where they are turned. */
	readonly basis?: number;
}

/** The table with each row weighed as if these examples had not been seen. */
export async function without(table: SparseTable, examples: readonly number[], { calibration, signal }: PassContext): Promise<SparseTable> {
	const uses = await tableRowWeights(table.gather, table.rows, calibration, signal, new Set(examples));
	return uses ? { ...table, uses } : table;
}

/** No row loses more than this: rows that sample inputs never look up may come all the same. */
export const ROW_MOST = 0.9;

/** The table of a plan, or why it is left alone. */
export async function openTable(plan: Plan, { calibration, signal }: PassContext): Promise<SparseTable | string> {
	const [reader] = plan.readers;
	const [rows = 0, columns = 0] = plan.tensor.dims;
	if (!reader?.direct || plan.readers.length !== 1) return 'several nodes look up in it';
	if (reader.node.int('axis', 0) !== 0 || plan.tensor.dims.length !== 2) return 'it is not looked up by rows';
	if (plan.tensor.dtype !== 'float32') return `its rows are ${plan.tensor.dtype}`;
	const uses = (await tableRowWeights(reader.node, rows, calibration, signal)) ?? new Float64Array(rows).fill(1 / rows);
	return { plan, gather: reader.node, rows, columns, values: await readFloats(plan.tensor, 0, rows * columns, signal), uses };
}

/** Calls with each weight that may go, and the share of what is looked up that it carries; and the number of those that stay. */
function eachRemovable({ rows, columns, values, uses }: SparseTable, visit: (at: number, score: number) => void): number {
	let power = 0;
	for (let r = 0; r < rows; r++) {
		for (let c = 0; c < columns; c++) power += (uses[r] as number) * (values[r * columns + c] as number) ** 2;
	}
	const most = Math.floor(ROW_MOST * columns);
	const order = new Float64Array(columns);
	for (let r = 0; r < rows; r++) {
		for (let c = 0; c < columns; c++) order[c] = Math.abs(values[r * columns + c] as number);
		const bound = order.slice().sort()[most] ?? Number.POSITIVE_INFINITY;
		let left = most;
		for (let c = 0; c < columns && left > 0; c++) {
			if ((order[c] as number) >= bound) continue;
			left -= 1;
			visit(r * columns + c, power > 0 ? ((uses[r] as number) * (order[c] as number) ** 2) / power : 0);
		}
	}
	return rows * (columns - most);
}

export function tableScores(table: SparseTable): ScoreCounts {
	const scores = new ScoreCounts();
	let seen = 0;
	eachRemovable(table, (_, score) => {
		scores.add(score);
		seen += 1;
	});
	for (let i = seen; i < table.values.length; i++) scores.keep();
	return scores;
}

/** The table with a share of zeros, least loss first; `loss`: the share of what is looked up that goes. */
export function zeroed(
	table: SparseTable,
	share: number,
): { readonly values: Float32Array; readonly zeros: number; readonly loss: number } {
	const scores = new Float64Array(table.values.length).fill(Number.POSITIVE_INFINITY);
	eachRemovable(table, (at, score) => {
		scores[at] = score;
	});
	const count = Math.round(share * scores.length);
	const values = table.values.slice();
	if (count <= 0) return { values, zeros: 0, loss: 0 };
	const threshold = scores.slice().sort()[count - 1] as number;
	let [zeros, loss] = [0, 0];
	for (let i = 0; i < values.length && zeros < count; i++) {
		const score = scores[i] as number;
		if (score > threshold || score === Number.POSITIVE_INFINITY) continue;
		values[i] = 0;
		zeros += 1;
		loss += score;
	}
	return { values, zeros, loss };
}

/** Puts a tensor in the place of a stored one. */
export function replace(value: Value, tensor: TensorRef): void {
	if (value.initializer) value.initializer = tensor;
	else value.producer?.setAttribute('value', attribute.tensor(tensor));
}

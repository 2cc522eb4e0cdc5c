import type { Node } from '../../core/ir/graph.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { MatrixProducts } from '../../core/layerwise/inputs.ts';
import { symmetricEigen } from '../../core/numeric/symmetric-eigen.ts';
import type { PassContext } from '../../core/pass/pass.ts';
import { replace, type SparseTable, zeroed } from './tables.ts';

/** Rows for each column from which a basis of its own is cheap beside the table. */
const LEAST_ROWS = 16;
/** Columns beyond which finding the basis would take minutes. */
const MOST_COLUMNS = 2048;
/** Share of zeros at which both forms are compared, and the part of its loss that a basis must save. */
const [COMPARED, SAVED] = [0.7, 0.1];

/**
 * Turns a table to the basis of its own main directions, so that few numbers carry most of each row and the others can go:
 * T = Z Q^T with Q the eigenvectors of T^T T. Gather looks up Z, a MatMul with Q^T gives what T gave, up to rounding.
 * undefined where that does not pay: few rows, or rows without main directions. Nothing of the model changes then.
 */
export async function turned(table: SparseTable, context: PassContext): Promise<SparseTable | undefined> {
	const { rows, columns, values } = table;
	const { compute, signal } = context;
	if (!compute || rows < LEAST_ROWS * columns || columns > MOST_COLUMNS) return undefined;
	// The looked-up rows go elsewhere as they are: an output keeps its name and maker.
	if (table.gather.output().isGraphOutput) return undefined;
	const product = await MatrixProducts.create(compute);
	try {
		const square = new Float64Array(columns * columns);
		const step = Math.max(1, Math.floor(4_000_000 / columns));
		for (let row = 0; row < rows; row += step) {
			signal?.throwIfAborted();
			const part = values.slice(row * columns, Math.min(rows, row + step) * columns);
			await product.addTurned(square, part, part, columns);
		}
		if (square.some((value) => !Number.isFinite(value))) return undefined;
		for (let i = 0; i < columns; i++) for (let j = 0; j < i; j++) square[i * columns + j] = square[j * columns + i] as number;
		/** Directions as rows: Q^T. */
		const directions = Float32Array.from(symmetricEigen(square, columns).vectors);
		const across = new Float32Array(directions.length);
		for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) across[j * columns + i] = directions[i * columns + j] as number;
		const coefficients = new Float32Array(values.length);
		for (let row = 0; row < rows; row += step) {
			signal?.throwIfAborted();
			const count = Math.min(rows, row + step) - row;
			const part = values.slice(row * columns, (row + count) * columns);
			coefficients.set(await product.multiply(part, across, count, columns, columns), row * columns);
		}
		const other: SparseTable = { ...table, values: coefficients, basis: columns * columns };
		if (zeroed(other, COMPARED).loss > (1 - SAVED) * zeroed(table, COMPARED).loss) return undefined;
		expand(table.gather, directions, columns, table.plan.value.name);
		replace(table.plan.value, memoryTensor('float32', [rows, columns], coefficients));
		return other;
	} finally {
		await product.release();
	}
}

/** What the Gather gives is multiplied with the directions before anything reads it. */
function expand(gather: Node, directions: Float32Array, columns: number, name: string): void {
	const { graph } = gather;
	const basis = graph.addInitializer(`${name}_directions`, memoryTensor('float32', [columns, columns], directions));
	const looked = gather.output();
	const node = graph.createNode({ op: 'MatMul', name: gather.name ? `${gather.name}_expand` : '', inputs: [], outputs: 1 });
	graph.insertAfter(gather, node);
	graph.replaceUses(looked, node.output());
	node.output().type = looked.type;
	node.setInputs([looked, basis]);
}

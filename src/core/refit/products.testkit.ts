import type { RowProducts } from './moments.ts';

/** A^T B in plain loops, where a pass has an engine. */
export const plainProducts = {
	async of(a: Float32Array, b: Float32Array, rows: number): Promise<Float32Array> {
		const [p, q] = [a.length / rows, b.length / rows];
		const out = new Float64Array(p * q);
		for (let r = 0; r < rows; r++) for (let i = 0; i < p; i++) for (let j = 0; j < q; j++) out[i * q + j]! += a[r * p + i]! * b[r * q + j]!;
		return Float32Array.from(out);
	},
} as unknown as RowProducts;

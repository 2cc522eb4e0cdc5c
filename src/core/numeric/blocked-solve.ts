import { giveBack } from '../bytes/give-back.ts';
import type { Multiply } from './learned-rounding.ts';

const PANEL = 96;

/**
 * Solves L L^T X = B in place, all in float32 with the heavy part in `multiply`: L lower triangular [n, n], B row-major
 * [n, columns]. The error is that of float32 times the condition of L L^T, so the matrix wants damping.
 */
export async function solveCholeskyBlocked(
	lower: Float32Array,
	n: number,
	b: Float32Array,
	columns: number,
	multiply: Multiply,
): Promise<void> {
	for (let from = 0; from < n; from += PANEL) {
		const to = Math.min(n, from + PANEL);
		// What the rows before have settled: L[from..to, 0..from] X[0..from].
		if (from > 0) {
			const left = cut(lower, n, from, to, 0, from);
			await subtractProduct(b.subarray(from * columns, to * columns), left, b.slice(0, from * columns), to - from, multiply);
		}
		for (let i = from; i < to; i++) {
			const row = b.subarray(i * columns, (i + 1) * columns);
			for (let k = from; k < i; k++) subtractScaled(row, b.subarray(k * columns, (k + 1) * columns), lower[i * n + k]!);
			divide(row, lower[i * n + i]!);
		}
	}
	for (let to = n; to > 0; to -= Math.min(PANEL, to)) {
		const from = Math.max(0, to - PANEL);
		if (to < n) {
			const left = turnedCut(lower, n, to, n, from, to);
			await subtractProduct(b.subarray(from * columns, to * columns), left, b.slice(to * columns), to - from, multiply);
		}
		for (let i = to - 1; i >= from; i--) {
			const row = b.subarray(i * columns, (i + 1) * columns);
			for (let k = i + 1; k < to; k++) subtractScaled(row, b.subarray(k * columns, (k + 1) * columns), lower[k * n + i]!);
			divide(row, lower[i * n + i]!);
		}
	}
}

/** y -= left right. The memory of both factors, copies made for this, is given back. */
async function subtractProduct(y: Float32Array, left: Float32Array, right: Float32Array, rows: number, multiply: Multiply): Promise<void> {
	const product = await multiply(left, right, rows, left.length / rows, y.length / rows);
	subtract(y, product);
	for (const data of [left, right, product]) giveBack(data);
}

/** Rows [top, bottom), columns [left, right) of [n, n]. */
function cut(a: Float32Array, n: number, top: number, bottom: number, left: number, right: number): Float32Array {
	const width = right - left;
	const out = new Float32Array((bottom - top) * width);
	for (let r = top; r < bottom; r++) out.set(a.subarray(r * n + left, r * n + right), (r - top) * width);
	return out;
}

/** The transpose of that. */
function turnedCut(a: Float32Array, n: number, top: number, bottom: number, left: number, right: number): Float32Array {
	const height = bottom - top;
	const out = new Float32Array(height * (right - left));
	for (let r = top; r < bottom; r++) for (let c = left; c < right; c++) out[(c - left) * height + r - top] = a[r * n + c]!;
	return out;
}

function subtract(y: Float32Array, x: Float32Array): void {
	for (let i = 0; i < y.length; i++) y[i]! -= x[i]!;
}

function subtractScaled(y: Float32Array, x: Float32Array, by: number): void {
	for (let i = 0; i < y.length; i++) y[i]! -= by * x[i]!;
}

function divide(y: Float32Array, by: number): void {
	for (let i = 0; i < y.length; i++) y[i]! /= by;
}

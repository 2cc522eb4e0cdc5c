import { symmetricEigen } from './symmetric-eigen.ts';

/** Rows that share a rank. */
export interface Tier {
	/** Numbers that each of its rows keeps, beginning with the strongest direction. */
	readonly rank: number;
	/** Indices into the table, ascending. */
	readonly rows: readonly number[];
}

/**
 * A table [rows, columns] seen along the directions that its rows use most, rows weighed by how often they are looked up: rows that matter
 * keep more numbers than the others (in the manner of GroupReduce, Chen et al. 2018, with one basis for all groups).
 */
export class TieredTable {
	readonly rows: number;
	readonly columns: number;
	/** Directions as rows, strongest first, [columns, columns]. */
	readonly basis: Float64Array;
	/** Weighed squares of what a row loses at each of the ranks, over that of the whole table: [rows, ranks]. */
	readonly #losses: Float64Array;
	readonly #coefficients: Float32Array;

	/** `uses`: how much each row counts. `ranks`: those that may be given out, ascending, above 0. */
	constructor(
		values: Float32Array,
		rows: number,
		columns: number,
		uses: Float64Array,
		readonly ranks: readonly number[],
	) {
		this.rows = rows;
		this.columns = columns;
		const square = new Float64Array(columns * columns);
		for (let r = 0; r < rows; r++) {
			const at = r * columns;
			for (let i = 0; i < columns; i++) {
				const w = (values[at + i] as number) * (uses[r] as number);
				if (w === 0) continue;
				for (let j = 0; j <= i; j++) square[i * columns + j]! += w * (values[at + j] as number);
			}
		}
		for (let i = 0; i < columns; i++) for (let j = 0; j < i; j++) square[j * columns + i] = square[i * columns + j] as number;
		this.basis = symmetricEigen(square, columns).vectors;
		this.#coefficients = new Float32Array(rows * columns);
		this.#losses = new Float64Array(rows * ranks.length);
		let total = 0;
		for (let r = 0; r < rows; r++) {
			const row = values.subarray(r * columns, (r + 1) * columns);
			let left = 0;
			let rank = ranks.length - 1;
			for (let k = columns - 1; k >= 0; k--) {
				while (rank >= 0 && (ranks[rank] as number) > k) {
					this.#losses[r * ranks.length + rank] = left * (uses[r] as number);
					rank -= 1;
				}
				let sum = 0;
				const from = k * columns;
				for (let c = 0; c < columns; c++) sum += (row[c] as number) * (this.basis[from + c] as number);
				this.#coefficients[r * columns + k] = sum;
				left += sum * sum;
			}
			total += left * (uses[r] as number);
		}
		if (total > 0) for (let i = 0; i < this.#losses.length; i++) this.#losses[i] = (this.#losses[i] as number) / total;
	}

	/** Which rank each row gets (an index into `ranks`) where each number kept costs `price`. */
	choose(price: number): { readonly choice: Uint8Array; readonly numbers: number; readonly loss: number } {
		const { ranks } = this;
		const choice = new Uint8Array(this.rows);
		let [numbers, loss] = [0, 0];
		for (let r = 0; r < this.rows; r++) {
			let best = 0;
			let least = Number.POSITIVE_INFINITY;
			for (const [t, rank] of ranks.entries()) {
				const cost = (this.#losses[r * ranks.length + t] as number) + price * rank;
				if (cost < least) [least, best] = [cost, t];
			}
			choice[r] = best;
			numbers += ranks[best] as number;
			loss += this.#losses[r * ranks.length + best] as number;
		}
		return { choice, numbers, loss };
	}

	/** Elements stored for such a choice: kept numbers, one row of zeros and one index a row for each further tier, and the basis. */
	elements(choice: Uint8Array): number {
		const tiers = this.tiers(choice);
		const kept = tiers.reduce((sum, { rank, rows }) => sum + rank * rows.length, 0);
		const [first] = tiers;
		const last = tiers.at(-1);
		if (!first || !last) return 0;
		return kept + (tiers.length - 1) * this.rows + (last.rank - first.rank) + last.rank * this.columns;
	}

	/** Tiers that hold rows, by rank. */
	tiers(choice: Uint8Array): Tier[] {
		return this.ranks.flatMap((rank, t): Tier[] => {
			const rows: number[] = [];
			for (let r = 0; r < choice.length; r++) if (choice[r] === t) rows.push(r);
			return rows.length > 0 ? [{ rank, rows }] : [];
		});
	}

	/** Numbers [from, to) of some rows along the basis, row-major. */
	part(rows: readonly number[], from: number, to: number): Float32Array {
		const out = new Float32Array(rows.length * (to - from));
		for (const [i, r] of rows.entries()) {
			out.set(this.#coefficients.subarray(r * this.columns + from, r * this.columns + to), i * (to - from));
		}
		return out;
	}
}

/** Shares of what was counted, of its spread over neighbours, and of all rows alike. */
const COUNTED = 0.3;
const SPREAD = 0.5;

/**
 * How much each row of a table counts, from how often sample inputs looked it up. They see few of the rows that others will need, so a
 * part goes to their neighbours: tables are often sorted by frequency, so over bins of the index that grow geometrically. The rest goes to
 * all rows alike.
 */
export function rowWeights(counts: Float64Array): Float64Array {
	const n = counts.length;
	let total = 0;
	for (const count of counts) total += count;
	const weights = new Float64Array(n).fill((total > 0 ? 1 - COUNTED - SPREAD : 1) / n);
	if (total === 0) return weights;
	const bins = 64;
	for (let bin = 0, from = 0; bin < bins && from < n; bin++) {
		const to = bin === bins - 1 ? n : Math.max(from + 1, Math.round(n ** ((bin + 1) / bins)));
		let seen = 0;
		for (let i = from; i < Math.min(n, to); i++) seen += counts[i] as number;
		// Half a look-up for the mean share of the index keeps bins without any from nothing.
		const width = Math.min(n, to) - from;
		const spread = (seen + (0.5 * width * bins) / n) / (total + 0.5 * bins);
		for (let i = from; i < Math.min(n, to); i++)
			weights[i] = (weights[i] as number) + (SPREAD * spread) / width + (COUNTED * (counts[i] as number)) / total;
		from = Math.min(n, to);
	}
	return weights;
}

/**
 * Exact selection of the k smallest magnitudes among any number of values that are seen in blocks, in bounded memory.
 * The bits of |x| of a float32, read as an unsigned integer, order as |x| does (NaN last), so two histogram passes, over the upper and
 * then the lower 16 bits, give the k-th smallest exactly (radix selection). The values are walked twice and never kept.
 */

/** Elements with bits of |x| below `bits` are selected, and the first `ties` of those equal to it, in the order of walking. */
export interface MagnitudeThreshold {
	readonly bits: number;
	readonly ties: number;
}

/** Walks all values, block by block, in a fixed order; called twice. */
export type WalkBlocks = (visit: (values: Float32Array) => void) => Promise<void>;

function magnitudeBits(values: Float32Array): Uint32Array {
	return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** The threshold that selects exactly `k` values; undefined where k is 0. Throws RangeError where k exceeds the number of values. */
export async function smallestMagnitudes(k: number, walk: WalkBlocks): Promise<MagnitudeThreshold | undefined> {
	if (k <= 0) return undefined;
	const upper = new Float64Array(0x8000);
	await walk((values) => {
		const bits = magnitudeBits(values);
		for (let i = 0; i < bits.length; i++) {
			const bin = ((bits[i] as number) & 0x7fffffff) >>> 16;
			upper[bin] = (upper[bin] as number) + 1;
		}
	});
	const coarse = binOf(upper, k);
	if (!coarse) throw new RangeError(`cannot select ${k} of ${upper.reduce((sum, count) => sum + count, 0)} values`);
	const lower = new Float64Array(0x10000);
	await walk((values) => {
		const bits = magnitudeBits(values);
		for (let i = 0; i < bits.length; i++) {
			const magnitude = (bits[i] as number) & 0x7fffffff;
			if (magnitude >>> 16 === coarse.bin) {
				const bin = magnitude & 0xffff;
				lower[bin] = (lower[bin] as number) + 1;
			}
		}
	});
	const fine = binOf(lower, coarse.rank);
	if (!fine) throw new RangeError('the values changed between two walks');
	return { bits: ((coarse.bin << 16) | fine.bin) >>> 0, ties: fine.rank };
}

/** The bin that holds the rank-th smallest entry (from 1), and its rank within the bin. */
function binOf(histogram: Float64Array, rank: number): { readonly bin: number; readonly rank: number } | undefined {
	let before = 0;
	for (let bin = 0; bin < histogram.length; bin++) {
		const count = histogram[bin] as number;
		if (before + count >= rank) return { bin, rank: rank - before };
		before += count;
	}
	return undefined;
}

/**
 * Where the quota of ties ends in a walk: `ties` are given out in order. Returns how many values of this block are
 * selected, how many ties it used, and the index within the block after its last selected tie.
 */
export function selectedIn(
	values: Float32Array,
	threshold: MagnitudeThreshold,
	tiesLeft: number,
): { selected: number; tiesUsed: number; tieEnd: number } {
	const bits = magnitudeBits(values);
	let selected = 0;
	let tiesUsed = 0;
	let tieEnd = 0;
	for (let i = 0; i < bits.length; i++) {
		const magnitude = (bits[i] as number) & 0x7fffffff;
		if (magnitude < threshold.bits) selected += 1;
		else if (magnitude === threshold.bits && tiesUsed < tiesLeft) {
			tiesUsed += 1;
			tieEnd = i + 1;
		}
	}
	return { selected: selected + tiesUsed, tiesUsed, tieEnd };
}

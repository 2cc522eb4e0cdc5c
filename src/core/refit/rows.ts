import { observe } from '../calibrate/observe.ts';
import { type StagedOptions, StagedRun } from '../calibrate/stages.ts';
import type { Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { decodeFloat16 } from '../numeric/float16.ts';
import { seededRandom } from '../numeric/random.ts';

/** What a value was in one example. */
export type RowVisitor = (data: Float32Array, dims: readonly number[], example: number) => void | Promise<void>;

/** Gives the numbers of one value after another, in graph order, for all examples. */
export interface RowSource {
	advance(value: Value, visit: RowVisitor): Promise<void>;
	/** Lets go of all that is kept, after the last value. */
	end(): void;
	/** Bytes kept between values. */
	readonly liveBytes: number;
}

/**
 * A source over a model that may change behind what has run. Values of the main graph come from a run in pieces, where each node runs
 * once; where some stand inside control flow the whole model runs for each.
 */
export async function openRows(model: Model, targets: readonly Value[], options: StagedOptions): Promise<RowSource> {
	if (targets.some((value) => value.graph !== model.graph)) {
		return {
			liveBytes: 0,
			end: () => undefined,
			async advance(value, visit) {
				const { compute, calibration, indices, signal } = options;
				await observe(model, [value], ({ data, dims, example }) => visit(data, dims, example), {
					compute,
					calibration,
					indices,
					batch: 1,
					signal,
				});
			},
		};
	}
	const staged = new StagedRun(model, targets, options);
	await staged.start();
	return {
		get liveBytes() {
			return staged.liveBytes;
		},
		end: () => staged.end(),
		async advance(value, visit) {
			await staged.advance(value, async ({ data, dtype, dims }, example) => {
				if (data instanceof Float32Array) await visit(data, dims, example);
				else if (dtype === 'float16' && data instanceof Uint16Array) await visit(decodeFloat16(data), dims, example);
			});
		},
	};
}

/** Rows that a fit of so many features should see: ten for each, within what time allows. */
export function rowsWanted(features: number): number {
	return Math.min(20_000, Math.max(4096, 10 * features));
}

/** Positions of one example that are looked at: all where there are few, else one drawn from each of `wanted` equal stretches. */
export function pickPositions(count: number, wanted: number, seed: number): number[] {
	if (count <= wanted) return Array.from({ length: count }, (_, i) => i);
	const random = seededRandom(seed);
	return Array.from({ length: wanted }, (_, i) => Math.min(count - 1, Math.floor(((i + random.next()) * count) / wanted)));
}

/** A run of targets that is seen on so many examples. */
export interface Phase {
	readonly from: number;
	readonly to: number;
	readonly examples: number;
}

/**
 * Early layers have large values and many rows in each example, late ones small values and few rows: a few phases, each with as many
 * examples as fit into the memory given. `liveBytes`: what stays at each target for one example.
 */
export function planPhases(liveBytes: readonly number[], total: number, memoryBytes: number): Phase[] {
	const fits = liveBytes.map((bytes) => Math.max(4, Math.min(total, Math.floor(memoryBytes / Math.max(1, bytes)))));
	const phases: Phase[] = [];
	let from = 0;
	while (from < fits.length) {
		let examples = fits[from] as number;
		let to = from + 1;
		while (to < fits.length && (fits[to] as number) < 2 * examples) {
			examples = Math.min(examples, fits[to] as number);
			to += 1;
		}
		// A later value may again be large: then this phase goes on with fewer.
		phases.push({ from, to, examples });
		from = to;
	}
	return phases;
}

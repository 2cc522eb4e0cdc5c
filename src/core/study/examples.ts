import type { Feeds } from '../ir/tensor-data.ts';
import { seededRandom } from '../numeric/random.ts';
import type { Labels } from './task.ts';

/** One example, ready for the model: its batch axis is 1 (or the model's fixed batch). With labels, what is right for it. */
export interface Example extends Labels {
	readonly name: string;
	readonly feeds: Feeds;
	/** Says that it was read and nothing of its feeds is kept: their memory is used for other examples. See releaseExample. */
	readonly release?: () => void;
}

/** The example was read and nothing of its feeds is kept. Inputs come faster than collectors run: their memory is used again. */
export function releaseExample({ release }: Example): void {
	release?.();
}

/** What is known of an example without running anything: enough to split a set and to find duplicates. */
export interface ExampleFacts {
	/** Name of the entry, as the file or archive has it: shown, never used as a path. */
	readonly name: string;
	/** SHA-256 of what the model is fed, in hex: equal for examples that are the same to the model. */
	readonly contentHash: string;
	/** Index of the right class, where there is one: splits keep the share of each. */
	readonly label?: number;
}

/** What an example was made from, where that is no picture: for people to read or hear. */
export type ExampleSource =
	| {
			readonly kind: 'text';
			readonly text: string;
			/** As the model is fed them, special ones included. */
			readonly tokens: readonly string[];
	  }
	| {
			readonly kind: 'sound';
			/** In -1..1; of a frame, with what was said around it. */
			readonly samples: Float32Array<ArrayBuffer>;
			/** Samples a second. */
			readonly rate: number;
			/** What of `samples` the model is fed. */
			readonly from: number;
			readonly to: number;
			/** Where `samples` starts in the recording, in seconds. */
			readonly startSeconds: number;
	  };

/** Examples that can be asked for in any order, one at a time; nothing is kept unless the source says so. */
export interface Examples {
	readonly n: number;
	/**
	 * For each input the axis along which examples may be joined into a batch, null where all examples share the value.
	 * Absent: one at a time.
	 */
	readonly batchAxes?: Readonly<Record<string, number | null>>;
	/** Names of the classes in output order, where known. */
	readonly classNames?: readonly string[];
	example(index: number, signal?: AbortSignal): Promise<Example>;
}

/**
 * At most `limit` indices out of n, ascending, always the same ones: one drawn out of each of `limit` equal stretches. Sets sorted by class
 * stay balanced, and sets whose classes alternate are not sampled in step with them.
 */
export function spreadIndices(n: number, limit: number): number[] {
	const count = Math.min(n, Math.max(0, Math.floor(limit)));
	if (count === n) return Array.from({ length: n }, (_, i) => i);
	const random = seededRandom(count);
	return Array.from({ length: count }, (_, i) => {
		const start = Math.floor((i * n) / count);
		return start + random.below(Math.floor(((i + 1) * n) / count) - start);
	});
}

import type { Feeds } from '../ir/tensor-data.ts';

/** One example, ready for the model: its batch axis is 1 (or the model's fixed batch). */
export interface Example {
	readonly name: string;
	readonly feeds: Feeds;
	/** Index of the right class among the model's outputs. */
	readonly label?: number;
}

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

/** At most `limit` indices spread evenly over n: sorted sets (a folder per class) stay balanced. Always the same ones. */
export function spreadIndices(n: number, limit: number): number[] {
	const count = Math.min(n, Math.max(0, Math.floor(limit)));
	return Array.from({ length: count }, (_, i) => Math.floor((i * n) / count));
}

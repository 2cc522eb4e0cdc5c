import type { DataSettings } from '../core/study/data-settings.ts';
import type { Trial } from './dataset.ts';

/** What every reader is told. */
export interface ReaderOptions {
	/** Most examples; default all. They are spread evenly. */
	readonly limit?: number | undefined;
	readonly settings?: DataSettings | undefined;
	/** Runs the original. */
	readonly trial?: Trial | undefined;
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?: ((fraction: number) => void) | undefined;
}

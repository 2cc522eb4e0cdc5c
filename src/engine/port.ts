import type { DType } from '../core/ir/dtype.ts';
import type { Target } from '../core/study/study.ts';

/** Tensor data as the runtime takes and gives it. int64 is BigInt64Array, bool Uint8Array, float16 Uint16Array of bits, string string[]. */
export interface TensorData {
	readonly dtype: DType;
	readonly dims: readonly number[];
	readonly data:
		| Float32Array
		| Float64Array
		| Uint8Array
		| Int8Array
		| Uint16Array
		| Int16Array
		| Int32Array
		| Uint32Array
		| BigInt64Array
		| BigUint64Array
		| readonly string[];
}

export type Feeds = Readonly<Record<string, TensorData>>;

export interface Port {
	readonly name: string;
	readonly dtype: DType;
	/** Symbols and unknown dims as strings or null. */
	readonly shape: readonly (number | string | null)[];
}

/** A model file, with the files its external data names. */
export interface ModelBytes {
	readonly model: Uint8Array;
	readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array | Blob }[];
}

export interface LoadOptions {
	/** Keep times per operator; slows runs a little. */
	readonly profile?: boolean;
	/** onnxruntime session config entries, e.g. `session.disable_prepacking`. */
	readonly config?: Readonly<Record<string, string>>;
	/** default 'all' */
	readonly graphOptimization?: 'disabled' | 'basic' | 'extended' | 'all';
	/** Collect where each node was placed (verbose log of the runtime). */
	readonly placement?: boolean;
}

export interface ProfileEntry {
	readonly node: string;
	readonly op: string;
	readonly provider: string;
	readonly durationUs: number;
}

export interface Session {
	readonly inputs: readonly Port[];
	readonly outputs: readonly Port[];
	readonly loadMs: number;
	/** Nodes by provider, when asked for. */
	readonly placement?: readonly { readonly provider: string; readonly nodes: number; readonly ops: readonly string[] }[];
	run(feeds: Feeds, fetches?: readonly string[]): Promise<Record<string, TensorData>>;
	/** Ends profiling and gives its records; empty when it was not asked for. */
	endProfile(): Promise<readonly ProfileEntry[]>;
	release(): Promise<void>;
}

/** The one door to the runtime. One engine serves one target; make another worker for another target. */
export interface Engine {
	readonly target: Target;
	/** e.g. `onnxruntime-web 1.30.0`. */
	readonly runtime: string;
	/** Threads really in use. */
	readonly threadsUsed: number;
	load(model: ModelBytes, options?: LoadOptions): Promise<Session>;
}

/** A failure of the runtime in plain words; the runtime's own text is in `detail`. */
export class EngineError extends Error {
	override readonly name = 'EngineError';
	constructor(
		readonly code: 'load' | 'unsupported' | 'run' | 'memory' | 'lost-device' | 'unavailable',
		message: string,
		readonly detail = '',
		readonly advice = '',
	) {
		super(message);
	}
}

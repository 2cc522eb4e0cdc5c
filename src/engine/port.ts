import type { Feeds, Port, TensorData } from '../core/ir/tensor-data.ts';
import type { Target } from '../core/study/study.ts';

export type { Feeds, Port, TensorData } from '../core/ir/tensor-data.ts';

/** A model file, with the files its external data names. */
export interface ModelBytes {
	readonly model: Uint8Array;
	readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array | Blob }[];
	/** Nobody else reads these bytes: their memory is given back as soon as the runtime has its own copy. */
	readonly given?: boolean;
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
	/** Its own time: what control flow spends in its bodies counts for the nodes there. */
	readonly durationUs: number;
	/** Which run of the session, from 0. */
	readonly run: number;
}

export interface Session {
	readonly inputs: readonly Port[];
	readonly outputs: readonly Port[];
	readonly loadMs: number;
	/** What the engine did on its own account when loading, in words: session entries applied, prepacking turned off. */
	readonly notes: readonly string[];
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
	/** The adapter, where the target is a GPU and the browser tells. */
	readonly device?: string;
	/** Threads really in use. */
	readonly threadsUsed: number;
	/** Throws EngineError. The model's own session entries (metadata `pare.session`) are applied below `options.config`. */
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

import type { Model } from '../ir/model.ts';
import type { Feeds, Port, TensorData } from '../ir/tensor-data.ts';
import type { Examples } from '../study/examples.ts';

/** A loaded model: run it on any feeds, release it when done. */
export interface ComputeSession {
	readonly inputs: readonly Port[];
	readonly outputs: readonly Port[];
	/** `fetches`: only these outputs; default all. */
	run(feeds: Feeds, fetches?: readonly string[]): Promise<Record<string, TensorData>>;
	release(): Promise<void>;
}

export interface ComputeOptions {
	/** How far the runtime may rewrite the graph. default 'basic': what is observed stays what the plain model computes. */
	readonly graphOptimization?: 'disabled' | 'basic' | 'extended' | 'all';
}

/**
 * A runtime for passes that measure or compute: the core has none, whoever has one (worker, command line, test) gives this.
 * Heavy linear algebra is written as small ONNX models and run here, with the runtime's threads and SIMD.
 */
export interface Compute {
	/** Loads a model as it stands now; it may be changed again as soon as this settles. Throws the engine's typed error. */
	load(model: Model, options?: ComputeOptions): Promise<ComputeSession>;
}

/** Sample inputs that a pass may learn from. Never the examples that the result is judged on. */
export interface CalibrationSet extends Examples {
	/** Names the examples with their preprocessing: part of the identity of what is made from them. */
	readonly hash: string;
	/** True where the inputs were made up: ranges then say little about real ones. */
	readonly synthetic: boolean;
}

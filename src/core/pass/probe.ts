import type { Model } from '../ir/model.ts';
import { type Magnitude, MagnitudeAccumulator, type NumberArray } from '../numeric/statistics.ts';
import { exposeValues, groupNames } from './expose.ts';

/** Measures a model on real inputs. The core has no engine: whoever has one gives a probe. */
export interface Probe {
	/** Largest magnitude that each float value of the main graph reaches over all inputs. Names that cannot be observed are left out. */
	absMax(valueNames: readonly string[]): Promise<Map<string, Magnitude>>;
}

export interface ProbeOptions {
	/** Values observed in one run: bounds the memory. default 16 */
	readonly valuesPerRun?: number;
	readonly signal?: AbortSignal;
	/** fraction 0..1 */
	readonly onProgress?: (fraction: number) => void;
}

/**
 * A probe out of a way to run a model on all sample inputs. `run` gets the model with the observed values as its only
 * outputs; it writes and loads it, runs every sample, and hands each output's numbers to `visit`.
 * The model has its own outputs back when absMax settles.
 */
export function modelProbe(
	model: Model,
	run: (model: Model, visit: (name: string, values: NumberArray) => void) => Promise<void>,
	options: ProbeOptions = {},
): Probe {
	return {
		async absMax(valueNames) {
			const measured = new Map<string, Magnitude>();
			const groups = groupNames(valueNames, options.valuesPerRun ?? 16);
			for (const [index, group] of groups.entries()) {
				options.signal?.throwIfAborted();
				const exposed = exposeValues(model, group);
				try {
					if (exposed.names.length === 0) continue;
					const accumulators = new Map(exposed.names.map((name) => [name, new MagnitudeAccumulator()]));
					await run(model, (name, values) => accumulators.get(name)?.add(values));
					for (const [name, { absMax, hasNaN }] of accumulators) measured.set(name, { absMax, hasNaN });
				} finally {
					exposed.restore();
				}
				options.onProgress?.((index + 1) / groups.length);
			}
			return measured;
		},
	};
}

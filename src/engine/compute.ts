import type { Model } from '../core/ir/model.ts';
import { serialize } from '../core/onnx/write.ts';
import type { Compute } from '../core/pass/calibration.ts';
import type { Engine } from './port.ts';

/**
 * An engine as passes see it: models go in as graphs. The bytes are the runtime's once it has loaded them; nothing is kept here.
 * Weights of a model that lies in other files are read into the one buffer: models beyond 2 GB cannot be computed with.
 */
export function engineCompute(engine: Engine): Compute {
	return {
		async load(model: Model, options = {}) {
			return engine.load({ model: await serialize(model) }, { graphOptimization: options.graphOptimization ?? 'basic' });
		},
	};
}

import type { Model } from '../core/ir/model.ts';
import { serializeApart } from '../core/onnx/write.ts';
import type { Compute } from '../core/pass/calibration.ts';
import type { Engine } from './port.ts';

/**
 * An engine as passes see it: models go in as graphs. The bytes are the runtime's once it has loaded them; nothing is kept here. Large
 * weights go beside the model: inside it the runtime would hold them three times while it loads, and its heap never shrinks again.
 * Weights of a model that lies in other files are read into one buffer: models beyond 2 GB cannot be computed with.
 */
export function engineCompute(engine: Engine): Compute {
	return {
		async load(model: Model, options = {}) {
			const { model: bytes, external } = await serializeApart(model);
			return engine.load(
				{ model: bytes, given: true, ...(external && { externalData: [external] }) },
				{ graphOptimization: options.graphOptimization ?? 'basic' },
			);
		},
	};
}

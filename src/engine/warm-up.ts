import { Model } from '../core/ir/model.ts';
import { tensorType } from '../core/ir/type.ts';
import { serialize } from '../core/onnx/write.ts';
import type { RuntimeHost } from './runtime-engine.ts';

/**
 * Loads and runs a model of one addition, so that compiling the runtime (and asking for a device) counts as starting the engine and not
 * as loading the first model. `keep` leaves its session open for good: the runtime destroys its GPU device with the last session.
 */
export async function warmUp({ runtime, providers }: Pick<RuntimeHost, 'runtime' | 'providers'>, keep = false): Promise<void> {
	const model = new Model();
	model.setOpset('', 17);
	const { graph } = model;
	const x = graph.addInput('x', tensorType('float32', [1]));
	const sum = graph.append(graph.createNode({ op: 'Add', inputs: [x, x], outputs: ['y'] })).output();
	sum.type = tensorType('float32', [1]);
	graph.setOutputs([sum]);
	const session = await runtime.InferenceSession.create(await serialize(model), {
		executionProviders: [...providers],
		logSeverityLevel: 4,
	});
	try {
		const results = await session.run({ x: new runtime.Tensor('float32', Float32Array.of(1.5), [1]) });
		const value = ((await results.y?.getData()) as Float32Array | undefined)?.[0];
		if (value !== 3) throw new Error(`The runtime adds wrongly here: 1.5 + 1.5 gave ${value}.`);
	} finally {
		if (!keep) await session.release();
	}
}

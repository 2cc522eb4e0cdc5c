import type { Model } from '../core/ir/model.ts';
import type { NumberArray } from '../core/numeric/statistics.ts';
import { serialize } from '../core/onnx/write.ts';
import { modelProbe, type Probe, type ProbeOptions } from '../core/pass/probe.ts';
import { type Examples, spreadIndices } from '../core/study/examples.ts';
import { numbersOf } from './outputs.ts';
import type { Engine, ModelBytes } from './port.ts';

export interface ObserveOptions {
	readonly engine: Engine;
	readonly examples: Examples;
	/** Most examples run; default 16. */
	readonly limit?: number;
	readonly signal?: AbortSignal;
}

/**
 * Runs a model with intermediates as outputs on the examples and hands each output's numbers over, example by example; nothing is kept.
 * Optimization is held at `basic`: fusing would otherwise not be able to treat the observed graph as it treats the plain one.
 */
export async function observe(
	model: ModelBytes,
	options: ObserveOptions,
	visit: (output: string, values: NumberArray, example: number) => void,
): Promise<void> {
	const { engine, examples, signal } = options;
	const session = await engine.load(model, { graphOptimization: 'basic' });
	try {
		for (const index of spreadIndices(examples.n, options.limit ?? 16)) {
			signal?.throwIfAborted();
			const { feeds } = await examples.example(index, signal);
			for (const [name, tensor] of Object.entries(await session.run(feeds))) {
				const values = numbersOf(tensor);
				if (values) visit(name, values, index);
			}
		}
	} finally {
		await session.release();
	}
}

/** A probe that measures `model` on the examples with the engine: what passes resolve their options with (a float16 keep-list, for one). */
export function engineProbe(
	model: Model,
	options: ObserveOptions & ProbeOptions & { readonly externalData?: ModelBytes['externalData'] },
): Probe {
	const { externalData } = options;
	return modelProbe(
		model,
		async (exposed, visit) => {
			const bytes = await serialize(exposed);
			await observe({ model: bytes, ...(externalData && { externalData }) }, options, visit);
		},
		options,
	);
}

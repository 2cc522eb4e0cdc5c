import type { Model } from '../ir/model.ts';
import type { TensorData } from '../ir/tensor-data.ts';
import type { Compute } from '../pass/calibration.ts';
import { divergence, type OutputKind, outputKinds, outputVariances } from './divergence.ts';
import type { Samples } from './samples.ts';

/** What a model gave on the held-out examples, and how its outputs are compared. */
export interface Reference {
	readonly kinds: ReadonlyMap<string, OutputKind>;
	readonly variances: ReadonlyMap<string, number>;
	readonly outputs: readonly Readonly<Record<string, TensorData>>[];
}

/** The original's outputs on the held-out examples. */
export async function referenceOutputs(model: Model, samples: Samples, compute: Compute, signal?: AbortSignal): Promise<Reference> {
	const outputs = await outputsOf(model, samples, compute, signal);
	const kinds = outputKinds(model, outputs[0] ?? {});
	return { kinds, variances: outputVariances(kinds, outputs), outputs };
}

async function outputsOf(model: Model, { calibration, held }: Samples, compute: Compute, signal?: AbortSignal) {
	const session = await compute.load(model, { graphOptimization: 'all' });
	const outputs: Record<string, TensorData>[] = [];
	try {
		for (const index of held) {
			signal?.throwIfAborted();
			outputs.push(await session.run((await calibration.example(index, signal)).feeds));
		}
	} finally {
		await session.release();
	}
	return outputs;
}

/** Mean divergence of a model's outputs from the reference on the held-out examples. */
export async function divergenceOf(
	model: Model,
	reference: Reference,
	samples: Samples,
	compute: Compute,
	signal?: AbortSignal,
): Promise<number> {
	const outputs = await outputsOf(model, samples, compute, signal);
	let total = 0;
	for (const [i, variant] of outputs.entries())
		total += divergence(reference.kinds, reference.variances, reference.outputs[i] ?? {}, variant);
	return total / Math.max(1, outputs.length);
}

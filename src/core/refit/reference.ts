import { giveBack } from '../bytes/give-back.ts';
import type { Model } from '../ir/model.ts';
import type { TensorData } from '../ir/tensor-data.ts';
import type { Compute } from '../pass/calibration.ts';
import { releaseExample } from '../study/examples.ts';
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
	const outputs: Record<string, TensorData>[] = [];
	await eachOutputs(model, samples, compute, signal, (each) => void outputs.push(each));
	const kinds = outputKinds(model, outputs[0] ?? {});
	return { kinds, variances: outputVariances(kinds, outputs), outputs };
}

/** Shows the outputs of each held-out example in turn. */
async function eachOutputs(
	model: Model,
	{ calibration, held }: Samples,
	compute: Compute,
	signal: AbortSignal | undefined,
	visit: (outputs: Record<string, TensorData>, example: number) => void,
): Promise<void> {
	const session = await compute.load(model, { graphOptimization: 'all' });
	try {
		for (const [i, index] of held.entries()) {
			signal?.throwIfAborted();
			const example = await calibration.example(index, signal);
			visit(await session.run(example.feeds), i);
			releaseExample(example);
		}
	} finally {
		await session.release();
	}
}

/** Mean divergence of a model's outputs from the reference on the held-out examples. */
export async function divergenceOf(
	model: Model,
	reference: Reference,
	samples: Samples,
	compute: Compute,
	signal?: AbortSignal,
): Promise<number> {
	let total = 0;
	await eachOutputs(model, samples, compute, signal, (variant, i) => {
		total += divergence(reference.kinds, reference.variances, reference.outputs[i] ?? {}, variant);
		for (const { data } of Object.values(variant)) giveBack(data);
	});
	return total / Math.max(1, samples.held.length);
}

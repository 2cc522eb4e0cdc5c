import type { Model } from '../ir/model.ts';
import type { TensorData } from '../ir/tensor-data.ts';
import { convert } from '../numeric/convert.ts';
import type { CalibrationSet, Compute } from '../pass/calibration.ts';
import type { ExampleFacts } from '../study/examples.ts';
import { modelFeatures } from './features.ts';
import { type Duplicate, duplicates, type Mislabelled, mislabelled, type Outlier, outliers, signature } from './health.ts';

/** Examples of a class. */
export interface ClassCount {
	readonly label: number;
	readonly count: number;
}

/** What looks wrong with a set. Indices are of the set that was examined. */
export interface HealthReport {
	readonly duplicates: readonly Duplicate[];
	readonly mislabelled: readonly Mislabelled[];
	readonly outliers: readonly Outlier[];
	/** The value of the model that the features are of. */
	readonly featuresOf: string;
}

export interface ExamineOptions {
	readonly compute: Compute;
	readonly examples: CalibrationSet;
	/** One for each example. */
	readonly facts: readonly ExampleFacts[];
	readonly signal?: AbortSignal | undefined;
	/** fraction 0..1 */
	readonly onProgress?: (fraction: number) => void;
}

/** Runs a model on each example of a set once and lists copies, labels that look wrong, and strange examples. Throws as modelFeatures does. */
export async function examine(model: Model, { compute, examples, facts, signal, onProgress }: ExamineOptions): Promise<HealthReport> {
	const signatures = new Array<Float32Array | undefined>(examples.n).fill(undefined);
	const seen: CalibrationSet = {
		...examples,
		example: async (index, own) => {
			const example = await examples.example(index, own);
			const first = Object.values(example.feeds)[0];
			if (first) signatures[index] = signatureOf(first);
			return example;
		},
	};
	const { features, outputs, from } = await modelFeatures(model, { compute, examples: seen, signal, ...(onProgress && { onProgress }) });
	signal?.throwIfAborted();
	const labels = facts.map(({ label }) => label);
	return {
		duplicates: duplicates(
			facts.map(({ contentHash }) => contentHash),
			signatures,
			features,
		),
		mislabelled: outputs ? mislabelled(outputs, labels) : [],
		outliers: outliers(features, outputs),
		featuresOf: from,
	};
}

function signatureOf({ dtype, data, dims }: TensorData): Float32Array | undefined {
	// Tokens and texts are no pictures; packed halves of bytes have fewer elements than dims say.
	if (dims.length !== 4 || dtype === 'string' || dtype === 'int4' || dtype === 'uint4') return undefined;
	return signature(convert(data, dtype, 'float32') as Float32Array, dims);
}

/** How many examples each class has, by class. Examples without a label are not counted. */
export function classBalance(facts: readonly ExampleFacts[]): ClassCount[] {
	const counts = new Map<number, number>();
	for (const { label } of facts) if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
	return [...counts].map(([label, count]) => ({ label, count })).sort((a, b) => a.label - b.label);
}

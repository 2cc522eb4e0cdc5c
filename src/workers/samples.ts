import { modelFeatures } from '../core/data-health/features.ts';
import { duplicates, mislabelled, outliers, signature } from '../core/data-health/health.ts';
import { chosenExamples } from '../data/calibration.ts';
import type { Dataset } from '../data/dataset.ts';
import { engineCompute } from '../engine/compute.ts';
import { numbersOf } from '../engine/outputs.ts';
import type { Engine } from '../engine/port.ts';
import type { DataHealth } from './engine-protocol.ts';
import type { ModelFiles } from './protocol.ts';
import type { Call } from './serve.ts';
import { openModel } from './sources.ts';

/** What looks wrong with a set: its examples are read and the original is run on each once. */
export async function dataHealth(dataset: Dataset, original: ModelFiles, engine: Engine, call: Call): Promise<DataHealth> {
	const facts = await dataset.exampleFacts(undefined, (fraction) => call.progress(0.2 * fraction, 'Looking for copies'));
	const all = chosenExamples(
		dataset,
		Array.from({ length: dataset.n }, (_, index) => index),
	);
	const signatures: (Float32Array | undefined)[] = new Array(dataset.n);
	const seen = {
		...all,
		example: async (index: number, signal?: AbortSignal) => {
			const example = await all.example(index, signal);
			const [first] = Object.values(example.feeds);
			const values = first && numbersOf(first);
			if (first && values) signatures[index] = signature(values, first.dims);
			return example;
		},
	};
	const { features, outputs, from } = await modelFeatures(await openModel(original), {
		compute: engineCompute(engine),
		examples: seen,
		onProgress: (fraction) => call.progress(0.2 + 0.7 * fraction, 'Running the original'),
	});
	call.progress(0.9, 'Comparing examples');
	const labels = facts.map(({ label }) => label);
	return {
		examples: facts,
		duplicates: duplicates(
			facts.map(({ contentHash }) => contentHash),
			signatures,
			features,
		),
		mislabelled: outputs ? mislabelled(outputs, labels) : [],
		outliers: outliers(features, outputs),
		...(dataset.classNames && { classNames: dataset.classNames }),
		featuresOf: from,
	};
}

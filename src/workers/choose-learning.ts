import { modelFeatures } from '../core/data-health/features.ts';
import { releaseExample } from '../core/study/examples.ts';
import type { ChosenExamples, LearnFrom } from '../core/study/learning.ts';
import { chooseLearning, type FeaturesOf } from '../data/calibration.ts';
import { engineCompute } from '../engine/compute.ts';
import type { EngineSubject } from './engine-protocol.ts';
import { datasetOf, engineOf } from './inputs.ts';
import type { Call } from './serve.ts';
import { openModel } from './sources.ts';

/** Chooses what is learnt from out of what is kept for it, by the original's own features. Throws RangeError where these are needed and there are none. */
export async function chosenFrom(
	subject: EngineSubject,
	kept: readonly number[],
	learnFrom: LearnFrom,
	call: Call,
): Promise<ChosenExamples> {
	const dataset = await datasetOf(subject, call);
	const features: FeaturesOf = async (examples) => {
		const compute = engineCompute(await engineOf(subject));
		const onProgress = (fraction: number): void => call.progress(fraction, 'Running the original');
		return (await modelFeatures(await openModel(subject.original), { compute, examples, onProgress })).features;
	};
	const { indices, coverage, random } = await chooseLearning(dataset, kept, learnFrom, features);
	const names: string[] = [];
	for (const index of indices) {
		const example = await dataset.example(index);
		names.push(example.name);
		releaseExample(example);
	}
	return { choice: learnFrom.choice, indices, names, ...(coverage && { coverage }), ...(random && { random }) };
}

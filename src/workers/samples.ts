import { modelFeatures } from '../core/data-health/features.ts';
import { duplicates, mislabelled, outliers, signature } from '../core/data-health/health.ts';
import { chosenExamples } from '../data/calibration.ts';
import type { Dataset } from '../data/dataset.ts';
import { asBefore } from '../engine/changed-ports.ts';
import { engineCompute } from '../engine/compute.ts';
import { type Drawing, drawingsOf } from '../engine/drawing.ts';
import { drawAnswer, pictureShape } from '../engine/output-picture.ts';
import { numbersOf, type Outputs } from '../engine/outputs.ts';
import type { Engine, Feeds } from '../engine/port.ts';
import type { DataHealth, EngineMethods, SampleDetail } from './engine-protocol.ts';
import { modelBytes } from './inputs.ts';
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

/** Inputs as they can be drawn; of sounds without what is heard. */
export async function drawnInputs(dataset: Dataset, indices: readonly number[]): Promise<readonly (readonly Drawing[])[]> {
	const drawn: (readonly Drawing[])[] = [];
	for (const index of indices) drawn.push(drawingsOf((await dataset.example(index)).feeds, await dataset.source?.(index)));
	return drawn;
}

/** One example looked at closely. Where no output of the original is a picture, no variant is run. */
export async function sampleDetail(
	dataset: Dataset,
	{ index, original, variant }: Parameters<EngineMethods['sampleDetail']>[0],
	engine: Engine,
	call: Call,
): Promise<SampleDetail> {
	const { feeds } = await dataset.example(index);
	const inputs = drawingsOf(feeds, await dataset.source?.(index), true);
	const like = Object.values(feeds).flatMap((tensor) => pictureShape(tensor, 'any') ?? [])[0];
	const said = async (files: ModelFiles, ports: (typeof variant)['ports'], own: Feeds): Promise<Outputs> => {
		const session = asBefore(await engine.load(await modelBytes(files)), ports);
		try {
			return await session.run(own);
		} finally {
			await session.release();
		}
	};
	call.progress(0, 'Asking the original');
	const first = await said(original, undefined, feeds);
	const shapes = Object.entries(first).flatMap(([name, tensor]) => {
		const shape = pictureShape(tensor, like);
		return shape ? [{ name, tensor, shape }] : [];
	});
	if (shapes.length === 0) return { inputs, pictures: [] };
	call.progress(0.5, 'Asking the variant');
	const second = variant.id === 'original' ? undefined : await said(variant.files, variant.ports, feeds);
	return { inputs, pictures: shapes.flatMap(({ name, tensor, shape }) => drawAnswer(name, shape, tensor, second?.[name]) ?? []) };
}

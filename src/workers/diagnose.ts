import { serialize } from '../core/onnx/write.ts';
import { runRecipe } from '../core/pass/pipeline.ts';
import { chosenExamples } from '../data/calibration.ts';
import { engineCompute } from '../engine/compute.ts';
import { findCulprit, restoredSensitivity } from '../engine/diagnose/culprit.ts';
import { layerErrors } from '../engine/diagnose/errors.ts';
import { nodeTimes as timesOf } from '../engine/diagnose/latency.ts';
import { plainSteps } from '../passes/keep-layers.ts';
import { passes } from '../passes/registry.ts';
import { datasetOf, engineOf } from './inputs.ts';
import type { CompressMethods, DiagnoseArgs, DiagnoseResult } from './protocol.ts';
import type { Call } from './serve.ts';
import { openModel } from './sources.ts';

/** Compares a variant with its original layer by layer; the runtime is this worker's. */
export async function diagnose(args: DiagnoseArgs, call: Call): Promise<DiagnoseResult> {
	const compute = engineCompute(await engineOf(args.subject));
	const dataset = await datasetOf(args.subject, call);
	const steps = plainSteps(args.recipe);
	call.progress(0, 'Reading both models');
	const learnt = chosenExamples(dataset, args.calibration);
	const original = await openModel(args.subject.original);
	if (steps.length > 0) await runRecipe(original, { ...args.recipe, steps }, passes, { compute, calibration: learnt });
	const subjects = {
		original,
		variant: await openModel(args.variant),
		compute,
		examples: chosenExamples(dataset, args.examples),
		synthetic: dataset.facts.kind === 'synthetic',
		onProgress: (fraction: number, stage: string) => call.progress(fraction, stage),
	};
	const comparedAfter = steps.map(({ pass }) => pass);
	switch (args.what) {
		case 'errors': {
			const { errors, sensitivity } = await layerErrors({ ...subjects, limit: args.limit });
			return { comparedAfter, errors, ...(sensitivity && { sensitivity }) };
		}
		case 'restored':
			return { comparedAfter, restored: await restoredSensitivity({ ...subjects, limit: args.limit }) };
		case 'culprit':
			return {
				comparedAfter,
				culprit: await findCulprit({ ...subjects, limit: args.limit, ...(args.ranking && { ranking: args.ranking }) }),
			};
	}
}

/** Times of a model's nodes, from the runtime's profile on the worker's target. */
export async function nodeTimes(
	args: Parameters<CompressMethods['nodeTimes']>[0],
	call: Call,
): Promise<ReturnType<CompressMethods['nodeTimes']>> {
	return timesOf({
		engine: await engineOf(args),
		model: await openModel(args.files),
		bytes: async (model) => ({ model: await serialize(model) }),
		feeds: args.feeds,
		onProgress: (fraction) => call.progress(fraction, 'Timing nodes'),
	});
}

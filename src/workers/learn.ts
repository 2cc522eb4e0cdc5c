import type { PipelineOptions } from '../core/pass/pipeline.ts';
import { chosenExamples } from '../data/calibration.ts';
import { engineCompute } from '../engine/compute.ts';
import { datasetOf, engineOf } from './inputs.ts';
import type { CompressArgs } from './protocol.ts';
import type { Call } from './serve.ts';

/** What passes that measure or learn are given: the runtime of this worker, and their share of the inputs. */
export async function learning(
	args: NonNullable<CompressArgs['learn']>,
	call: Call,
): Promise<Pick<PipelineOptions, 'compute' | 'calibration'>> {
	const engine = await engineOf(args);
	const dataset = await datasetOf(args, call);
	return { compute: engineCompute(engine), calibration: chosenExamples(dataset, args.calibration) };
}

import { seededRandom } from '../core/numeric/random.ts';
import { parseOptions } from '../core/pass/options.ts';
import { chosenExamples } from '../data/calibration.ts';
import { engineCompute } from '../engine/compute.ts';
import { schema } from '../passes/prune-structured/options.ts';
import { type StructureSensitivity, structureSensitivity } from '../passes/prune-structured/sensitivity.ts';
import { datasetOf, engineOf } from './inputs.ts';
import type { GroupSensitivityArgs } from './protocol.ts';
import type { Call } from './serve.ts';
import { openModel } from './sources.ts';

/** Groups are ranked as far as a budget of this change reaches: as far as the page's budgets go. */
const DEEPEST = -0.4;

/** What the outputs of a model lose with each of its groups, on the inputs that passes learn from. The runtime is this worker's. */
export async function groupSensitivity({ subject, files, calibration }: GroupSensitivityArgs, call: Call): Promise<StructureSensitivity> {
	const compute = engineCompute(await engineOf(subject));
	const dataset = await datasetOf(subject, call);
	call.progress(0, 'Reading the model');
	return structureSensitivity(await openModel(files), parseOptions(schema, { macsChange: DEEPEST }), {
		compute,
		calibration: chosenExamples(dataset, calibration),
		random: seededRandom(0),
		signal: undefined,
		// The pass uses the first 70 % for this; its cutting is not done here.
		progress: (fraction, detail) => call.progress(Math.min(1, fraction / 0.7), detail),
	});
}

import type { Model } from '../../core/ir/model.ts';
import { allNodes } from '../../core/ir/model.ts';
import { definePass, type Note } from '../../core/pass/pass.ts';
import { type Options, schema } from './options.ts';
import { run } from './run.ts';
import { treatments } from './treatments.ts';

export const mixedPrecision = definePass({
	id: 'mixed-precision',
	version: 1,
	title: 'Mixed precision',
	summary:
		'Each layer is timed in the runtime and its error measured in every form it can take (integers, fewer bits, fp32); a solver picks the forms that serve the aim within the limits. What it found is a plain recipe.',
	family: 'quantized',
	options: schema,
	needs: ['calibration', 'engine'],
	applies: survey,
	run,
});

function survey(model: Model, options: Options): Note[] {
	const operators = new Set(treatments.filter(({ id }) => options.treatments.includes(id)).flatMap((treatment) => treatment.operators));
	const notes: Note[] = [];
	for (const node of allNodes(model)) {
		if (node.domain !== '' || !operators.has(node.op)) continue;
		const excluded = options.nodesToExclude.includes(node.label);
		notes.push({ level: excluded ? 'skip' : 'info', node: node.label, reason: excluded ? 'excluded by name' : `${node.op} is measured` });
	}
	return notes;
}

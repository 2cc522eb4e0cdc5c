import { definePass } from '../../core/pass/pass.ts';
import { survey } from '../../core/pass/weight-plan.ts';
import { schema } from './options.ts';
import { formOf, run } from './run.ts';

export const gptq = definePass({
	id: 'gptq',
	version: 1,
	title: 'Learned rounding',
	summary:
		'Weights of few bits, rounded so that each layer puts out what it did before on sample inputs, instead of each to its nearest value (GPTQ). The smallest download that stays accurate; the same speed.',
	family: 'quantized',
	options: schema,
	needs: ['calibration'],
	applies: (model, options) => survey(model, formOf(options)),
	run,
});

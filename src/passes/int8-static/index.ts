import { definePass } from '../../core/pass/pass.ts';
import { schema } from './options.ts';
import { run } from './run.ts';
import { survey } from './survey.ts';

export const int8Static = definePass({
	id: 'int8-static',
	version: 2,
	title: 'Static int8',
	summary:
		'Weights and activations become 8-bit integers, with ranges learnt from sample inputs and the mean error of each layer taken off its bias. A quarter of the size; convolutions and dense layers compute on integers.',
	family: 'quantized',
	options: schema,
	needs: ['calibration', 'engine'],
	applies: (model, options) => survey(model, options),
	run,
});

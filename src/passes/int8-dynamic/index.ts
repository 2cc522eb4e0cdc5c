import { definePass } from '../../core/pass/pass.ts';
import { schema } from './options.ts';
import { survey } from './plan.ts';
import { run } from './run.ts';

export const int8Dynamic = definePass({
	id: 'int8-dynamic',
	version: 1,
	title: 'Dynamic int8',
	summary:
		'Weights are stored as 8-bit integers; activations are quantized while the model runs, with ranges taken from each input, so no example data is needed. Dense MatMul layers get faster as well as smaller.',
	family: 'quantized',
	options: schema,
	needs: [],
	applies: (model, options) => survey(model, options),
	run,
});

import { definePass } from '../../core/pass/pass.ts';
import { schema } from './options.ts';
import { survey } from './plan.ts';
import { run } from './run.ts';

export const weightOnly = definePass({
	id: 'weight-only',
	version: 1,
	title: 'Weight-only',
	summary:
		'Weights are stored as 8-bit or 4-bit integers and expanded before they are used; everything is still computed in floating point. A smaller download with little loss, not a faster model.',
	family: 'quantized',
	options: schema,
	needs: [],
	applies: (model, options) => survey(model, options),
	run,
});

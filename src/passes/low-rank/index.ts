import { definePass } from '../../core/pass/pass.ts';
import { schema } from './options.ts';
import { run, survey } from './run.ts';

export const lowRank = definePass({
	id: 'low-rank',
	version: 1,
	title: 'Low rank',
	summary:
		'Splits large matrices into two thin ones that keep what real inputs use. Smaller and fewer multiplications, for transformers above all; some loss.',
	family: 'factorized',
	options: schema,
	needs: ['calibration'],
	applies: survey,
	run,
});

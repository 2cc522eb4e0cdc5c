import { definePass } from '../../core/pass/pass.ts';
import { schema } from './options.ts';
import { run, survey } from './run.ts';

export const pruneSparse = definePass({
	id: 'prune-sparse',
	version: 1,
	title: 'Learned zeros',
	summary:
		'Sets weights to zero and lets the others make up for them on sample inputs (SparseGPT, Wanda). Far better than the smallest magnitudes; what shrinks is the compressed download.',
	family: 'pruned',
	options: schema,
	needs: ['calibration'],
	applies: survey,
	run,
});

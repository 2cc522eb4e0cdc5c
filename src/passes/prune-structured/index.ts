import { definePass } from '../../core/pass/pass.ts';
import { schema } from './options.ts';
import { run } from './run.ts';

export const pruneStructured = definePass({
	id: 'prune-structured',
	version: 1,
	title: 'Structured pruning',
	summary:
		'Cuts channels, hidden units and attention heads out of the model: fewer bytes and less time. What reads them is fitted anew on sample inputs.',
	family: 'pruned',
	options: schema,
	needs: ['calibration'],
	applies: () => [],
	run,
});

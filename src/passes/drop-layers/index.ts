import { allNodes } from '../../core/ir/model.ts';
import { definePass } from '../../core/pass/pass.ts';
import { schema } from './options.ts';
import { run } from './run.ts';

export const dropLayers = definePass({
	id: 'drop-layers',
	version: 1,
	title: 'Fewer layers',
	summary:
		'Drops whole residual blocks and repeated layers that the outputs miss least, measured on sample inputs. An affine map may stand in their place. Fewer bytes and proportionally less time.',
	family: 'pruned',
	options: schema,
	needs: ['calibration'],
	applies: (model) => {
		for (const node of allNodes(model)) if (node.op === 'Add' && node.domain === '') return [];
		return [{ level: 'info', reason: 'there is no residual sum: only repeated parts of the same shape can go' }];
	},
	run,
});

import { allNodes } from '../../core/ir/model.ts';
import { isStored } from '../../core/pass/constant-view.ts';
import { definePass } from '../../core/pass/pass.ts';
import { schema } from './options.ts';
import { run } from './run.ts';

const LAYERS = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'QLinearConv', 'ConvInteger']);

export const pruneStructured = definePass({
	id: 'prune-structured',
	version: 1,
	title: 'Structured pruning',
	summary:
		'Cuts channels, hidden units and attention heads out of the model: fewer bytes and less time. What reads them is fitted anew on sample inputs.',
	family: 'pruned',
	options: schema,
	needs: ['calibration'],
	applies: (model) => {
		for (const node of allNodes(model)) if (LAYERS.has(node.op) && node.inputs.slice(1).some((input) => isStored(input))) return [];
		return [{ level: 'skip', reason: 'there is no convolution or dense layer with stored weights to cut' }];
	},
	run,
});

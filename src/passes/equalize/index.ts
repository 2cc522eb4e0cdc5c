import { graphsWithin } from '../../core/ir/model.ts';
import { definePass, type Note } from '../../core/pass/pass.ts';
import { schema } from './options.ts';
import { run } from './run.ts';

export const equalize = definePass({
	id: 'equalize',
	version: 1,
	title: 'Equalize layers',
	summary:
		'Scales of channels move between neighbouring layers until both reach equally far, so that codes fit them better. The model computes the same. Put it before a quantization with one scale per weight.',
	family: 'optimized',
	options: schema,
	needs: [],
	applies: (model, options) => {
		const notes: Note[] = [];
		for (const graph of graphsWithin(model.graph)) {
			for (const node of graph.nodes()) {
				if (node.domain !== '' || !['Conv', 'Gemm', 'MatMul'].includes(node.op)) continue;
				if (options.nodesToExclude.includes(node.name)) notes.push({ level: 'skip', node: node.label, reason: 'excluded by name' });
				else
					notes.push({ level: 'info', node: node.label, reason: 'balanced with the layer after it where nothing between minds a scale' });
			}
		}
		return notes;
	},
	run,
});

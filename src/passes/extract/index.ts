import { names, options } from '../../core/pass/options.ts';
import { definePass } from '../../core/pass/pass.ts';
import { describeExtracting, runExtracting } from './run.ts';

export const extractOptions = options({
	inputs: names({
		title: 'Inputs',
		help: 'Tensors that become the inputs. Empty: the inputs of the model that the outputs need.',
	}),
	outputs: names({
		title: 'Outputs',
		help: 'Tensors that become the outputs, in this order. Empty: the outputs of the model.',
	}),
});

export const extract = definePass({
	id: 'extract',
	version: 1,
	title: 'Cut out a part',
	summary: 'Keeps what lies between the tensors chosen as inputs and as outputs, e.g. a backbone without its head.',
	family: 'optimized',
	options: extractOptions,
	needs: [],
	applies: describeExtracting,
	run: runExtracting,
});

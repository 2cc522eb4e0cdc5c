import { choice, flag, names, type OptionsOf, options } from '../../core/pass/options.ts';
import { definePass } from '../../core/pass/pass.ts';
import { describePlaces, run } from './run.ts';

export const schema = options({
	bits: choice({
		title: 'Bits',
		help: 'Bits that the weights will have: scales are chosen for these.',
		default: 4,
		choices: [
			{ value: 8, label: '8 bits' },
			{ value: 4, label: '4 bits' },
		],
	}),
	blockSize: choice({
		title: 'Block',
		help: 'Block that the weights will be quantized in.',
		default: 32,
		choices: [
			{ value: 0, label: 'Channel' },
			{ value: 16, label: '16' },
			{ value: 32, label: '32' },
			{ value: 64, label: '64' },
			{ value: 128, label: '128' },
		],
		onnxruntime: 'block_size',
	}),
	symmetric: flag({
		title: 'Symmetric',
		help: 'Whether the weights will have codes around zero.',
		default: false,
		onnxruntime: 'is_symmetric',
	}),
	insertMul: flag({
		title: 'Insert scales',
		help: 'Where the activation is read elsewhere too, or no normalization stands before it, a Mul scales it: a little slower. Off: such places stay as they are.',
		default: true,
	}),
	nodesToExclude: names({
		title: 'Nodes to keep',
		help: 'MatMul and Gemm nodes whose inputs are not scaled.',
		onnxruntime: 'nodes_to_exclude',
	}),
});

export type Options = OptionsOf<typeof schema>;

export const awq = definePass({
	id: 'awq',
	version: 1,
	title: 'Scale for weights',
	summary:
		'Weights that strong inputs meet are multiplied, and those inputs divided: the same model, whose important weights lose less when rounded. Put it before a weight-only step.',
	family: 'optimized',
	options: schema,
	needs: ['calibration'],
	applies: describePlaces,
	run,
});

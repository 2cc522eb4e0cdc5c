import { choice, flag, names, type OptionsOf, options } from '../../core/pass/options.ts';
import { definePass } from '../../core/pass/pass.ts';
import { describePlaces, run } from './run.ts';

export const schema = options({
	strength: choice({
		title: 'Strength',
		help: 'How much of the difficulty moves from activations to weights. Half is right for most models; more where a few channels are huge.',
		default: 0.5,
		choices: [
			{ value: 0.25, label: 'A quarter' },
			{ value: 0.5, label: 'Half' },
			{ value: 0.75, label: 'Three quarters' },
		],
		onnxruntime: 'SmoothQuantAlpha',
	}),
	insertMul: flag({
		title: 'Insert scales',
		help: 'Where the activation is read elsewhere too, or no normalization stands before it, a Mul scales it: a little slower. Off: such places stay as they are.',
		default: false,
	}),
	nodesToExclude: names({
		title: 'Nodes to keep',
		help: 'MatMul and Gemm nodes whose inputs are not scaled.',
		onnxruntime: 'nodes_to_exclude',
	}),
});

export type Options = OptionsOf<typeof schema>;

export const smoothQuant = definePass({
	id: 'smooth-quant',
	version: 1,
	title: 'Smooth activations',
	summary:
		'Channels of activations that are far larger than others are divided, and the weights that read them multiplied: the same model, easier to quantize to 8 bits. Put it before an int8 step.',
	family: 'optimized',
	options: schema,
	needs: ['calibration'],
	applies: describePlaces,
	run,
});

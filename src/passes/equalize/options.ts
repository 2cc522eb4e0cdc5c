import { flag, names, number, type OptionsOf, options } from '../../core/pass/options.ts';

export const schema = options({
	iterations: number({
		title: 'Sweeps',
		help: 'Pairs are balanced over and over until nothing moves; at most this often.',
		default: 20,
		min: 1,
		max: 1000,
		integer: true,
		advanced: true,
	}),
	absorbHighBiases: flag({
		title: 'Absorb high biases',
		help: 'A channel that is far above zero on the sample inputs hands its offset to the next layer. Needs sample inputs.',
		default: true,
	}),
	deviations: number({
		title: 'Deviations kept',
		help: 'How many standard deviations below its mean a channel may still go before its offset counts as safe to move.',
		default: 3,
		min: 1,
		max: 10,
		advanced: true,
	}),
	nodesToExclude: names({
		title: 'Nodes to leave alone',
		help: 'Names of nodes whose weights stay as they are.',
		onnxruntime: 'nodes_to_exclude',
	}),
});

export type Options = OptionsOf<typeof schema>;

import { damping, samples } from '../../core/layerwise/options.ts';
import { choice, flag, names, number, type OptionsOf, options } from '../../core/pass/options.ts';

export const schema = options({
	entries: choice({
		title: 'Entries',
		help: 'Distinct values of a palette. 16 take 4 bits for each weight, 256 take 8; 8 and 4 are stored in 4 bits and shrink further under gzip.',
		default: 16,
		choices: [
			{ value: 256, label: '256' },
			{ value: 16, label: '16' },
			{ value: 8, label: '8' },
			{ value: 4, label: '4' },
		],
	}),
	groupElements: number({
		title: 'Weights for each palette',
		help: 'Output channels share a palette until it stands for this many weights. Each channel has a scale of its own besides.',
		default: 1024,
		min: 64,
		max: 1_000_000_000,
		integer: true,
	}),
	learn: flag({
		title: 'Learned choice of entries',
		help: 'Entries are chosen so that each layer puts out what it did before on the sample inputs (GPTQ, then coordinate descent). Off: the nearest entry.',
		default: true,
	}),
	sweeps: number({
		title: 'Passes of improvement',
		help: 'Each moves every weight to the entry where the error of its layer is least, and refits scales.',
		default: 3,
		min: 0,
		max: 20,
		integer: true,
		advanced: true,
	}),
	damping: damping(0.02),
	keepEdges: flag({
		title: 'Keep 8 bits where fewer hurt',
		help: 'Depthwise convolutions, recurrent layers, and the first and last layer of a network with convolutions are stored as 8-bit integers.',
		default: true,
	}),
	samples: samples(512),
	nodesToExclude: names({
		title: 'Nodes to keep in fp32',
		help: 'Weights that one of these nodes reads stay as they are.',
		onnxruntime: 'nodes_to_exclude',
	}),
	minElements: number({
		title: 'Smallest weight',
		help: 'Weights with fewer elements stay as they are.',
		default: 512,
		min: 1,
		max: 1_000_000_000,
		integer: true,
		advanced: true,
	}),
});

export type Options = OptionsOf<typeof schema>;

import { correctBias, correctDrift, damping, rowsPerColumn, samples } from '../../core/layerwise/options.ts';
import { choice, flag, names, number, type OptionsOf, options } from '../../core/pass/options.ts';

export const schema = options({
	bytesChange: number({
		title: 'Change of bytes',
		help: 'How much smaller the stored weights become: -0.25 is a quarter less. Layers whose outputs suffer least give most.',
		default: -0.25,
		min: -0.95,
		max: 0,
		step: 0.05,
	}),
	aware: flag({
		title: 'Weigh by activations',
		help: 'Ranks keep what real inputs use (whitened by their Gram matrix). Off: the plain singular value decomposition of the weights.',
		default: true,
	}),
	embeddings: flag({
		title: 'Embedding tables',
		help: 'Tables that Gather reads are factorized too: rows of fewer numbers, and a matrix that expands them.',
		default: true,
	}),
	allocation: choice({
		title: 'Who gives how much',
		help: 'How the budget is spread: by what the outputs of sample inputs lose when one weight alone is split, or by the layer alone.',
		default: 'sensitivity',
		choices: [
			{ value: 'sensitivity', label: 'by what the outputs of the model lose' },
			{ value: 'error', label: 'by what the output of the layer loses' },
		],
		advanced: true,
	}),
	multiple: choice({
		title: 'Ranks in multiples of',
		help: 'Kernels like multiples of 4 or 8.',
		default: 8,
		choices: [
			{ value: 1, label: '1' },
			{ value: 4, label: '4' },
			{ value: 8, label: '8' },
			{ value: 16, label: '16' },
		],
		advanced: true,
	}),
	damping: damping(0.01),
	correctBias: correctBias(),
	correctDrift: correctDrift(),
	samples: samples(256),
	rowsPerColumn: rowsPerColumn(6),
	nodesToExclude: names({
		title: 'Nodes left alone',
		help: 'Weights that one of these nodes reads are not factorized.',
		onnxruntime: 'nodes_to_exclude',
	}),
	minElements: number({
		title: 'Smallest weight',
		help: 'Weights with fewer elements are left alone: they gain nothing.',
		default: 4096,
		min: 1,
		max: 1_000_000_000,
		integer: true,
		advanced: true,
	}),
});

export type Options = OptionsOf<typeof schema>;

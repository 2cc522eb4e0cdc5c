import { correctBias, correctDrift, damping, rowsPerColumn, samples } from '../../core/layerwise/options.ts';
import { choice, flag, names, number, type OptionsOf, options } from '../../core/pass/options.ts';

export const schema = options({
	ratio: number({
		title: 'Share of zeros',
		help: 'Share of the pruned weights that becomes zero. Patterns such as 2:4 fix the share themselves.',
		default: 0.5,
		min: 0,
		max: 0.98,
		step: 0.05,
	}),
	criterion: choice({
		title: 'Criterion',
		help: 'SparseGPT: what the output of the layer loses once the other weights make up for it. Wanda: weight times the power of its input. Magnitude: the weight alone.',
		default: 'sparsegpt',
		choices: [
			{ value: 'sparsegpt', label: 'SparseGPT' },
			{ value: 'wanda', label: 'Wanda' },
			{ value: 'magnitude', label: 'Magnitude' },
		],
	}),
	scope: choice({
		title: 'Budget',
		help: 'Budgeted: layers whose outputs suffer least get most of the zeros. Per layer: the same share everywhere.',
		default: 'budget',
		choices: [
			{ value: 'budget', label: 'Budgeted' },
			{ value: 'per-layer', label: 'Per layer' },
		],
	}),
	sensitivity: flag({
		title: 'Weigh layers by the outputs',
		help: 'Each layer is first tried alone, half of its weights zero: layers that move the outputs of the model more give less.',
		default: true,
		advanced: true,
	}),
	embeddings: flag({
		title: 'Embedding tables',
		help: 'Tables that are looked up take zeros too, rows that sample inputs look up least most of them. With a budget only.',
		default: true,
	}),
	turnTables: flag({
		title: 'Turn embedding tables',
		help: 'Large tables are told in their own main directions first, where far fewer numbers carry a row; a small MatMul turns back what is looked up. Only where that saves at least a tenth of the loss.',
		default: true,
		advanced: true,
	}),
	pattern: choice({
		title: 'Pattern',
		help: 'Where zeros may stand. 2:4 and 4:8 keep half of every group along the summed axis, as sparse tensor cores read them.',
		default: 'unstructured',
		choices: [
			{ value: 'unstructured', label: 'Unstructured' },
			{ value: '2:4', label: '2:4' },
			{ value: '4:8', label: '4:8' },
		],
	}),
	sweeps: number({
		title: 'Passes of improvement',
		help: 'The kept weights of a layer are moved to where its error is least, this many times. 0: only what the criterion itself makes up for.',
		default: 3,
		min: 0,
		max: 20,
		integer: true,
	}),
	damping: damping(0.02),
	scarceDamping: number({
		title: 'Damping where inputs are scarce',
		help: 'The least damping of convolutions, whose rows are neighbours in few pictures, and of layers with few rows of inputs.',
		default: 0.3,
		min: 0.0001,
		max: 1,
		advanced: true,
	}),
	correctBias: correctBias(),
	correctDrift: correctDrift(),
	samples: samples(512),
	rowsPerColumn: rowsPerColumn(6),
	nodesToExclude: names({
		title: 'Nodes left alone',
		help: 'Weights that one of these nodes reads are not pruned.',
		onnxruntime: 'nodes_to_exclude',
	}),
	minElements: number({
		title: 'Smallest weight',
		help: 'Weights with fewer elements are left alone: they gain nothing.',
		default: 512,
		min: 1,
		max: 1_000_000_000,
		integer: true,
		advanced: true,
	}),
});

export type Options = OptionsOf<typeof schema>;

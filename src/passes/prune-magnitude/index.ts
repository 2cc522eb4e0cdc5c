import { choice, flag, names, number, type OptionsOf, options } from '../../core/pass/options.ts';
import { definePass } from '../../core/pass/pass.ts';
import { describePruning, runPruning } from './run.ts';
import { PRUNED_OPS } from './weights.ts';

export const pruneMagnitudeOptions = options({
	ratio: number({
		title: 'Share of zeros',
		help: 'Share of the weights that become zero, the smallest magnitudes first. Patterns such as 2:4 fix the share themselves.',
		default: 0.5,
		min: 0,
		max: 0.99,
		step: 0.05,
	}),
	scope: choice({
		title: 'Budget',
		help: 'Per layer: every tensor loses the same share. Global: one threshold for all, so layers with small weights lose more.',
		default: 'per-layer',
		choices: [
			{ value: 'per-layer', label: 'Per layer' },
			{ value: 'global', label: 'Global' },
		],
	}),
	pattern: choice({
		title: 'Pattern',
		help: 'Where zeros may stand. N:M keeps N of every M weights along the summed axis, as sparse tensor cores read them.',
		default: 'unstructured',
		choices: [
			{ value: 'unstructured', label: 'Unstructured' },
			{ value: '2:4', label: '2:4' },
			{ value: '4:8', label: '4:8' },
			{ value: 'n:m', label: 'N:M' },
		],
	}),
	patternKeep: number({
		title: 'N of N:M',
		help: 'Weights kept of each group; read for the pattern N:M only.',
		default: 1,
		min: 1,
		max: 63,
		integer: true,
		advanced: true,
	}),
	patternGroup: number({
		title: 'M of N:M',
		help: 'Weights in a group; read for the pattern N:M only.',
		default: 4,
		min: 2,
		max: 64,
		integer: true,
		advanced: true,
	}),
	opTypes: names({
		title: 'Operators',
		help: 'Whose weights are pruned. Gather (embedding tables) can be added: zeros there cost more than they save.',
		default: PRUNED_OPS,
		onnxruntime: 'op_types_to_quantize',
	}),
	minElements: number({
		title: 'Smallest tensor',
		help: 'Tensors with fewer elements are left alone: they gain nothing.',
		default: 256,
		min: 1,
		max: 1e9,
		integer: true,
		advanced: true,
	}),
	nodesToExclude: names({
		title: 'Nodes left alone',
		help: 'Names of nodes whose weights are not pruned.',
		onnxruntime: 'nodes_to_exclude',
	}),
	keepFirstAndLast: flag({
		title: 'Keep first and last layer',
		help: 'The first and the last layer keep all weights. Off by default: measured, it gained little, and the share asked for is no longer the share reached.',
		default: false,
	}),
	storeSparse: flag({
		title: 'Store as sparse tensors',
		help: 'Writes ONNX sparse initializers where they are smaller (above two thirds zeros). WASM loads them, WebGPU does not.',
		default: false,
		advanced: true,
	}),
});

export type PruneMagnitudeOptions = OptionsOf<typeof pruneMagnitudeOptions>;

export const pruneMagnitude = definePass({
	id: 'prune-magnitude',
	version: 1,
	title: 'Magnitude pruning',
	summary: 'Sets the smallest weights to zero. The file and the runtime gain nothing from it; what shrinks is the compressed download.',
	family: 'pruned',
	options: pruneMagnitudeOptions,
	needs: [],
	applies: describePruning,
	run: runPruning,
});

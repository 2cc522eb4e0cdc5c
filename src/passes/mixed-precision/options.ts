import { choice, names, number, type OptionsOf, options } from '../../core/pass/options.ts';
import { treatmentIds } from './treatments.ts';

export const schema = options({
	aim: choice({
		title: 'Aim',
		help: 'What the choice of a form for each layer is to make best, within the limits below.',
		default: 'fastest',
		choices: [
			{ value: 'fastest', label: 'Fastest in this runtime' },
			{ value: 'smallest', label: 'Smallest file' },
			{ value: 'accurate', label: 'Closest to the original' },
		],
	}),
	leastSqnr: number({
		title: 'Least signal to noise',
		help: 'What the outputs must keep on sample inputs. 0: no limit.',
		default: 22,
		min: 0,
		max: 80,
		unit: 'dB',
	}),
	largestSize: number({
		title: 'Largest size',
		help: 'Stored tensors of the whole model, in decimal megabytes. 0: no limit.',
		default: 0,
		min: 0,
		max: 1_000_000,
		unit: 'MB',
	}),
	treatments: names({
		title: 'Forms',
		help: `What a layer may become: ${treatmentIds.join(', ')}. A layer that gains by none stays as it is.`,
		default: treatmentIds,
	}),
	examples: number({
		title: 'Examples',
		help: 'Sample inputs that the error of each layer is measured on. Time grows with them. 0: 4 to 64, as many as take about 20 seconds.',
		default: 0,
		min: 0,
		max: 64,
		integer: true,
	}),
	nodesToExclude: names({
		title: 'Nodes to keep in fp32',
		help: 'Names of layers that stay as they are.',
		onnxruntime: 'nodes_to_exclude',
	}),
});

export type Options = OptionsOf<typeof schema>;

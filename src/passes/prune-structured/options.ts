import { choice, flag, names, number, type OptionsOf, options } from '../../core/pass/options.ts';

export const schema = options({
	macsChange: number({
		title: 'Multiply-accumulates',
		help: 'How much computing to cut, e.g. -0.25 for a quarter less. 0: no such budget.',
		default: 0,
		min: -0.95,
		max: 0,
		step: 0.05,
	}),
	bytesChange: number({
		title: 'Bytes of weights',
		help: 'How much of the stored weights to cut, e.g. -0.25 for a quarter less. 0: no such budget.',
		default: 0,
		min: -0.95,
		max: 0,
		step: 0.05,
	}),
	ratio: number({
		title: 'Share of each group',
		help: 'Share of the channels, hidden units or heads of every group that goes where no budget is given.',
		default: 0.25,
		min: 0,
		max: 0.95,
		step: 0.05,
	}),
	allocation: choice({
		title: 'Who gives how much',
		help: 'How a budget is spread over the groups.',
		default: 'sensitivity',
		choices: [
			{ value: 'sensitivity', label: 'by what each group does to the outputs on held-out examples' },
			{ value: 'error', label: 'by the error of the layers that read it' },
			{ value: 'uniform', label: 'the same share of every group' },
		],
	}),
	criterion: choice({
		title: 'Which go first',
		help: 'How the units of a group are ranked.',
		default: 'second-order',
		choices: [
			{ value: 'second-order', label: 'least error after the others make up for it (optimal brain surgeon)' },
			{ value: 'activation', label: 'least output energy (weights times inputs)' },
			{ value: 'l2', label: 'smallest weights (L2)' },
			{ value: 'l1', label: 'smallest weights (L1)' },
			{ value: 'geometric-median', label: 'most alike (geometric median)' },
			{ value: 'random', label: 'at random (a baseline)' },
		],
	}),
	scope: choice({
		title: 'Which groups',
		help: 'Channels inside blocks have one reader; residual streams are read by many layers and are dearer to cut.',
		default: 'all',
		choices: [
			{ value: 'all', label: 'all that can be cut' },
			{ value: 'inner', label: 'those read by one layer' },
		],
	}),
	roundTo: number({
		title: 'Round channels to',
		help: 'What is left of a group is a multiple of this where the group is large enough: kernels work on a few channels at a time.',
		default: 4,
		min: 1,
		max: 64,
		integer: true,
		advanced: true,
	}),
	leastShare: number({
		title: 'Least left of a group',
		help: 'No group shrinks below this share of its units.',
		default: 0.1,
		min: 0.01,
		max: 1,
		step: 0.05,
		advanced: true,
	}),
	refit: flag({
		title: 'Refit the readers',
		help: 'Layers that read what was cut are fitted anew, one after another, to what the original gives.',
		default: true,
	}),
	recover: choice({
		title: 'Which layers are refitted',
		help: 'Readers of what was cut make up for most; the others behind them gain little and take twice the time.',
		default: 'readers',
		choices: [
			{ value: 'readers', label: 'those that read what was cut' },
			{ value: 'all', label: 'all behind what was cut, depthwise kernels too' },
		],
		advanced: true,
	}),
	augment: flag({
		title: 'More rows from pictures',
		help: 'Flips and crops of the sample pictures where these alone give too few rows to fit on.',
		default: true,
		advanced: true,
	}),
	heldOut: number({
		title: 'Held-out share',
		help: 'Share of the sample inputs that is not fitted on: it measures sensitivity and chooses the regularization.',
		default: 0.3,
		min: 0.1,
		max: 0.5,
		step: 0.05,
		advanced: true,
	}),
	nodesToExclude: names({
		title: 'Layers to keep',
		help: 'Groups that these layers make or read stay whole.',
		onnxruntime: 'nodes_to_exclude',
	}),
});

export type PruneOptions = OptionsOf<typeof schema>;

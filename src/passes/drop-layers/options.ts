import { choice, flag, names, number, type OptionsOf, options } from '../../core/pass/options.ts';

export const schema = options({
	count: number({
		title: 'Blocks',
		help: 'How many blocks go where no budget of computing or bytes is given.',
		default: 1,
		min: 0,
		max: 1000,
		integer: true,
	}),
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
	replacement: choice({
		title: 'In place of a block',
		help: 'An affine map fitted on sample inputs makes up for much of what a block did, where it is smaller than the block.',
		default: 'affine',
		choices: [
			{ value: 'affine', label: 'an affine map of its channels' },
			{ value: 'identity', label: 'nothing: what goes in comes out' },
		],
	}),
	kinds: choice({
		title: 'Which blocks',
		help: 'Residual branches leave what they are added to; repeated parts are whole layers that follow each other and are alike.',
		default: 'all',
		choices: [
			{ value: 'all', label: 'residual branches and repeated parts' },
			{ value: 'residual', label: 'residual branches' },
			{ value: 'repeated', label: 'repeated parts' },
		],
	}),
	mostDivergence: number({
		title: 'Most that the outputs may lose',
		help: 'No further block goes once the outputs of held-out examples would diverge by more (nats for classes, error over variance for numbers). 0: no limit.',
		default: 0,
		min: 0,
		max: 100,
		advanced: true,
	}),
	augment: flag({
		title: 'More rows from pictures',
		help: 'Flips, crops and recoloured pictures where the sample pictures alone give too few rows to fit on.',
		default: true,
		advanced: true,
	}),
	heldOut: number({
		title: 'Held-out share',
		help: 'Share of the sample inputs that is not fitted on: it ranks the blocks.',
		default: 0.3,
		min: 0.1,
		max: 0.5,
		step: 0.05,
		advanced: true,
	}),
	nodesToExclude: names({
		title: 'Layers to keep',
		help: 'Blocks that hold one of these layers stay.',
		onnxruntime: 'nodes_to_exclude',
	}),
});

export type Options = OptionsOf<typeof schema>;

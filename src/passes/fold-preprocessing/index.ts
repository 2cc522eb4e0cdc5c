import { choice, names, number, options } from '../../core/pass/options.ts';
import { definePass } from '../../core/pass/pass.ts';
import { describeFolding, runFolding } from './run.ts';

export const foldPreprocessingOptions = options({
	input: names({ title: 'Input', help: 'Name of the input. Empty: the only one that is fed floating-point values.' }),
	dtype: choice({
		title: 'Takes',
		help: 'Element type of the new input.',
		default: 'keep',
		choices: [
			{ value: 'keep', label: 'as before' },
			{ value: 'uint8', label: 'bytes 0 to 255 (uint8)' },
			{ value: 'float32', label: 'float32' },
		],
	}),
	layout: choice({
		title: 'Layout',
		help: 'Where the channels of the new input stand. The model gets them where it has them now.',
		default: 'keep',
		choices: [
			{ value: 'keep', label: 'as before' },
			{ value: 'nhwc', label: 'last (NHWC), as canvases and cameras give them' },
			{ value: 'nchw', label: 'second (NCHW)' },
		],
	}),
	modelLayout: choice({
		title: 'Layout of the model',
		help: 'Where the channels stand now. Told from the shape where one place has 1, 3 or 4.',
		default: 'auto',
		choices: [
			{ value: 'auto', label: 'from the shape' },
			{ value: 'nchw', label: 'second (NCHW)' },
			{ value: 'nhwc', label: 'last (NHWC)' },
		],
		advanced: true,
	}),
	channels: choice({
		title: 'Channel order',
		help: 'Reversed: the new input is BGR where the model has RGB, or the other way round.',
		default: 'same',
		choices: [
			{ value: 'same', label: 'as before' },
			{ value: 'reversed', label: 'reversed' },
		],
	}),
	scale: number({
		title: 'Scale',
		help: 'Values are multiplied by this first; 0.00392156862745098 is 1/255.',
		default: 1,
		min: -1e9,
		max: 1e9,
	}),
	mean: names({ title: 'Mean', help: 'Subtracted after the scale: one number, or one per channel in the order of the model.' }),
	std: names({ title: 'Standard deviation', help: 'Divided by at last: one number, or one per channel in the order of the model.' }),
});

export const foldPreprocessing = definePass({
	id: 'fold-preprocessing',
	version: 1,
	title: 'Preprocessing into the model',
	summary: 'Scale, mean and deviation, channel order and layout move into the graph, so that a program feeds plain pixels.',
	family: 'optimized',
	options: foldPreprocessingOptions,
	needs: [],
	applies: describeFolding,
	run: runFolding,
});

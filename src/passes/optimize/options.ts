import { flag, names, number, type OptionsOf, options } from '../../core/pass/options.ts';

export const optimizeOptions = options({
	inline: flag({
		title: 'Inline',
		help: 'Functions of the model and branches of If that are always taken become part of the graph around them.',
		default: true,
	}),
	fold: flag({
		title: 'Fold constants',
		help: 'What does not depend on the inputs is computed once and stored, as far as the file does not grow by it.',
		default: true,
	}),
	clean: flag({
		title: 'Clean up',
		help: 'Takes out what does nothing, what nobody reads and what is computed twice.',
		default: true,
	}),
	fuse: flag({
		title: 'Fuse',
		help: 'Puts several operators into one where the algebra is exact: BatchNorm into Conv, chains of Reshape, GELU and others.',
		default: true,
	}),
	allowContrib: flag({
		title: "Allow ONNX Runtime's own operators",
		help: 'Fusions may write com.microsoft operators. Other runtimes do not load such a file.',
		default: false,
	}),
	weightsAsConstants: flag({
		title: 'Weights are constants',
		help: 'Weights that the file lists as inputs too (a habit of old exporters) can no longer be overridden by a caller.',
		default: true,
		advanced: true,
	}),
	runtimeFolding: flag({
		title: 'Fold with the runtime',
		help: 'Constants that Pare does not compute itself (exp, sin, products) are computed by the runtime, where the run has one.',
		default: false,
		advanced: true,
	}),
	rulesOff: names({
		title: 'Rules left out',
		help: 'Ids of single rules that are not applied.',
	}),
	sizeBudget: number({
		title: 'Bytes that folding may add',
		help: 'Stored tensors may grow by this much in all. 0: folding never makes the file larger.',
		default: 0,
		min: 0,
		max: 1e9,
		integer: true,
		advanced: true,
		unit: 'bytes',
	}),
});

export type OptimizeOptions = OptionsOf<typeof optimizeOptions>;

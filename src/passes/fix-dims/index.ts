import { names, options } from '../../core/pass/options.ts';
import { definePass } from '../../core/pass/pass.ts';
import { describeFixing, runFixing } from './run.ts';

export const fixDimsOptions = options({
	dims: names({
		title: 'Dimensions',
		help: 'NAME=224 fixes a named dimension, NAME=batch renames it, input[0]=1 names it by input and axis.',
	}),
});

export const fixDims = definePass({
	id: 'fix-dims',
	version: 1,
	title: 'Fix input sizes',
	summary: 'Gives open dimensions of the inputs a size or another name. Shapes then fold, and the runtime plans its memory once.',
	family: 'optimized',
	options: fixDimsOptions,
	needs: [],
	applies: describeFixing,
	run: runFixing,
});

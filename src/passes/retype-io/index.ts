import { names, options } from '../../core/pass/options.ts';
import { definePass } from '../../core/pass/pass.ts';
import { describeRetyping, runRetyping } from './run.ts';

export const retypeIoOptions = options({
	types: names({ title: 'Element types', help: 'NAME=int32 gives an input or output another element type, with a Cast at the border.' }),
});

export const retypeIo = definePass({
	id: 'retype-io',
	version: 1,
	title: 'Retype inputs and outputs',
	summary: 'Lets the model take and give other element types, e.g. int32 ids in place of int64. Inside it computes as before.',
	family: 'optimized',
	options: retypeIoOptions,
	needs: [],
	applies: describeRetyping,
	run: runRetyping,
});

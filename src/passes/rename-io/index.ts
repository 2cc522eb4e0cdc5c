import { names, options } from '../../core/pass/options.ts';
import { definePass } from '../../core/pass/pass.ts';
import { describeRenaming, runRenaming } from './run.ts';

export const renameIoOptions = options({
	renames: names({ title: 'Names', help: 'OLD=NEW gives an input or output of the model another name.' }),
});

export const renameIo = definePass({
	id: 'rename-io',
	version: 1,
	title: 'Rename inputs and outputs',
	summary: 'Gives inputs and outputs of the model the names that a program expects. Computes the same.',
	family: 'optimized',
	options: renameIoOptions,
	needs: [],
	applies: describeRenaming,
	run: runRenaming,
});

import { definePass } from '../../core/pass/pass.ts';
import { optimizeOptions } from './options.ts';
import { describeOptimize, runOptimize } from './run.ts';

export const optimize = definePass({
	id: 'optimize',
	version: 1,
	title: 'Optimize the graph',
	summary: 'Fewer nodes that compute the same: constants folded, dead and double parts out, operators fused. Equal up to float32 rounding.',
	family: 'optimized',
	options: optimizeOptions,
	needs: [],
	applies: describeOptimize,
	run: runOptimize,
});

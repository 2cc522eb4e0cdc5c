import { flag, names, type OptionsOf, options } from '../../core/pass/options.ts';
import { definePass } from '../../core/pass/pass.ts';
import { DEFAULT_BLOCK_LIST } from './operators.ts';
import { resolveKeepList } from './resolve.ts';
import { describeFloat16, runFloat16 } from './run.ts';

export const float16Options = options({
	keepIoTypes: flag({
		title: 'Keep input and output types',
		help: 'Inputs and outputs stay float32, so that the model is called as before; a Cast stands at each end.',
		default: true,
	}),
	opBlockList: names({
		title: 'Operators kept in float32',
		help: 'Every node of these operators stays float32, e.g. Softmax or com.microsoft.Gelu.',
		default: DEFAULT_BLOCK_LIST,
		advanced: true,
	}),
	nodesToExclude: names({
		title: 'Nodes kept in float32',
		help: 'Names of nodes that stay float32.',
		onnxruntime: 'node_block_list',
	}),
	keepFp32: names({
		title: 'Keep-list',
		help: 'Tensors whose values were measured beyond what float16 holds, or nodes: what reads or makes them stays float32. Filled in from sample inputs.',
		advanced: true,
	}),
});

export type Float16Options = OptionsOf<typeof float16Options>;

export const float16 = definePass({
	id: 'float16',
	version: 1,
	title: 'Half precision',
	summary:
		'Stores and computes in float16: half the size, almost no loss. On WASM the runtime computes in float32 inside, so only the download gets smaller.',
	family: 'quantized',
	options: float16Options,
	needs: [],
	applies: describeFloat16,
	run: runFloat16,
	resolve: resolveKeepList,
});

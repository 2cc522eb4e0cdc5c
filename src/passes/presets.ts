import type { Family } from '../core/pass/pass.ts';
import type { Recipe } from '../core/pass/recipe.ts';

/** A recipe with a stable name, in the page and on the command line. */
export interface Preset {
	readonly id: string;
	readonly title: string;
	/** One line: what one gets and what it costs. */
	readonly summary: string;
	readonly family: Family;
	/** Its passes learn from sample inputs: real ones make it good. Checked against the passes by a test. */
	readonly learns?: true;
	readonly recipe: Recipe;
}

export const presets: readonly Preset[] = [
	{
		id: 'optimize',
		title: 'Optimized graph',
		summary: 'Fewer nodes that compute the same, up to float32 rounding: constants folded, operators fused, leftovers out.',
		family: 'optimized',
		recipe: { v: 1, seed: 0, name: 'optimize', steps: [{ pass: 'optimize', options: {} }] },
	},
	{
		id: 'float16',
		title: 'Half precision',
		summary: 'Half the size, almost no loss. On WASM the runtime computes in float32 inside: no faster there.',
		family: 'quantized',
		recipe: { v: 1, seed: 0, name: 'float16', steps: [{ pass: 'float16', options: {} }] },
	},
	{
		id: 'prune-50',
		title: 'Half the weights zero',
		summary:
			'The smallest half of each layer becomes zero. Only the compressed download shrinks; accuracy can drop a lot without retraining.',
		family: 'pruned',
		recipe: { v: 1, seed: 0, name: 'prune-50', steps: [{ pass: 'prune-magnitude', options: { ratio: 0.5 } }] },
	},
	{
		id: 'int8-static',
		title: 'Static int8',
		summary:
			'A quarter of the size with ranges learnt from sample inputs, biases corrected, and what would suffer kept in fp32. The QDQ form: what ONNX Runtime on servers and phones computes on integers.',
		family: 'quantized',
		learns: true,
		recipe: {
			v: 1,
			seed: 0,
			name: 'int8-static',
			steps: [
				{ pass: 'optimize', options: {} },
				{ pass: 'int8-static', options: {} },
			],
		},
	},
	{
		id: 'accuracy-aware',
		title: 'Static int8 within a limit',
		summary: 'As static int8; layers go back to fp32 until at most half a point of accuracy is lost on the sample inputs.',
		family: 'quantized',
		learns: true,
		recipe: {
			v: 1,
			seed: 0,
			name: 'accuracy-aware',
			steps: [
				{ pass: 'optimize', options: {} },
				{ pass: 'int8-static', options: { limitDrop: 0.5 } },
			],
		},
	},
	{
		id: 'wasm',
		title: 'Fastest on WASM',
		summary:
			'Each layer is timed here and computes on integers only where that is faster and the outputs keep 22 dB on sample inputs; other weights are stored in 8 bits. Never slower; minutes for large models.',
		family: 'quantized',
		learns: true,
		recipe: {
			v: 1,
			seed: 0,
			name: 'wasm',
			steps: [
				{ pass: 'optimize', options: {} },
				{ pass: 'mixed-precision', options: { aim: 'fastest', treatments: ['int8-static', 'int8-dynamic', 'int8-weights'] } },
				{ pass: 'weight-only', options: { bits: 8, blockSize: 32, opTypesToQuantize: ['Gather'] } },
			],
		},
	},
	{
		id: 'webgpu',
		title: 'For WebGPU',
		summary:
			'What WebGPU has kernels for: MatMul with learned 4-bit weights that stay small in memory, other weights in 8 bits expanded at load. No integer arithmetic, which would fall back to the CPU.',
		family: 'quantized',
		learns: true,
		recipe: {
			v: 1,
			seed: 0,
			name: 'webgpu',
			steps: [
				{ pass: 'optimize', options: {} },
				{ pass: 'gptq', options: { bits: 4, format: 'matmulnbits', embeddings: '4', opTypesToQuantize: ['MatMul', 'Gather'] } },
				{ pass: 'weight-only', options: { bits: 8 } },
			],
		},
	},
	{
		id: 'int8-dynamic',
		title: 'Dynamic int8',
		summary:
			'A quarter of the size; dense layers compute on integers. Often twice as fast where MatMul dominates; convolutions gain less or lose.',
		family: 'quantized',
		recipe: { v: 1, seed: 0, name: 'int8-dynamic', steps: [{ pass: 'int8-dynamic', options: {} }] },
	},
	{
		id: 'int8-weights',
		title: '8-bit weights',
		summary: 'A quarter of the size with hardly any loss. Computes in fp32 as before: a smaller download, the same speed.',
		family: 'quantized',
		recipe: { v: 1, seed: 0, name: 'int8-weights', steps: [{ pass: 'weight-only', options: { bits: 8, blockSize: 32 } }] },
	},
	{
		id: 'int4-weights',
		title: '4-bit weights',
		summary: 'The smallest download: a fifth to an eighth of the size. Some loss; look at the figures. The same speed.',
		family: 'quantized',
		recipe: {
			v: 1,
			seed: 0,
			name: 'int4-weights',
			steps: [{ pass: 'weight-only', options: { bits: 4, blockSize: 32, symmetric: false, method: 'mse' } }],
		},
	},
	{
		id: 'int8-smooth',
		title: 'Dynamic int8, smoothed',
		summary:
			'Dynamic int8 after strong channels of activations were evened out on sample inputs: closer to the original, hardly slower. For transformers.',
		family: 'quantized',
		learns: true,
		recipe: {
			v: 1,
			seed: 0,
			name: 'int8-smooth',
			steps: [
				{ pass: 'smooth-quant', options: { insertMul: true } },
				{ pass: 'int8-dynamic', options: {} },
			],
		},
	},
	{
		id: 'int8-gptq',
		title: '8-bit weights, learned',
		summary:
			'A quarter of the size; codes are chosen so that layers put out what they did on sample inputs. For models that plain 8 bits hurt.',
		family: 'quantized',
		learns: true,
		recipe: {
			v: 1,
			seed: 0,
			name: 'int8-gptq',
			steps: [
				{ pass: 'optimize', options: {} },
				{ pass: 'gptq', options: { bits: 8 } },
			],
		},
	},
	{
		id: 'int4-gptq',
		title: '4-bit weights, learned',
		summary: 'A fifth to an eighth of the size at far less loss than plain 4 bits: rounding is learned from sample inputs. The same speed.',
		family: 'quantized',
		learns: true,
		recipe: {
			v: 1,
			seed: 0,
			name: 'int4-gptq',
			steps: [
				{ pass: 'optimize', options: {} },
				{ pass: 'gptq', options: { bits: 4 } },
			],
		},
	},
	{
		id: 'smallest',
		title: 'Smallest download',
		summary: 'Learned 4-bit weights, embedding tables at 4 bits too, which only ONNX Runtime reads. The same speed as before.',
		family: 'quantized',
		learns: true,
		recipe: {
			v: 1,
			seed: 0,
			name: 'smallest',
			steps: [
				{ pass: 'optimize', options: {} },
				{ pass: 'gptq', options: { bits: 4, embeddings: '4' } },
			],
		},
	},
	{
		id: 'palettize',
		title: 'Palettes of 16 values',
		summary:
			'Each weight becomes an index into 16 values that channels share, learned from sample inputs. About the size of 4-bit weights.',
		family: 'quantized',
		learns: true,
		recipe: {
			v: 1,
			seed: 0,
			name: 'palettize',
			steps: [
				{ pass: 'optimize', options: {} },
				{ pass: 'palettize', options: {} },
			],
		},
	},
	{
		id: 'prune-structured',
		title: 'A quarter less computing',
		summary: 'Channels, hidden units and heads are cut out and their readers fitted anew on sample inputs: smaller and faster, some loss.',
		family: 'pruned',
		learns: true,
		recipe: { v: 1, seed: 0, name: 'prune-structured', steps: [{ pass: 'prune-structured', options: { macsChange: -0.25 } }] },
	},
	{
		id: 'prune-sparse',
		title: 'Half the weights zero, made up for',
		summary:
			'Half of the weights become zero and the others make up for them on sample inputs. Only the compressed download shrinks, at far less loss.',
		family: 'pruned',
		learns: true,
		recipe: {
			v: 1,
			seed: 0,
			name: 'prune-sparse',
			steps: [
				{ pass: 'optimize', options: {} },
				{ pass: 'prune-sparse', options: { ratio: 0.5 } },
			],
		},
	},
	{
		id: 'low-rank',
		title: 'Low rank',
		summary:
			'Large matrices become products of thin ones: a quarter less to download and less to compute. For transformers above all; some loss.',
		family: 'factorized',
		learns: true,
		recipe: {
			v: 1,
			seed: 0,
			name: 'low-rank',
			steps: [
				{ pass: 'optimize', options: {} },
				{ pass: 'low-rank', options: { bytesChange: -0.25 } },
			],
		},
	},
	{
		id: 'drop-layers',
		title: 'Fewer layers',
		summary:
			'Whole blocks that the outputs miss least are dropped until a tenth of the computing is gone; affine maps fitted on sample inputs stand in their place.',
		family: 'pruned',
		learns: true,
		recipe: {
			v: 1,
			seed: 0,
			name: 'drop-layers',
			steps: [
				{ pass: 'optimize', options: {} },
				{ pass: 'drop-layers', options: { macsChange: -0.1 } },
			],
		},
	},
];

import { choice, flag, names, number, type OptionsOf, options } from '../../core/pass/options.ts';

export const schema = options({
	bits: choice({
		title: 'Bits',
		help: 'Bits of each stored weight. 16: float16, half the bytes at hardly any loss.',
		default: 8,
		choices: [
			{ value: 16, label: '16 bits (float16)' },
			{ value: 8, label: '8 bits' },
			{ value: 4, label: '4 bits' },
		],
	}),
	blockSize: choice({
		title: 'Block',
		help: 'How many neighbouring weights share a scale along the summed axis. Smaller blocks are more accurate and larger.',
		default: 0,
		choices: [
			{ value: 0, label: 'Channel' },
			{ value: 16, label: '16' },
			{ value: 32, label: '32' },
			{ value: 64, label: '64' },
			{ value: 128, label: '128' },
			{ value: 256, label: '256' },
		],
		onnxruntime: 'block_size',
	}),
	symmetric: flag({
		title: 'Symmetric',
		help: 'Codes around zero, no zero points. Off: each block or channel gets a zero point too; more accurate at 4 bits.',
		default: true,
		onnxruntime: 'is_symmetric',
	}),
	method: choice({
		title: 'Scales',
		help: 'Range: smallest and largest value. Search: the scale with the least squared error, slower to make.',
		default: 'minmax',
		choices: [
			{ value: 'minmax', label: 'Range' },
			{ value: 'mse', label: 'Search' },
		],
	}),
	biasCorrection: choice({
		title: 'Bias correction',
		help: 'Takes what rounding adds to the mean output of a layer off its bias, without data: from BatchNormalization in front of it, as far as the model still has them (Optimize folds them: run this before it).',
		default: 'batchnorm',
		choices: [
			{ value: 'none', label: 'Off' },
			{ value: 'batchnorm', label: 'From BatchNormalization' },
		],
	}),
	embeddings: choice({
		title: 'Embedding tables',
		help: 'How tables read by Gather are stored. 8: int8 rows, standard operators. 4: GatherBlockQuantized, which needs ONNX Runtime.',
		default: '8',
		choices: [
			{ value: '8', label: '8 bits' },
			{ value: '4', label: '4 bits' },
			{ value: 'off', label: 'Unchanged' },
		],
	}),
	format: choice({
		title: 'Form',
		help: 'How the model expands its weights. Cast and Mul: folded when the model is loaded, as fast as fp32 everywhere. DequantizeLinear: the ONNX standard form. MatMulNBits: an ONNX Runtime operator that keeps weights small in memory; fast on WebGPU, slow for single rows on WASM.',
		default: 'cast',
		choices: [
			{ value: 'cast', label: 'Cast and Mul' },
			{ value: 'dequantize', label: 'DequantizeLinear' },
			{ value: 'matmulnbits', label: 'MatMulNBits' },
		],
	}),
	keepEdges: flag({
		title: 'Keep 8 bits where 4 hurt',
		help: 'With 4 bits: depthwise convolutions, recurrent layers, and the first and last layer of a network with convolutions, keep 8 bits.',
		default: true,
	}),
	halfScales: flag({
		title: 'float16 scales',
		help: 'Scales are rounded to float16 before the weights are encoded, which halves their bytes and costs nothing measurable.',
		default: true,
		advanced: true,
	}),
	opTypesToQuantize: names({
		title: 'Operators',
		help: 'Operators whose weights are treated. Empty: all.',
		onnxruntime: 'op_types_to_quantize',
	}),
	nodesToQuantize: names({
		title: 'Nodes to quantize',
		help: 'Names of the nodes whose weights are treated. Empty: all.',
		onnxruntime: 'nodes_to_quantize',
	}),
	nodesToExclude: names({
		title: 'Nodes to keep in fp32',
		help: 'Weights that one of these nodes reads stay as they are.',
		onnxruntime: 'nodes_to_exclude',
	}),
	minElements: number({
		title: 'Smallest weight',
		help: 'Weights with fewer elements stay as they are.',
		default: 512,
		min: 1,
		max: 1_000_000_000,
		integer: true,
		advanced: true,
	}),
});

export type Options = OptionsOf<typeof schema>;

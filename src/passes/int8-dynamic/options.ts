import { choice, flag, names, number, type OptionsOf, options } from '../../core/pass/options.ts';

/** Operators with an integer form. */
export const TREATED = ['MatMul', 'Gemm', 'Conv', 'Gather', 'LSTM'] as const;

export const schema = options({
	perChannel: flag({
		title: 'One scale per channel',
		help: 'Each output channel of a weight gets a scale of its own. Off: one scale per weight, smaller by a few bytes and less accurate.',
		default: true,
		onnxruntime: 'per_channel',
	}),
	activations: choice({
		title: 'Activation scales',
		help: 'For MatMul and Gemm. Row: each row of the input has its own scale, far more accurate and as fast. Tensor: one scale for the whole input, the form of ONNX Runtime.',
		default: 'row',
		choices: [
			{ value: 'row', label: 'Per row' },
			{ value: 'tensor', label: 'Per tensor' },
		],
	}),
	operators: names({
		title: 'Operators',
		help: 'Which of MatMul, Gemm, Conv, Gather and LSTM are turned into integer operators.',
		default: [...TREATED],
		onnxruntime: 'op_types_to_quantize',
	}),
	groupedConv: flag({
		title: 'Depthwise convolutions too',
		help: 'Convolutions with groups run several times slower as integers and hold few weights, so they keep fp32 unless this is on.',
		default: false,
	}),
	nodesToQuantize: names({
		title: 'Nodes to quantize',
		help: 'Names of the nodes whose weights are treated. Empty: all.',
		onnxruntime: 'nodes_to_quantize',
	}),
	nodesToExclude: names({
		title: 'Nodes to keep in fp32',
		help: 'Names of nodes that stay as they are.',
		onnxruntime: 'nodes_to_exclude',
	}),
	embeddings: flag({
		title: 'Embedding tables',
		help: 'Tables read by Gather are stored as int8 with a scale per row; looked-up rows are expanded.',
		default: true,
	}),
	reduceRange: flag({
		title: 'Reduce range',
		help: 'Weights use 7 bits. For native runtimes on processors with AVX2 or AVX-512 but no VNNI, which saturate otherwise. WebAssembly does not need it.',
		default: false,
		advanced: true,
		onnxruntime: 'reduce_range',
	}),
	symmetricWeights: flag({
		title: 'Symmetric weights',
		help: 'Codes around zero. Off: uint8 with a zero point and one scale per weight, for MatMul, Gemm and Conv.',
		default: true,
		advanced: true,
		onnxruntime: 'WeightSymmetric',
	}),
	searchScales: flag({
		title: 'Search scales',
		help: 'Scales with the least squared error of the weights instead of the plain range.',
		default: false,
		advanced: true,
	}),
	minElements: number({
		title: 'Smallest weight',
		help: 'Weights with fewer elements keep fp32: the extra operators would cost more than they save.',
		default: 512,
		min: 1,
		max: 1_000_000_000,
		integer: true,
		advanced: true,
	}),
});

export type Options = OptionsOf<typeof schema>;

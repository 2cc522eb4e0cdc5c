import { choice, flag, names, number, type OptionsOf, options } from '../../core/pass/options.ts';
import { defaultOperators } from './operators.ts';

export const schema = options({
	format: choice({
		title: 'Format',
		help: 'QDQ: pairs that runtimes fuse, taken everywhere. QOperator: the integer operators themselves (QLinearConv and its kin). Integer products: ConvInteger and MatMulInteger with float results, the fastest for convolutions on WASM and the most accurate.',
		default: 'qdq',
		choices: [
			{ value: 'qdq', label: 'QDQ' },
			{ value: 'qoperator', label: 'QOperator' },
			{ value: 'integer', label: 'Integer products' },
		],
		onnxruntime: 'quant_format',
	}),
	calibrateMethod: choice({
		title: 'Range method',
		help: 'How the range of an activation follows from the sample inputs.',
		default: 'minmax',
		choices: [
			{ value: 'minmax', label: 'Smallest and largest value' },
			{ value: 'moving', label: 'Moving average of the extremes' },
			{ value: 'percentile', label: 'Percentile' },
			{ value: 'entropy', label: 'Entropy (KL divergence)' },
			{ value: 'mse', label: 'Least squared error' },
		],
		onnxruntime: 'calibrate_method',
	}),
	percentile: number({
		title: 'Percentile kept',
		help: 'For the percentile method: this share of all values stays unclipped.',
		default: 99.99,
		min: 50,
		max: 100,
		unit: '%',
		advanced: true,
		onnxruntime: 'CalibPercentile',
	}),
	averagingConstant: number({
		title: 'Weight of the newest run',
		help: 'For the moving average: how fast it follows.',
		default: 0.01,
		min: 0,
		max: 1,
		advanced: true,
		onnxruntime: 'CalibMovingAverageConstant',
	}),
	perChannel: flag({
		title: 'One scale per channel',
		help: 'Each output channel of a weight gets a scale of its own. Off: one scale per weight; convolutions with one channel per group keep theirs, they break otherwise.',
		default: true,
		onnxruntime: 'per_channel',
	}),
	activationType: choice({
		title: 'Activation type',
		help: 'uint8 is fastest on WASM. 16 bits are more accurate and run in fp32 on most backends.',
		default: 'uint8',
		choices: [
			{ value: 'uint8', label: 'uint8' },
			{ value: 'int8', label: 'int8' },
			{ value: 'uint16', label: 'uint16' },
			{ value: 'int16', label: 'int16' },
		],
		onnxruntime: 'activation_type',
	}),
	weightType: choice({
		title: 'Weight type',
		help: 'int8 codes lie evenly around zero. uint8 has a zero point per weight.',
		default: 'int8',
		choices: [
			{ value: 'int8', label: 'int8' },
			{ value: 'uint8', label: 'uint8' },
		],
		onnxruntime: 'weight_type',
	}),
	symmetricActivations: flag({
		title: 'Symmetric activations',
		help: 'Ranges of activations lie evenly around zero, as some accelerators ask. Half the codes of rectified values are lost.',
		default: false,
		advanced: true,
		onnxruntime: 'ActivationSymmetric',
	}),
	reduceRange: flag({
		title: 'Reduce range',
		help: 'Weights use 7 bits. For native runtimes on processors with AVX2 or AVX-512 but no VNNI, which saturate otherwise. WebAssembly does not need it.',
		default: false,
		advanced: true,
		onnxruntime: 'reduce_range',
	}),
	weightScales: choice({
		title: 'Weight scales',
		help: 'Full range, or the clipping with the least squared error of each channel.',
		default: 'minmax',
		choices: [
			{ value: 'minmax', label: 'Full range' },
			{ value: 'mse', label: 'Least squared error' },
		],
	}),
	biasCorrection: choice({
		title: 'Bias correction',
		help: 'Layer after layer, the mean error that quantization causes in each channel is measured on the sample inputs and taken off the bias.',
		default: 'sequential',
		choices: [
			{ value: 'none', label: 'Off' },
			{ value: 'sequential', label: 'Sequential, from data' },
		],
	}),
	gainCorrection: flag({
		title: 'Gain correction',
		help: 'With bias correction: the scales of each channel are also fitted so that rounded weights give what plain weights would, on the same inputs.',
		default: false,
		advanced: true,
	}),
	leastSqnr: number({
		title: 'Least signal to noise',
		help: 'Where the outputs on the sample inputs fall below this, the values whose codes cost most stay in fp32 (weights are still int8) until it holds. 0: never.',
		default: 25,
		min: 0,
		max: 80,
		unit: 'dB',
	}),
	limitDrop: number({
		title: 'Most accuracy lost',
		help: 'Points of right answers (without labels: of answers that stay the same) that may be lost on the sample inputs. Values whose codes cost most go back to fp32, step by step, until it holds. 0: not watched.',
		default: 0,
		min: 0,
		max: 100,
		step: 0.1,
		unit: 'points',
	}),
	biasType: choice({
		title: 'Bias type',
		help: 'int32 is what integer kernels take. fp32 for backends that refuse int32 (WebGPU).',
		default: 'int32',
		choices: [
			{ value: 'int32', label: 'int32' },
			{ value: 'float32', label: 'fp32' },
		],
		onnxruntime: 'QuantizeBias',
	}),
	opTypesToQuantize: names({
		title: 'Operators',
		help: 'Operators that compute on integers. Operators that only move or select values follow their neighbours.',
		default: defaultOperators,
		onnxruntime: 'op_types_to_quantize',
	}),
	nodesToQuantize: names({
		title: 'Nodes to quantize',
		help: 'Names of nodes with weights that are treated. Empty: all.',
		onnxruntime: 'nodes_to_quantize',
	}),
	nodesToExclude: names({
		title: 'Nodes to keep in fp32',
		help: 'Names of nodes that stay as they are.',
		onnxruntime: 'nodes_to_exclude',
	}),
	nodesWeightOnly: names({
		title: 'Nodes with int8 weights only',
		help: 'Names of nodes whose weights are stored as int8 while they compute in fp32: as small, more accurate, not faster.',
	}),
	minElements: number({
		title: 'Smallest weight',
		help: 'Weights with fewer elements keep fp32.',
		default: 16,
		min: 1,
		max: 1_000_000_000,
		integer: true,
		advanced: true,
	}),
});

export type Options = OptionsOf<typeof schema>;

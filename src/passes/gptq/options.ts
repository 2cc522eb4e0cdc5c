import { correctBias, correctDrift, damping, rowsPerColumn, samples } from '../../core/layerwise/options.ts';
import { choice, flag, names, number, type OptionsOf, options } from '../../core/pass/options.ts';

export const schema = options({
	bits: choice({
		title: 'Bits',
		help: 'Bits of each weight. Codes of 3 and 2 bits are stored in 4: such files shrink further under gzip.',
		default: 4,
		choices: [
			{ value: 8, label: '8 bits' },
			{ value: 4, label: '4 bits' },
			{ value: 3, label: '3 bits' },
			{ value: 2, label: '2 bits' },
		],
	}),
	blockSize: choice({
		title: 'Block',
		help: 'How many neighbouring weights share a scale along the summed axis. Smaller blocks are more accurate and larger.',
		default: 32,
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
		help: 'Codes around zero, no zero points. Off: each block gets a zero point too; more accurate and a little larger.',
		default: false,
		onnxruntime: 'is_symmetric',
	}),
	start: choice({
		title: 'Rounding',
		help: 'Feedback: GPTQ, each weight makes up for the error of those before it. Nearest: only the passes of improvement below.',
		default: 'feedback',
		choices: [
			{ value: 'feedback', label: 'Feedback (GPTQ)' },
			{ value: 'nearest', label: 'Nearest' },
		],
	}),
	sweeps: number({
		title: 'Passes of improvement',
		help: 'After that every code is moved to where the error of its layer is least, and scales are refitted, this many times. 0: plain GPTQ.',
		default: 3,
		min: 0,
		max: 20,
		integer: true,
	}),
	actOrder: flag({
		title: 'Strong inputs first',
		help: 'Weights of the inputs with the most power are rounded first.',
		default: true,
		onnxruntime: 'actorder',
	}),
	damping: damping(0.02),
	correctBias: correctBias(),
	correctDrift: correctDrift(),
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
		help: 'How the model expands its weights. Cast and Mul: folded when the model is loaded, as fast as fp32. DequantizeLinear: the ONNX standard form. MatMulNBits: small in memory, fast on WebGPU, slow for single rows on WASM.',
		default: 'cast',
		choices: [
			{ value: 'cast', label: 'Cast and Mul' },
			{ value: 'dequantize', label: 'DequantizeLinear' },
			{ value: 'matmulnbits', label: 'MatMulNBits' },
		],
	}),
	keepEdges: flag({
		title: 'Keep 8 bits where fewer hurt',
		help: 'Depthwise convolutions, recurrent layers, and the first and last layer of a network with convolutions keep 8 bits.',
		default: true,
	}),
	samples: samples(512),
	rowsPerColumn: rowsPerColumn(6),
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

import type { DType } from '../ir/dtype.ts';
import type { Node, Value } from '../ir/graph.ts';

/**
 * Element types that operators ask for, as far as passes can break them: a quantizing pass that forgets a
 * DequantizeLinear, or a float16 pass that leaves one input behind, is caught here and not by the runtime. Same letter:
 * same type. From the operator schemas of ONNX 1.23 and onnxruntime's contributed operators.
 */
interface Rule {
	/** One letter an input; the last stands for all further ones. */
	readonly inputs: string;
	readonly types: Readonly<Record<string, readonly DType[]>>;
}

const FLOATS: readonly DType[] = ['float32', 'float16', 'bfloat16', 'float64'];
const ARITHMETIC: readonly DType[] = [...FLOATS, 'int32', 'int64', 'uint32', 'uint64'];
const EIGHT: readonly DType[] = ['int8', 'uint8'];
const QUANTIZED: readonly DType[] = [
	'int8',
	'uint8',
	'int16',
	'uint16',
	'int32',
	'int4',
	'uint4',
	'int2',
	'uint2',
	'float8e4m3fn',
	'float8e4m3fnuz',
	'float8e5m2',
	'float8e5m2fnuz',
	'float4e2m1',
];
const INDEX: readonly DType[] = ['int32', 'int64'];

const RULES: Readonly<Record<string, Rule>> = {
	Conv: { inputs: 'AAA', types: { A: FLOATS } },
	ConvTranspose: { inputs: 'AAA', types: { A: FLOATS } },
	Gemm: { inputs: 'AAA', types: { A: ARITHMETIC } },
	MatMul: { inputs: 'AA', types: { A: ARITHMETIC } },
	Add: { inputs: 'AA', types: { A: [...ARITHMETIC, 'int8', 'uint8', 'int16', 'uint16'] } },
	Sub: { inputs: 'AA', types: { A: [...ARITHMETIC, 'int8', 'uint8', 'int16', 'uint16'] } },
	Mul: { inputs: 'AA', types: { A: [...ARITHMETIC, 'int8', 'uint8', 'int16', 'uint16'] } },
	Div: { inputs: 'AA', types: { A: [...ARITHMETIC, 'int8', 'uint8', 'int16', 'uint16'] } },
	LSTM: { inputs: 'AAAABAAA', types: { A: FLOATS, B: ['int32'] } },
	GRU: { inputs: 'AAAABA', types: { A: FLOATS, B: ['int32'] } },
	RNN: { inputs: 'AAAABA', types: { A: FLOATS, B: ['int32'] } },
	InstanceNormalization: { inputs: 'AAA', types: { A: FLOATS } },
	Gather: { inputs: '.I', types: { I: INDEX } },
	QuantizeLinear: { inputs: 'SSZ', types: { S: [...FLOATS, 'int32'], Z: QUANTIZED } },
	DequantizeLinear: { inputs: 'ASA', types: { A: QUANTIZED, S: FLOATS } },
	DynamicQuantizeLinear: { inputs: 'A', types: { A: ['float32'] } },
	MatMulInteger: { inputs: 'ABAB', types: { A: EIGHT, B: EIGHT } },
	ConvInteger: { inputs: 'ABAB', types: { A: EIGHT, B: EIGHT } },
	QLinearConv: { inputs: 'ASABSBSOI', types: { A: EIGHT, B: EIGHT, O: EIGHT, S: FLOATS, I: ['int32'] } },
	QLinearMatMul: { inputs: 'ASABSBSO', types: { A: EIGHT, B: EIGHT, O: EIGHT, S: FLOATS } },
	'com.microsoft.MatMulNBits': { inputs: 'AUAZ', types: { A: FLOATS, U: ['uint8'], Z: ['uint8', 'float32', 'float16'] } },
	'com.microsoft.GatherBlockQuantized': { inputs: 'QISQ', types: { Q: ['int4', 'uint4', 'uint8'], I: INDEX, S: FLOATS } },
	'com.microsoft.DynamicQuantizeMatMul': { inputs: 'ABABA', types: { A: ['float32'], B: ['int8', 'uint8', 'float32'] } },
	'com.microsoft.DynamicQuantizeLSTM': {
		inputs: 'AQQAIAAASZSZ',
		types: { A: ['float32'], Q: EIGHT, I: ['int32'], S: ['float32'], Z: EIGHT },
	},
};

/** The element type of a value where the graph states it: a stored tensor, or a declared type. */
export function statedType(value: Value | null): DType | undefined {
	if (!value) return undefined;
	if (value.initializer) return value.initializer.dtype;
	if (value.type?.kind === 'tensor') return value.type.dtype;
	const { producer } = value;
	if (producer?.op === 'Constant' && producer.domain === '') {
		const attr = producer.attributes.get('value');
		if (attr?.kind === 'tensor') return attr.value.dtype;
	}
	return undefined;
}

/** What is wrong with the element types of a node's inputs, as far as the graph states them. */
export function elementProblem(node: Node): string | undefined {
	const rule = RULES[node.qualifiedOp];
	if (!rule) return undefined;
	const seen = new Map<string, { dtype: DType; name: string }>();
	for (const [index, value] of node.inputs.entries()) {
		const letter = rule.inputs[Math.min(index, rule.inputs.length - 1)] ?? '.';
		const dtype = statedType(value);
		if (letter === '.' || dtype === undefined || !value) continue;
		const allowed = rule.types[letter];
		if (allowed && !allowed.includes(dtype)) return `${node.op} does not take ${dtype} as input ${index} ("${value.name}")`;
		const other = seen.get(letter);
		if (other && other.dtype !== dtype && sharesType(node.qualifiedOp, letter)) {
			return `${node.op} takes inputs of one type, but "${other.name}" is ${other.dtype} and "${value.name}" is ${dtype}`;
		}
		seen.set(letter, { dtype, name: value.name });
	}
	return undefined;
}

/** Letters that stand for a set of types rather than for one type shared by several inputs. */
function sharesType(op: string, letter: string): boolean {
	if (op === 'com.microsoft.DynamicQuantizeMatMul') return false;
	if (op === 'com.microsoft.MatMulNBits') return letter === 'A';
	if (op === 'com.microsoft.DynamicQuantizeLSTM') return letter === 'A' || letter === 'S';
	if (op === 'QuantizeLinear') return false;
	return true;
}

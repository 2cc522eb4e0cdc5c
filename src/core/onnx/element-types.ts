import type { Attribute } from '../ir/attribute.ts';
import { type DType, dtypeFromCode } from '../ir/dtype.ts';
import type { Node, Value } from '../ir/graph.ts';
import { isSparse } from '../ir/tensor.ts';
import { type Parameter, parameterAt, type Signature } from './schema.ts';

/** Element type of a value as far as it is known where the question is asked. */
export type DTypeOf = (value: Value | null) => DType | undefined;

/** An attribute by name; how names that stand for a function's parameters are looked up is the caller's matter. */
export type AttributeOf = (name: string) => Attribute | undefined;

/** The element type that the graph itself states: of a stored tensor, or declared. */
export function statedType(value: Value | null): DType | undefined {
	if (!value) return undefined;
	const tensor = value.initializer;
	if (tensor) return isSparse(tensor) ? tensor.values.dtype : tensor.dtype;
	return value.type?.kind === 'tensor' || value.type?.kind === 'sparse' ? value.type.dtype : undefined;
}

/**
 * Element type of output `index`: from the signature (equal letters, equal types), and where that leaves it open from the
 * attribute that says it. undefined for graphs of control flow and what is not known.
 */
export function outputDType(
	node: Node,
	index: number,
	signature: Signature | undefined,
	dtypeOf: DTypeOf,
	attributeOf: AttributeOf,
): DType | undefined {
	const special = BY_ATTRIBUTE[node.qualifiedOp];
	if (special) {
		const { dtype, decided } = special({ node, index, dtypeOf, attributeOf });
		if (decided) return dtype;
	}
	const parameter = signature && parameterAt(signature.outputs, index);
	if (!parameter || (parameter.kind === 'variadic' && !parameter.uniform)) return undefined;
	// A node may list more inputs than its operator takes: those past the signature say nothing.
	const variadic = signature.inputs.at(-1)?.kind === 'variadic';
	const places = variadic ? node.inputs.length : Math.min(node.inputs.length, signature.inputs.length);
	for (let place = 0; place < places; place++) {
		if (letterAt(signature.inputs, place) !== parameter.letter) continue;
		const dtype = dtypeOf(node.input(place));
		if (dtype) return dtype;
	}
	const set = signature.types.get(parameter.letter);
	return set && !set.other && set.dtypes.size === 1 ? [...set.dtypes][0] : undefined;
}

/** The letter of a place whose type is shared; undefined for places of any type. */
function letterAt(parameters: readonly Parameter[], index: number): string | undefined {
	const parameter = parameterAt(parameters, index);
	return parameter && (parameter.kind !== 'variadic' || parameter.uniform) ? parameter.letter : undefined;
}

interface Question {
	readonly node: Node;
	readonly index: number;
	readonly dtypeOf: DTypeOf;
	readonly attributeOf: AttributeOf;
}

interface Answer {
	readonly dtype?: DType | undefined;
	/** false: the signature decides. */
	readonly decided: boolean;
}

const open: Answer = { decided: false };
const is = (dtype: DType | undefined): Answer => ({ dtype, decided: true });

/** The type that an integer attribute names; `fallback` where it is absent. */
const named =
	(attribute: string, fallback: (question: Question) => DType | undefined) =>
	(question: Question): Answer => {
		const attr = question.attributeOf(attribute);
		const code = attr?.kind === 'int' ? Number(attr.value) : 0;
		return is(code === 0 ? fallback(question) : dtypeFromCode(code));
	};

const inputType =
	(place: number) =>
	({ node, dtypeOf }: Question): DType | undefined =>
		dtypeOf(node.input(place));

const always = (dtype: DType) => (): DType => dtype;

/** Type of the zero point, else what the attribute says, else uint8 (QuantizeLinear). */
const quantized = (question: Question): Answer => {
	if (question.node.input(2)) return is(inputType(2)(question));
	return named('output_dtype', always('uint8'))(question);
};

const dequantized = (question: Question): Answer => {
	const attr = question.attributeOf('output_dtype');
	return attr?.kind === 'int' && attr.value !== 0n ? is(dtypeFromCode(Number(attr.value))) : is(inputType(1)(question));
};

/** Statistics of a normalization are in the type that stash_type names. */
const statistics = (question: Question): Answer => (question.index === 0 ? open : named('stash_type', always('float32'))(question));

const BY_ATTRIBUTE: Readonly<Record<string, (question: Question) => Answer>> = {
	Cast: named('to', () => undefined),
	BitCast: named('to', () => undefined),
	Constant: ({ attributeOf }) => is(constantType(attributeOf)),
	ConstantOfShape: ({ attributeOf }) => {
		const value = attributeOf('value');
		return is(value?.kind === 'tensor' ? value.value.dtype : 'float32');
	},
	EyeLike: named('dtype', inputType(0)),
	RandomNormal: named('dtype', always('float32')),
	RandomUniform: named('dtype', always('float32')),
	RandomNormalLike: named('dtype', inputType(0)),
	RandomUniformLike: named('dtype', inputType(0)),
	Bernoulli: named('dtype', inputType(0)),
	Multinomial: named('dtype', always('int32')),
	BlackmanWindow: named('output_datatype', always('float32')),
	HammingWindow: named('output_datatype', always('float32')),
	HannWindow: named('output_datatype', always('float32')),
	MelWeightMatrix: named('output_datatype', always('float32')),
	LayerNormalization: statistics,
	QuantizeLinear: quantized,
	DequantizeLinear: dequantized,
	'com.microsoft.QuantizeLinear': quantized,
	'com.microsoft.QGemm': (question) => is(question.node.input(7) ? (inputType(8)(question) ?? undefined) : 'float32'),
	'com.microsoft.QLinearConcat': (question) => is(inputType(1)(question)),
	'com.microsoft.MulInteger': () => is('int32'),
	'com.microsoft.ReduceSumInteger': (question) => is(inputType(0)(question) === 'uint8' ? 'uint32' : 'int32'),
	'com.microsoft.MatMulInteger16': (question) => is(inputType(0)(question) === 'uint16' ? 'uint32' : 'int32'),
	'com.microsoft.MurmurHash3': ({ attributeOf }) => {
		const positive = attributeOf('positive');
		return is(positive?.kind === 'int' && positive.value === 0n ? 'int32' : 'uint32');
	},
	'ai.onnx.ml.LabelEncoder': ({ attributeOf }) => {
		const tensor = attributeOf('values_tensor');
		if (tensor?.kind === 'tensor') return is(tensor.value.dtype);
		if (attributeOf('values_int64s')) return is('int64');
		return is(attributeOf('values_floats') ? 'float32' : attributeOf('values_strings') ? 'string' : undefined);
	},
	'ai.onnx.ml.CategoryMapper': (question) => is(inputType(0)(question) === 'string' ? 'int64' : 'string'),
};

function constantType(attributeOf: AttributeOf): DType | undefined {
	const value = attributeOf('value');
	if (value?.kind === 'tensor') return value.value.dtype;
	const sparse = attributeOf('sparse_value');
	if (sparse?.kind === 'sparseTensor') return sparse.value.values.dtype;
	if (attributeOf('value_float') || attributeOf('value_floats')) return 'float32';
	if (attributeOf('value_int') || attributeOf('value_ints')) return 'int64';
	return attributeOf('value_string') || attributeOf('value_strings') ? 'string' : undefined;
}

/** What is wrong with the element types of a node's inputs, as far as they are known. */
export function elementProblem(node: Node, signature: Signature, dtypeOf: DTypeOf): string | undefined {
	const seen = new Map<string, { readonly dtype: DType; readonly value: Value }>();
	for (const [index, value] of node.inputs.entries()) {
		const parameter = parameterAt(signature.inputs, index);
		const dtype = value ? dtypeOf(value) : undefined;
		if (!parameter || !value || !dtype) continue;
		const allowed = signature.types.get(parameter.letter);
		if (allowed && !allowed.dtypes.has(dtype)) {
			const instead = allowed.dtypes.size <= 5 ? ` (it takes ${[...allowed.dtypes].join(', ')})` : '';
			return `${node.qualifiedOp} does not take ${dtype} as input ${index}, "${value.name}"${instead}`;
		}
		if (parameter.kind === 'variadic' && !parameter.uniform) continue;
		const other = seen.get(parameter.letter);
		if (!other) seen.set(parameter.letter, { dtype, value });
		else if (other.dtype !== dtype) {
			return `${node.qualifiedOp} takes inputs of one type, but "${other.value.name}" is ${other.dtype} and "${value.name}" is ${dtype}`;
		}
	}
	return undefined;
}

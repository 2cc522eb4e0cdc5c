import type { Node } from '../ir/graph.ts';

/**
 * How many inputs and outputs the standard operators take, by the opset that set it: `since inputs>outputs`, `a-b` for a
 * range, `*` for any number, `x` for an operator that the opset removed. From the operator schemas of ONNX 1.23.
 */
const ARITY = `
Abs: 1 1>1
Acos: 7 1>1
Acosh: 9 1>1
Add: 1 2>1
AffineGrid: 20 2>1
And: 1 2>1
ArgMax: 1 1>1
ArgMin: 1 1>1
Asin: 7 1>1
Asinh: 9 1>1
Atan: 7 1>1
Atanh: 9 1>1
Attention: 23 3-6>1-4 | 24 3-7>1-4
AveragePool: 1 1>1
BatchNormalization: 1 5>1-5 | 14 5>1-3
Bernoulli: 15 1>1
BitCast: 26 1>1
BitShift: 11 2>1
BitwiseAnd: 18 2>1
BitwiseNot: 18 1>1
BitwiseOr: 18 2>1
BitwiseXor: 18 2>1
BlackmanWindow: 17 1>1
Cast: 1 1>1
CastLike: 15 2>1
CausalConvWithState: 27 2-4>2
Ceil: 1 1>1
Celu: 12 1>1
CenterCropPad: 18 2>1
Clip: 1 1>1 | 11 1-3>1
Col2Im: 18 3>1
Compress: 9 2>1
Concat: 1 1-*>1
ConcatFromSequence: 11 1>1
Constant: 1 0>1
ConstantOfShape: 9 1>1
Conv: 1 2-3>1
ConvInteger: 10 2-4>1
ConvTranspose: 1 2-3>1
Cos: 7 1>1
Cosh: 9 1>1
CumProd: 26 2>1
CumSum: 11 2>1
DFT: 17 1-2>1 | 20 1-3>1
DeformConv: 19 3-5>1
DepthToSpace: 1 1>1
DequantizeLinear: 10 2-3>1
Det: 11 1>1
Div: 1 2>1
Dropout: 1 1>1-2 | 12 1-3>1-2
DynamicQuantizeLinear: 11 1>3
Einsum: 12 1-*>1
Elu: 1 1>1
Equal: 1 2>1
Erf: 9 1>1
Exp: 1 1>1
Expand: 8 2>1
EyeLike: 9 1>1
Flatten: 1 1>1
Floor: 1 1>1
GRU: 1 3-6>2 | 3 3-6>0-2
Gather: 1 2>1
GatherElements: 11 2>1
GatherND: 11 2>1
Gelu: 20 1>1
Gemm: 1 3>1 | 11 2-3>1
GlobalAveragePool: 1 1>1
GlobalLpPool: 1 1>1
GlobalMaxPool: 1 1>1
Greater: 1 2>1
GreaterOrEqual: 12 2>1
GridSample: 16 2>1
GroupNormalization: 18 x | 21 3>1
HammingWindow: 17 1>1
HannWindow: 17 1>1
HardSigmoid: 1 1>1
HardSwish: 14 1>1
Hardmax: 1 1>1
Identity: 1 1>1
If: 1 1>1-*
ImageDecoder: 20 1>1
InstanceNormalization: 1 3>1
IsInf: 10 1>1
IsNaN: 9 1>1
LRN: 1 1>1
LSTM: 1 3-8>0-3
LayerNormalization: 17 2-3>1-3
LeakyRelu: 1 1>1
Less: 1 2>1
LessOrEqual: 12 2>1
LinearAttention: 27 3-6>2
Log: 1 1>1
LogSoftmax: 1 1>1
Loop: 1 3-*>1-* | 11 2-*>1-*
LpNormalization: 1 1>1
LpPool: 1 1>1
MatMul: 1 2>1
MatMulInteger: 10 2-4>1
Max: 1 1-*>1
MaxPool: 1 1>1 | 8 1>1-2
MaxRoiPool: 1 2>1
MaxUnpool: 9 2-3>1
Mean: 1 1-*>1
MeanVarianceNormalization: 9 1>1
MelWeightMatrix: 17 5>1
Min: 1 1-*>1
Mish: 18 1>1
Mod: 10 2>1
Mul: 1 2>1
Multinomial: 7 1>1
Neg: 1 1>1
NegativeLogLikelihoodLoss: 12 2-3>1
NonMaxSuppression: 10 2-5>1
NonZero: 9 1>1
Not: 1 1>1
OneHot: 9 3>1
Optional: 15 0-1>1
OptionalGetElement: 15 1>1
OptionalHasElement: 15 1>1 | 18 0-1>1
Or: 1 2>1
PRelu: 1 2>1
Pad: 1 1>1 | 11 2-3>1 | 18 2-4>1
Pow: 1 2>1
QLinearConv: 10 8-9>1
QLinearMatMul: 10 8>1
QuantizeLinear: 10 2-3>1
RMSNormalization: 23 2>1
RNN: 1 3-6>0-2
RandomNormal: 1 0>1
RandomNormalLike: 1 1>1
RandomUniform: 1 0>1
RandomUniformLike: 1 1>1
Range: 11 3>1
Reciprocal: 1 1>1
ReduceL1: 1 1>1 | 18 1-2>1
ReduceL2: 1 1>1 | 18 1-2>1
ReduceLogSum: 1 1>1 | 18 1-2>1
ReduceLogSumExp: 1 1>1 | 18 1-2>1
ReduceMax: 1 1>1 | 18 1-2>1
ReduceMean: 1 1>1 | 18 1-2>1
ReduceMin: 1 1>1 | 18 1-2>1
ReduceProd: 1 1>1 | 18 1-2>1
ReduceSum: 1 1>1 | 13 1-2>1
ReduceSumSquare: 1 1>1 | 18 1-2>1
RegexFullMatch: 20 1>1
Relu: 1 1>1
Reshape: 1 1>1 | 5 2>1
Resize: 10 2>1 | 11 3-4>1 | 13 1-4>1
ReverseSequence: 10 2>1
RoiAlign: 10 3>1
RotaryEmbedding: 23 3-4>1
Round: 11 1>1
STFT: 17 2-4>1
Scan: 8 2-*>1-* | 9 1-*>1-*
Scatter: 9 3>1 | 11 x
ScatterElements: 11 3>1
ScatterND: 11 3>1
Selu: 1 1>1
SequenceAt: 11 2>1
SequenceConstruct: 11 1-*>1
SequenceEmpty: 11 0>1
SequenceErase: 11 1-2>1
SequenceInsert: 11 2-3>1
SequenceLength: 11 1>1
SequenceMap: 17 1-*>1-*
Shape: 1 1>1
Shrink: 9 1>1
Sigmoid: 1 1>1
Sign: 9 1>1
Sin: 7 1>1
Sinh: 9 1>1
Size: 1 1>1
Slice: 1 1>1 | 10 3-5>1
Softmax: 1 1>1
SoftmaxCrossEntropyLoss: 12 2-3>1-2
Softplus: 1 1>1
Softsign: 1 1>1
SpaceToDepth: 1 1>1
Split: 1 1-2>1-* | 2 1>1-* | 13 1-2>1-*
SplitToSequence: 11 1-2>1
Sqrt: 1 1>1
Squeeze: 1 1>1 | 13 1-2>1
StringConcat: 20 2>1
StringNormalizer: 10 1>1
StringSplit: 20 1>2
Sub: 1 2>1
Sum: 1 1-*>1
SwiGLU: 28 2>1
Swish: 24 1>1
Tan: 7 1>1
Tanh: 1 1>1
TensorScatter: 24 2-3>1
TfIdfVectorizer: 9 1>1
ThresholdedRelu: 10 1>1
Tile: 1 3>1 | 6 2>1
TopK: 1 1>2 | 10 2>2
Transpose: 1 1>1
Trilu: 14 1-2>1
Unique: 11 1>1-4
Unsqueeze: 1 1>1 | 13 2>1
Upsample: 1 1>1 | 9 2>1 | 10 x
Where: 9 3>1
Xor: 1 2>1
`;

interface Arity {
	readonly since: number;
	/** undefined: removed from this opset on. */
	readonly range: { readonly inputs: readonly [number, number]; readonly outputs: readonly [number, number] } | undefined;
}

const table = new Map<string, readonly Arity[]>();
for (const line of ARITY.trim().split('\n')) {
	const [op = '', versions = ''] = line.split(': ');
	table.set(
		op,
		versions.split(' | ').map((version) => {
			const [since, text = ''] = version.split(' ');
			if (text === 'x') return { since: Number(since), range: undefined };
			const [inputs = '', outputs = ''] = text.split('>');
			return { since: Number(since), range: { inputs: range(inputs), outputs: range(outputs) } };
		}),
	);
}

function range(text: string): [number, number] {
	const [low = '', high = low] = text.split('-');
	return [Number(low), high === '*' ? Number.POSITIVE_INFINITY : Number(high)];
}

/** Whether ONNX defines the operator in its standard domain, in any opset this version knows. */
export function isStandardOperator(op: string): boolean {
	return table.has(op);
}

/** The newest opset of the standard domain that this table knows. */
export const NEWEST_OPSET = 26;

/** What is wrong with the number of a node's inputs and outputs under `opset`; undefined where nothing is or nothing is known. */
export function arityProblem(node: Node, opset: number): string | undefined {
	if (node.domain !== '') return undefined;
	const versions = table.get(node.op);
	if (!versions) return opset > 0 && opset <= NEWEST_OPSET ? `ONNX has no operator ${node.op}` : undefined;
	let current: Arity | undefined;
	for (const version of versions) if (version.since <= opset) current = version;
	if (!current) return `${node.op} comes with opset ${versions[0]?.since}; the model imports ${opset}`;
	if (!current.range) return `${node.op} was removed in opset ${current.since}; the model imports ${opset}`;
	const { inputs, outputs } = current.range;
	const given = trimmed(node.inputs);
	if (given < inputs[0] || given > inputs[1]) return `${node.op} takes ${words(inputs)} inputs, this one has ${given}`;
	const gives = trimmed(node.outputs);
	if (gives < Math.min(outputs[0], 1) || gives > outputs[1]) return `${node.op} gives ${words(outputs)} outputs, this one has ${gives}`;
	return undefined;
}

function trimmed(values: readonly unknown[]): number {
	let length = values.length;
	while (length > 0 && !values[length - 1]) length -= 1;
	return length;
}

function words([low, high]: readonly [number, number]): string {
	if (low === high) return `${low}`;
	return high === Number.POSITIVE_INFINITY ? `${low} or more` : `${low} to ${high}`;
}

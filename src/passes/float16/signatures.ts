/**
 * Which slots of the standard operators carry floating-point numbers, and where float16 is allowed, by operator set
 * version: derived from the type constraints of ONNX's operator schemas (opsets 1 to 28). Per operator: the version since which a
 * signature holds, inputs, `>`, outputs. A capital letter is a type variable that may be float32 or float16, a small
 * one a variable that may be float32 but not float16; equal letters are one type. `f` is always float32, `?` may be a sequence or an
 * optional, `-` is never a float. A trailing `*` repeats. `x`: the operator was withdrawn. Operators without floats are not listed;
 * If, Loop and Scan are treated apart.
 */
const TABLE = `
Abs: 1 A>A
Acos: 7 A>A
Acosh: 9 A>A
Add: 1 A,A>A
AffineGrid: 20 A,->A
ArgMax: 1 A>-
ArgMin: 1 A>-
Asin: 7 A>A
Asinh: 9 A>A
Atan: 7 A>A
Atanh: 9 A>A
Attention: 23 A,A,B,C,A,B>A,A,B,A | 24 A,A,B,C,A,B,->A,A,B,A
AveragePool: 1 A>A
BatchNormalization: 1 A,A,A,A,A>A,A,A,A,A | 14 A,A,A,B,B>A,B,B | 15 A,B,B,C,C>A,C,C
Bernoulli: 15 A>B
BitCast: 26 A>B
BlackmanWindow: 17 ->A
Cast: 1 A>B
CastLike: 15 A,B>B
CausalConvWithState: 27 A,A,A,A>A,A
Ceil: 1 A>A
Celu: 12 a>a | 28 A>A
CenterCropPad: 18 A,->A
Clip: 1 A>A | 11 A,A,A>A
Col2Im: 18 A,-,->A
Compress: 9 A,->A
Concat: 1 A*>A
ConcatFromSequence: 11 ?>A
Constant: 1 >A
ConstantOfShape: 9 ->A
Conv: 1 A,A,A>A
ConvTranspose: 1 A,A,A>A
Cos: 7 A>A
Cosh: 9 A>A
CumProd: 26 A,->A
CumSum: 11 a,->a | 14 A,->A
DFT: 17 A,->A | 20 A,-,->A
DeformConv: 19 A,A,A,A,A>A
DepthToSpace: 1 A>A
DequantizeLinear: 10 -,f,->f | 19 -,A,->A | 23 -,A,->B
Det: 11 A>A
Div: 1 A,A>A
Dropout: 1 A>A,A | 10 A>A,- | 12 A,B,->A,-
DynamicQuantizeLinear: 11 f>-,f,-
Einsum: 12 A*>A
Elu: 1 A>A
Equal: 1 -,->- | 11 A,A>-
Erf: 9 A>A
Exp: 1 A>A
Expand: 8 A,->A
EyeLike: 9 A>B
Flatten: 1 A>A
Floor: 1 A>A
GRU: 1 A,A,A,A,-,A>A,A
Gather: 1 A,->A
GatherElements: 11 A,->A
GatherND: 11 A,->A
Gelu: 20 A>A
Gemm: 1 A,A,A>A
GlobalAveragePool: 1 A>A
GlobalLpPool: 1 A>A
GlobalMaxPool: 1 A>A
Greater: 1 A,A>-
GreaterOrEqual: 12 A,A>-
GridSample: 16 A,B>A
GroupNormalization: 18 x | 21 A,A,A>A
HammingWindow: 17 ->A
HannWindow: 17 ->A
HardSigmoid: 1 A>A
HardSwish: 14 A>A
Hardmax: 1 A>A
Identity: 1 A>A
InstanceNormalization: 1 A,A,A>A
IsInf: 10 a>- | 20 A>-
IsNaN: 9 A>-
LRN: 1 A>A
LSTM: 1 A,A,A,A,-,A,A,A>A,A,A
LayerNormalization: 17 A,A,A>A,f,f
LeakyRelu: 1 A>A
Less: 1 A,A>-
LessOrEqual: 12 A,A>-
LinearAttention: 27 A,A,A,B,A,A>A,B
Log: 1 A>A
LogSoftmax: 1 A>A
LpNormalization: 1 A>A
LpPool: 1 A>A
MatMul: 1 A,A>A
Max: 1 A*>A
MaxPool: 1 A>A | 8 A>A,-
MaxRoiPool: 1 A,A>A
MaxUnpool: 9 A,-,->A
Mean: 1 A*>A
MeanVarianceNormalization: 9 A>A
MelWeightMatrix: 17 -,-,-,A,A>B
Min: 1 A*>A
Mish: 18 A>A
Mod: 10 A,A>A
Mul: 1 A,A>A
Multinomial: 7 A>-
Neg: 1 A>A
NegativeLogLikelihoodLoss: 12 A,-,A>A
NonMaxSuppression: 10 f,f,-,f,f>-
NonZero: 9 A>-
OneHot: 9 A,B,C>C
Optional: 15 ?>?
OptionalGetElement: 15 ?>?
OptionalHasElement: 15 ?>-
PRelu: 1 A,A>A
Pad: 1 A>A | 11 A,-,A>A | 18 A,-,A,->A
Pow: 1 A,A>A | 12 A,B>A
QLinearConv: 10 -,f,-,-,f,-,f,-,->-
QLinearMatMul: 10 -,f,-,-,f,-,f,->- | 21 -,A,-,-,A,-,A,->-
QuantizeLinear: 10 a,f,->- | 19 A,A,->- | 23 A,B,->-
RMSNormalization: 23 A,B>B
RNN: 1 A,A,A,A,-,A>A,A
RandomNormal: 1 >A
RandomNormalLike: 1 A>B
RandomUniform: 1 >A
RandomUniformLike: 1 A>B
Range: 11 a,a,a>a | 27 A,A,A>A
Reciprocal: 1 A>A
ReduceL1: 1 A>A | 18 A,->A
ReduceL2: 1 A>A | 18 A,->A
ReduceLogSum: 1 A>A | 18 A,->A
ReduceLogSumExp: 1 A>A | 18 A,->A
ReduceMax: 1 A>A | 18 A,->A
ReduceMean: 1 A>A | 18 A,->A
ReduceMin: 1 A>A | 18 A,->A
ReduceProd: 1 A>A | 18 A,->A
ReduceSum: 1 A>A | 13 A,->A
ReduceSumSquare: 1 A>A | 18 A,->A
Relu: 1 A>A
Reshape: 1 A>A | 5 A,->A
Resize: 10 A,f>A | 11 A,B,f,->A
ReverseSequence: 10 A,->A
RoiAlign: 10 A,A,->A
RotaryEmbedding: 23 A,A,A,->A
Round: 11 A>A
STFT: 17 A,-,A,->A
Scatter: 9 A,-,A>A | 11 x
ScatterElements: 11 A,-,A>A
ScatterND: 11 A,-,A>A
Selu: 1 A>A
SequenceAt: 11 ?,->A
SequenceConstruct: 11 A*>?
SequenceEmpty: 11 >?
SequenceErase: 11 ?,->?
SequenceInsert: 11 ?,A,->?
SequenceLength: 11 ?>-
SequenceMap: 17 ?,?**>?**
Shape: 1 A>-
Shrink: 9 A>A
Sigmoid: 1 A>A
Sign: 9 A>A
Sin: 7 A>A
Sinh: 9 A>A
Size: 1 A>-
Slice: 1 A>A | 10 A,-,-,-,->A
Softmax: 1 A>A
SoftmaxCrossEntropyLoss: 12 A,-,A>A,A
Softplus: 1 A>A
Softsign: 1 A>A
SpaceToDepth: 1 A>A
Split: 1 A,A>A* | 2 A>A* | 13 A,->A*
SplitToSequence: 11 A,->?
Sqrt: 1 A>A
Squeeze: 1 A>A | 13 A,->A
Sub: 1 A,A>A
Sum: 1 A*>A
SwiGLU: 28 A,A>A
Swish: 24 A>A
Tan: 7 A>A
Tanh: 1 A>A
TensorScatter: 24 A,A,->A
TfIdfVectorizer: 9 ->f
ThresholdedRelu: 10 A>A
Tile: 1 A,A,A>A | 6 A,->A
TopK: 1 A>A,- | 10 A,->A,-
Transpose: 1 A>A
Trilu: 14 A,->A
Unique: 11 A>A,-,-,-
Unsqueeze: 1 A>A | 13 A,->A
Upsample: 1 A>A | 9 A,f>A | 10 x
Where: 9 -,A,A>A
`;

export interface Slot {
	/** variable: one type for all slots of this letter. fixed: always float32. sequence: a sequence or optional may stand here. none: no float. */
	readonly kind: 'variable' | 'fixed' | 'sequence' | 'none';
	/** Name of the type variable. */
	readonly letter: string;
	/** Whether the variable may be float16. */
	readonly half: boolean;
}

export interface Signature {
	input(index: number): Slot;
	output(index: number): Slot;
	/** Type variables that float16 is not allowed for. */
	readonly hasFloatOnlyVariable: boolean;
}

const NONE: Slot = { kind: 'none', letter: '', half: false };

function slots(text: string): (index: number) => Slot {
	if (text === '') return () => NONE;
	const tokens = text.split(',');
	const list = tokens.map((token): Slot => {
		const letter = token.charAt(0);
		if (letter === '-') return NONE;
		if (letter === '?') return { kind: 'sequence', letter, half: false };
		if (letter === 'f') return { kind: 'fixed', letter, half: false };
		return { kind: 'variable', letter, half: letter < 'a' };
	});
	const repeats = tokens.at(-1)?.endsWith('*') ?? false;
	return (index) => list[index] ?? (repeats ? (list.at(-1) ?? NONE) : NONE);
}

const parsed = new Map<string, readonly { readonly since: number; readonly signature: Signature | undefined }[]>();
for (const line of TABLE.trim().split('\n')) {
	const colon = line.indexOf(': ');
	const versions = line
		.slice(colon + 2)
		.split(' | ')
		.map((part) => {
			const [since = '', types = ''] = part.split(' ');
			if (types === 'x') return { since: Number(since), signature: undefined };
			const [inputs = '', outputs = ''] = types.split('>');
			const signature = { input: slots(inputs), output: slots(outputs), hasFloatOnlyVariable: /[a-eg-z]/.test(types) };
			return { since: Number(since), signature };
		});
	parsed.set(line.slice(0, colon), versions);
}

/** The signature of a standard operator at an operator set version; undefined for operators without floats or unknown ones. */
export function signatureOf(op: string, opset: number): Signature | undefined {
	let found: Signature | undefined;
	for (const version of parsed.get(op) ?? []) if (version.since <= opset) found = version.signature;
	return found;
}

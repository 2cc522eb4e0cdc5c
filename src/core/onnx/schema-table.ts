/**
 * Sets of element types: names, `+x` for all of set x, `other` where sequences, maps or optionals are allowed too. A set comes
 * after those that it names.
 */
export const TYPE_SETS = `
p: other
a: int64
d: bool
f: float32
j: int32
uh: uint8
ui: string
ww: float16
h: int32 int64
i: int8 uint8
q: float32 float16
uf: int64 string
ve: int32 uint32
vk: float32 float64
vt: int16 uint16
wh: float32 bfloat16
wm: float32 int32
xa: uint8 float8e4m3fn
b: float32 float16 float64
k: float32 float16 bfloat16
vd: float32 int64 string
vu: float32 int8 uint8
wb: int8 uint8 int32
wg: int32 int64 bool
wr: int32 int64 string
c: +b bfloat16
s: float32 float64 int32 int64
ue: +k int32
uv: +k float8e8m0
vv: uint8 uint16 uint32 uint64
wt: +vd float64
wy: +k uint8
vc: +ue float8e8m0
vo: +s int16
vr: +s string
wi: +b int8 uint8
wl: +s float16
xb: +uv float8e4m3fn
ut: int8 uint8 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz
vi: +s uint32 uint64
vm: +wl bfloat16
vs: +vo string
wj: +wi bfloat16
ws: +wl bool
wx: +wy int8 float8e4m3fn
xc: int8 uint8 int16 uint16 int4 uint4
o: +vi float16
wc: +ut int32
wk: +vo float16 int8
wq: +vm int16
wu: +xc int32
wz: +vi string
m: +o bfloat16
uj: +vv int8 int16 int32 int64
ur: +c float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz
vl: +wk bfloat16
wv: uint8 int4 uint4 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz float4e2m1
vp: +o int8 uint8
uu: +vp bfloat16
wn: +ut int16 uint16 int4 uint4
n: +vp int16 uint16
vn: +wn float4e2m1
vq: +uu bool
wd: +wn int32
l: +n bfloat16
ug: +n bool
vj: +vn int32
uc: +l bool
vg: +ug string
wo: +vn int2 uint2
uk: +uc string
we: +wo int32
e: +vg complex64 complex128
wp: +wo float6e2m3 float6e3m2
ud: +e other
g: +e bfloat16
wf: +wp int32
uw: +g other
vw: +uc float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz
um: +vw string
vx: +vw int4 uint4
ul: +um complex64 complex128
un: +vx string
vy: +vx float4e2m1
ux: +ul other
uo: +un float4e2m1
vz: +vy float8e8m0
t: +ul int4 uint4
up: +uo float8e8m0
uy: +t other
ua: +t float4e2m1
wa: +vz int2 uint2
uz: +ua other
r: +ua float8e8m0
uq: +wa string
va: +r other
vf: +wa complex64 complex128
ub: +vf string
vh: +uq float6e2m3 float6e3m2
vb: +ub other
us: +ub float6e2m3 float6e3m2 other
`;

/**
 * Signatures of the standard operators by the opset that set them, `since inputs>outputs sets`, `x` for an operator that the
 * opset removed. A letter is a type: equal letters are equal types, and the sets are those of A, B, C in turn. After a letter:
 * `?` optional, `*n` any number of the same type but at least n, `~n` any number of any types of the set. From the operator
 * schemas of ONNX 1.23 (opset 28).
 */
export const STANDARD_SIGNATURES = `
Abs: 1 A>A b | 6 A>A n | 13 A>A l
Acos: 7 A>A b | 22 A>A c
Acosh: 9 A>A b | 22 A>A c
Add: 1 AA>A b | 6 AA>A o | 13 AA>A m | 14 AA>A l
AffineGrid: 20 AB>A c,a
And: 1 AA>B d,d
ArgMax: 1 A>B n,a | 13 A>B l,a
ArgMin: 1 A>B n,a | 13 A>B l,a
Asin: 7 A>A b | 22 A>A c
Asinh: 9 A>A b | 22 A>A c
Atan: 7 A>A b | 22 A>A c
Atanh: 9 A>A b | 22 A>A c
Attention: 23 AABC?A?B?>AA?B?A? c,c,uc | 24 AABC?A?B?D?>AA?B?A? c,c,uc,a
AveragePool: 1 A>A b | 22 A>A c
BatchNormalization: 1 AAAAA>AA?A?A?A? b | 14 AAABB>AB?B? c,c | 15 ABBCC>AC?C? c,c,c
Bernoulli: 15 A>B b,uc | 22 A>B c,uc
BitCast: 26 A>B vf,vf
BitShift: 11 AA>A vv | 28 AA>A uj
BitwiseAnd: 18 AA>A uj
BitwiseNot: 18 A>A uj
BitwiseOr: 18 AA>A uj
BitwiseXor: 18 AA>A uj
BlackmanWindow: 17 A>B h,l
Cast: 1 A>B ug,ug | 9 A>B vg,vg | 13 A>B uk,uk | 19 A>B um,um | 21 A>B un,un | 23 A>B uo,uo | 24 A>B up,up | 25 A>B uq,uq | 28 A>B vh,vh
CastLike: 15 AB>B uk,uk | 19 AB>B um,um | 21 AB>B un,un | 23 AB>B uo,uo | 24 AB>B up,up | 25 AB>B uq,uq
CausalConvWithState: 27 AAA?A?>AA k
Ceil: 1 A>A b | 13 A>A c
Celu: 12 A>A f | 28 A>A c
CenterCropPad: 18 AB>A g,h
Clip: 1 A>A b | 11 AA?A?>A b | 12 AA?A?>A n | 13 AA?A?>A l
Col2Im: 18 ABB>A g,a
Compress: 9 AB>A e,d | 28 AB>A g,d
Concat: 1 A*1>A b | 4 A*1>A e | 13 A*1>A g
ConcatFromSequence: 11 A>B p,e
Constant: 1 >A b | 9 >A e | 13 >A g | 19 >A ul | 21 >A t | 23 >A ua | 24 >A r | 25 >A ub
ConstantOfShape: 9 A>B a,ug | 20 A>B a,vw | 21 A>B a,vx | 23 A>B a,vy | 24 A>B a,vz | 25 A>B a,wa
Conv: 1 AAA?>A b | 22 AAA?>A c
ConvInteger: 10 ABA?B?>C i,i,j
ConvTranspose: 1 AAA?>A b | 22 AAA?>A c
Cos: 7 A>A b | 22 A>A c
Cosh: 9 A>A b | 22 A>A c
CumProd: 26 AB>A m,h
CumSum: 11 AB>A vi,h | 14 AB>A m,h
DFT: 17 AB?>A c,h | 20 AB?C?>A c,h,a
DeformConv: 19 AAAA?A?>A b | 22 AAAA?A?>A c
DepthToSpace: 1 A>A e | 13 A>A g
DequantizeLinear: 10 ABA?>B wb,f | 19 ABA?>B wc,k | 21 ABA?>B wd,k | 23 ABA?>C vj,k,k | 24 ABA?>C vj,uv,k | 25 ABA?>C we,uv,k | 28 ABA?>C wf,uv,k
Det: 11 A>A b | 22 A>A c
Div: 1 AA>A b | 6 AA>A o | 13 AA>A m | 14 AA>A l
Dropout: 1 A>AA? b | 10 A>AB? b,d | 12 AB?C?>AC? b,b,d | 13 AB?C?>AC? c,b,d | 22 AB?C?>AC? ur,ur,d
DynamicQuantizeLinear: 11 A>BCB f,uh,f
Einsum: 12 A*1>A n | 28 A*1>A l
Elu: 1 A>A b | 22 A>A c
Equal: 1 AA>B wg,d | 11 AA>B ug,d | 13 AA>B uc,d | 19 AA>B uk,d
Erf: 9 A>A n | 13 A>A c
Exp: 1 A>A b | 13 A>A c
Expand: 8 AB>A e,a | 13 AB>A g,a
EyeLike: 9 A>B ug,ug | 22 A>B uc,uc
Flatten: 1 A>A b | 9 A>A e | 13 A>A g | 21 A>A t | 23 A>A ua | 24 A>A r | 25 A>A ub
Floor: 1 A>A b | 13 A>A c
GRU: 1 AAAA?B?A?>A?A b,j | 3 AAAA?B?A?>A?A? b,j | 22 AAAA?B?A?>A?A? c,j
Gather: 1 AB>A e,h | 13 AB>A g,h
GatherElements: 11 AB>A e,h | 13 AB>A g,h
GatherND: 11 AB>A e,a | 13 AB>A g,a
Gelu: 20 A>A c
Gemm: 1 AAA>A b | 9 AAA>A o | 11 AAA?>A o | 13 AAA?>A m
GlobalAveragePool: 1 A>A b | 22 A>A c
GlobalLpPool: 1 A>A b | 22 A>A c
GlobalMaxPool: 1 A>A b | 22 A>A c
Greater: 1 AA>B b,d | 9 AA>B n,d | 13 AA>B l,d
GreaterOrEqual: 12 AA>B n,d | 16 AA>B l,d
GridSample: 16 AB>A e,b | 22 AB>A g,c
GroupNormalization: 18 x | 21 AAA>A c
HammingWindow: 17 A>B h,l
HannWindow: 17 A>B h,l
HardSigmoid: 1 A>A b | 22 A>A c
HardSwish: 14 A>A b | 22 A>A c
Hardmax: 1 A>A b | 13 A>A c
Identity: 1 A>A e | 13 A>A g | 14 A>A uw | 19 A>A ux | 21 A>A uy | 23 A>A uz | 24 A>A va | 25 A>A vb
If: 1 A>B~1 d,e | 13 A>B~1 d,ud | 16 A>B~1 d,uw | 19 A>B~1 d,ux | 21 A>B~1 d,uy | 23 A>B~1 d,uz | 24 A>B~1 d,va | 25 A>B~1 d,vb
ImageDecoder: 20 A>B uh,uh
InstanceNormalization: 1 AAA>A b | 22 AAA>A c
IsInf: 10 A>B vk,d | 20 A>B ur,d
IsNaN: 9 A>B b,d | 13 A>B c,d | 20 A>B ur,d
LRN: 1 A>A b | 13 A>A c
LSTM: 1 AAAA?B?A?A?A?>A?A?A? b,j | 22 AAAA?B?A?A?A?>A?A?A? c,j
LayerNormalization: 17 AAA?>AB?B? c,wh
LeakyRelu: 1 A>A b | 16 A>A c
Less: 1 AA>B b,d | 9 AA>B n,d | 13 AA>B l,d
LessOrEqual: 12 AA>B n,d | 16 AA>B l,d
LinearAttention: 27 AAAB?A?A?>AB k,k
Log: 1 A>A b | 13 A>A c
LogSoftmax: 1 A>A b | 13 A>A c
Loop: 1 A?B?C~1>C~1 a,d,e | 11 A?B?C~0>C~1 a,d,e | 13 A?B?C~0>C~1 a,d,ud | 16 A?B?C~0>C~1 a,d,uw | 19 A?B?C~0>C~1 a,d,ux | 21 A?B?C~0>C~1 a,d,uy | 23 A?B?C~0>C~1 a,d,uz | 24 A?B?C~0>C~1 a,d,va | 25 A?B?C~0>C~1 a,d,vb
LpNormalization: 1 A>A b | 22 A>A c
LpPool: 1 A>A b | 22 A>A c
MatMul: 1 AA>A b | 9 AA>A o | 13 AA>A m
MatMulInteger: 10 ABA?B?>C i,i,j
Max: 1 A*1>A b | 12 A*1>A n | 13 A*1>A l
MaxPool: 1 A>A b | 8 A>AB? b,a | 12 A>AB? wi,a | 22 A>AB? wj,a
MaxRoiPool: 1 AA>A b | 22 AA>A c
MaxUnpool: 9 ABB?>A b,a | 22 ABB?>A c,a
Mean: 1 A*1>A b | 13 A*1>A c
MeanVarianceNormalization: 9 A>A b | 13 A>A c
MelWeightMatrix: 17 AAABB>C h,c,l
Min: 1 A*1>A b | 12 A*1>A n | 13 A*1>A l
Mish: 18 A>A b | 22 A>A c
Mod: 10 AA>A n | 13 AA>A l
Mul: 1 AA>A b | 6 AA>A o | 13 AA>A m | 14 AA>A l
Multinomial: 7 A>B b,h | 22 A>B c,h
Neg: 1 A>A b | 6 A>A wk | 13 A>A vl
NegativeLogLikelihoodLoss: 12 ABA?>A b,h | 22 ABA?>A c,h
NonMaxSuppression: 10 AAB?A?A?>B f,a
NonZero: 9 A>B e,a | 13 A>B g,a
Not: 1 A>A d
OneHot: 9 ABC>C n,n,e | 28 ABC>C n,n,g
Optional: 15 A?>B ud,p | 28 A?>B us,p
OptionalGetElement: 15 A>B p,ud | 18 A>B ud,ud | 28 A>B us,us
OptionalHasElement: 15 A>B p,d | 18 A?>B ud,d | 28 A?>B us,d
Or: 1 AA>B d,d
PRelu: 1 AA>A b | 9 AA>A o | 16 AA>A m
Pad: 1 A>A b | 11 ABA?>A n,a | 13 ABA?>A g,a | 18 ABA?C?>A g,a,h | 21 ABA?C?>A t,a,h | 23 ABA?C?>A ua,a,h | 24 ABA?C?>A r,a,h | 25 ABA?C?>A ub,a,h
Pow: 1 AA>A b | 12 AB>A wl,n | 13 AB>A vm,n | 15 AB>A vm,l
QLinearConv: 10 ABACBCBDE?>D i,f,i,i,j
QLinearMatMul: 10 ABACBCBD>D i,f,i,i | 21 ABACBCBD>D ut,k,ut,ut
QuantizeLinear: 10 ABC?>C wm,f,i | 19 AAB?>B ue,ut | 21 AAB?>B ue,wn | 23 ABC?>C ue,ue,vn | 24 ABC?>C ue,vc,vn | 25 ABC?>C ue,vc,wo | 28 ABC?>C ue,vc,wp
RMSNormalization: 23 AB>B c,c
RNN: 1 AAAA?B?A?>A?A? b,j | 22 AAAA?B?A?>A?A? c,j
RandomNormal: 1 >A b | 22 >A c
RandomNormalLike: 1 A>B e,b | 22 A>B g,c
RandomUniform: 1 >A b | 22 >A c
RandomUniformLike: 1 A>B e,b | 22 A>B g,c
Range: 11 AAA>A vo | 27 AAA>A wq
Reciprocal: 1 A>A b | 13 A>A c
ReduceL1: 1 A>A o | 13 A>A m | 18 AB?>A m,a
ReduceL2: 1 A>A o | 13 A>A m | 18 AB?>A m,a
ReduceLogSum: 1 A>A o | 13 A>A m | 18 AB?>A m,a | 28 AB?>A c,a
ReduceLogSumExp: 1 A>A o | 13 A>A m | 18 AB?>A m,a | 28 AB?>A c,a
ReduceMax: 1 A>A o | 12 A>A vp | 13 A>A uu | 18 AB?>A uu,a | 20 AB?>A vq,a
ReduceMean: 1 A>A o | 13 A>A m | 18 AB?>A m,a
ReduceMin: 1 A>A o | 12 A>A vp | 13 A>A uu | 18 AB?>A uu,a | 20 AB?>A vq,a
ReduceProd: 1 A>A o | 13 A>A m | 18 AB?>A m,a
ReduceSum: 1 A>A o | 13 AB?>A m,a
ReduceSumSquare: 1 A>A o | 13 A>A m | 18 AB?>A m,a
RegexFullMatch: 20 A>B ui,d
Relu: 1 A>A b | 13 A>A c | 14 A>A vl
Reshape: 1 A>A b | 5 AB>A e,a | 13 AB>A g,a | 19 AB>A ul,a | 21 AB>A t,a | 23 AB>A ua,a | 24 AB>A r,a | 25 AB>A ub,a
Resize: 10 AB>A e,f | 11 ABCD?>A e,b,f,a | 13 AB?C?D?>A g,b,f,a
ReverseSequence: 10 AB>A e,a | 28 AB>A g,a
RoiAlign: 10 AAB>A b,a | 22 AAB>A c,a
RotaryEmbedding: 23 AAAB?>A k,a
Round: 11 A>A b | 22 A>A c
STFT: 17 ABA?B?>A c,h
Scan: 8 A?B~1>B~1 a,e | 9 A~1>A~1 e | 16 A~1>A~1 g | 19 A~1>A~1 ul | 21 A~1>A~1 t | 23 A~1>A~1 ua | 24 A~1>A~1 r | 25 A~1>A~1 ub
Scatter: 9 ABA>A e,h | 11 x
ScatterElements: 11 ABA>A e,h | 13 ABA>A g,h
ScatterND: 11 ABA>A e,a | 13 ABA>A g,a
Selu: 1 A>A b | 22 A>A c
SequenceAt: 11 AB>C p,h,e
SequenceConstruct: 11 A*1>B e,p
SequenceEmpty: 11 >A p
SequenceErase: 11 AB?>A p,h
SequenceInsert: 11 ABC?>A p,e,h
SequenceLength: 11 A>B p,a
SequenceMap: 17 AB~0>A~1 p,ud
Shape: 1 A>B e,a | 13 A>B g,a | 19 A>B ul,a | 21 A>B t,a | 23 A>B ua,a | 24 A>B r,a | 25 A>B ub,a
Shrink: 9 A>A n
Sigmoid: 1 A>A b | 13 A>A c
Sign: 9 A>A n | 13 A>A l
Sin: 7 A>A b | 22 A>A c
Sinh: 9 A>A b | 22 A>A c
Size: 1 A>B e,a | 13 A>B g,a | 19 A>B ul,a | 21 A>B t,a | 23 A>B ua,a | 24 A>B r,a | 25 A>B ub,a
Slice: 1 A>A e | 10 ABBB?B?>A e,h | 13 ABBB?B?>A g,h
Softmax: 1 A>A b | 13 A>A c
SoftmaxCrossEntropyLoss: 12 ABA?>AA? b,h | 13 ABA?>AA? c,h
Softplus: 1 A>A b | 22 A>A c
Softsign: 1 A>A b | 22 A>A c
SpaceToDepth: 1 A>A e | 13 A>A g
Split: 1 AA?>A*1 b | 2 A>A*1 e | 13 AB?>A*1 g,a
SplitToSequence: 11 AB?>C e,h,p | 24 AB?>C g,h,p
Sqrt: 1 A>A b | 13 A>A c
Squeeze: 1 A>A e | 13 AB?>A g,a | 21 AB?>A t,a | 23 AB?>A ua,a | 24 AB?>A r,a | 25 AB?>A ub,a
StringConcat: 20 AA>A ui
StringNormalizer: 10 A>A ui
StringSplit: 20 A>BC ui,ui,a
Sub: 1 AA>A b | 6 AA>A o | 13 AA>A m | 14 AA>A l
Sum: 1 A*1>A b | 13 A*1>A c
SwiGLU: 28 AA>A c
Swish: 24 A>A c
Tan: 7 A>A b | 22 A>A c
Tanh: 1 A>A b | 13 A>A c
TensorScatter: 24 AAB?>A r,a
TfIdfVectorizer: 9 A>B wr,f
ThresholdedRelu: 10 A>A b | 22 A>A c
Tile: 1 AAA>A b | 6 AB>A e,a | 13 AB>A g,a
TopK: 1 A>AB b,a | 10 AB>AC b,a,a | 11 AB>AC n,a,a | 24 AB>AC l,a,a
Transpose: 1 A>A e | 13 A>A g | 21 A>A t | 23 A>A ua | 24 A>A r | 25 A>A ub
Trilu: 14 AB?>A g,a
Unique: 11 A>AB?B?B? e,a | 28 A>AB?B?B? g,a
Unsqueeze: 1 A>A e | 13 AB>A g,a | 21 AB>A t,a | 23 AB>A ua,a | 24 AB>A r,a | 25 AB>A ub,a
Upsample: 1 A>A ws | 7 A>A e | 9 AB>A e,f | 10 x
Where: 9 ABB>B d,e | 16 ABB>B d,g
Xor: 1 AA>B d,d
`;

/** Element types of ONNX tensors (onnx.proto3, TensorProto.DataType), by the names of the specification's operators. */
export type DType =
	| 'float32'
	| 'uint8'
	| 'int8'
	| 'uint16'
	| 'int16'
	| 'int32'
	| 'int64'
	| 'string'
	| 'bool'
	| 'float16'
	| 'float64'
	| 'uint32'
	| 'uint64'
	| 'complex64'
	| 'complex128'
	| 'bfloat16'
	| 'float8e4m3fn'
	| 'float8e4m3fnuz'
	| 'float8e5m2'
	| 'float8e5m2fnuz'
	| 'uint4'
	| 'int4'
	| 'float4e2m1'
	| 'float8e8m0'
	| 'uint2'
	| 'int2'
	| 'float6e2m3'
	| 'float6e3m2';

interface DTypeFacts {
	/** Number in TensorProto.DataType. */
	readonly code: number;
	/** Bits of one element in raw_data; 0 where elements have no fixed width (string). */
	readonly bits: number;
}

const FACTS: Readonly<Record<DType, DTypeFacts>> = {
	float32: { code: 1, bits: 32 },
	uint8: { code: 2, bits: 8 },
	int8: { code: 3, bits: 8 },
	uint16: { code: 4, bits: 16 },
	int16: { code: 5, bits: 16 },
	int32: { code: 6, bits: 32 },
	int64: { code: 7, bits: 64 },
	string: { code: 8, bits: 0 },
	bool: { code: 9, bits: 8 },
	float16: { code: 10, bits: 16 },
	float64: { code: 11, bits: 64 },
	uint32: { code: 12, bits: 32 },
	uint64: { code: 13, bits: 64 },
	complex64: { code: 14, bits: 64 },
	complex128: { code: 15, bits: 128 },
	bfloat16: { code: 16, bits: 16 },
	float8e4m3fn: { code: 17, bits: 8 },
	float8e4m3fnuz: { code: 18, bits: 8 },
	float8e5m2: { code: 19, bits: 8 },
	float8e5m2fnuz: { code: 20, bits: 8 },
	uint4: { code: 21, bits: 4 },
	int4: { code: 22, bits: 4 },
	float4e2m1: { code: 23, bits: 4 },
	float8e8m0: { code: 24, bits: 8 },
	uint2: { code: 25, bits: 2 },
	int2: { code: 26, bits: 2 },
	float6e2m3: { code: 27, bits: 6 },
	float6e3m2: { code: 28, bits: 6 },
};

const BY_CODE = new Map<number, DType>();
for (const [dtype, facts] of Object.entries(FACTS)) BY_CODE.set(facts.code, dtype as DType);

/** The element type with this TensorProto.DataType number, or undefined for a number this version does not know. */
export function dtypeFromCode(code: number): DType | undefined {
	return BY_CODE.get(code);
}

/** Whether a text is the name of an element type. */
export function isDType(text: string): text is DType {
	return Object.hasOwn(FACTS, text);
}

export function dtypeCode(dtype: DType): number {
	return FACTS[dtype].code;
}

/** Bits of one element as stored in raw_data; 0 for string. */
export function dtypeBits(dtype: DType): number {
	return FACTS[dtype].bits;
}

/** Bytes of `count` packed elements; sub-byte types round up to a whole byte (onnx.proto3, raw_data). */
export function packedByteLength(dtype: DType, count: number): number {
	return Math.ceil((count * FACTS[dtype].bits) / 8);
}

export function isFloat(dtype: DType): boolean {
	return dtype.startsWith('float') || dtype === 'bfloat16';
}

/** Product of the dimensions; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
	let count = 1;
	for (const dim of dims) count *= dim;
	return count;
}

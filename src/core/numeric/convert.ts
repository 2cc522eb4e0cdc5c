import { type DType, isFloat } from '../ir/dtype.ts';
import type { TensorData } from '../ir/tensor-data.ts';
import { decodeFloat16, encodeFloat16 } from './float16.ts';

const integers: ReadonlySet<DType> = new Set(['uint8', 'int8', 'uint16', 'int16', 'int32', 'uint32', 'int64', 'uint64', 'bool']);

/** Whether data of one element type may stand for another: whole numbers for anything numeric, floats for floats, text for text. */
export function convertible(from: DType, to: DType): boolean {
	if (from === to) return true;
	if (integers.has(from)) return integers.has(to) || isFloat(to);
	return isFloat(from) && isFloat(to);
}

/** Elements in another element type; 64-bit integers pass through doubles only where the type changes to a float. */
export function convert(data: TensorData['data'], from: DType, to: DType): TensorData['data'] {
	if (from === to) return data;
	const source = data as ArrayLike<number | bigint>;
	const numbers = from === 'float16' ? decodeFloat16(data as Uint16Array) : source;
	const length = numbers.length;
	const fill = <T extends { [index: number]: number; length: number }>(target: T): T => {
		for (let i = 0; i < length; i++) target[i] = Number(numbers[i]);
		return target;
	};
	switch (to) {
		case 'float32':
			return fill(new Float32Array(length));
		case 'float64':
			return fill(new Float64Array(length));
		case 'float16':
			return encodeFloat16(fill(new Float32Array(length)));
		case 'int64':
			return BigInt64Array.from({ length }, (_, i) => BigInt(numbers[i] as number | bigint));
		case 'uint64':
			return BigUint64Array.from({ length }, (_, i) => BigInt(numbers[i] as number | bigint));
		case 'int32':
			return fill(new Int32Array(length));
		case 'uint32':
			return fill(new Uint32Array(length));
		case 'int16':
			return fill(new Int16Array(length));
		case 'uint16':
			return fill(new Uint16Array(length));
		case 'int8':
			return fill(new Int8Array(length));
		case 'uint8':
			return fill(new Uint8Array(length));
		case 'bool':
			return Uint8Array.from({ length }, (_, i) => (Number(numbers[i]) === 0 ? 0 : 1));
		default:
			throw new RangeError(`${from} cannot be made ${to}`);
	}
}

/** An array of zeros of an element type. */
export function zeros(dtype: DType, length: number): TensorData['data'] {
	if (dtype === 'string') return new Array<string>(length).fill('');
	return convert(new Uint8Array(length), dtype === 'uint8' ? 'uint8' : 'bool', dtype);
}

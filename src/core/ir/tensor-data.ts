import type { DType } from './dtype.ts';

/** Tensor data as the runtime takes and gives it. int64 is BigInt64Array, bool Uint8Array, float16 Uint16Array of bits, string string[]. */
export interface TensorData {
	readonly dtype: DType;
	readonly dims: readonly number[];
	readonly data:
		| Float32Array
		| Float64Array
		| Uint8Array
		| Int8Array
		| Uint16Array
		| Int16Array
		| Int32Array
		| Uint32Array
		| BigInt64Array
		| BigUint64Array
		| readonly string[];
}

/** Inputs of one run, by input name. */
export type Feeds = Readonly<Record<string, TensorData>>;

/** An input or output of a loaded model. */
export interface Port {
	readonly name: string;
	readonly dtype: DType;
	/** Symbols and unknown dims as strings or null. */
	readonly shape: readonly (number | string | null)[];
}

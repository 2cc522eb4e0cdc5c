import type { DType } from './dtype.ts';

/** A dimension: a size, a symbol shared by name, or unknown. */
export type Dim = number | string | null;

/** Type of a value as the file declares it (onnx.proto3, TypeProto). */
export type ValueType =
	| { readonly kind: 'tensor' | 'sparse'; readonly dtype: DType /** null: rank unknown */; readonly shape: readonly Dim[] | null }
	| { readonly kind: 'sequence' | 'optional'; readonly element: ValueType | undefined }
	| { readonly kind: 'map'; readonly key: DType; readonly value: ValueType | undefined }
	/** A type this version does not read; kept as the bytes of its TypeProto. */
	| { readonly kind: 'opaque'; readonly raw: Uint8Array };

export function tensorType(dtype: DType, shape: readonly Dim[] | null): ValueType {
	return { kind: 'tensor', dtype, shape };
}

/** `float32[N, 3, 224, 224]`, as printed in graphs and messages. */
export function printType(type: ValueType | undefined): string {
	if (!type) return '?';
	switch (type.kind) {
		case 'tensor':
			return type.dtype + (type.shape ? `[${type.shape.map((dim) => dim ?? '?').join(', ')}]` : '[...]');
		case 'sparse':
			return `sparse ${type.dtype}${type.shape ? `[${type.shape.map((dim) => dim ?? '?').join(', ')}]` : '[...]'}`;
		case 'sequence':
		case 'optional':
			return `${type.kind}(${printType(type.element)})`;
		case 'map':
			return `map(${type.key}, ${printType(type.value)})`;
		case 'opaque':
			return 'opaque';
	}
}

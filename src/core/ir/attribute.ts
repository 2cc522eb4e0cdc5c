import type { Graph } from './graph.ts';
import type { SparseTensorRef, TensorRef } from './tensor.ts';
import type { ValueType } from './type.ts';

/**
 * A node's attribute (onnx.proto3, AttributeProto). Integers are bigint because ONNX's are 64-bit; strings are bytes
 * because ONNX does not promise UTF-8. `ref` names an attribute of the enclosing model function.
 */
export type AttributeValue =
	| { readonly kind: 'float'; readonly value: number }
	| { readonly kind: 'int'; readonly value: bigint }
	| { readonly kind: 'string'; readonly value: Uint8Array }
	| { readonly kind: 'tensor'; readonly value: TensorRef }
	| { readonly kind: 'graph'; readonly value: Graph }
	| { readonly kind: 'sparseTensor'; readonly value: SparseTensorRef }
	| { readonly kind: 'type'; readonly value: ValueType }
	| { readonly kind: 'floats'; readonly value: readonly number[] }
	| { readonly kind: 'ints'; readonly value: readonly bigint[] }
	| { readonly kind: 'strings'; readonly value: readonly Uint8Array[] }
	| { readonly kind: 'tensors'; readonly value: readonly TensorRef[] }
	| { readonly kind: 'graphs'; readonly value: readonly Graph[] }
	| { readonly kind: 'sparseTensors'; readonly value: readonly SparseTensorRef[] }
	| { readonly kind: 'types'; readonly value: readonly ValueType[] }
	| { readonly kind: 'ref' /** AttributeProto.type number of what is referred to */; readonly type: number; readonly value: string }
	/** A kind this version does not read; the bytes of its AttributeProto. */
	| { readonly kind: 'opaque'; readonly value: Uint8Array };

export type Attribute = AttributeValue & {
	readonly docString?: string /** Unknown fields, kept as read. */;
	readonly unknown?: Uint8Array;
};

export const attribute = {
	int: (value: number | bigint): Attribute => ({ kind: 'int', value: BigInt(value) }),
	ints: (value: readonly (number | bigint)[]): Attribute => ({ kind: 'ints', value: value.map(BigInt) }),
	float: (value: number): Attribute => ({ kind: 'float', value }),
	floats: (value: readonly number[]): Attribute => ({ kind: 'floats', value }),
	string: (value: string): Attribute => ({ kind: 'string', value: new TextEncoder().encode(value) }),
	tensor: (value: TensorRef): Attribute => ({ kind: 'tensor', value }),
	graph: (value: Graph): Attribute => ({ kind: 'graph', value }),
} as const;

/** Subgraphs held by an attribute; empty for other kinds. */
export function attributeGraphs(attr: Attribute): readonly Graph[] {
	if (attr.kind === 'graph') return [attr.value];
	return attr.kind === 'graphs' ? attr.value : [];
}

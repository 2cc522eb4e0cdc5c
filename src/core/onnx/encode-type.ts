import { dtypeCode } from '../ir/dtype.ts';
import type { Value } from '../ir/graph.ts';
import { isSparse } from '../ir/tensor.ts';
import { type Dim, tensorType, type ValueType } from '../ir/type.ts';
import { originalType } from './decode-type.ts';
import type { Encoder } from './encoder.ts';
import { DimensionField, TypeField, ValueInfoField } from './fields.ts';

/** The content of a TypeProto. */
export function encodeType(encoder: Encoder, type: ValueType): void {
	const original = originalType(type);
	if (original) {
		encoder.raw(original);
		return;
	}
	switch (type.kind) {
		case 'tensor':
		case 'sparse':
			encoder.message(type.kind === 'tensor' ? TypeField.tensor_type : TypeField.sparse_tensor_type, () => {
				encoder.int(1, dtypeCode(type.dtype));
				const { shape } = type;
				if (shape) encoder.message(2, () => encodeShape(encoder, shape));
			});
			return;
		case 'sequence':
		case 'optional':
			encoder.message(type.kind === 'sequence' ? TypeField.sequence_type : TypeField.optional_type, () => {
				encodeNested(encoder, 1, type.element);
			});
			return;
		case 'map':
			encoder.message(TypeField.map_type, () => {
				encoder.int(1, dtypeCode(type.key));
				encodeNested(encoder, 2, type.value);
			});
			return;
		case 'opaque':
			encoder.raw(type.raw);
	}
}

function encodeNested(encoder: Encoder, field: number, type: ValueType | undefined): void {
	if (type) encoder.message(field, () => encodeType(encoder, type));
}

function encodeShape(encoder: Encoder, shape: readonly Dim[]): void {
	for (const dim of shape) {
		encoder.message(1, () => {
			if (typeof dim === 'number') encoder.int(DimensionField.dim_value, dim);
			else if (dim !== null) encoder.string(DimensionField.dim_param, dim);
		});
	}
}

/** A ValueInfoProto under field number `field`. */
export function encodeValueInfo(encoder: Encoder, field: number, value: Value): void {
	encoder.message(field, () => {
		encoder.string(ValueInfoField.name, value.name);
		const type = writtenType(value);
		if (type) encoder.message(ValueInfoField.type, () => encodeType(encoder, type));
		encoder.text(ValueInfoField.doc_string, value.docString);
		encoder.raw(value.unknown);
	});
}

/** The declared type, unless the value's stored tensor was replaced by one of another type or shape, which then counts. */
function writtenType(value: Value): ValueType | undefined {
	const { type, initializer } = value;
	if (!initializer || isSparse(initializer) || type?.kind !== 'tensor') return type;
	const { dtype, dims } = initializer;
	const fits =
		type.dtype === dtype &&
		(type.shape === null ||
			(type.shape.length === dims.length && type.shape.every((dim, axis) => typeof dim !== 'number' || dim === dims[axis])));
	return fits ? type : tensorType(dtype, dims);
}

import { dtypeCode } from '../ir/dtype.ts';
import type { SparseTensorRef, TensorRef } from '../ir/tensor.ts';
import type { Region } from './cursor.ts';
import type { Encoder } from './encoder.ts';
import { SparseField, TensorField } from './fields.ts';
import { StoredSparseTensor, StoredTensor } from './stored-tensor.ts';

/** How tensors are laid out. */
export interface TensorLayout {
	/** Whether messages that nothing changed are copied from the file they came from. */
	readonly verbatim: boolean;
	/** Name and offset of a tensor that goes into the external data file; undefined: it stays in the model. */
	place(tensor: TensorRef): { readonly location: string; readonly offset: number } | undefined;
	/** Elements of string tensors, read beforehand: lengths must be known when the layout is made. */
	readonly strings: ReadonlyMap<TensorRef, readonly Uint8Array[]>;
}

/** A TensorProto under field number `field`, copied where it is unchanged and has the same name. */
export function encodeTensor(encoder: Encoder, field: number, name: string, tensor: TensorRef, layout: TensorLayout): void {
	const placed = layout.place(tensor);
	if (!placed && copyable(tensor, name, layout)) {
		encodeRegion(encoder, field, tensor.message, tensor);
		return;
	}
	encoder.message(field, () => {
		for (const dim of tensor.dims) encoder.int(TensorField.dims, dim);
		encoder.int(TensorField.data_type, dtypeCode(tensor.dtype));
		if (tensor.dtype === 'string') {
			for (const element of layout.strings.get(tensor) ?? []) encoder.bytesField(TensorField.string_data, element);
		}
		encoder.text(TensorField.name, name);
		if (!placed && tensor.dtype !== 'string') {
			encoder.payload(TensorField.raw_data, { kind: 'tensor', tensor, byteLength: tensor.byteLength });
		}
		encoder.text(TensorField.doc_string, tensor.docString ?? '');
		if (placed) {
			encodeEntry(encoder, TensorField.external_data, 'location', placed.location);
			encodeEntry(encoder, TensorField.external_data, 'offset', String(placed.offset));
			encodeEntry(encoder, TensorField.external_data, 'length', String(tensor.byteLength));
			encoder.int(TensorField.data_location, 1);
		}
		if (tensor instanceof StoredTensor) encoder.raw(tensor.unknown);
	});
}

/**
 * A tensor's message can be copied where nothing in it changes. External references are not: a changed model carries its
 * weights itself, or in one file of its own, and never points into the files of the model it was made from.
 */
function copyable(tensor: TensorRef, name: string, layout: TensorLayout): tensor is StoredTensor & { message: Region } {
	return layout.verbatim && tensor instanceof StoredTensor && tensor.message !== undefined && tensor.name === name && !tensor.external;
}

/** A message of the source file as it stands there. */
function encodeRegion(encoder: Encoder, field: number, region: Region, tensor: StoredTensor): void {
	if (region.bytes) encoder.bytesField(field, region.bytes);
	else encoder.payload(field, { kind: 'copy', source: tensor.modelSource, at: region.at, byteLength: region.length });
}

/** A SparseTensorProto; the name stands in its values tensor. */
export function encodeSparse(encoder: Encoder, field: number, name: string, sparse: SparseTensorRef, layout: TensorLayout): void {
	encoder.message(field, () => {
		encodeTensor(encoder, SparseField.values, name, sparse.values, layout);
		const indicesName = sparse.indices instanceof StoredTensor ? sparse.indices.name : '';
		encodeTensor(encoder, SparseField.indices, indicesName, sparse.indices, layout);
		for (const dim of sparse.dims) encoder.int(SparseField.dims, dim);
		if (sparse instanceof StoredSparseTensor) encoder.raw(sparse.unknown);
	});
}

/** StringStringEntryProto. */
export function encodeEntry(encoder: Encoder, field: number, key: string, value: string): void {
	encoder.message(field, () => {
		encoder.string(1, key);
		encoder.string(2, value);
	});
}

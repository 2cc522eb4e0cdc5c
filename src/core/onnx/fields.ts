/** Protobuf wire types (protobuf.dev, Encoding). */
export const WireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** Field numbers of onnx.proto3, by message. Names are those of the .proto file. */
export const ModelField = {
	ir_version: 1,
	producer_name: 2,
	producer_version: 3,
	domain: 4,
	model_version: 5,
	doc_string: 6,
	graph: 7,
	opset_import: 8,
	metadata_props: 14,
	functions: 25,
} as const;

export const GraphField = {
	node: 1,
	name: 2,
	initializer: 5,
	doc_string: 10,
	input: 11,
	output: 12,
	value_info: 13,
	sparse_initializer: 15,
} as const;

export const NodeField = { input: 1, output: 2, name: 3, op_type: 4, attribute: 5, doc_string: 6, domain: 7, overload: 8 } as const;

export const AttributeField = {
	name: 1,
	f: 2,
	i: 3,
	s: 4,
	t: 5,
	g: 6,
	floats: 7,
	ints: 8,
	strings: 9,
	tensors: 10,
	graphs: 11,
	doc_string: 13,
	tp: 14,
	type_protos: 15,
	type: 20,
	ref_attr_name: 21,
	sparse_tensor: 22,
	sparse_tensors: 23,
} as const;

/** AttributeProto.AttributeType. */
export const AttributeType = {
	undefined: 0,
	float: 1,
	int: 2,
	string: 3,
	tensor: 4,
	graph: 5,
	floats: 6,
	ints: 7,
	strings: 8,
	tensors: 9,
	graphs: 10,
	sparseTensor: 11,
	sparseTensors: 12,
	type: 13,
	types: 14,
} as const;

export const TensorField = {
	dims: 1,
	data_type: 2,
	segment: 3,
	float_data: 4,
	int32_data: 5,
	string_data: 6,
	int64_data: 7,
	name: 8,
	raw_data: 9,
	double_data: 10,
	uint64_data: 11,
	doc_string: 12,
	external_data: 13,
	data_location: 14,
} as const;

export const SparseField = { values: 1, indices: 2, dims: 3 } as const;

export const ValueInfoField = { name: 1, type: 2, doc_string: 3 } as const;

export const FunctionField = {
	name: 1,
	input: 4,
	output: 5,
	attribute: 6,
	node: 7,
	doc_string: 8,
	opset_import: 9,
	domain: 10,
	attribute_proto: 11,
	value_info: 12,
	overload: 13,
} as const;

export const TypeField = { tensor_type: 1, sequence_type: 4, map_type: 5, denotation: 6, sparse_tensor_type: 8, optional_type: 9 } as const;

export const DimensionField = { dim_value: 1, dim_param: 2 } as const;

/** Newest IR version whose meaning is known here (onnx.proto3, Version), and the oldest with opset imports. */
export const newestIrVersion = 14;
export const oldestIrVersion = 3;

import type { Attribute } from '../ir/attribute.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Model, ModelFunction } from '../ir/model.ts';
import { isSparse } from '../ir/tensor.ts';
import { encodeEntry, encodeSparse, encodeTensor, type TensorLayout } from './encode-tensor.ts';
import { encodeType, encodeValueInfo } from './encode-type.ts';
import type { Encoder } from './encoder.ts';
import { AttributeField, AttributeType, FunctionField, GraphField, ModelField, NodeField } from './fields.ts';
import { StoredTensor } from './stored-tensor.ts';

/** Content of a ModelProto. Fields come in the order of their numbers, as the reference implementation writes them. */
export function encodeModel(encoder: Encoder, model: Model, layout: TensorLayout): void {
	encoder.int(ModelField.ir_version, model.irVersion);
	encoder.text(ModelField.producer_name, model.producerName);
	encoder.text(ModelField.producer_version, model.producerVersion);
	encoder.text(ModelField.domain, model.domain);
	if (model.modelVersion !== 0n) encoder.int(ModelField.model_version, model.modelVersion);
	encoder.text(ModelField.doc_string, model.docString);
	encoder.message(ModelField.graph, () => encodeGraph(encoder, model.graph, layout));
	for (const [domain, version] of model.opsets) encodeOpset(encoder, ModelField.opset_import, domain, version);
	for (const [key, value] of model.metadata) encodeEntry(encoder, ModelField.metadata_props, key, value);
	for (const fn of model.functions) encoder.message(ModelField.functions, () => encodeFunction(encoder, fn, layout));
	encoder.raw(model.unknown);
}

/** OperatorSetIdProto; the standard domain is written as the empty string that it is. */
function encodeOpset(encoder: Encoder, field: number, domain: string, version: number): void {
	encoder.message(field, () => {
		encoder.string(1, domain);
		encoder.int(2, version);
	});
}

function encodeGraph(encoder: Encoder, graph: Graph, layout: TensorLayout): void {
	for (const node of graph.nodes()) encoder.message(GraphField.node, () => encodeNode(encoder, node, layout));
	encoder.text(GraphField.name, graph.name);
	for (const value of graph.initializers) {
		const tensor = value.initializer;
		if (tensor && !isSparse(tensor)) encodeTensor(encoder, GraphField.initializer, value.name, tensor, layout);
	}
	encoder.text(GraphField.doc_string, graph.docString);
	for (const value of graph.inputs) encodeValueInfo(encoder, GraphField.input, value);
	for (const value of graph.outputs) encodeValueInfo(encoder, GraphField.output, value);
	for (const value of listedValues(graph)) encodeValueInfo(encoder, GraphField.value_info, value);
	for (const value of graph.initializers) {
		const tensor = value.initializer;
		if (tensor && isSparse(tensor)) encodeSparse(encoder, GraphField.sparse_initializer, value.name, tensor, layout);
	}
	encodeRepeated(encoder, graph);
	encoder.raw(graph.unknown);
}

/** Second entries of value_info, where the value is still there and still of that type. */
function encodeRepeated(encoder: Encoder, graph: Graph): void {
	for (const { value, type, bytes } of graph.repeated) if (exists(graph, value) && value.type === type) encoder.raw(bytes);
}

/** Values that value_info tells about: first those that the file listed and that still exist, then others with a type. */
function* listedValues(graph: Graph): IterableIterator<Value> {
	for (const value of graph.declared) if (value.type && exists(graph, value)) yield value;
	for (const node of graph.nodes()) {
		for (const value of node.outputs) {
			if (value?.type && !value.isGraphOutput && !graph.declared.has(value)) yield value;
		}
	}
}

function exists(graph: Graph, value: Value): boolean {
	return value.producer?.placed === true || value.isGraphInput || value.isGraphOutput || graph.initializers.has(value);
}

function encodeNode(encoder: Encoder, node: Node, layout: TensorLayout): void {
	for (const value of withoutTrailingNulls(node.inputs)) encoder.string(NodeField.input, value?.name ?? '');
	for (const value of withoutTrailingNulls(node.outputs)) encoder.string(NodeField.output, value?.name ?? '');
	encoder.text(NodeField.name, node.name);
	encoder.string(NodeField.op_type, node.op);
	for (const [name, attr] of node.attributes) {
		encoder.message(NodeField.attribute, () => encodeAttribute(encoder, name, attr, layout));
	}
	encoder.text(NodeField.doc_string, node.docString);
	encoder.text(NodeField.domain, node.domain);
	encoder.text(NodeField.overload, node.overload);
	encoder.raw(node.unknown);
}

function withoutTrailingNulls(values: readonly (Value | null)[]): readonly (Value | null)[] {
	let length = values.length;
	while (length > 0 && !values[length - 1]) length -= 1;
	return length === values.length ? values : values.slice(0, length);
}

function encodeAttribute(encoder: Encoder, name: string, attr: Attribute, layout: TensorLayout): void {
	if (attr.kind === 'opaque') {
		encoder.raw(attr.value);
		return;
	}
	encoder.string(AttributeField.name, name);
	encodeLowFields(encoder, attr, layout);
	encoder.text(AttributeField.doc_string, attr.docString ?? '');
	if (attr.kind === 'type') encoder.message(AttributeField.tp, () => encodeType(encoder, attr.value));
	if (attr.kind === 'types') for (const type of attr.value) encoder.message(AttributeField.type_protos, () => encodeType(encoder, type));
	encoder.int(AttributeField.type, attr.kind === 'ref' ? attr.type : AttributeType[attr.kind]);
	if (attr.kind === 'ref') encoder.string(AttributeField.ref_attr_name, attr.value);
	if (attr.kind === 'sparseTensor') encodeSparse(encoder, AttributeField.sparse_tensor, sparseName(attr.value.values), attr.value, layout);
	if (attr.kind === 'sparseTensors') {
		for (const sparse of attr.value) encodeSparse(encoder, AttributeField.sparse_tensors, sparseName(sparse.values), sparse, layout);
	}
	encoder.raw(attr.unknown);
}

/** Values whose fields come before the type's. */
function encodeLowFields(encoder: Encoder, attr: Attribute, layout: TensorLayout): void {
	switch (attr.kind) {
		case 'float':
			encoder.float(AttributeField.f, attr.value);
			return;
		case 'int':
			encoder.int(AttributeField.i, attr.value);
			return;
		case 'string':
			encoder.bytesField(AttributeField.s, attr.value);
			return;
		case 'tensor':
			encodeTensor(encoder, AttributeField.t, attr.value instanceof StoredTensor ? attr.value.name : '', attr.value, layout);
			return;
		case 'graph':
			encoder.message(AttributeField.g, () => encodeGraph(encoder, attr.value, layout));
			return;
		case 'floats':
			for (const value of attr.value) encoder.float(AttributeField.floats, value);
			return;
		case 'ints':
			for (const value of attr.value) encoder.int(AttributeField.ints, value);
			return;
		case 'strings':
			for (const value of attr.value) encoder.bytesField(AttributeField.strings, value);
			return;
		case 'tensors':
			for (const tensor of attr.value) {
				encodeTensor(encoder, AttributeField.tensors, tensor instanceof StoredTensor ? tensor.name : '', tensor, layout);
			}
			return;
		case 'graphs':
			for (const graph of attr.value) encoder.message(AttributeField.graphs, () => encodeGraph(encoder, graph, layout));
			return;
		default:
			return;
	}
}

function sparseName(values: unknown): string {
	return values instanceof StoredTensor ? values.name : '';
}

function encodeFunction(encoder: Encoder, fn: ModelFunction, layout: TensorLayout): void {
	const { body } = fn;
	if (body.initializers.size > 0) throw new Error(`Function ${fn.name} holds initializers, which ONNX does not allow; use Constant nodes.`);
	encoder.string(FunctionField.name, fn.name);
	for (const value of body.inputs) encoder.string(FunctionField.input, value.name);
	for (const value of body.outputs) encoder.string(FunctionField.output, value.name);
	for (const name of fn.attributes) encoder.string(FunctionField.attribute, name);
	for (const node of body.nodes()) encoder.message(FunctionField.node, () => encodeNode(encoder, node, layout));
	encoder.text(FunctionField.doc_string, fn.docString);
	for (const [domain, version] of fn.opsets) encodeOpset(encoder, FunctionField.opset_import, domain, version);
	encoder.text(FunctionField.domain, fn.domain);
	for (const [name, attr] of fn.defaults) {
		encoder.message(FunctionField.attribute_proto, () => encodeAttribute(encoder, name, attr, layout));
	}
	for (const value of functionValues(body)) encodeValueInfo(encoder, FunctionField.value_info, value);
	encoder.text(FunctionField.overload, fn.overload);
	encodeRepeated(encoder, body);
	encoder.raw(body.unknown);
	encoder.raw(fn.unknown);
}

/** A function's parameters have no ValueInfoProto of their own: their types, too, stand in value_info. */
function* functionValues(body: Graph): IterableIterator<Value> {
	for (const value of body.declared) if (value.type && exists(body, value)) yield value;
	for (const node of body.nodes()) for (const value of node.outputs) if (value?.type && !body.declared.has(value)) yield value;
}

import type { Cursor } from './cursor.ts';
import { decodeAttribute } from './decode-attribute.ts';
import { decodeGraph, decodeNode } from './decode-graph.ts';
import { type DecodeContext, decodeEntry } from './decode-tensor.ts';
import { decodeValueInfo } from './decode-type.ts';
import { FunctionField, ModelField, WireType } from './fields.ts';
import { emptyGraph, type FunctionRecord, type ModelRecord, type OpsetRecord } from './records.ts';

/** Decodes the ModelProto that the cursor stands at the start of. */
export function decodeModel(cursor: Cursor, context: DecodeContext): ModelRecord {
	const model: ModelRecord = {
		irVersion: undefined,
		producerName: '',
		producerVersion: '',
		domain: '',
		modelVersion: 0n,
		docString: '',
		graph: undefined,
		opsets: [],
		metadata: [],
		functions: [],
		unknown: [],
	};
	while (cursor.more) {
		const tag = cursor.tag();
		if (tag === ModelField.ir_version * 8) model.irVersion = cursor.int64();
		else if (tag === ModelField.model_version * 8) model.modelVersion = cursor.int64();
		else decodeBytesField(cursor, context, model, tag);
	}
	return model;
}

function decodeBytesField(cursor: Cursor, context: DecodeContext, model: ModelRecord, tag: number): void {
	switch ((tag & 7) === WireType.bytes ? tag >>> 3 : 0) {
		case ModelField.producer_name:
			model.producerName = cursor.name();
			return;
		case ModelField.producer_version:
			model.producerVersion = cursor.name();
			return;
		case ModelField.domain:
			model.domain = cursor.name();
			return;
		case ModelField.doc_string:
			model.docString = cursor.text();
			return;
		case ModelField.graph: {
			const graph = model.graph ?? emptyGraph();
			model.graph = graph;
			cursor.message('graph', -1, (inner) => decodeGraph(inner, context, graph));
			return;
		}
		case ModelField.opset_import:
			model.opsets.push(cursor.message('opset_import', model.opsets.length, decodeOpset));
			return;
		case ModelField.metadata_props:
			model.metadata.push(cursor.message('metadata_props', model.metadata.length, decodeEntry));
			return;
		case ModelField.functions:
			model.functions.push(cursor.message('functions', model.functions.length, (inner) => decodeFunction(inner, context)));
			return;
		default:
			model.unknown.push(cursor.unknown(tag));
	}
}

/** OperatorSetIdProto: domain 1, version 2. */
function decodeOpset(cursor: Cursor): OpsetRecord {
	let domain = '';
	let version = 0n;
	while (cursor.more) {
		const tag = cursor.tag();
		if (tag === 10) domain = cursor.name();
		else if (tag === 16) version = cursor.int64();
		else cursor.unknown(tag);
	}
	return { domain, version };
}

function decodeFunction(cursor: Cursor, context: DecodeContext): FunctionRecord {
	const fn: FunctionRecord = {
		name: '',
		domain: '',
		overload: '',
		docString: '',
		inputs: [],
		outputs: [],
		attributes: [],
		defaults: [],
		nodes: [],
		opsets: [],
		valueInfos: [],
		unknown: [],
	};
	while (cursor.more) {
		const tag = cursor.tag();
		switch ((tag & 7) === WireType.bytes ? tag >>> 3 : 0) {
			case FunctionField.name:
				fn.name = cursor.name();
				break;
			case FunctionField.domain:
				fn.domain = cursor.name();
				break;
			case FunctionField.overload:
				fn.overload = cursor.name();
				break;
			case FunctionField.doc_string:
				fn.docString = cursor.text();
				break;
			case FunctionField.input:
				fn.inputs.push(cursor.name());
				break;
			case FunctionField.output:
				fn.outputs.push(cursor.name());
				break;
			case FunctionField.attribute:
				fn.attributes.push(cursor.name());
				break;
			case FunctionField.attribute_proto:
				fn.defaults.push(cursor.message('attribute_proto', fn.defaults.length, (inner) => decodeAttribute(inner, context)));
				break;
			case FunctionField.node:
				fn.nodes.push(cursor.message('node', fn.nodes.length, (inner) => decodeNode(inner, context)));
				break;
			case FunctionField.opset_import:
				fn.opsets.push(cursor.message('opset_import', fn.opsets.length, decodeOpset));
				break;
			case FunctionField.value_info:
				fn.valueInfos.push(cursor.message('value_info', fn.valueInfos.length, decodeValueInfo));
				break;
			default:
				fn.unknown.push(cursor.unknown(tag));
		}
	}
	return fn;
}

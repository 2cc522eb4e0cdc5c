import type { Cursor } from './cursor.ts';
import { decodeAttribute } from './decode-attribute.ts';
import { type DecodeContext, decodeSparse, decodeTensor } from './decode-tensor.ts';
import { decodeValueInfo } from './decode-type.ts';
import { GraphField, NodeField, WireType } from './fields.ts';
import type { GraphRecord, NodeRecord } from './records.ts';

/** Decodes the GraphProto that the cursor stands in, adding to `graph`: protobuf merges a message that comes twice. */
export function decodeGraph(cursor: Cursor, context: DecodeContext, graph: GraphRecord): void {
	while (cursor.more) {
		const tag = cursor.tag();
		switch ((tag & 7) === WireType.bytes ? tag >>> 3 : 0) {
			case GraphField.node:
				graph.nodes.push(cursor.message('node', graph.nodes.length, (inner) => decodeNode(inner, context)));
				break;
			case GraphField.name:
				graph.name = cursor.name();
				break;
			case GraphField.doc_string:
				graph.docString = cursor.text();
				break;
			case GraphField.initializer:
				graph.initializers.push(cursor.message('initializer', graph.initializers.length, (inner) => decodeTensor(inner, context)));
				break;
			case GraphField.sparse_initializer:
				graph.sparseInitializers.push(
					cursor.message('sparse_initializer', graph.sparseInitializers.length, (inner) => decodeSparse(inner, context)),
				);
				break;
			case GraphField.input:
				graph.inputs.push(cursor.message('input', graph.inputs.length, decodeValueInfo));
				break;
			case GraphField.output:
				graph.outputs.push(cursor.message('output', graph.outputs.length, decodeValueInfo));
				break;
			case GraphField.value_info:
				graph.valueInfos.push(cursor.message('value_info', graph.valueInfos.length, decodeValueInfo));
				break;
			default:
				graph.unknown.push(cursor.unknown(tag));
		}
	}
}

/** Decodes the NodeProto that the cursor stands in. */
export function decodeNode(cursor: Cursor, context: DecodeContext): NodeRecord {
	const node: NodeRecord = {
		name: '',
		op: '',
		domain: '',
		overload: '',
		docString: '',
		inputs: [],
		outputs: [],
		attributes: [],
		unknown: [],
	};
	while (cursor.more) {
		const tag = cursor.tag();
		switch ((tag & 7) === WireType.bytes ? tag >>> 3 : 0) {
			case NodeField.input:
				node.inputs.push(cursor.name());
				break;
			case NodeField.output:
				node.outputs.push(cursor.name());
				break;
			case NodeField.name:
				node.name = cursor.name();
				break;
			case NodeField.op_type:
				node.op = cursor.name();
				break;
			case NodeField.domain:
				node.domain = cursor.name();
				break;
			case NodeField.overload:
				node.overload = cursor.name();
				break;
			case NodeField.doc_string:
				node.docString = cursor.text();
				break;
			case NodeField.attribute:
				node.attributes.push(cursor.message('attribute', node.attributes.length, (inner) => decodeAttribute(inner, context)));
				break;
			default:
				node.unknown.push(cursor.unknown(tag));
		}
	}
	return node;
}

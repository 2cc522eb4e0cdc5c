import { attribute } from '../ir/attribute.ts';
import type { Graph, Node, NodeInit, Value } from '../ir/graph.ts';
import { int64Tensor, memoryTensor, type TensorRef } from '../ir/tensor.ts';
import { reshapedTensor } from '../numeric/derived-tensor.ts';
import { encodeFloat16 } from '../numeric/float16.ts';
import { packNibbles } from '../numeric/nibbles.ts';
import type { QuantizedTensor } from '../numeric/quantize-tensor.ts';

/** A node with one output, both named by the same fresh name: runtimes refuse two nodes of one name. */
export function namedNode(graph: Graph, name: string, init: Omit<NodeInit, 'name' | 'outputs'>): Node {
	const unique = graph.ledger.fresh(name);
	// The name is taken now; the node's output takes it over.
	return graph.createNode({ ...init, name: unique, outputs: [unique] });
}

/** Puts a new node where it stands before everything that may read it. */
export type Place = (node: Node) => void;

/** Right after the Constant node that holds the value, or at the head of the graph whose initializer it is. */
export function placeBeside(value: Value): Place {
	let last = value.producer;
	return (node) => {
		if (last) value.graph.insertAfter(last, node);
		else value.graph.prepend(node);
		last = node;
	};
}

/** Scales in the shape given, as float16 with a Cast where that loses nothing, else as float32. */
export function scaleValue(graph: Graph, name: string, quantized: QuantizedTensor, dims: readonly number[], place: Place): Value {
	const { scales } = quantized.params;
	if (!quantized.halfScales) return graph.addInitializer(name, memoryTensor('float32', dims, scales));
	const stored = graph.addInitializer(name, memoryTensor('float16', dims, encodeFloat16(scales)));
	const cast = namedNode(graph, name, { op: 'Cast', inputs: [stored], attributes: { to: attribute.int(1) } });
	place(cast);
	return cast.output();
}

/** Bytes that the stored form takes: codes, scales, zero points. */
export function quantizedBytes(quantized: QuantizedTensor): number {
	const { params, codes } = quantized;
	const zeros =
		typeof params.zeroPoints === 'number' ? 0 : Math.ceil((params.zeroPoints.length * (codes.byteLength * 8)) / params.grouping.count / 8);
	return codes.byteLength + params.scales.length * (quantized.halfScales ? 2 : 4) + zeros;
}

/** Zero points in the type of the codes, or undefined where all are 0 (ONNX's default). */
export function zeroPointTensor(quantized: QuantizedTensor): TensorRef | undefined {
	const { params, codes } = quantized;
	const { scaleDims } = params.grouping;
	const { zeroPoints } = params;
	if (zeroPoints === 0) return undefined;
	const all = typeof zeroPoints === 'number' ? new Int16Array(params.scales.length).fill(zeroPoints) : zeroPoints;
	const bytes = Uint8Array.from(all, (zero) => zero & 255);
	return memoryTensor(codes.dtype, scaleDims, codes.dtype === 'int8' || codes.dtype === 'uint8' ? bytes : packNibbles(bytes));
}

/**
 * DequantizeLinear over stored codes: per tensor (opset 10), per axis (13) or block-wise (21). Where `viewDims` differ from
 * the tensor's, a Reshape follows (codes of a convolution are stored as a matrix to be cut into blocks).
 */
export function addDequantizeLinear(
	graph: Graph,
	name: string,
	quantized: QuantizedTensor,
	place: Place,
	reshapeTo: readonly number[] | undefined,
): Value {
	const { granularity, block, scaleDims } = quantized.params.grouping;
	const codes = graph.addInitializer(`${name}_q`, quantized.codes);
	const scales = scaleValue(graph, `${name}_s`, quantized, scaleDims, place);
	const zeroTensor = zeroPointTensor(quantized);
	const zeros = zeroTensor ? graph.addInitializer(`${name}_z`, zeroTensor) : null;
	const node = namedNode(graph, `${name}_dq`, {
		op: 'DequantizeLinear',
		inputs: zeros ? [codes, scales, zeros] : [codes, scales],
		attributes: {
			...(granularity.kind === 'tensor' ? {} : { axis: attribute.int(granularity.axis) }),
			...(granularity.kind === 'block' ? { block_size: attribute.int(block) } : {}),
		},
	});
	place(node);
	return reshapeTo ? reshaped(graph, name, node.output(), reshapeTo, place) : node.output();
}

/**
 * (Cast(codes) - Cast(zero points)) * scales over stored codes: operators that every opset and every backend has, and that
 * runtimes fold into the plain weight when they load the model.
 */
export function addCastMul(
	graph: Graph,
	name: string,
	quantized: QuantizedTensor,
	place: Place,
	reshapeTo: readonly number[] | undefined,
	/** Codes and broadcasting scales that are stored already. */
	stored?: { readonly codes: Value; readonly scales: Value },
): Value {
	const { granularity, block, scaleDims, length } = quantized.params.grouping;
	const { dims } = quantized.codes;
	let tensor = quantized.codes;
	let broadcast: readonly number[] = scaleDims;
	let back = reshapeTo;
	if (granularity.kind === 'axis') broadcast = dims.map((dim, axis) => (axis === granularity.axis ? dim : 1));
	if (granularity.kind === 'block') {
		const { axis } = granularity;
		if (length % block !== 0) throw new RangeError(`blocks of ${block} do not fill an axis of ${length}`);
		// The same bytes under another shape: blocks get an axis of their own.
		tensor = reshapedTensor(quantized.codes, [...dims.slice(0, axis), length / block, block, ...dims.slice(axis + 1)]);
		broadcast = [...scaleDims.slice(0, axis + 1), 1, ...scaleDims.slice(axis + 1)];
		back = reshapeTo ?? dims;
	}
	const append = (suffix: string, init: Omit<NodeInit, 'name' | 'outputs'>): Value => {
		const node = namedNode(graph, `${name}_${suffix}`, init);
		place(node);
		return node.output();
	};
	const toFloat = { to: attribute.int(1) };
	const scales = stored?.scales ?? scaleValue(graph, `${name}_s`, quantized, broadcast, place);
	const codes = stored?.codes ?? graph.addInitializer(`${name}_q`, tensor);
	let value = append('c', { op: 'Cast', inputs: [codes], attributes: toFloat });
	const zeroTensor = zeroPointTensor(quantized);
	if (zeroTensor) {
		const zeros = graph.addInitializer(`${name}_z`, reshapedTensor(zeroTensor, broadcast));
		value = append('b', { op: 'Sub', inputs: [value, append('zc', { op: 'Cast', inputs: [zeros], attributes: toFloat })] });
	}
	value = append('m', { op: 'Mul', inputs: [value, scales] });
	return back ? reshaped(graph, name, value, back, place) : value;
}

function reshaped(graph: Graph, name: string, value: Value, dims: readonly number[], place: Place): Value {
	const shape = graph.addInitializer(`${name}_d`, int64Tensor(dims));
	const node = namedNode(graph, `${name}_r`, { op: 'Reshape', inputs: [value, shape] });
	place(node);
	return node.output();
}

import { attribute } from '../ir/attribute.ts';
import type { Node, Value } from '../ir/graph.ts';
import { int64Tensor } from '../ir/tensor.ts';
import { reshapedTensor } from '../numeric/derived-tensor.ts';
import type { QuantizedTensor } from '../numeric/quantize-tensor.ts';
import { namedNode, type Place, scaleValue } from './expand-weight.ts';

/** A quantized table that Gather nodes can share: int8 codes, and float32 scales that broadcast over what is looked up. */
export interface CodeTable {
	readonly codes: Value;
	readonly scales: Value;
	/** Length of a row that is stored in blocks on an axis of their own; undefined where rows have one scale each. */
	readonly blockedWidth: number | undefined;
}

/**
 * Stores symmetric codes in the graph where the table stands: one scale for each index of `axis`, or, for a table of rows
 * [V, D] quantized in blocks along D, codes [V, D / block, block] and scales [V, D / block, 1].
 */
export function addCodeTable(table: Value, quantized: QuantizedTensor, axis: number, place: Place): CodeTable {
	const { graph } = table;
	const { codes } = quantized;
	const { granularity, block } = quantized.params.grouping;
	if (granularity.kind !== 'block') {
		const dims = codes.dims.map((dim, index) => (index === axis ? dim : 1));
		return {
			codes: graph.addInitializer(`${table.name}_q`, codes),
			scales: scaleValue(graph, `${table.name}_s`, quantized, dims, place),
			blockedWidth: undefined,
		};
	}
	const [rows = 0, width = 0] = codes.dims;
	if (codes.dims.length !== 2 || axis !== 0 || width % block !== 0) throw new RangeError('only rows of whole blocks can be looked up');
	return {
		codes: graph.addInitializer(`${table.name}_q`, reshapedTensor(codes, [rows, width / block, block])),
		scales: scaleValue(graph, `${table.name}_s`, quantized, [rows, width / block, 1], place),
		blockedWidth: width,
	};
}

/**
 * Gather(table, indices) becomes Cast(Gather(codes, indices)) * Gather(scales, indices): only the rows that are looked up
 * are ever expanded, and standard operators of every opset do it. Exact: the same product as on the whole table.
 */
export function gatherCodes(gather: Node, table: CodeTable): void {
	const { graph } = gather;
	const output = gather.output();
	const indices = gather.input(1);
	const name = gather.name || output.name;
	const axis = gather.attributes.get('axis');
	const attributes = axis ? { axis } : {};
	const insert = (node: Node): Value => graph.insertBefore(gather, node).output();
	const scales = insert(namedNode(graph, `${name}_s`, { op: 'Gather', inputs: [table.scales, indices], attributes }));
	const codes = insert(namedNode(graph, `${name}_q`, { op: 'Gather', inputs: [table.codes, indices], attributes }));
	const cast = insert(namedNode(graph, `${name}_c`, { op: 'Cast', inputs: [codes], attributes: { to: attribute.int(1) } }));
	let result = insert(namedNode(graph, `${name}_m`, { op: 'Mul', inputs: [cast, scales] }));
	if (table.blockedWidth !== undefined) {
		// The row becomes one axis again, behind whatever shape the indices have.
		const lookedUp = insert(namedNode(graph, `${name}_i`, { op: 'Shape', inputs: [indices] }));
		const width = graph.addInitializer(`${name}_w`, int64Tensor([table.blockedWidth]));
		const shape = insert(
			namedNode(graph, `${name}_d`, { op: 'Concat', inputs: [lookedUp, width], attributes: { axis: attribute.int(0) } }),
		);
		result = insert(namedNode(graph, `${name}_r`, { op: 'Reshape', inputs: [result, shape] }));
	}
	result.type = output.type;
	graph.replaceUses(output, result);
	graph.remove(gather);
}

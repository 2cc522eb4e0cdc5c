import { attribute } from '../ir/attribute.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { QuantizedTensor } from '../numeric/quantize-tensor.ts';
import { namedNode, scaleValue } from './expand-weight.ts';

/** A quantized table that Gather nodes can share: int8 codes, and float32 scales that broadcast over a row. */
export interface CodeTable {
	readonly codes: Value;
	readonly scales: Value;
}

/** Stores codes (symmetric, one scale for each index of the gathered axis) in the graph where the table stands. */
export function addCodeTable(table: Value, quantized: QuantizedTensor, axis: number): CodeTable {
	const { graph } = table;
	const dims = quantized.codes.dims.map((dim, index) => (index === axis ? dim : 1));
	const codes = graph.addInitializer(`${table.name}_q`, quantized.codes);
	const scales = scaleValue(graph, `${table.name}_s`, quantized, dims, (node) => {
		if (table.producer) graph.insertAfter(table.producer, node);
		else graph.prepend(node);
	});
	return { codes, scales };
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
	const insert = (node: Node): Node => graph.insertBefore(gather, node);
	const scales = insert(namedNode(graph, `${name}_s`, { op: 'Gather', inputs: [table.scales, indices], attributes }));
	const codes = insert(namedNode(graph, `${name}_q`, { op: 'Gather', inputs: [table.codes, indices], attributes }));
	const cast = insert(namedNode(graph, `${name}_c`, { op: 'Cast', inputs: [codes.output()], attributes: { to: attribute.int(1) } }));
	const product = insert(namedNode(graph, `${name}_m`, { op: 'Mul', inputs: [cast.output(), scales.output()] }));
	product.output().type = output.type;
	graph.replaceUses(output, product.output());
	graph.remove(gather);
}

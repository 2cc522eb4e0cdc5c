import { constantOf } from '../core/ir/constants.ts';
import type { Value } from '../core/ir/graph.ts';
import type { Model } from '../core/ir/model.ts';
import { isSparse } from '../core/ir/tensor.ts';

const passing = new Set(['Cast', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten']);
const gathers: ReadonlySet<string> = new Set(['Gather', 'GatherBlockQuantized']);

/**
 * How many ids each integer input may take: rows of the table that it indexes, found by following the input to Gather nodes. Inputs that
 * index nothing of known size are left out.
 */
export function idLimits(model: Model): Record<string, number> {
	const limits: Record<string, number> = {};
	for (const input of model.graph.inputs) {
		const limit = smallestTable(input, model.irVersion, 0);
		if (limit !== undefined) limits[input.name] = limit;
	}
	return limits;
}

function smallestTable(value: Value, irVersion: number, depth: number): number | undefined {
	let smallest: number | undefined;
	for (const { node, index } of value.uses) {
		let rows: number | undefined;
		if (gathers.has(node.op) && index === 1) {
			const axis = node.attributes.get('axis');
			const at = axis?.kind === 'int' ? Number(axis.value) : 0;
			const table = tableDims(node.input(0), irVersion);
			rows = table?.at(at);
		} else if (passing.has(node.op) && index === 0 && depth < 8) {
			const next = node.outputs[0];
			if (next) rows = smallestTable(next, irVersion, depth + 1);
		}
		if (rows !== undefined && rows > 0) smallest = Math.min(smallest ?? rows, rows);
	}
	return smallest;
}

/** Shape of a stored table, also where it is dequantized or cast on the way. */
function tableDims(value: Value | null, irVersion: number): readonly number[] | undefined {
	for (let current = value, steps = 0; current && steps < 4; steps++) {
		const tensor = constantOf(current, irVersion);
		if (tensor) return tensor.dims;
		if (current.initializer && !isSparse(current.initializer)) return current.initializer.dims;
		const producer = current.producer;
		if (!producer || (producer.op !== 'DequantizeLinear' && producer.op !== 'Cast')) return undefined;
		current = producer.input(0);
	}
	return undefined;
}

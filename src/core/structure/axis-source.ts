import type { Value } from '../ir/graph.ts';
import type { Trace } from './trace.ts';

const LONGEST = 200;

/**
 * Where the size of an axis comes from, as a key: equal keys mean equal sizes. Open dimensions have no name once inference has lost
 * them; following the axis through operators that keep it tells two of them alike.
 */
export function axisSource(trace: Trace, value: Value, axis: number): string {
	let [current, at] = [value, axis];
	for (let step = 0; step < LONGEST; step++) {
		const next = stepBack(trace, current, at);
		if (!next) break;
		[current, at] = next;
	}
	const dim = trace.shapeOf(current)?.[at];
	return typeof dim === 'string' ? dim : `${current.name}:${at}`;
}

function stepBack(trace: Trace, value: Value, axis: number): [Value, number] | undefined {
	const node = value.producer;
	const rank = trace.shapeOf(value)?.length;
	if (node?.domain !== '' || value.outputIndex !== 0 || rank === undefined) return undefined;
	const first = node.input(0);
	switch (node.op) {
		case 'Transpose': {
			const from = node.ints('perm')?.[axis] ?? rank - 1 - axis;
			return first ? [first, from] : undefined;
		}
		case 'MatMul': {
			const b = trace.shapeOf(node.input(1));
			const a = trace.shapeOf(first);
			if (!first || a?.length !== rank || axis === rank - 1) return undefined;
			return axis === rank - 2 || b?.length === 2 || a[axis] !== 1 ? [first, axis] : undefined;
		}
		case 'Reshape': {
			const origins = trace.sizes.of(node.input(1));
			const origin = origins?.length === rank ? origins[axis] : undefined;
			return origin?.kind === 'axis' ? [origin.value, origin.axis] : undefined;
		}
		case 'Softmax':
		case 'LayerNormalization':
			return first ? [first, axis] : undefined;
		default: {
			if (!trace.elementwise.has(node.op)) return undefined;
			// Broadcasting: the first input that has the axis at a size other than 1 and is no weight.
			for (const input of node.inputs) {
				const shape = trace.shapeOf(input);
				const own = axis - rank + (shape?.length ?? 0);
				if (input && shape && own >= 0 && shape[own] !== 1 && !trace.isConstant(input)) return [input, own];
			}
			return undefined;
		}
	}
}

import { attribute } from '../../core/ir/attribute.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { dropUnused } from '../../core/pass/weights.ts';
import type { Block } from './blocks.ts';

/** y = W x + b along one axis, W [size, size] row-major: what stands in for a block. */
export interface Stand {
	readonly weights: Float32Array;
	readonly bias: Float32Array;
}

/** Which axis an affine replacement works on: channels where the block has convolutions, else the last one. undefined: none fits. */
export function featureAxis({ shape, layers }: Block): number | undefined {
	const convolutional = layers.some((node) => node.op === 'Conv' || node.op === 'ConvTranspose');
	const axis = convolutional ? 1 : shape.length - 1;
	const fits = shape.length >= (convolutional ? 3 : 2) && shape.length <= 5 && typeof shape[axis] === 'number';
	return fits ? axis : undefined;
}

/**
 * Lets all that read `exit` read `entry` instead, or what the replacement makes of it, and removes what nothing reads any more. Gives the
 * value that is read now.
 */
export function dropBlock(block: Block, entry: Value, exit: Value, stand: Stand | undefined): Value {
	const replacement = stand ? insertStand(block, entry, stand) : entry;
	exit.graph.replaceUses(exit, replacement);
	dropUnused(exit);
	return replacement;
}

function insertStand(block: Block, entry: Value, { weights, bias }: Stand): Value {
	const { graph } = entry;
	const size = bias.length;
	const base = graph.ledger.fresh(`${entry.name || 'block'}_bridge`);
	const after = (node: Node, previous: Node | undefined): Node => {
		if (previous) return graph.insertAfter(previous, node);
		return graph.prepend(node);
	};
	const offset = graph.addInitializer(`${base}_bias`, memoryTensor('float32', [size], bias));
	if (featureAxis(block) === 1 && block.shape.length > 2) {
		const spatial = block.shape.slice(2).map(() => 1);
		const kernel = graph.addInitializer(`${base}_weight`, memoryTensor('float32', [size, size, ...spatial], weights));
		const conv = graph.createNode({
			op: 'Conv',
			name: base,
			inputs: [entry, kernel, offset],
			outputs: 1,
			attributes: { kernel_shape: attribute.ints(spatial) },
		});
		return after(conv, entry.producer).output();
	}
	const turned = new Float32Array(weights.length);
	for (let r = 0; r < size; r++) for (let c = 0; c < size; c++) turned[c * size + r] = weights[r * size + c] as number;
	const matrix = graph.addInitializer(`${base}_weight`, memoryTensor('float32', [size, size], turned));
	const multiply = after(graph.createNode({ op: 'MatMul', name: base, inputs: [entry, matrix], outputs: 1 }), entry.producer);
	const add = graph.createNode({ op: 'Add', name: `${base}_add`, inputs: [multiply.output(), offset], outputs: 1 });
	return graph.insertAfter(multiply, add).output();
}

import { attribute } from '../../../core/ir/attribute.ts';
import type { Node } from '../../../core/ir/graph.ts';
import { refersToParameters } from '../linear-layer.ts';
import type { Rule, RuleContext } from '../rule.ts';

/**
 * Pad with zeros before an operator that pads by itself: the pads add up.
 *
 * 1. Conv: its own pads are zeros too.
 * 2. AveragePool that counts its padding, or has none: then count_include_pad is set. Pads stay below the kernel, as runtimes ask for.
 *
 * Refused: other values or modes, negative pads, pads of batch or channels, SAME padding (it depends on the padded size).
 */
export const fusePad: Rule = {
	id: 'fuse-pad',
	title: 'Pad with zeros goes into the pads of the Conv or AveragePool after it.',
	anchors: ['Pad'],
	async apply(node, context) {
		const output = node.output();
		const readers = [...output.uses];
		if (output.isGraphOutput || readers.length === 0) return undefined;
		if (!readers.every(({ node: reader, index }) => index === 0 && reader.domain === '' && ['Conv', 'AveragePool'].includes(reader.op))) {
			return undefined;
		}
		const input = node.input(0);
		const added = await padsOf(node, context);
		if (typeof added === 'string') return { kind: 'refused', reason: added };
		if (!input || !added) return undefined;
		const rank = added.length / 2;
		if (rank < 3) return undefined;
		if ([0, 1, rank, rank + 1].some((at) => added[at] !== 0)) return { kind: 'refused', reason: 'it pads batch or channels' };
		if (added.some((pad) => pad < 0)) return { kind: 'refused', reason: 'it cuts instead of padding' };
		const spatial = [...added.slice(2, rank), ...added.slice(rank + 2)];
		const changes: (readonly [Node, number[]])[] = [];
		for (const { node: reader } of readers) {
			const sum = combined(reader, spatial);
			if (typeof sum === 'string') return { kind: 'refused', reason: `${reader.label} ${sum}` };
			changes.push([reader, sum]);
		}
		for (const [reader, sum] of changes) {
			reader.setAttribute('pads', attribute.ints(sum));
			reader.removeAttribute('auto_pad');
			if (reader.op === 'AveragePool') reader.setAttribute('count_include_pad', attribute.int(1));
			reader.setInput(0, input);
		}
		context.removeDead(node);
		return { kind: 'changed', touched: changes.map(([reader]) => reader) };
	},
};

/** Pads of all axes, starts then ends; a string where they are no zeros; undefined where they are not known. */
async function padsOf(node: Node, context: RuleContext): Promise<readonly number[] | string | undefined> {
	if (node.string('mode', 'constant') !== 'constant') return `its mode is ${node.string('mode', 'constant')}`;
	if (context.opset < 11) {
		const value = node.float('value', 0);
		return value === 0 ? (node.ints('pads') ?? node.ints('paddings')) : `it pads with ${value}`;
	}
	if (node.input(2)) {
		const value = await context.numbers(node.input(2));
		if (!value) return undefined;
		if (value.some((one) => one !== 0)) return `it pads with ${value[0]}`;
	}
	const pads = await context.numbers(node.input(1));
	if (!pads || !node.input(3)) return pads;
	const axes = await context.numbers(node.input(3));
	const rank = context.shapeOf(node.input(0))?.length;
	if (!axes || rank === undefined) return undefined;
	const all = new Array<number>(2 * rank).fill(0);
	for (const [i, axis] of axes.entries()) {
		const at = axis < 0 ? axis + rank : axis;
		all[at] = pads[i]!;
		all[at + rank] = pads[i + axes.length]!;
	}
	return all;
}

/** Pads of the reader with those added; a string says why that would not be the same. */
function combined(reader: Node, spatial: readonly number[]): number[] | string {
	if (refersToParameters(reader)) return 'takes its pads from the call of a function';
	const auto = reader.string('auto_pad', 'NOTSET');
	if (auto.startsWith('SAME')) return 'pads by the size of its input';
	const own = auto === 'VALID' ? undefined : reader.ints('pads');
	if (own && own.length !== spatial.length) return 'has pads for another number of axes';
	const sum = spatial.map((pad, i) => pad + (own?.[i] ?? 0));
	if (reader.op !== 'AveragePool') return sum;
	const kernel = reader.ints('kernel_shape') ?? [];
	if (reader.int('count_include_pad', 0) === 0 && own?.some((pad) => pad !== 0)) return 'does not count its own padding';
	if (reader.int('ceil_mode', 0) !== 0) return 'rounds its size up, and then counts no padding at the end';
	return sum.every((pad, i) => pad < (kernel[i % kernel.length] ?? 0)) ? sum : 'would have pads as large as its kernel';
}

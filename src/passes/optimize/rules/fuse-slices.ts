import { attribute } from '../../../core/ir/attribute.ts';
import type { Node } from '../../../core/ir/graph.ts';
import { int64Tensor } from '../../../core/ir/tensor.ts';
import { refersToParameters } from '../linear-layer.ts';
import type { Rule, RuleContext } from '../rule.ts';

/**
 * Slice of Slice: one Slice along all of their axes.
 *
 * 1. Along other axes: both cuts stand.
 * 2. Along the same axis, counted from the front, forwards: of elements s1 + i p1 below e1 those with i = s2 + k p2 below e2 are
 *    s1 + s2 p1 + k p1 p2 below min(e1, s1 + e2 p1).
 *
 * Refused: where both cut the same axis and one counts from the end or goes backwards.
 */
export const fuseSlices: Rule = {
	id: 'fuse-slices',
	title: 'Slices in a row become one.',
	anchors: ['Slice'],
	async apply(node, context) {
		const first = node.input(0)?.producer;
		if (first?.op !== 'Slice' || first.domain !== '' || refersToParameters(first)) return undefined;
		const source = first.input(0);
		// The first stays where others read it: nothing is gained then.
		if (!source || first.output().uses.size !== 1 || first.output().isGraphOutput) return undefined;
		const rank = context.shapeOf(source)?.length;
		const [a, b] = [await cuts(first, rank, context), await cuts(node, rank, context)];
		if (!a || !b) return undefined;
		const all = joined(a, b);
		if (!all) return { kind: 'refused', reason: `${first.label} cuts the same axis, and one of both counts from its end` };
		const old = node.inputs.slice(1);
		if (context.opset < 10) {
			node.setAttribute('starts', attribute.ints(all.map(({ start }) => start)));
			node.setAttribute('ends', attribute.ints(all.map(({ end }) => end)));
			node.setAttribute('axes', attribute.ints(all.map(({ axis }) => axis)));
			node.setInputs([source]);
		} else {
			const name = node.output().name;
			const constant = (what: string, values: readonly number[]) => context.addConstant(node, `${name}_${what}`, int64Tensor(values));
			node.setInputs([
				source,
				constant(
					'starts',
					all.map(({ start }) => start),
				),
				constant(
					'ends',
					all.map(({ end }) => end),
				),
				constant(
					'axes',
					all.map(({ axis }) => axis),
				),
				...(all.every(({ step }) => step === 1)
					? []
					: [
							constant(
								'steps',
								all.map(({ step }) => step),
							),
						]),
			]);
		}
		for (const value of old) if (value) context.removeUnread(value);
		context.removeDead(first);
		return { kind: 'changed', touched: [node] };
	},
};

interface Cut {
	readonly axis: number;
	readonly start: number;
	readonly end: number;
	readonly step: number;
}

/** Both cuts as one list; undefined where two of the same axis cannot be told as one. */
function joined(a: readonly Cut[], b: readonly Cut[]): Cut[] | undefined {
	const all = [...a];
	for (const cut of b) {
		const at = all.findIndex(({ axis }) => axis === cut.axis);
		const before = all[at];
		if (!before) {
			all.push(cut);
			continue;
		}
		if ([before, cut].some(({ start, end, step }) => start < 0 || end < 0 || step < 1)) return undefined;
		const end = cut.end > LONGEST / before.step - before.start ? before.end : Math.min(before.end, before.start + cut.end * before.step);
		const start = before.start + cut.start * before.step;
		if (start > LONGEST) return undefined;
		all[at] = { axis: cut.axis, start, end, step: before.step * cut.step };
	}
	return all;
}

/** No axis is longer: ends beyond mean "to the end". */
const LONGEST = 2 ** 31;

/** What a Slice with constant bounds cuts, with axes counted from the front. */
async function cuts(node: Node, rank: number | undefined, context: RuleContext): Promise<Cut[] | undefined> {
	const read = async (index: number, name: string): Promise<readonly number[] | undefined> =>
		context.opset < 10 ? node.ints(name) : node.input(index) ? context.numbers(node.input(index)) : undefined;
	const starts = await read(1, 'starts');
	const ends = await read(2, 'ends');
	if (!starts || !ends) return undefined;
	const given = context.opset < 10 ? node.ints('axes') !== undefined : node.input(3) !== null;
	const axes = given ? await read(3, 'axes') : starts.map((_, i) => i);
	const steps = context.opset < 10 || !node.input(4) ? starts.map(() => 1) : await read(4, 'steps');
	if (!axes || !steps) return undefined;
	const list: Cut[] = [];
	for (const [i, start] of starts.entries()) {
		const axis = axes[i]!;
		if (axis < 0 && rank === undefined) return undefined;
		list.push({ axis: axis < 0 ? axis + (rank ?? 0) : axis, start, end: ends[i]!, step: steps[i]! });
	}
	return list;
}

import { attribute } from '../ir/attribute.ts';
import type { Node, Value } from '../ir/graph.ts';
import { int64Tensor } from '../ir/tensor.ts';
import type { Dim } from '../ir/type.ts';
import { quotient } from '../onnx/infer-dims.ts';
import type { Labels } from './atoms.ts';
import { axisSource } from './axis-source.ts';
import { segmentsOf } from './segments.ts';
import type { Remaining, Rule, Trace } from './trace.ts';

const front = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

function numbersOf(trace: Trace, value: Value | null): number[] | undefined {
	const elements = trace.types.elementsOf(value);
	return elements?.every((dim) => typeof dim === 'number') ? (elements as number[]) : undefined;
}

/** Axes that an attribute (older opsets) or an input gives, counted from the front. null: not given. undefined: not known. */
function axesGiven(trace: Trace, node: Node, input: number, rank: number): number[] | null | undefined {
	const given = node.ints('axes') ?? (node.input(input) ? numbersOf(trace, node.input(input)) : null);
	return given?.map((axis) => front(axis, rank)) ?? given;
}

function giveUp(trace: Trace, node: Node, reason: string): void {
	for (const input of node.inputs) trace.refuseAll(input, { node: node.label, reason });
}

/** A node's own constant input, replaced: the old one may serve others. */
function setInts(node: Node, index: number, name: string, values: readonly number[]): void {
	node.setInput(index, node.graph.addInitializer(name, int64Tensor(values)));
}

/** Labels of the axes after a reshape, by matching runs of axes; boxes are left for what is split or joined. */
function reshaped(trace: Trace, node: Node, labels: readonly Labels[], before: readonly Dim[], after: readonly Dim[]): Labels[] {
	const out: Labels[] = after.map(() => null);
	const matched = new Set<number>();
	for (const segment of segmentsOf(before, after)) {
		for (const axis of segment.before) matched.add(axis);
		const inner = segment.before.map((axis) => labels[axis] ?? null);
		const sizes = segment.before.map((axis) => before[axis]);
		const outSizes = segment.after.map((axis) => after[axis]);
		if (inner.every((axis) => !axis)) continue;
		if (inner.length === 1 && outSizes.length === 1) {
			out[segment.after[0] as number] = inner[0] as Labels;
			continue;
		}
		if (![...sizes, ...outSizes].every((dim) => typeof dim === 'number')) continue;
		let merged = inner.length === 1 ? (inner[0] as Int32Array) : undefined;
		if (!merged) {
			merged = trace.atoms.fresh((sizes as number[]).reduce((product, size) => product * size, 1));
			trace.addBox({ axes: inner, sizes: sizes as number[], merged, node: node.label });
		}
		if (outSizes.length === 1) {
			out[segment.after[0] as number] = merged;
			continue;
		}
		const parts = (outSizes as number[]).map((size) => trace.atoms.fresh(size));
		trace.addBox({ axes: parts, sizes: outSizes as number[], merged, node: node.label });
		for (const [i, axis] of segment.after.entries()) out[axis] = parts[i] as Int32Array;
	}
	for (const [axis, axisLabels] of labels.entries()) {
		if (!matched.has(axis)) trace.refuse(axisLabels, { node: node.label, reason: 'it is reshaped together with axes of open size' });
	}
	return out;
}

/**
 * Checks that a vector of target sizes can follow what goes along the labelled axes of the result, and leaves the edit that rewrites its
 * constant elements. `copies`: what a 0 stands for (Reshape: the input's axis).
 */
function followSizes(
	trace: Trace,
	node: Node,
	index: number,
	out: readonly Labels[],
	copies?: { readonly labels: readonly Labels[] },
): void {
	const input = node.input(index);
	const origins = trace.sizes.of(input);
	const changed: { at: number; labels: Int32Array }[] = [];
	for (const [at, labels] of out.entries()) {
		if (!labels) continue;
		const origin = origins?.[at + (origins.length - out.length)];
		if (origin?.kind === 'constant') {
			if (copies && origin.size === -1) continue;
			if (copies && origin.size === 0) trace.join(labels, copies.labels[at], node);
			else changed.push({ at: at + ((origins?.length ?? 0) - out.length), labels });
		} else if (origin?.kind === 'axis') trace.join(labels, trace.axesOf(origin.value)?.[origin.axis], node);
		else trace.refuse(labels, { node: node.label, reason: 'the target size is computed in a way that cannot follow' });
	}
	trace.edit(
		changed.map((entry) => entry.labels),
		(remaining) => rewriteSizes(trace, node, index, changed, remaining),
	);
}

/** Gives a node a vector of sizes with some constant elements replaced. What Concat joins is replaced part by part. */
function rewriteSizes(
	trace: Trace,
	node: Node,
	index: number,
	changed: readonly { at: number; labels: Int32Array }[],
	remaining: Remaining,
): void {
	const sizes = new Map<number, number>();
	for (const { at, labels } of changed) {
		const kept = remaining.kept(labels);
		if (kept !== labels.length) sizes.set(at, kept);
	}
	const input = node.input(index);
	if (sizes.size === 0 || !input) return;
	const name = `${node.name || node.op}_shape`;
	const replaced = (value: Value, from: number): Value | undefined => {
		const elements = trace.types.elementsOf(value);
		const constant = elements?.every((dim) => typeof dim === 'number') && trace.isConstant(value);
		if (!constant) return undefined;
		const scalar = trace.shapeOf(value)?.length === 0;
		const next = (elements as number[]).map((size, i) => sizes.get(from + i) ?? size);
		return node.graph.addInitializer(name, int64Tensor(next, scalar ? [] : [next.length]));
	};
	const whole = replaced(input, 0);
	if (whole) {
		node.setInput(index, whole);
		return;
	}
	const { producer } = input;
	if (producer?.op === 'Concat' && producer.domain === '' && producer.graph === node.graph) {
		let from = 0;
		let done = true;
		const parts = producer.inputs.map((part) => {
			const count = trace.sizes.of(part)?.length ?? trace.types.elementsOf(part)?.length ?? (trace.shapeOf(part)?.[0] as number) ?? 1;
			const touched = [...sizes.keys()].some((at) => at >= from && at < from + count);
			const next = touched && part ? replaced(part, from) : part;
			from += count;
			if (touched && !next) done = false;
			return next ?? null;
		});
		if (done) {
			const concat = node.graph.createNode({
				op: 'Concat',
				name: node.graph.ledger.fresh(name),
				inputs: parts,
				outputs: 1,
				attributes: producer.attributes,
			});
			node.graph.insertBefore(node, concat);
			node.setInput(index, concat.output());
			return;
		}
	}
	// Constants deep inside a computed vector: the difference is added to it.
	const count = trace.sizes.of(input)?.length ?? 0;
	const old = trace.sizes.of(input);
	const difference = Array.from({ length: count }, (_, at) => {
		const origin = old?.[at];
		return sizes.has(at) && origin?.kind === 'constant' ? (sizes.get(at) as number) - origin.size : 0;
	});
	const delta = node.graph.addInitializer(name, int64Tensor(difference));
	const add = node.graph.createNode({ op: 'Add', name: node.graph.ledger.fresh(`${name}_less`), inputs: [input, delta], outputs: 1 });
	node.graph.insertBefore(node, add);
	node.setInput(index, add.output());
}

/** Dimensions around a Reshape with open ones named by where they come from, and a -1 worked out where all else cancels. */
function namedDims(trace: Trace, node: Node): { before: Dim[]; after: Dim[] } | undefined {
	const data = node.input(0);
	const shape = trace.shapeOf(data);
	const result = trace.shapeOf(node.outputs[0] ?? null);
	if (!data || !shape || !result) return undefined;
	const before = shape.map((dim, axis): Dim => (typeof dim === 'number' ? dim : axisSource(trace, data, axis)));
	const origins = trace.sizes.of(node.input(1));
	if (origins?.length !== result.length) return { before, after: [...result] };
	const after = result.map((dim, axis): Dim => {
		if (typeof dim === 'number') return dim;
		const origin = origins[axis];
		if (origin?.kind === 'axis') return axisSource(trace, origin.value, origin.axis);
		if (origin?.kind === 'constant') return origin.size === 0 ? (before[axis] ?? null) : null;
		return dim;
	});
	const open = after.indexOf(null);
	if (open >= 0) after[open] = quotient(before, after.toSpliced(open, 1));
	return { before, after };
}

const reshape: Rule = (trace, node) => {
	const data = node.input(0);
	const labels = trace.axesOf(data);
	const named = namedDims(trace, node);
	const { before, after } = named ?? {};
	if (!labels || !before || !after) return giveUp(trace, node, 'the shapes around it are not known');
	const out = reshaped(trace, node, labels, before, after);
	const attr = node.ints('shape');
	if (attr) {
		trace.edit(out, (remaining) =>
			node.setAttribute('shape', attribute.ints(attr.map((size, axis) => (out[axis] && size > 0 ? remaining.kept(out[axis]) : size)))),
		);
	} else followSizes(trace, node, 1, out, { labels });
	trace.set(node.outputs[0], out);
};

const flatten: Rule = (trace, node) => {
	const labels = trace.axesOf(node.input(0));
	const before = trace.shapeOf(node.input(0));
	const after = trace.shapeOf(node.outputs[0] ?? null);
	if (!labels || !before || !after) return giveUp(trace, node, 'the shapes around it are not known');
	trace.set(node.outputs[0], reshaped(trace, node, labels, before, after));
};

const transpose: Rule = (trace, node) => {
	const labels = trace.axesOf(node.input(0));
	if (!labels) return giveUp(trace, node, 'the shape of its input is not known');
	const perm = node.ints('perm') ?? labels.map((_, axis) => labels.length - 1 - axis);
	trace.set(
		node.outputs[0],
		perm.map((axis) => labels[axis] ?? null),
	);
};

const squeeze: Rule = (trace, node) => {
	const labels = trace.axesOf(node.input(0));
	const shape = trace.shapeOf(node.input(0));
	const axes = labels && axesGiven(trace, node, 1, labels.length);
	if (!labels || !shape || axes === undefined) return giveUp(trace, node, 'the axes that it drops are not known');
	trace.set(
		node.outputs[0],
		labels.filter((_, axis) => (axes ? !axes.includes(axis) : shape[axis] !== 1)),
	);
};

const unsqueeze: Rule = (trace, node) => {
	const labels = trace.axesOf(node.input(0));
	const count = node.ints('axes')?.length ?? numbersOf(trace, node.input(1))?.length;
	const rank = (labels?.length ?? 0) + (count ?? 0);
	const axes = axesGiven(trace, node, 1, rank);
	if (!labels || !axes) return giveUp(trace, node, 'the axes that it adds are not known');
	const rest = [...labels];
	trace.set(
		node.outputs[0],
		Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? null : (rest.shift() ?? null))),
	);
};

const concat: Rule = (trace, node) => {
	const parts = node.inputs.map((input) => trace.axesOf(input));
	const rank = parts[0]?.length ?? 0;
	const axis = front(node.int('axis', 0), rank);
	if (parts.some((part) => part?.length !== rank) || rank === 0) return giveUp(trace, node, 'the shape of one of its inputs is not known');
	const sizes = node.inputs.map((input) => trace.shapeOf(input)?.[axis]);
	const out: Labels[] = [];
	for (let i = 0; i < rank; i++) {
		if (i === axis) {
			out.push(
				joinParts(
					trace,
					node,
					parts.map((part) => part?.[axis] ?? null),
					sizes,
				),
			);
			continue;
		}
		let labels = parts[0]?.[i] ?? null;
		for (const part of parts.slice(1)) labels = trace.join(labels, part?.[i], node, 'it meets a tensor whose size is fixed');
		out.push(labels);
	}
	trace.set(node.outputs[0], out);
};

function joinParts(trace: Trace, node: Node, parts: readonly Labels[], sizes: readonly (Dim | undefined)[]): Labels {
	if (parts.every((part) => !part)) return null;
	if (!sizes.every((size) => typeof size === 'number')) {
		for (const part of parts) trace.refuse(part, { node: node.label, reason: 'it is joined to an axis of open size' });
		return null;
	}
	const joined = new Int32Array((sizes as number[]).reduce((sum, size) => sum + size, 0));
	let at = 0;
	for (const [i, part] of parts.entries()) {
		const labels = part ?? trace.atoms.fresh(sizes[i] as number);
		if (!part) trace.refuse(labels, { node: node.label, reason: 'it is joined in with a fixed size' });
		joined.set(labels, at);
		at += labels.length;
	}
	return joined;
}

const split: Rule = (trace, node) => {
	const labels = trace.axesOf(node.input(0));
	if (!labels) return giveUp(trace, node, 'the shape of its input is not known');
	const axis = front(node.int('axis', 0), labels.length);
	const cut = labels[axis] ?? null;
	const sizes = node.outputs.map((output) => trace.shapeOf(output)?.[axis]);
	const known = sizes.every((size) => typeof size === 'number');
	if (cut && !known) trace.refuse(cut, { node: node.label, reason: 'the sizes of its parts are not known' });
	let at = 0;
	const parts = sizes.map((size) => {
		const part = cut && known ? cut.slice(at, at + (size as number)) : null;
		at += typeof size === 'number' ? size : 0;
		return part;
	});
	for (const [i, output] of node.outputs.entries())
		trace.set(
			output,
			labels.map((own, k) => (k === axis ? (parts[i] ?? null) : own)),
		);
	if (!cut || !known) return;
	trace.edit([cut], (remaining) => {
		const next = parts.map((part) => (part ? remaining.kept(part) : 0));
		node.removeAttribute('num_outputs');
		if (trace.model.opset < 13) node.setAttribute('split', attribute.ints(next));
		else setInts(node, 1, `${node.name || 'Split'}_sizes`, next);
	});
};

const slice: Rule = (trace, node) => {
	const labels = trace.axesOf(node.input(0));
	const shape = trace.shapeOf(node.input(0));
	if (!labels || !shape) return giveUp(trace, node, 'the shape of its input is not known');
	const attr = node.ints('starts') !== undefined;
	const starts = node.ints('starts') ?? numbersOf(trace, node.input(1));
	const ends = node.ints('ends') ?? numbersOf(trace, node.input(2));
	const axes = attr ? (node.ints('axes') ?? starts?.map((_, i) => i)) : node.input(3) ? numbersOf(trace, node.input(3)) : null;
	const steps = !attr && node.input(4) ? numbersOf(trace, node.input(4)) : null;
	const out = [...labels];
	if (axes === undefined || steps === undefined) return giveUp(trace, node, 'what it takes is computed');
	const list = axes ?? labels.map((_, i) => i);
	const edits: { i: number; labels: Int32Array; from: number; to: number }[] = [];
	for (const [i, given] of list.entries()) {
		const axis = front(given, labels.length);
		const own = labels[axis];
		if (!own) continue;
		const size = own.length;
		const [start, end, step] = [starts?.[i], ends?.[i], steps?.[i] ?? 1];
		if (start === undefined || end === undefined || step !== 1 || shape[axis] !== size) {
			trace.refuse(own, { node: node.label, reason: 'what it takes is computed, or in steps' });
			out[axis] = null;
			continue;
		}
		const clip = (position: number): number => Math.min(size, Math.max(0, position < 0 ? position + size : position));
		const [from, to] = [clip(start), clip(end)];
		out[axis] = to - from > 1 ? own.slice(from, to) : null;
		if (!out[axis])
			for (let at = from; at < to; at++) trace.atoms.refuse(own[at] as number, { node: node.label, reason: 'it is taken alone' });
		edits.push({ i, labels: own, from, to });
	}
	trace.set(node.outputs[0], out);
	trace.edit(
		edits.map((edit) => edit.labels),
		(remaining) => {
			const [nextStarts, nextEnds] = [[...(starts ?? [])], [...(ends ?? [])]];
			for (const { i, labels: own, from, to } of edits) {
				if (remaining.kept(own) === own.length) continue;
				nextStarts[i] = remaining.kept(own.subarray(0, from));
				nextEnds[i] = remaining.kept(own.subarray(0, to));
			}
			if (attr) {
				node.setAttribute('starts', attribute.ints(nextStarts));
				node.setAttribute('ends', attribute.ints(nextEnds));
				return;
			}
			setInts(node, 1, `${node.name || 'Slice'}_starts`, nextStarts);
			setInts(node, 2, `${node.name || 'Slice'}_ends`, nextEnds);
			if (node.input(3)) setInts(node, 3, `${node.name || 'Slice'}_axes`, list);
			if (node.input(4)) setInts(node, 4, `${node.name || 'Slice'}_steps`, steps ?? []);
		},
	);
};

const gather: Rule = (trace, node) => {
	const labels = trace.axesOf(node.input(0));
	const indexShape = trace.shapeOf(node.input(1));
	if (!labels || !indexShape) return giveUp(trace, node, 'the shapes around it are not known');
	const axis = front(node.int('axis', 0), labels.length);
	const own = labels[axis] ?? null;
	const indices = trace.isConstant(node.input(1)) ? numbersOf(trace, node.input(1)) : undefined;
	let taken: Labels = null;
	if (own && indices && indexShape.length === 1 && indices.length > 1) {
		taken = Int32Array.from(indices, (index) => own[front(index, own.length)] as number);
		trace.edit([own], (remaining) => {
			const position = new Map<number, number>();
			for (let i = 0, next = 0; i < own.length; i++) if (remaining.stays(own[i] as number)) position.set(i, next++);
			const next = indices.flatMap((index) => position.get(front(index, own.length)) ?? []);
			setInts(node, 1, `${node.name || 'Gather'}_indices`, next);
		});
	} else trace.refuse(own, { node: node.label, reason: 'single entries of it are looked up' });
	trace.refuseAll(node.input(1), { node: node.label, reason: 'it holds indices' });
	const middle = taken ? [taken] : indexShape.map(() => null);
	trace.set(node.outputs[0], [...labels.slice(0, axis), ...middle, ...labels.slice(axis + 1)]);
};

const expand: Rule = (trace, node) => {
	const labels = trace.axesOf(node.input(0));
	const before = trace.shapeOf(node.input(0));
	const after = trace.shapeOf(node.outputs[0] ?? null);
	if (!labels || !before || !after) return giveUp(trace, node, 'the shapes around it are not known');
	const shift = after.length - before.length;
	const out = after.map((size, axis): Labels => {
		const own = labels[axis - shift] ?? null;
		if (own && size === own.length) return own;
		trace.refuse(own, { node: node.label, reason: 'it is expanded to an open size' });
		return null;
	});
	// A target of 1 leaves the axis as it is.
	const origins = trace.sizes.of(node.input(1));
	const bound = out.map((own, axis) => {
		const origin = origins?.[axis + (origins.length - out.length)];
		return origin?.kind === 'constant' && origin.size === 1 ? null : own;
	});
	followSizes(trace, node, 1, bound);
	trace.set(node.outputs[0], out);
};

const pad: Rule = (trace, node) => {
	const labels = trace.axesOf(node.input(0));
	if (!labels) return giveUp(trace, node, 'the shape of its input is not known');
	const pads = node.ints('pads') ?? node.ints('paddings') ?? numbersOf(trace, node.input(1));
	const given = node.input(3) ? numbersOf(trace, node.input(3)) : labels.map((_, axis) => axis);
	const out = labels.map((own, axis): Labels => {
		if (!own) return null;
		const at = given?.findIndex((entry) => front(entry, labels.length) === axis);
		const count = given?.length ?? 0;
		if (given && at !== undefined && (at < 0 || (pads?.[at] === 0 && pads[at + count] === 0))) return own;
		trace.refuse(own, { node: node.label, reason: 'it is padded' });
		return null;
	});
	trace.set(node.outputs[0], out);
};

/** Resize, Upsample and Tile leave the axes alone whose size they do not change. */
const resize: Rule = (trace, node) => {
	const labels = trace.axesOf(node.input(0));
	const after = trace.shapeOf(node.outputs[0] ?? null);
	if (!labels || !after) return giveUp(trace, node, 'the shapes around it are not known');
	const fixedSizes = node.op === 'Resize' && node.input(3) !== null;
	const out = labels.map((own, axis): Labels => {
		if (!own) return null;
		if (after[axis] === own.length && !(fixedSizes && node.ints('axes')) && axis < 2) return own;
		trace.refuse(own, { node: node.label, reason: 'it is resized' });
		return null;
	});
	if (fixedSizes) followSizes(trace, node, 3, out);
	trace.set(node.outputs[0], out);
};

/** Codes with scales: one for all, one along an axis, or one for each block along an axis. */
const quantize: Rule = (trace, node) => {
	const labels = trace.axesOf(node.input(0));
	if (!labels) return giveUp(trace, node, 'the shape of its input is not known');
	const axis = front(node.int('axis', 1), labels.length);
	const block = node.int('block_size', 0);
	const out = [...labels];
	for (const input of node.inputs.slice(1)) {
		const scales = trace.axesOf(input);
		if (!input || !scales || scales.length === 0) continue;
		if (scales.length === 1) {
			if (trace.shapeOf(input)?.[0] !== 1) out[axis] = trace.join(out[axis], scales[0], node);
			continue;
		}
		for (const [i, own] of out.entries()) {
			if (i !== axis) out[i] = trace.join(own, scales[i], node);
			else joinBlocks(trace, node, own, scales[i] ?? null, block);
		}
	}
	trace.set(node.outputs[0], out);
};

function joinBlocks(trace: Trace, node: Node, own: Labels, scales: Labels, block: number): void {
	if (own && scales && block > 0 && own.length === scales.length * block) {
		for (let i = 0; i < own.length; i++) trace.atoms.union(own[i] as number, scales[Math.floor(i / block)] as number);
		return;
	}
	for (const labels of [own, scales]) trace.refuse(labels, { node: node.label, reason: 'blocks with one scale each run along it' });
}

export const shapeRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
	['Reshape', reshape],
	['Flatten', flatten],
	['Transpose', transpose],
	['Squeeze', squeeze],
	['Unsqueeze', unsqueeze],
	['Concat', concat],
	['Split', split],
	['Slice', slice],
	['Gather', gather],
	['Expand', expand],
	['Pad', pad],
	['Resize', resize],
	['Upsample', resize],
	['Tile', resize],
	['QuantizeLinear', quantize],
	['DequantizeLinear', quantize],
	// Vectors of sizes that are no data, and constants: nothing of theirs shrinks.
	['Constant', () => undefined],
	['Shape', () => undefined],
	['ConstantOfShape', () => undefined],
	['Range', () => undefined],
]);

import { attribute } from '../ir/attribute.ts';
import type { Node } from '../ir/graph.ts';
import { macsOf } from '../onnx/macs.ts';
import type { Labels } from './atoms.ts';
import { joinBroadcast } from './rules-elementwise.ts';
import type { Rule, Trace } from './trace.ts';

/** From this many groups on a grouped convolution loses whole groups; below, the same channels of every group. */
const MANY_GROUPS = 8;

function refuseFrom(trace: Trace, axes: readonly Labels[] | undefined, from: number, node: Node, reason: string): void {
	for (const labels of axes?.slice(from) ?? []) trace.refuse(labels, { node: node.label, reason });
}

/** Where a convolution finds its inputs, and the axes of its weight: [out, in, kernel ...] or, transposed, [in, out, kernel ...]. */
interface ConvPlaces {
	readonly weight: number;
	readonly bias: number;
	/** Scales and zero points that may hold one entry for each output channel. */
	readonly perOutput?: readonly number[];
	readonly transposed?: boolean;
}

function conv({ weight, bias, perOutput = [], transposed = false }: ConvPlaces): Rule {
	return (trace, node) => {
		const x = trace.axesOf(node.input(0));
		const w = trace.axesOf(node.input(weight));
		const channels = trace.shapeOf(node.input(0))?.[1];
		if (!x || !w || typeof channels !== 'number') {
			for (const input of [node.input(0), node.input(weight)])
				trace.refuseAll(input, { node: node.label, reason: 'its shapes are not known' });
			return;
		}
		trace.refuse(x[0], { node: node.label, reason: 'it is a batch axis' });
		refuseFrom(trace, x, 2, node, 'it is an axis that the kernel slides over');
		refuseFrom(trace, w, 2, node, 'it is an axis of the kernel');
		const [inAxis, outAxis] = transposed ? [0, 1] : [1, 0];
		const groups = node.int('group', 1);
		let out = w[outAxis] ?? null;
		if (groups === 1) {
			const labels = trace.join(x[1], w[inAxis], node);
			trace.contract(node, 0, weight, 1, labels);
			trace.cost(node, [out, labels]);
		} else if (groups === channels || groups >= MANY_GROUPS || transposed) out = wholeGroups(trace, node, x[1] ?? null, weight, transposed);
		else out = sameInEachGroup(trace, node, x[1] ?? null, weight);
		const vector = [bias, ...perOutput].map((index) => trace.axesOf(node.input(index)));
		for (const labels of vector) if (labels?.[0]) trace.join(out, labels[0], node);
		const rank = x.length;
		trace.set(node.outputs[0], [null, out, ...Array.from({ length: rank - 2 }, () => null)]);
	};
}

/** Input and output channels of a group go together; depthwise convolutions have one input channel in each. */
function wholeGroups(trace: Trace, node: Node, x: Labels, weight: number, transposed: boolean): Labels {
	const groups = node.int('group', 1);
	const w = trace.axesOf(node.input(weight));
	refuseFrom(trace, w, 1, node, 'it lies inside a group');
	const rows = w?.[0] ?? null;
	if (!x || !rows || x.length % groups !== 0 || rows.length % groups !== 0) {
		trace.refuse(x, { node: node.label, reason: 'the size on its other side is fixed' });
		trace.refuse(rows, { node: node.label, reason: 'the size on its other side is fixed' });
		return null;
	}
	const [perIn, perOut] = [x.length / groups, rows.length / groups];
	for (let i = 0; i < x.length; i++) trace.atoms.union(x[i] as number, rows[Math.floor(i / perIn) * perOut] as number);
	for (let i = 0; i < rows.length; i++) trace.atoms.union(rows[i] as number, x[Math.floor(i / perOut) * perIn] as number);
	trace.edit([x], (remaining) => node.setAttribute('group', attribute.int(remaining.kept(x) / perIn)));
	trace.cost(node, [rows]);
	if (!transposed) return rows;
	// The weight of a transposed convolution lists inputs; outputs follow group by group.
	const shape = trace.shapeOf(node.input(weight));
	const outs = typeof shape?.[1] === 'number' ? shape[1] : 0;
	const out = trace.atoms.fresh(groups * outs);
	for (let i = 0; i < out.length; i++) trace.atoms.union(out[i] as number, x[Math.floor(i / outs) * perIn] as number);
	return out;
}

/** The same positions go in every group: the groups stay, each narrower. */
function sameInEachGroup(trace: Trace, node: Node, x: Labels, weight: number): Labels {
	const groups = node.int('group', 1);
	const [rows, columns] = trace.axesOf(node.input(weight)) ?? [];
	if (x && columns && x.length === columns.length * groups) {
		for (let i = 0; i < x.length; i++) trace.atoms.union(x[i] as number, columns[i % columns.length] as number);
		trace.contract(node, 0, weight, 1, x);
	} else {
		trace.refuse(x, { node: node.label, reason: 'the size on its other side is fixed' });
		trace.refuse(columns, { node: node.label, reason: 'the size on its other side is fixed' });
	}
	const perOut = (rows?.length ?? 0) / groups;
	for (let i = 0; rows && i < rows.length; i++) trace.atoms.union(rows[i] as number, rows[i % perOut] as number);
	trace.cost(node, [rows, columns]);
	return rows ?? null;
}

const gemm: Rule = (trace, node) => {
	const a = trace.axesOf(node.input(0));
	const b = trace.axesOf(node.input(1));
	if (a?.length !== 2 || b?.length !== 2) {
		for (const input of node.inputs) trace.refuseAll(input, { node: node.label, reason: 'its shapes are not known' });
		return;
	}
	const [m, inner] = node.int('transA', 0) ? [a[1], a[0]] : [a[0], a[1]];
	const [rows, n] = node.int('transB', 0) ? [b[1], b[0]] : [b[0], b[1]];
	sumOver(trace, node, inner ?? null, rows ?? null, node.int('transA', 0) ? 0 : 1, node.int('transB', 0) ? 1 : 0);
	trace.cost(node, [m, n, inner]);
	const out = [m ?? null, n ?? null];
	const c = node.input(2);
	const shape = trace.shapeOf(c);
	const labels = trace.axesOf(c);
	if (c && shape && labels) {
		for (const [axis, size] of shape.entries()) {
			const at = axis - shape.length + 2;
			if (size !== 1) out[at] = trace.join(out[at], labels[axis], node, 'it meets a tensor whose size is fixed');
		}
	} else if (c) for (const label of out) trace.refuse(label, { node: node.label, reason: 'the shape of its bias is not known' });
	trace.set(node.outputs[0], out);
};

/** Inner axes of a product: cut where one side is stored, since a channel then ends there. */
function sumOver(trace: Trace, node: Node, a: Labels, b: Labels, aAxis: number, bAxis: number): void {
	const stored = [trace.isConstant(node.input(0)), trace.isConstant(node.input(1))];
	if (stored[0] === stored[1]) {
		for (const labels of [a, b]) trace.refuse(labels, { node: node.label, reason: 'it is summed over with numbers that inputs decide' });
		return;
	}
	const labels = trace.join(a, b, node);
	if (stored[1]) trace.contract(node, 0, 1, aAxis, labels);
	else trace.contract(node, 1, 0, bAxis, labels);
}

const matmul: Rule = (trace, node) => {
	const a = trace.axesOf(node.input(0));
	const b = trace.axesOf(node.input(1));
	if (!a || !b || a.length < 2 || b.length < 2) {
		for (const input of node.inputs) trace.refuseAll(input, { node: node.label, reason: 'it multiplies vectors, or shapes are not known' });
		return;
	}
	const inner = a.at(-1) ?? null;
	sumOver(trace, node, inner, b.at(-2) ?? null, a.length - 1, b.length - 2);
	const rank = Math.max(a.length, b.length);
	const batch = joinBroadcast(trace, node, [node.input(0), node.input(1)], rank, 2) ?? [];
	trace.cost(node, [...batch, a.at(-2), b.at(-1), inner]);
	trace.set(node.outputs[0], [...batch, a.at(-2) ?? null, b.at(-1) ?? null]);
};

/** Scale, shift and statistics for each channel. */
const perChannel: Rule = (trace, node) => {
	const x = trace.axesOf(node.input(0));
	if (!x || x.length < 2) {
		for (const input of node.inputs) trace.refuseAll(input, { node: node.label, reason: 'its shapes are not known' });
		return;
	}
	if (node.op === 'InstanceNormalization') refuseFrom(trace, x, 2, node, 'it is averaged over');
	trace.refuse(x[0], { node: node.label, reason: 'it is a batch axis' });
	for (const input of node.inputs.slice(1)) trace.join(x[1], trace.axesOf(input)?.[0], node);
	trace.set(node.outputs[0], [null, x[1] ?? null, ...x.slice(2)]);
};

/** Normalized over all axes from one on: these stay, others go on. */
const overTrailing: Rule = (trace, node) => {
	const x = trace.axesOf(node.input(0));
	if (!x) return trace.refuseAll(node.input(0), { node: node.label, reason: 'the shape of its input is not known' });
	const given = node.int('axis', -1);
	const from = given < 0 ? given + x.length : given;
	refuseFrom(trace, x, from, node, 'it is normalized over');
	for (const input of node.inputs.slice(1)) trace.refuseAll(input, { node: node.label, reason: 'it is normalized over' });
	trace.set(
		node.outputs[0],
		x.map((labels, axis) => (axis < from ? labels : null)),
	);
};

const softmax: Rule = (trace, node) => {
	const x = trace.axesOf(node.input(0));
	if (!x) return trace.refuseAll(node.input(0), { node: node.label, reason: 'the shape of its input is not known' });
	const old = trace.model.opset < 13;
	const given = node.int('axis', old ? 1 : -1);
	const axis = given < 0 ? given + x.length : given;
	for (const [i, labels] of x.entries()) {
		if (i === axis || (old && i > axis)) trace.refuse(labels, { node: node.label, reason: 'it is normalized over' });
	}
	trace.set(node.outputs[0], x);
};

const pool: Rule = (trace, node) => {
	const x = trace.axesOf(node.input(0));
	if (!x) return trace.refuseAll(node.input(0), { node: node.label, reason: 'the shape of its input is not known' });
	refuseFrom(trace, x, 2, node, 'it is an axis that is pooled over');
	for (const output of node.outputs)
		trace.set(
			output,
			x.map((labels, axis) => (axis < 2 ? labels : null)),
		);
};

const reduce: Rule = (trace, node) => {
	const x = trace.axesOf(node.input(0));
	const given = node.ints('axes') ?? (node.input(1) ? trace.types.elementsOf(node.input(1)) : []);
	if (!x || !given?.every((axis) => typeof axis === 'number')) {
		return trace.refuseAll(node.input(0), { node: node.label, reason: 'the axes that it reduces are not known' });
	}
	const all = given.length === 0 && node.int('noop_with_empty_axes', 0) === 0;
	const axes = new Set((given as number[]).map((axis) => (axis < 0 ? axis + x.length : axis)));
	const gone = (axis: number): boolean => all || axes.has(axis);
	for (const [axis, labels] of x.entries())
		if (gone(axis)) trace.refuse(labels, { node: node.label, reason: 'it is reduced to one number' });
	const keep = node.int('keepdims', 1) === 1;
	trace.set(
		node.outputs[0],
		x.flatMap((labels, axis) => (gone(axis) ? (keep ? [null] : []) : [labels])),
	);
};

/** Recurrent layers: their inputs can shrink, their state cannot (it goes round). */
const recurrent: Rule = (trace, node) => {
	const x = trace.axesOf(node.input(0));
	const w = trace.axesOf(node.input(1));
	const labels = x?.length === 3 && w?.length === 3 ? trace.join(x[2], w[2], node) : null;
	if (labels) trace.contract(node, 0, 1, 2, labels);
	// Of the products with input and state only the first shrinks.
	const macs = macsOf(node, trace.types) ?? 0;
	const [wide, deep] = [trace.shapeOf(node.input(1))?.at(-1), trace.shapeOf(node.input(2))?.at(-1)];
	if (typeof wide === 'number' && typeof deep === 'number') {
		const share = wide / (wide + deep);
		trace.costs.push({ node, macs: macs * share, axes: labels ? [labels] : [] }, { node, macs: macs * (1 - share), axes: [] });
	} else trace.costs.push({ node, macs, axes: [] });
	for (const [index, input] of node.inputs.entries()) {
		for (const [axis, other] of (trace.axesOf(input) ?? []).entries()) {
			if (axis < 2 || index > 1) trace.refuse(other, { node: node.label, reason: 'it belongs to the state of a recurrent layer' });
		}
	}
	if (!labels) trace.refuseAll(node.input(0), { node: node.label, reason: 'its shapes are not known' });
};

export const layerRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
	['Conv', conv({ weight: 1, bias: 2 })],
	['com.microsoft.FusedConv', conv({ weight: 1, bias: 2 })],
	['ConvTranspose', conv({ weight: 1, bias: 2, transposed: true })],
	['ConvInteger', conv({ weight: 1, bias: 4, perOutput: [3] })],
	['QLinearConv', conv({ weight: 3, bias: 8, perOutput: [4, 5] })],
	['Gemm', gemm],
	['com.microsoft.FusedGemm', gemm],
	['MatMul', matmul],
	['BatchNormalization', perChannel],
	['InstanceNormalization', perChannel],
	['LayerNormalization', overTrailing],
	['SimplifiedLayerNormalization', overTrailing],
	['RMSNormalization', overTrailing],
	...['Softmax', 'LogSoftmax', 'Hardmax'].map((op) => [op, softmax] as const),
	...'MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool GlobalLpPool'.split(' ').map((op) => [op, pool] as const),
	...'ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare'
		.split(' ')
		.map((op) => [op, reduce] as const),
	...['LSTM', 'GRU', 'RNN'].map((op) => [op, recurrent] as const),
]);

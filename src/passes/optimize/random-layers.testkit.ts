import { attribute } from '../../core/ir/attribute.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { GraphBuilder, Made, Step } from './random-graph.testkit.ts';

/** Layers with weights, pools, and arithmetic with constants of every shape that broadcasts. */
export const layerSteps: Readonly<Record<string, Step>> = {
	Conv: (build, from) => conv(build, from),
	Conv1x1: (build, from) => conv(build, from, 1),
	ConvTranspose(build, { value, dims }) {
		if (dims.length !== 4) return undefined;
		const [n, c, h, w] = dims as [number, number, number, number];
		const group = build.pick([1, ...(c % 2 === 0 ? [2] : [])]);
		const perGroup = build.pick([2, 3]);
		const weight = build.weight([c, perGroup, 2, 2], 0.4);
		const out = group * perGroup;
		const bias = build.chance(0.5) ? [build.weight([out])] : [];
		const attributes = { group: attribute.int(group), kernel_shape: attribute.ints([2, 2]), strides: attribute.ints([2, 2]) };
		return { value: build.op('ConvTranspose', [value, weight, ...bias], attributes), dims: [n, out, h * 2, w * 2] };
	},
	BatchNormalization(build, { value, dims }) {
		const c = dims[1];
		if (c === undefined || dims.length < 2) return undefined;
		const inputs = [value, build.weight([c], 0.3, 1), build.weight([c], 0.5), build.weight([c], 0.5), build.weight([c], 0.1, 1)];
		const epsilon = attribute.float(build.pick([1e-5, 1e-3]));
		return { value: build.op('BatchNormalization', inputs, build.chance(0.5) ? { epsilon } : {}), dims };
	},
	Gemm(build, { value, dims }) {
		if (dims.length !== 2) return undefined;
		const [m, k] = dims as [number, number];
		const n = build.pick([1, 3, 8]);
		const transposed = build.chance(0.5);
		const weight = build.weight(transposed ? [n, k] : [k, n], 0.4);
		const biases = [[n], [1, n], [1], [m, n], [m, 1], [], ...(n > 1 ? [] : [[m, n]])];
		const bias = build.opset < 11 || build.chance(0.7) ? [build.weight(build.pick(biases))] : [];
		const attributes = {
			transB: attribute.int(transposed ? 1 : 0),
			...(build.chance(0.3) && { alpha: attribute.float(0.5) }),
			...(build.chance(0.3) && { beta: attribute.float(2) }),
		};
		return { value: build.op('Gemm', [value, weight, ...bias], attributes), dims: [m, n] };
	},
	MatMul(build, { value, dims }) {
		const k = dims.at(-1);
		if (k === undefined) return undefined;
		const n = build.pick([1, 3, 8]);
		return { value: build.op('MatMul', [value, build.weight([k, n], 0.4)]), dims: [...dims.slice(0, -1), n] };
	},
	MatMulAdd(build, from) {
		const made = layerSteps.MatMul?.(build, from);
		const n = made?.dims.at(-1);
		if (!made || n === undefined) return undefined;
		const bias = build.weight(build.pick([[n], [1], [], [1, n]].filter((dims) => dims.length <= made.dims.length)));
		return { value: build.op('Add', build.chance(0.5) ? [made.value, bias] : [bias, made.value]), dims: made.dims };
	},
	constantArithmetic(build, { value, dims }) {
		const op = build.pick(['Add', 'Mul', 'Sub', 'Div']);
		const shapes: (readonly number[])[] = [[], [1], dims.map(() => 1), dims.slice(-1), dims];
		const c = dims[1];
		if (c !== undefined) {
			shapes.push([c, ...dims.slice(2).map(() => 1)], [1, c, ...dims.slice(2).map(() => 1)]);
			shapes.push([c, ...dims.slice(2).map(() => 1)]);
		}
		if (build.chance(0.05)) {
			// Of higher rank than the value.
			return { value: build.op(op, [value, build.weight([1, ...dims.map(() => 1)], 0.1, 1)]), dims: [1, ...dims] };
		}
		const constant = build.weight(build.pick(shapes), 0.1, build.pick([1, 2]));
		// A varying divisor may be close to 0.
		const flipped = op !== 'Div' && build.chance(0.3);
		return { value: build.op(op, flipped ? [constant, value] : [value, constant]), dims };
	},
	residual(build, from) {
		const other = build.like(from.dims);
		return other && { value: build.op(build.pick(['Add', 'Sub', 'Mul']), [from.value, other.value]), dims: from.dims };
	},
	Pad(build, from) {
		const { dims } = from;
		if (dims.length < 3) return undefined;
		const pads = dims.flatMap((_, axis) => (axis < 2 ? [0] : [build.random.below(3)]));
		const ends = dims.flatMap((_, axis) => (axis < 2 ? [build.chance(0.05) ? 1 : 0] : [build.pick([0, 1, 2, -1])]));
		const mode = build.pick(['constant', 'constant', 'constant', 'reflect', 'edge']);
		if (mode !== 'constant' && dims.some((dim, axis) => axis >= 2 && dim < 4)) return undefined;
		const fill = build.pick([0, 0, 0, 1]);
		const attributes = { mode: attribute.string(mode) };
		const all = [...pads, ...(mode === 'constant' ? ends : ends.map((pad) => Math.max(pad, 0)))];
		const after = dims.map((dim, axis) => dim + all[axis]! + all[axis + dims.length]!);
		if (after.some((dim) => dim < 2) && dims.length > 2) return undefined;
		const value =
			build.opset < 11
				? build.op('Pad', [from.value], { ...attributes, pads: attribute.ints(all), value: attribute.float(fill) })
				: build.op('Pad', [from.value, build.ints(all), ...(fill !== 0 || build.chance(0.5) ? [build.scalar(fill, [])] : [])], attributes);
		const padded = { value, dims: after };
		const next = build.pick(['Conv', 'pool', 'none']);
		if (next === 'Conv') return conv(build, padded) ?? padded;
		return next === 'pool' ? (pool(build, padded) ?? padded) : padded;
	},
	pool: (build, from) => pool(build, from),
	GlobalAveragePool(build, { value, dims }) {
		if (dims.length < 3) return undefined;
		const pooled = build.op(build.pick(['GlobalAveragePool', 'GlobalMaxPool']), [value]);
		return { value: pooled, dims: dims.map((dim, axis) => (axis < 2 ? dim : 1)) };
	},
	ReduceMean(build, { value, dims }) {
		if (dims.length === 0) return undefined;
		const spatial = dims.map((_, axis) => axis).slice(2);
		const axes = dims.length > 2 && build.chance(0.6) ? spatial : [build.random.below(dims.length)];
		const keep = build.chance(0.5);
		const named = build.chance(0.3) ? axes.map((axis) => axis - dims.length) : axes;
		const after = keep ? dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim)) : dims.filter((_, axis) => !axes.includes(axis));
		return { value: build.mean(value, named, keep), dims: after };
	},
};

function conv(build: GraphBuilder, { value, dims }: Made, size?: number): Made | undefined {
	if (dims.length < 3 || dims.length > 4) return undefined;
	const [n, c, ...spatial] = dims as [number, number, ...number[]];
	const kernel = spatial.map(() => size ?? build.pick([1, 3]));
	const groups = [1, ...(c % 2 === 0 ? [2] : []), c];
	const group = build.pick(groups);
	const out = group * build.pick([1, 2]);
	const strides = spatial.map(() => build.pick([1, 1, 2]));
	const dilation = build.chance(0.1) ? 2 : 1;
	const auto = build.pick(['NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']);
	const begin = kernel.map((k) => (k === 1 && build.chance(0.9) ? 0 : build.random.below(2)));
	const end = kernel.map((k) => (k === 1 && build.chance(0.9) ? 0 : build.random.below(2)));
	const after = spatial.map((dim, i) => {
		if (auto.startsWith('SAME')) return Math.ceil(dim / strides[i]!);
		const padded = auto === 'VALID' ? dim : dim + begin[i]! + end[i]!;
		return Math.floor((padded - dilation * (kernel[i]! - 1) - 1) / strides[i]!) + 1;
	});
	if (after.some((dim) => dim < 1) || (auto.startsWith('SAME') && dilation > 1)) return undefined;
	const scale = 1 / Math.sqrt((c / group) * kernel.reduce((a, b) => a * b, 1));
	const inputs: Value[] = [value, build.weight([out, c / group, ...kernel], scale)];
	if (build.chance(0.5)) inputs.push(build.weight([out], 0.5));
	const conved = build.op('Conv', inputs, {
		...(build.chance(0.8) && { kernel_shape: attribute.ints(kernel) }),
		...((group !== 1 || build.chance(0.5)) && { group: attribute.int(group) }),
		...((strides.some((stride) => stride !== 1) || build.chance(0.5)) && { strides: attribute.ints(strides) }),
		...(dilation !== 1 && { dilations: attribute.ints(spatial.map(() => dilation)) }),
		...(auto === 'NOTSET' ? { pads: attribute.ints([...begin, ...end]) } : { auto_pad: attribute.string(auto) }),
	});
	return { value: conved, dims: [n, out, ...after] };
}

function pool(build: GraphBuilder, { value, dims }: Made): Made | undefined {
	if (dims.length !== 4) return undefined;
	const [n, c, ...spatial] = dims as [number, number, number, number];
	const op = build.pick(['MaxPool', 'AveragePool']);
	const strides = build.pick([1, 2]);
	const begin = spatial.map(() => build.random.below(2));
	const end = spatial.map(() => build.random.below(2));
	const after = spatial.map((dim, i) => Math.floor((dim + begin[i]! + end[i]! - 3) / strides) + 1);
	if (after.some((dim) => dim < 1)) return undefined;
	const from = op === 'MaxPool' && build.chance(0.5) ? build.op('Relu', [value]) : value;
	const pooled = build.op(op, [from], {
		kernel_shape: attribute.ints([3, 3]),
		strides: attribute.ints([strides, strides]),
		pads: attribute.ints([...begin, ...end]),
		...(op === 'AveragePool' && build.chance(0.5) && { count_include_pad: attribute.int(1) }),
	});
	return { value: pooled, dims: [n, c, ...after] };
}

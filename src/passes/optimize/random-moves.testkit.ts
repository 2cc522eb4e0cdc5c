import { attribute } from '../../core/ir/attribute.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { GraphBuilder, Made, Step } from './random-graph.testkit.ts';

/** Operators that move data, alone and in the chains that exporters write. */
export const moveSteps: Readonly<Record<string, Step>> = {
	Transpose: (build, from) => transpose(build, from),
	transposeThereAndBack(build, from) {
		const perm = shuffled(build, from.dims.length);
		let made = transpose(build, from, perm);
		made = build.chance(0.7) ? elementwise(build, made) : made;
		made = build.chance(0.3) ? elementwise(build, made) : made;
		return transpose(build, made, build.chance(0.8) ? perm.map((_, axis) => perm.indexOf(axis)) : shuffled(build, perm.length));
	},
	transposedSum(build, from) {
		const perm = shuffled(build, from.dims.length);
		const first = transpose(build, from, perm);
		const second = transpose(build, elementwise(build, from), build.chance(0.8) ? perm : shuffled(build, perm.length));
		if (first.dims.join() !== second.dims.join()) return second;
		const sum = { value: build.op(build.pick(['Add', 'Mul', 'Sub']), [first.value, second.value]), dims: first.dims };
		const back = perm.map((_, axis) => perm.indexOf(axis));
		return build.chance(0.5) ? transpose(build, sum, back) : sum;
	},
	Reshape: (build, from) => reshape(build, from),
	reshapeTwice: (build, from) => view(build, view(build, reshape(build, from))),
	view: (build, from) => view(build, from),
	reshapeByShape(build, { value, dims }) {
		// [d0, -1] with d0 read off the value, as exporters write x.view(x.size(0), -1).
		if (dims.length < 2) return undefined;
		const shape = build.op('Shape', [value]);
		const first = build.op('Gather', [shape, build.ints([0])], { axis: attribute.int(0) });
		const wanted = build.op('Concat', [first, build.ints([-1])], { axis: attribute.int(0) });
		return { value: build.op('Reshape', [value, wanted]), dims: [dims[0]!, elementCount(dims.slice(1))] };
	},
	Slice: (build, from) => slice(build, from),
	sliceTwice(build, from) {
		const first = slice(build, from);
		return first && slice(build, first);
	},
	Concat(build, from) {
		const { dims } = from;
		if (dims.length === 0) return undefined;
		const parts = [from, build.like(dims) ?? from];
		if (build.chance(0.4)) parts.push({ value: build.weight(dims), dims });
		const axis = build.random.below(dims.length);
		const joined = concat(build, parts, axis);
		if (build.chance(0.5)) return joined;
		return concat(build, [joined, build.like(joined.dims) ?? from], axis);
	},
	Split(build, { value, dims }) {
		const axis = dims.findIndex((dim) => dim > 1 && dim % 2 === 0);
		if (axis < 0) return undefined;
		const sizes = [dims[axis]! / 2, dims[axis]! / 2];
		const name = { axis: attribute.int(axis) };
		const parts =
			build.opset < 13
				? build.ops('Split', [value], { ...name, split: attribute.ints(sizes) }, 2)
				: build.ops('Split', [value, build.ints(sizes)], name, 2);
		const after = dims.map((dim, at) => (at === axis ? dim / 2 : dim));
		const [first, second] = parts as [Value, Value];
		const form = build.pick(['back', 'swap', 'first']);
		if (form === 'first') return { value: first, dims: after };
		const order = form === 'back' ? [first, second] : [second, first];
		return { value: build.op('Concat', order, name), dims };
	},
	Gather(build, { value, dims }) {
		if (dims.length === 0) return undefined;
		const axis = build.random.below(dims.length);
		const indices = Array.from({ length: 1 + build.random.below(3) }, () => build.random.below(dims[axis]!));
		const after = dims.map((dim, at) => (at === axis ? indices.length : dim));
		return { value: build.op('Gather', [value, build.ints(indices)], { axis: attribute.int(axis) }), dims: after };
	},
	Cast(build, { value, dims }) {
		const through = build.pick([10, 11, 1]);
		const cast = build.op('Cast', [value], { to: attribute.int(through) });
		const again = build.chance(0.3) ? build.op('Cast', [cast], { to: attribute.int(11) }) : cast;
		return { value: build.op('Cast', [again], { to: attribute.int(1) }), dims };
	},
	nothing(build, { value, dims }) {
		const op = build.pick(['Identity', 'Dropout', 'Sum', 'Concat']);
		if (op === 'Concat') return dims.length === 0 ? undefined : { value: build.op(op, [value], { axis: attribute.int(0) }), dims };
		return { value: build.op(op, [value]), dims };
	},
};

function shuffled(build: GraphBuilder, length: number): number[] {
	const list = Array.from({ length }, (_, i) => i);
	for (let i = length - 1; i > 0; i--) {
		const j = build.random.below(i + 1);
		[list[i], list[j]] = [list[j]!, list[i]!];
	}
	return list;
}

function transpose(build: GraphBuilder, { value, dims }: Made, perm = shuffled(build, dims.length)): Made {
	const reverses = perm.every((axis, i) => axis === perm.length - 1 - i);
	const attributes = reverses && build.chance(0.5) ? {} : { perm: attribute.ints(perm) };
	return { value: build.op('Transpose', [value], attributes), dims: perm.map((axis) => dims[axis]!) };
}

/** An operator that keeps the shape: of one input, with a constant, or with a value of the same shape. */
function elementwise(build: GraphBuilder, { value, dims }: Made): Made {
	switch (build.pick(['unary', 'unary', 'scalar', 'constant', 'last'])) {
		case 'scalar':
			return { value: build.op(build.pick(['Add', 'Mul']), [value, build.scalar(0.5)]), dims };
		case 'constant':
			return { value: build.op(build.pick(['Add', 'Mul']), [value, build.weight(dims)]), dims };
		case 'last':
			return { value: build.op(build.pick(['Add', 'Sub']), [build.weight(dims.slice(-1)), value]), dims };
		default:
			return { value: build.op(build.pick(['Relu', 'Sigmoid', 'Tanh', 'Neg', 'Abs']), [value]), dims };
	}
}

function reshape(build: GraphBuilder, { value, dims }: Made): Made {
	const count = elementCount(dims);
	const forms: number[][] = [[...dims], [count], [1, count]];
	if (dims.length >= 2) forms.push([dims[0]!, count / dims[0]!], [count / dims.at(-1)!, dims.at(-1)!]);
	if (dims.length >= 3) forms.push([...dims.slice(0, -2), dims.at(-2)! * dims.at(-1)!]);
	const last = dims.at(-1);
	if (last !== undefined && last % 2 === 0) forms.push([...dims.slice(0, -1), last / 2, 2]);
	const after = build.pick(forms.filter((form) => form.length <= 6));
	const written = after.map((dim, axis) => (dims[axis] === dim && build.chance(0.4) ? 0 : dim));
	if (build.chance(0.5)) written[build.random.below(written.length)] = -1;
	return { value: build.op('Reshape', [value, build.ints(written)]), dims: after };
}

function view(build: GraphBuilder, from: Made): Made {
	const { value, dims } = from;
	switch (build.pick(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Unsqueeze'])) {
		case 'Flatten': {
			if (dims.length === 0) return from;
			const axis = build.random.below(dims.length + 1);
			const after = [elementCount(dims.slice(0, axis)), elementCount(dims.slice(axis))];
			return { value: build.op('Flatten', [value], { axis: attribute.int(axis) }), dims: after };
		}
		case 'Squeeze': {
			const ones = dims.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
			if (ones.length === 0) return reshape(build, from);
			const axis = build.pick(ones);
			const named = build.opset >= 11 && build.chance(0.3) ? axis - dims.length : axis;
			return { value: build.withAxes('Squeeze', value, [named]), dims: dims.filter((_, at) => at !== axis) };
		}
		case 'Unsqueeze': {
			if (dims.length > 5) return from;
			const axis = build.random.below(dims.length + 1);
			return { value: build.withAxes('Unsqueeze', value, [axis]), dims: [...dims.slice(0, axis), 1, ...dims.slice(axis)] };
		}
		default:
			return reshape(build, from);
	}
}

function slice(build: GraphBuilder, { value, dims }: Made): Made | undefined {
	if (dims.length === 0) return undefined;
	const axis = build.random.below(dims.length);
	const size = dims[axis]!;
	const start = build.random.below(size);
	const end = build.pick([size, Number.MAX_SAFE_INTEGER, start + 1, Math.min(size, start + 2)]);
	const step = build.opset >= 10 && build.chance(0.3) ? 2 : 1;
	const length = Math.ceil((Math.min(end, size) - start) / step);
	if (length < 1) return undefined;
	const after = dims.map((dim, at) => (at === axis ? length : dim));
	const from = build.chance(0.3) ? start - size : start;
	const named = build.opset >= 10 && build.chance(0.3) ? axis - dims.length : axis;
	if (build.opset < 10) {
		const attributes = { starts: attribute.ints([from]), ends: attribute.ints([end]), axes: attribute.ints([named]) };
		return { value: build.op('Slice', [value], attributes), dims: after };
	}
	const inputs = [value, build.ints([from]), build.ints([end]), build.ints([named])];
	if (step !== 1 || build.chance(0.3)) inputs.push(build.ints([step]));
	return { value: build.op('Slice', inputs), dims: after };
}

function concat(build: GraphBuilder, parts: readonly Made[], axis: number): Made {
	const [first] = parts as [Made];
	const named = build.opset >= 11 && build.chance(0.3) ? axis - first.dims.length : axis;
	const sum = parts.reduce((total, { dims }) => total + dims[axis]!, 0);
	const value = build.op(
		'Concat',
		parts.map((part) => part.value),
		{ axis: attribute.int(named) },
	);
	return { value, dims: first.dims.map((dim, at) => (at === axis ? sum : dim)) };
}

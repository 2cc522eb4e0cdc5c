import { attribute } from '../../core/ir/attribute.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { GraphBuilder, Step } from './random-graph.testkit.ts';

/** Activations, normalizations and attention in the long forms that exporters write, in their variants and in near misses. */
export const patternSteps: Readonly<Record<string, Step>> = {
	unary(build, { value, dims }) {
		const op = build.pick(['Relu', 'Sigmoid', 'Tanh', 'LeakyRelu', 'HardSigmoid', 'Abs', 'Neg', 'Softplus', 'Elu', 'Floor']);
		// Floor would turn rounding into whole steps: only right behind an input.
		if (op === 'Floor' && !value.isGraphInput) return undefined;
		return { value: build.op(op, [value]), dims };
	},
	bounds(build, { value, dims }) {
		const one = (from: Value): Value => {
			const low = build.pick([undefined, 0, -0.5, 0.25]);
			const high = build.pick([undefined, 1, 6, 0.1]);
			// Runtimes differ where the bounds cross.
			if (low !== undefined && high !== undefined && low > high) return build.op('Relu', [from]);
			return build.chance(0.5) ? build.op('Relu', [from]) : build.clip(from, low, high);
		};
		return { value: build.chance(0.6) ? one(one(value)) : one(value), dims };
	},
	swish(build, { value, dims }) {
		const gate = build.op('Sigmoid', [build.chance(0.2) ? build.op('Mul', [value, build.scalar(1.702)]) : value]);
		return { value: product(build, value, gate), dims };
	},
	hardSwish(build, { value, dims }) {
		const high = build.pick([6, 6, 6, 4]);
		const shifted = either(build, 'Add', value, build.scalar(build.pick([3, 3, 2])));
		let gate = build.chance(0.85) ? build.clip(shifted, 0, high) : build.clip(build.op('Relu', [shifted]), undefined, high);
		const divide = (part: Value): Value =>
			build.chance(0.5) ? build.op('Div', [part, build.scalar(high)]) : either(build, 'Mul', part, build.scalar(1 / high));
		switch (build.pick(['gate', 'inside', 'outside', 'sigmoid'])) {
			case 'gate':
				return { value: divide(gate), dims };
			case 'inside':
				gate = divide(gate);
				return { value: product(build, value, gate), dims };
			case 'sigmoid': {
				const attributes = { alpha: attribute.float(1 / 6), beta: attribute.float(0.5) };
				return { value: product(build, value, build.op('HardSigmoid', [value], attributes)), dims };
			}
			default:
				return { value: divide(product(build, value, gate)), dims };
		}
	},
	gelu(build, { value, dims }) {
		const scaled = build.chance(0.5)
			? build.op('Div', [value, build.scalar(Math.SQRT2)])
			: either(build, 'Mul', value, build.scalar(Math.SQRT1_2));
		if (build.opset < 9) return undefined;
		const onePlus = either(build, 'Add', build.op('Erf', [scaled]), build.scalar(build.chance(0.95) ? 1 : 0.5));
		return { value: halved(build, value, onePlus), dims };
	},
	geluTanh(build, { value, dims }) {
		const cube = build.chance(0.5) ? build.op('Pow', [value, build.scalar(3)]) : build.op('Mul', [build.op('Mul', [value, value]), value]);
		const inner = either(build, 'Add', value, either(build, 'Mul', cube, build.scalar(0.044715)));
		const tanh = build.op('Tanh', [either(build, 'Mul', inner, build.scalar(Math.sqrt(2 / Math.PI)))]);
		return { value: halved(build, value, either(build, 'Add', tanh, build.scalar(1))), dims };
	},
	layerNormalization(build, { value, dims }) {
		if (dims.length < 2) return undefined;
		const axis = build.chance(0.85) ? dims.length - 1 : build.random.below(dims.length);
		const size = dims[axis]!;
		if (size < 3) return undefined;
		const name = build.chance(0.5) ? axis - dims.length : axis;
		const centre = (): Value => build.op('Sub', [value, build.mean(value, [name])]);
		const first = centre();
		const second = build.chance(0.2) ? centre() : first;
		const squares = build.chance(0.5) ? build.op('Pow', [second, build.scalar(2)]) : build.op('Mul', [second, second]);
		const variance = either(build, 'Add', build.mean(squares, [name]), build.scalar(build.pick([1e-5, 1e-3])));
		const deviation = build.op('Sqrt', [variance]);
		let normal = build.chance(0.7) ? build.op('Div', [first, deviation]) : either(build, 'Mul', first, build.op('Reciprocal', [deviation]));
		const scale = build.pick([[size], [size], [], [1]]);
		if (build.chance(0.8)) normal = either(build, 'Mul', normal, build.weight(axis === dims.length - 1 ? scale : [], 0.3, 1));
		if (build.chance(0.7)) normal = either(build, 'Add', normal, build.weight(axis === dims.length - 1 ? scale : [], 0.3));
		return { value: normal, dims };
	},
	rmsNormalization(build, { value, dims }) {
		const size = dims.at(-1);
		if (size === undefined || size < 3) return undefined;
		const squares = build.op('Pow', [value, build.scalar(2)]);
		const root = build.op('Sqrt', [build.op('Add', [build.mean(squares, [-1]), build.scalar(1e-3)])]);
		return { value: either(build, 'Mul', build.op('Div', [value, root]), build.weight([size], 0.3, 1)), dims };
	},
	Softmax(build, { value, dims }) {
		if (dims.length === 0) return undefined;
		return { value: build.op('Softmax', [value], { axis: attribute.int(dims.length - 1) }), dims };
	},
	attention(build, from) {
		const { value, dims } = from;
		if (dims.length !== 3 || dims[2]! % 2 !== 0) return undefined;
		const [n, s, width] = dims as [number, number, number];
		const heads = 2;
		const size = width / heads;
		const project = (perm: readonly number[]): Value => {
			let made = build.op('MatMul', [value, build.weight([width, width], 0.4)]);
			if (build.chance(0.8)) made = either(build, 'Add', made, build.weight([width]));
			const split = build.op('Reshape', [made, build.ints(build.chance(0.5) ? [0, 0, heads, size] : [n, s, heads, size])]);
			return build.op('Transpose', [split], { perm: attribute.ints(perm) });
		};
		let scores = build.op('MatMul', [project([0, 2, 1, 3]), project([0, 2, 3, 1])]);
		scores = build.chance(0.5)
			? build.op('Div', [scores, build.scalar(Math.sqrt(size))])
			: either(build, 'Mul', scores, build.scalar(1 / Math.sqrt(size)));
		if (build.chance(0.3)) scores = build.op('Add', [scores, build.weight([1, 1, 1, s])]);
		const mixed = build.op('MatMul', [
			build.op('Softmax', [scores], { axis: attribute.int(build.opset < 13 ? 3 : -1) }),
			project([0, 2, 1, 3]),
		]);
		const joined = build.op('Transpose', [mixed], { perm: attribute.ints([0, 2, 1, 3]) });
		return { value: build.op('Reshape', [joined, build.ints([0, 0, width])]), dims };
	},
};

function either(build: GraphBuilder, op: 'Add' | 'Mul', a: Value, b: Value): Value {
	return build.op(op, build.chance(0.5) ? [a, b] : [b, a]);
}

function product(build: GraphBuilder, a: Value, b: Value): Value {
	return either(build, 'Mul', a, b);
}

/** 0.5 x y in the orders in which exporters write it. */
function halved(build: GraphBuilder, x: Value, y: Value): Value {
	const half = (value: Value): Value =>
		build.chance(0.8) ? either(build, 'Mul', value, build.scalar(0.5)) : build.op('Div', [value, build.scalar(2)]);
	switch (build.pick(['last', 'first', 'second'])) {
		case 'first':
			return product(build, half(x), y);
		case 'second':
			return product(build, x, half(y));
		default:
			return half(product(build, x, y));
	}
}

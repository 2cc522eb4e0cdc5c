import { type Attribute, attribute } from '../ir/attribute.ts';
import type { Value } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { float32Tensor, int64Tensor, memoryTensor } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { type SeededRandom, seededRandom } from '../numeric/random.ts';

/** Pictures [N, 3, 8, 8] in, numbers out. */
interface State {
	value: Value;
	channels: number;
	size: number;
}

/** A small network out of the parts that real ones are made of: equal seeds give equal graphs. Input `x` [N, 3, 8, 8], output `y`. */
export function randomGraph(seed: number): Model {
	const builder = new Builder(seededRandom(seed));
	return builder.build();
}

class Builder {
	readonly #random: SeededRandom;
	readonly #model = new Model();
	#count = 0;

	constructor(random: SeededRandom) {
		this.#random = random;
		this.#model.setOpset('', 17);
	}

	#pick<T>(list: readonly T[]): T {
		return list[this.#random.below(list.length)] as T;
	}

	#op(op: string, inputs: readonly (Value | null)[], attributes: Record<string, Attribute> = {}, outputs = 1): Value[] {
		const { graph } = this.#model;
		this.#count += 1;
		const node = graph.createNode({
			op,
			name: `n${this.#count}`,
			inputs,
			outputs: Array.from({ length: outputs }, (_, i) => `v${this.#count}_${i}`),
			attributes,
		});
		graph.append(node);
		return node.outputs as Value[];
	}

	#one(op: string, inputs: readonly (Value | null)[], attributes: Record<string, Attribute> = {}): Value {
		return this.#op(op, inputs, attributes)[0] as Value;
	}

	#weight(dims: readonly number[], scale = 1): Value {
		const count = dims.reduce((product, size) => product * size, 1);
		const fan = Math.max(1, count / Math.max(1, dims[0] ?? 1));
		const data = Float32Array.from({ length: count }, () => (this.#random.normal() * scale) / Math.sqrt(fan));
		const tensor = memoryTensor('float32', dims, data);
		// Exporters write weights either way.
		if (this.#random.next() < 0.2) return this.#one('Constant', [], { value: attribute.tensor(tensor) });
		return this.#model.graph.addInitializer(`w${this.#count}`, tensor);
	}

	#ints(values: readonly number[], dims?: readonly number[]): Value {
		return this.#model.graph.addInitializer(`i${this.#count}`, int64Tensor(values, dims));
	}

	build(): Model {
		const { graph } = this.#model;
		const x = graph.addInput('x', tensorType('float32', ['N', 3, 8, 8]));
		let state: State = { value: x, channels: 3, size: 8 };
		state = this.#conv(state, this.#pick([6, 8, 12]));
		const steps = 2 + this.#random.below(4);
		for (let i = 0; i < steps; i++) state = this.#block(state);
		const y = this.#head(state);
		y.name = 'y';
		graph.setOutputs([y]);
		return this.#model;
	}

	#conv(state: State, channels: number, options: { kernel?: number; group?: number; bare?: boolean } = {}): State {
		const kernel = options.kernel ?? this.#pick([1, 3]);
		const group = options.group ?? 1;
		const bias = this.#random.next() < 0.6 ? this.#weight([channels]) : null;
		const weight = this.#weight([channels, state.channels / group, kernel, kernel]);
		let value = this.#one('Conv', bias ? [state.value, weight, bias] : [state.value, weight], {
			kernel_shape: attribute.ints([kernel, kernel]),
			pads: attribute.ints(new Array<number>(4).fill(kernel >> 1)),
			group: attribute.int(group),
		});
		if (!options.bare) {
			if (this.#random.next() < 0.3) {
				const vector = (): Value => this.#weight([channels]);
				const variance = this.#model.graph.addInitializer(
					'var',
					float32Tensor(Array.from({ length: channels }, () => 0.5 + this.#random.next())),
				);
				value = this.#one('BatchNormalization', [value, vector(), vector(), vector(), variance]);
			} else if (this.#random.next() < 0.2) value = this.#one('Add', [value, this.#weight([channels, 1, 1])]);
			value = this.#activation(value, channels);
		}
		return { value, channels, size: state.size };
	}

	#activation(value: Value, channels: number): Value {
		switch (this.#random.below(6)) {
			case 0:
				return this.#one('Relu', [value]);
			case 1:
				return this.#one('Mul', [value, this.#one('Sigmoid', [value])]);
			case 2:
				return this.#one('HardSwish', [value]);
			case 3:
				return this.#one('PRelu', [value, this.#weight([channels, 1, 1])]);
			case 4:
				return this.#one('Clip', [value, this.#scalar(-1), this.#scalar(1)]);
			default:
				return this.#one('Tanh', [value]);
		}
	}

	#scalar(x: number): Value {
		return this.#model.graph.addInitializer(`s${this.#count}`, float32Tensor([x], []));
	}

	#block(state: State): State {
		switch (this.#random.below(13)) {
			case 0:
				return this.#conv(state, this.#pick([4, 8, 10, 16]));
			case 1: {
				const inner = this.#conv(this.#conv(state, this.#pick([6, 12])), state.channels, { bare: true });
				return { ...inner, value: this.#one('Add', [inner.value, state.value]) };
			}
			case 2:
				return this.#depthwise(state);
			case 3:
				return this.#squeezeExcite(state);
			case 4: {
				const parts = Array.from({ length: 2 + this.#random.below(2) }, () => this.#conv(state, this.#pick([3, 4, 6])));
				const channels = parts.reduce((sum, part) => sum + part.channels, 0);
				return {
					value: this.#one(
						'Concat',
						parts.map((part) => part.value),
						{ axis: attribute.int(1) },
					),
					channels,
					size: state.size,
				};
			}
			case 5:
				return this.#splitAndJoin(state);
			case 6:
				return this.#shuffle(state);
			case 7:
				return this.#sliced(state);
			case 8:
				return this.#resized(state);
			case 9: {
				const channels = this.#pick([4, 8]);
				const weight = this.#weight([state.channels, channels, 3, 3]);
				const value = this.#one('ConvTranspose', [state.value, weight, this.#weight([channels])], { pads: attribute.ints([1, 1, 1, 1]) });
				return { value, channels, size: state.size };
			}
			case 10: {
				const wide = this.#conv(state, 16);
				const group = this.#pick([2, 4, 8]);
				return this.#conv(wide, this.#pick([16, 32]), { kernel: 3, group });
			}
			case 11:
				return this.#quantized(state);
			default: {
				if (state.size < 4) return this.#conv(state, 8);
				const op = this.#pick(['MaxPool', 'AveragePool']);
				const value = this.#one(op, [state.value], { kernel_shape: attribute.ints([2, 2]), strides: attribute.ints([2, 2]) });
				return { ...state, value, size: state.size >> 1 };
			}
		}
	}

	#depthwise(state: State): State {
		const wide = this.#conv(state, this.#pick([8, 12]), { kernel: 1 });
		const padded = this.#one('Pad', [wide.value, this.#ints([0, 0, 1, 1, 0, 0, 1, 1])]);
		const times = this.#pick([1, 1, 2]);
		const value = this.#one('Conv', [padded, this.#weight([wide.channels * times, 1, 3, 3]), this.#weight([wide.channels * times])], {
			group: attribute.int(wide.channels),
		});
		return this.#conv(
			{ value: this.#activation(value, wide.channels * times), channels: wide.channels * times, size: state.size },
			this.#pick([6, 8]),
			{ kernel: 1 },
		);
	}

	#squeezeExcite(state: State): State {
		const mean =
			this.#random.next() < 0.5
				? this.#one('GlobalAveragePool', [state.value])
				: this.#one('ReduceMean', [state.value], { axes: attribute.ints([2, 3]), keepdims: attribute.int(1) });
		const down = this.#conv({ value: mean, channels: state.channels, size: 1 }, 4, { kernel: 1 });
		const up = this.#conv(down, state.channels, { kernel: 1, bare: true });
		return { ...state, value: this.#one('Mul', [state.value, this.#one('Sigmoid', [up.value])]) };
	}

	#splitAndJoin(state: State): State {
		const wide = this.#conv(state, 12);
		const sizes = this.#pick([
			[6, 6],
			[4, 8],
			[4, 4, 4],
		]);
		const parts = this.#op('Split', [wide.value, this.#ints(sizes)], { axis: attribute.int(1) }, sizes.length);
		const first = this.#conv({ value: parts[0] as Value, channels: sizes[0] as number, size: state.size }, 6);
		const value = this.#one('Concat', [first.value, ...parts.slice(1)], { axis: attribute.int(-3) });
		return { value, channels: 6 + 12 - (sizes[0] as number), size: state.size };
	}

	#shuffle(state: State): State {
		const wide = this.#conv(state, 12);
		const groups = this.#pick([2, 3]);
		const split = this.#one('Reshape', [wide.value, this.#ints([0, groups, 12 / groups, state.size, state.size])]);
		const turned = this.#one('Transpose', [split], { perm: attribute.ints([0, 2, 1, 3, 4]) });
		const value = this.#one('Reshape', [turned, this.#ints([-1, 12, state.size, state.size])]);
		return this.#conv({ value, channels: 12, size: state.size }, 8);
	}

	#sliced(state: State): State {
		const wide = this.#conv(state, 10);
		const at = 2 + this.#random.below(6);
		const take = (from: number, to: number): Value =>
			this.#one('Slice', [wide.value, this.#ints([from]), this.#ints([to]), this.#ints([1])]);
		const low = this.#conv({ value: take(0, at), channels: at, size: state.size }, 6);
		const high = this.#conv({ value: take(at, 1000), channels: 10 - at, size: state.size }, 6);
		return { ...low, value: this.#one(this.#pick(['Add', 'Mul', 'Max']), [low.value, high.value]) };
	}

	#resized(state: State): State {
		const wide = this.#conv(state, 8);
		const scales = this.#model.graph.addInitializer('scales', float32Tensor([1, 1, 2, 2]));
		const large = this.#one('Resize', [wide.value, null, scales], { mode: attribute.string('nearest') });
		const value = this.#one('AveragePool', [large], { kernel_shape: attribute.ints([2, 2]), strides: attribute.ints([2, 2]) });
		return this.#conv({ value, channels: 8, size: state.size }, 6);
	}

	#quantized(state: State): State {
		const channels = 8;
		const codes = Int8Array.from({ length: channels * state.channels }, () => this.#random.below(255) - 127);
		const stored = this.#model.graph.addInitializer('codes', memoryTensor('int8', [channels, state.channels, 1, 1], codes));
		const scales = this.#model.graph.addInitializer(
			'scales',
			float32Tensor(Array.from({ length: channels }, () => 0.002 + 0.004 * this.#random.next())),
		);
		const weight = this.#one('DequantizeLinear', [stored, scales], { axis: attribute.int(0) });
		const value = this.#one('Conv', [state.value, weight]);
		return this.#conv({ value: this.#activation(value, channels), channels, size: state.size }, 6);
	}

	#head(state: State): Value {
		switch (this.#random.below(4)) {
			case 0: {
				const flat = this.#one('Flatten', [this.#one('GlobalAveragePool', [state.value])]);
				const hidden = this.#one('Relu', [
					this.#one('Gemm', [flat, this.#weight([10, state.channels]), this.#weight([10])], { transB: attribute.int(1) }),
				]);
				return this.#one('MatMul', [hidden, this.#weight([10, 5])]);
			}
			case 1: {
				const features = state.channels * state.size * state.size;
				const flat =
					this.#random.next() < 0.5 ? this.#one('Flatten', [state.value]) : this.#one('Reshape', [state.value, this.#ints([-1, features])]);
				const weight = this.#one('Reshape', [this.#weight([state.channels, state.size, state.size, 4]), this.#ints([features, 4])]);
				return this.#one('MatMul', [flat, weight]);
			}
			default:
				return this.#attention(state);
		}
	}

	/** Pixels as tokens: heads with constant or computed shapes, then a hidden layer, both with residuals and norms. */
	#attention(state: State): Value {
		const tokens = this.#one('Reshape', [state.value, this.#ints([0, 0, -1])]);
		const width = 12;
		const [heads, each] = this.#pick([
			[3, 4],
			[2, 6],
			[4, 3],
		] as const);
		const x = this.#one('MatMul', [
			this.#one('Transpose', [tokens], { perm: attribute.ints([0, 2, 1]) }),
			this.#weight([state.channels, width]),
		]);
		const project = (from: Value): Value =>
			this.#one('Add', [this.#one('MatMul', [from, this.#weight([width, width])]), this.#weight([width])]);
		const fused = this.#random.next() < 0.4;
		let q: Value;
		let k: Value;
		let v: Value;
		if (fused) {
			const all = this.#one('MatMul', [x, this.#weight([width, 3 * width])]);
			const split = this.#one('Reshape', [all, this.#ints([0, state.size * state.size, 3, heads, each])]);
			const turned = this.#one('Transpose', [split], { perm: attribute.ints([2, 0, 3, 1, 4]) });
			const part = (i: number): Value => this.#one('Gather', [turned, this.#ints([i], [])], { axis: attribute.int(0) });
			[q, k, v] = [part(0), part(1), part(2)];
		} else {
			const headed = (from: Value): Value =>
				this.#one('Transpose', [this.#one('Reshape', [project(from), this.#shape(from, heads, each)])], {
					perm: attribute.ints([0, 2, 1, 3]),
				});
			[q, k, v] = [headed(x), headed(x), headed(x)];
		}
		const scores = this.#one('MatMul', [q, this.#one('Transpose', [k], { perm: attribute.ints([0, 1, 3, 2]) })]);
		const mixed = this.#one('MatMul', [this.#one('Softmax', [this.#one('Mul', [scores, this.#scalar(0.5)])]), v]);
		const back = this.#one('Reshape', [this.#one('Transpose', [mixed], { perm: attribute.ints([0, 2, 1, 3]) }), this.#ints([0, 0, -1])]);
		const attended = this.#one('Add', [project(back), x]);
		const normal = this.#one('LayerNormalization', [attended, this.#weight([width]), this.#weight([width])]);
		const hidden = this.#one('Erf', [this.#one('Add', [this.#one('MatMul', [normal, this.#weight([width, 20])]), this.#weight([20])])]);
		return this.#one('Add', [this.#one('MatMul', [hidden, this.#weight([20, width])]), normal]);
	}

	/** [batch, tokens, heads, each], constant or computed from the input's shape. */
	#shape(from: Value, heads: number, each: number): Value {
		if (this.#random.next() < 0.5) return this.#ints([0, 0, heads, each]);
		const shape = this.#one('Shape', [from]);
		const size = (axis: number): Value =>
			this.#one('Unsqueeze', [this.#one('Gather', [shape, this.#ints([axis], [])], { axis: attribute.int(0) }), this.#ints([0])]);
		const last = this.#random.next() < 0.5 ? [this.#ints([heads]), this.#ints([each])] : [this.#ints([heads, each])];
		return this.#one('Concat', [size(0), size(1), ...last], { axis: attribute.int(0) });
	}
}

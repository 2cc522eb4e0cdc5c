import type { Node, Value } from '../../core/ir/graph.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import { storedTensor } from '../../core/pass/constant-view.ts';

/** A layer whose weight may be scaled along its channels. The numbers are held while the pass works. */
export class Layer {
	readonly node: Node;
	readonly #weight: Value;
	readonly #bias: Value | undefined;
	readonly #values: Float32Array;
	readonly #biasValues: Float32Array | undefined;
	readonly #dims: readonly number[];
	readonly outputs: number;
	readonly inputs: number;
	readonly #group: number;
	#touched = false;

	private constructor(
		node: Node,
		weight: Value,
		dims: readonly number[],
		values: Float32Array,
		bias: Value | undefined,
		biasValues: Float32Array | undefined,
	) {
		this.node = node;
		this.#weight = weight;
		this.#dims = dims;
		this.#values = values;
		this.#bias = bias;
		this.#biasValues = biasValues;
		this.#group = node.op === 'Conv' ? node.int('group', 1) : 1;
		if (node.op === 'Conv') {
			this.outputs = dims[0] ?? 0;
			this.inputs = (dims[1] ?? 0) * this.#group;
		} else {
			const turned = node.op === 'Gemm' && node.int('transB', 0) !== 0;
			this.inputs = dims[turned ? 1 : 0] ?? 0;
			this.outputs = dims[turned ? 0 : 1] ?? 0;
		}
	}

	/** The layer of a Conv, Gemm or MatMul, or why it is none. */
	static async of(node: Node): Promise<Layer | string> {
		const weight = node.input(1);
		const tensor = weight && storedTensor(weight);
		if (!weight || !tensor) return 'its weight is not stored as it is used';
		if (tensor.dtype !== 'float32') return `its weight is ${tensor.dtype}`;
		if (weight.uses.size !== 1 || weight.isGraphOutput) return 'its weight is shared';
		if (node.op !== 'Conv' && tensor.dims.length !== 2) return 'its weight is no matrix';
		if (node.op === 'Gemm' && node.int('transA', 0) !== 0) return 'its input is transposed';
		const bias = node.op === 'MatMul' ? null : node.input(2);
		const biasTensor = bias && storedTensor(bias);
		const layer = new Layer(
			node,
			weight,
			tensor.dims,
			float32View(await tensor.bytes()).slice(),
			bias ?? undefined,
			biasTensor ? float32View(await biasTensor.bytes()).slice() : undefined,
		);
		if (bias) {
			if (biasTensor?.dtype !== 'float32') return 'its bias is not stored as float32';
			if (bias.uses.size !== 1 || bias.isGraphOutput) return 'its bias is shared';
			if (layer.#biasValues?.length !== layer.outputs) return 'its bias is not one number a channel';
		}
		return layer;
	}

	/** Index of the output channel, then of the input channel, of each element in order. */
	#walk(visit: (at: number, output: number, input: number) => void): void {
		const { node } = this;
		const dims = this.#dims;
		if (node.op === 'Conv') {
			const perGroup = dims[1] ?? 0;
			const taps = dims.slice(2).reduce((product, size) => product * size, 1);
			const outputsPerGroup = this.outputs / this.#group;
			for (let o = 0, at = 0; o < this.outputs; o++) {
				const base = Math.floor(o / outputsPerGroup) * perGroup;
				for (let i = 0; i < perGroup; i++) for (let t = 0; t < taps; t++, at++) visit(at, o, base + i);
			}
			return;
		}
		const turned = node.op === 'Gemm' && node.int('transB', 0) !== 0;
		const [rows, columns] = [dims[0] ?? 0, dims[1] ?? 0];
		for (let r = 0, at = 0; r < rows; r++) for (let c = 0; c < columns; c++, at++) visit(at, turned ? r : c, turned ? c : r);
	}

	/** Largest magnitude of each output channel's weights. */
	outputRanges(): Float64Array {
		const ranges = new Float64Array(this.outputs);
		this.#walk((at, output) => {
			ranges[output] = Math.max(ranges[output] as number, Math.abs(this.#values[at] as number));
		});
		return ranges;
	}

	/** Largest magnitude of the weights that read each input channel. */
	inputRanges(): Float64Array {
		const ranges = new Float64Array(this.inputs);
		this.#walk((at, _, input) => {
			ranges[input] = Math.max(ranges[input] as number, Math.abs(this.#values[at] as number));
		});
		return ranges;
	}

	/** Divides what each output channel gives. */
	divideOutputs(scales: Float64Array): void {
		this.#touched = true;
		this.#walk((at, output) => {
			this.#values[at] = (this.#values[at] as number) / (scales[output] as number);
		});
		const bias = this.#biasValues;
		if (bias) for (let i = 0; i < bias.length; i++) bias[i] = (bias[i] as number) / (scales[i] as number);
	}

	/** Multiplies the weights that read each input channel. */
	multiplyInputs(scales: Float64Array): void {
		this.#touched = true;
		this.#walk((at, _, input) => {
			this.#values[at] = (this.#values[at] as number) * (scales[input] as number);
		});
	}

	get hasBias(): boolean {
		return this.#biasValues !== undefined;
	}

	/** Adds to the bias; false where there is none. */
	shiftBias(by: Float64Array): boolean {
		const bias = this.#biasValues;
		if (!bias) return false;
		this.#touched = true;
		for (let i = 0; i < bias.length; i++) bias[i] = (bias[i] as number) + (by[i] as number);
		return true;
	}

	/** What constant inputs, one number a channel, add to each output where no padding is read. */
	response(inputs: Float64Array): Float64Array {
		const sums = new Float64Array(this.outputs);
		this.#walk((at, output, input) => {
			sums[output] = (sums[output] as number) + (this.#values[at] as number) * (inputs[input] as number);
		});
		return sums;
	}

	/** Stores the numbers in the graph where they changed; gives the bytes. */
	store(): number {
		if (!this.#touched) return 0;
		replace(this.#weight, this.node, 1, this.#dims, this.#values);
		if (this.#bias && this.#biasValues) replace(this.#bias, this.node, 2, storedTensor(this.#bias)?.dims ?? [], this.#biasValues);
		return this.#values.byteLength + (this.#biasValues?.byteLength ?? 0);
	}
}

function replace(value: Value, node: Node, slot: number, dims: readonly number[], values: Float32Array): void {
	const tensor = memoryTensor('float32', dims, values);
	if (value.initializer) {
		value.initializer = tensor;
		return;
	}
	// A Constant node: an initializer takes its place.
	const constant = value.producer;
	node.setInput(slot, value.graph.addInitializer(`${value.name}_equalized`, tensor));
	if (constant) constant.graph.remove(constant);
}

import { attribute } from '../../core/ir/attribute.ts';
import { constantOf } from '../../core/ir/constants.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Graph, Node, NodeInit, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { int64Tensor, memoryTensor } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import type { Granularity } from '../../core/numeric/quantize-groups.ts';
import { type QuantizedTensor, type QuantScheme, quantizeTensor, readFloats } from '../../core/numeric/quantize-tensor.ts';
import { type ConstantView, transposeView } from '../../core/pass/constant-view.ts';
import { placeBeside, quantizedBytes } from '../../core/pass/expand-weight.ts';
import type { Note } from '../../core/pass/pass.ts';
import { addCodeTable, type CodeTable, gatherCodes } from '../../core/pass/quantized-gather.ts';
import type { Options } from './options.ts';
import type { Candidate } from './plan.ts';

/** int8 codes of a weight in the graph, with scales of `perChannel` or one for all. */
interface StoredWeight {
	readonly codes: Value;
	readonly zeroPoint: Value | null;
	readonly scales: Float32Array;
	readonly dims: readonly number[];
}

interface QuantizedActivation {
	readonly codes: Value;
	/** One value, or one for each row (shape [..., 1]): then in units of 1/ROW_CODES. */
	readonly scale: Value;
	readonly zeroPoint: Value;
	readonly perRow: boolean;
}

/** Codes on either side of zero when rows are quantized by themselves. */
const ROW_CODES = 127;
/** A row of zeros is divided by this instead. */
const SMALLEST_ROW = 1e-30;

/** Turns nodes into their integer forms; weights and activations that several nodes share are quantized once. */
export class Rewriter {
	readonly #model: Model;
	readonly #options: Options;
	readonly #notes: Note[];
	readonly #signal: AbortSignal | undefined;
	readonly #weights = new Map<string, Promise<StoredWeight | undefined>>();
	readonly #tables = new Map<string, Promise<CodeTable | undefined>>();
	readonly #scaleValues = new Map<string, Value>();
	readonly #activations = new Map<Value, Map<Graph, QuantizedActivation>>();
	readonly #rows = new Map<Value, Map<Graph, QuantizedActivation>>();
	#rowConstants: { readonly step: Value; readonly zero: Value; readonly smallest: Value } | undefined;

	constructor(model: Model, options: Options, notes: Note[], signal: AbortSignal | undefined) {
		this.#model = model;
		this.#options = options;
		this.#notes = notes;
		this.#signal = signal;
	}

	/** false where the weight could not be quantized; the node is then as it was and a note says why. */
	async rewrite(candidate: Candidate): Promise<boolean> {
		switch (candidate.kind) {
			case 'MatMul':
				return this.#matMul(candidate);
			case 'Gemm':
				return this.#gemm(candidate);
			case 'Conv':
				return this.#conv(candidate);
			case 'Gather':
				return this.#gather(candidate);
			case 'LSTM':
				return this.#lstm(candidate);
		}
	}

	/** MatMul(A, B) = MatMulInteger(q(A), B_q) * scale_A * scale_B. Per tensor in the form that ONNX Runtime fuses. */
	async #matMul({ node, weights }: Candidate): Promise<boolean> {
		const view = weights[0]!.view;
		const weight = await this.#weight(node, view, view.tensor.dims.length - 1, this.#options.symmetricWeights ? 'int8' : 'uint8');
		const input = node.input(0);
		if (!weight || !input) return false;
		const product = this.#integerProduct(
			node,
			'MatMulInteger',
			this.#operand(node, input),
			weight,
			weight.scales.length > 1 ? [weight.scales.length] : [],
			1,
		);
		this.#replace(node, product);
		return true;
	}

	/** Gemm: alpha goes into the scales, transposed operands are transposed, beta * C is added after. */
	async #gemm({ node, weights }: Candidate): Promise<boolean> {
		const given = weights[0]!.view;
		const view = node.int('transB', 0) ? transposeView(given, [1, 0]) : given;
		const weight = view && (await this.#weight(node, view, 1, this.#options.symmetricWeights ? 'int8' : 'uint8'));
		let input = node.input(0);
		if (!weight || !input) return false;
		if (node.int('transA', 0)) {
			input = this.#insert(node, { op: 'Transpose', inputs: [input], outputs: 1, attributes: { perm: attribute.ints([1, 0]) } }).output();
		}
		const alpha = node.float('alpha', 1);
		let result = this.#integerProduct(
			node,
			'MatMulInteger',
			this.#operand(node, input),
			weight,
			weight.scales.length > 1 ? [weight.scales.length] : [],
			alpha,
		);
		const bias = node.input(2);
		const beta = node.float('beta', 1);
		if (bias && beta !== 0)
			result = this.#insert(node, { op: 'Add', inputs: [result, this.#scaled(node, bias, beta)], outputs: 1 }).output();
		this.#replace(node, result);
		return true;
	}

	/** Conv: ConvInteger with uint8 weights around 128 (ONNX Runtime has no kernel for int8 ones), then scales and bias. */
	async #conv({ node, weights }: Candidate): Promise<boolean> {
		const view = weights[0]!.view;
		const weight = await this.#weight(node, view, 0, 'uint8');
		const input = node.input(0);
		if (!weight || !input) return false;
		const spatial = weight.dims.slice(2).map(() => 1);
		const attributes: Record<string, NonNullable<ReturnType<Node['attributes']['get']>>> = {};
		for (const name of ['auto_pad', 'dilations', 'group', 'kernel_shape', 'pads', 'strides']) {
			const attr = node.attributes.get(name);
			if (attr) attributes[name] = attr;
		}
		const scaleDims = weight.scales.length > 1 ? [weight.scales.length, ...spatial] : [];
		let result = this.#integerProduct(node, 'ConvInteger', this.#activation(node, input), weight, scaleDims, 1, attributes);
		const bias = node.input(2);
		if (bias) {
			const stored = constantOf(bias, 3);
			let shaped: Value;
			if (stored && stored.dtype === 'float32' && bias.uses.size === 1) {
				const name = `${bias.name}_b`;
				shaped = node.graph.addInitializer(
					name,
					memoryTensor(
						'float32',
						[1, elementCount(stored.dims), ...spatial],
						(await readFloats(stored, 0, elementCount(stored.dims), this.#signal)).slice(),
					),
				);
			} else {
				const shape = node.graph.addInitializer(
					`${node.name}_d`,
					memoryTensor('int64', [2 + spatial.length], BigInt64Array.from([1n, -1n, ...spatial.map(() => 1n)])),
				);
				shaped = this.#insert(node, { op: 'Reshape', inputs: [bias, shape], outputs: 1 }).output();
			}
			result = this.#insert(node, { op: 'Add', inputs: [result, shaped], outputs: 1 }).output();
		}
		this.#replace(node, result);
		return true;
	}

	/** Gather over int8 rows; see gatherCodes. */
	async #gather({ node, weights }: Candidate): Promise<boolean> {
		const view = weights[0]!.view;
		const rank = view.tensor.dims.length;
		const given = node.int('axis', 0);
		const axis = given < 0 ? given + rank : given;
		const key = `${view.key}@${axis}`;
		let table = this.#tables.get(key);
		if (!table) {
			table = (async () => {
				const quantized = await this.#quantize(node, view, { kind: 'axis', axis }, 'int8', true);
				const value = node.input(0);
				return quantized && value ? addCodeTable(value, quantized, axis, placeBeside(value)) : undefined;
			})();
			this.#tables.set(key, table);
		}
		const codes = await table;
		if (!codes) return false;
		gatherCodes(node, codes);
		return true;
	}

	/** LSTM becomes com.microsoft.DynamicQuantizeLSTM: W and R transposed, symmetric int8, scales per direction or per row. */
	async #lstm({ node, weights }: Candidate): Promise<boolean> {
		const parts: StoredWeight[] = [];
		for (const { view } of weights) {
			const turned = transposeView(view, [0, 2, 1]);
			const weight = turned && (await this.#weight(node, turned, 2, 'int8'));
			if (!weight) return false;
			parts.push(weight);
		}
		const [w, r] = parts;
		if (!w || !r) return false;
		const { graph } = node;
		const extra: Value[] = [];
		for (const part of [w, r]) {
			const directions = part.dims[0] ?? 1;
			const width = part.dims[2] ?? 0;
			// One scale per column over all directions, repeated for each; or one for each direction.
			const perChannel = part.scales.length > 1;
			const scaleDims = perChannel ? [directions, width] : [directions];
			const repeated = new Float32Array(elementCount(scaleDims));
			for (let i = 0; i < repeated.length; i++) repeated[i] = part.scales[i % part.scales.length]!;
			extra.push(graph.addInitializer(`${part.codes.name}_s`, memoryTensor('float32', scaleDims, repeated)));
			extra.push(graph.addInitializer(`${part.codes.name}_z`, memoryTensor('int8', scaleDims, new Int8Array(repeated.length))));
		}
		const attributes: Record<string, NonNullable<ReturnType<Node['attributes']['get']>>> = {};
		for (const [name, attr] of node.attributes) if (name !== 'layout') attributes[name] = attr;
		const inputs = Array.from({ length: 8 }, (_, index) => node.input(index));
		inputs[1] = w.codes;
		inputs[2] = r.codes;
		const replacement = graph.createNode({
			op: 'DynamicQuantizeLSTM',
			domain: 'com.microsoft',
			name: node.name,
			inputs: [...inputs, ...extra],
			outputs: node.outputs.map((output) => (output ? graph.ledger.fresh(`${output.name}_q`) : null)),
			attributes,
		});
		graph.insertBefore(node, replacement);
		node.outputs.forEach((output, index) => {
			if (!output) return;
			const made = replacement.output(index);
			// The checker knows nothing of this operator: it has to be told what comes out.
			made.type = output.type ?? tensorType('float32', new Array<null>(index === 0 ? 4 : 3).fill(null));
			graph.replaceUses(output, made);
		});
		graph.remove(node);
		if (!this.#model.opsets.has('com.microsoft')) this.#model.setOpset('com.microsoft', 1);
		return true;
	}

	#integerProduct(
		node: Node,
		op: 'MatMulInteger' | 'ConvInteger',
		activation: QuantizedActivation,
		weight: StoredWeight,
		scaleDims: readonly number[],
		factor: number,
		attributes: NodeInit['attributes'] = {},
	): Value {
		const product = this.#insert(node, {
			op,
			inputs: weight.zeroPoint
				? [activation.codes, weight.codes, activation.zeroPoint, weight.zeroPoint]
				: [activation.codes, weight.codes, activation.zeroPoint],
			outputs: 1,
			attributes,
		});
		const cast = this.#insert(node, { op: 'Cast', inputs: [product.output()], outputs: 1, attributes: { to: attribute.int(1) } });
		const total = activation.perRow ? factor / ROW_CODES : factor;
		const scaleKey = `${weight.codes.name}:${scaleDims}:${total}`;
		let weightScale = this.#scaleValues.get(scaleKey);
		if (!weightScale) {
			const scales: Float32Array = total === 1 ? weight.scales : weight.scales.map((scale) => scale * total);
			weightScale = weight.codes.graph.addInitializer(`${weight.codes.name}_s`, memoryTensor('float32', scaleDims, scales));
			this.#scaleValues.set(scaleKey, weightScale);
		}
		if (activation.perRow) {
			// In this order: runtimes take cast * (a * b) for the form with one scale for all rows and fuse it wrongly.
			const scaled = this.#insert(node, { op: 'Mul', inputs: [cast.output(), weightScale], outputs: 1 });
			return this.#insert(node, { op: 'Mul', inputs: [scaled.output(), activation.scale], outputs: 1 }).output();
		}
		const scale = this.#insert(node, { op: 'Mul', inputs: [activation.scale, weightScale], outputs: 1 });
		return this.#insert(node, { op: 'Mul', inputs: [cast.output(), scale.output()], outputs: 1 }).output();
	}

	/** value * factor */
	#scaled(node: Node, value: Value, factor: number): Value {
		if (factor === 1) return value;
		const by = node.graph.addInitializer(`${node.name}_beta`, memoryTensor('float32', [], Float32Array.of(factor)));
		return this.#insert(node, { op: 'Mul', inputs: [value, by], outputs: 1 }).output();
	}

	/** The computed operand of a product, per row or per tensor. */
	#operand(node: Node, value: Value): QuantizedActivation {
		return this.#options.activations === 'row' ? this.#rowsOf(node, value) : this.#activation(node, value);
	}

	/**
	 * Each row (last axis) over its own largest magnitude, as uint8 around 128: one outlier then costs its own row only, and
	 * rows of a batch do not depend on each other. QuantizeLinear rounds, for which runtimes have a fast kernel; uint8 because
	 * WebAssembly has no fast product of int8 with int8.
	 */
	#rowsOf(node: Node, value: Value): QuantizedActivation {
		return this.#shared(this.#rows, node, value, (graph, place) => {
			const { step, zero, smallest } = this.#constants();
			const put = (init: Omit<NodeInit, 'outputs'>): Value => place(graph.createNode({ ...init, outputs: 1 })).output();
			const magnitude = put({ op: 'Abs', inputs: [value] });
			const largest =
				this.#model.opset >= 18
					? put({ op: 'ReduceMax', inputs: [magnitude, this.#model.graph.addInitializer('row_axis', int64Tensor([-1]))] })
					: put({ op: 'ReduceMax', inputs: [magnitude], attributes: { axes: attribute.ints([-1]) } });
			const scale = put({ op: 'Max', inputs: [largest, smallest] });
			const ratio = put({ op: 'Div', inputs: [value, scale] });
			const codes = put({ op: 'QuantizeLinear', inputs: [ratio, step, zero] });
			return { codes, scale, zeroPoint: zero, perRow: true };
		});
	}

	#constants(): { readonly step: Value; readonly zero: Value; readonly smallest: Value } {
		// In the main graph: subgraphs see them there.
		const { graph } = this.#model;
		this.#rowConstants ??= {
			step: graph.addInitializer('row_step', memoryTensor('float32', [], Float32Array.of(1 / ROW_CODES))),
			zero: graph.addInitializer('row_zero', memoryTensor('uint8', [], Uint8Array.of(128))),
			smallest: graph.addInitializer('row_smallest', memoryTensor('float32', [], Float32Array.of(SMALLEST_ROW))),
		};
		return this.#rowConstants;
	}

	/** DynamicQuantizeLinear of a value. */
	#activation(node: Node, value: Value): QuantizedActivation {
		return this.#shared(this.#activations, node, value, (graph, place) => {
			const made = place(graph.createNode({ op: 'DynamicQuantizeLinear', inputs: [value], outputs: 3 }));
			return { codes: made.output(0), scale: made.output(1), zeroPoint: made.output(2), perRow: false };
		});
	}

	/** Made once for each graph that reads it, where the value is made: earlier readers in the list find it too. */
	#shared(
		known: Map<Value, Map<Graph, QuantizedActivation>>,
		node: Node,
		value: Value,
		make: (graph: Graph, place: (made: Node) => Node) => QuantizedActivation,
	): QuantizedActivation {
		const { graph } = node;
		let byGraph = known.get(value);
		if (!byGraph) {
			byGraph = new Map();
			known.set(value, byGraph);
		}
		let activation = byGraph.get(graph);
		if (!activation) {
			let last = value.graph === graph ? value.producer : undefined;
			activation = make(graph, (made) => {
				if (last) graph.insertAfter(last, made);
				else graph.prepend(made);
				last = made;
				return made;
			});
			byGraph.set(graph, activation);
		}
		return activation;
	}

	/** The weight's codes in the graph where the node stands that first asked; `axis` is its output channel. */
	#weight(node: Node, view: ConstantView, axis: number, dtype: 'int8' | 'uint8'): Promise<StoredWeight | undefined> {
		const home = view.roots[0]?.value.graph ?? node.graph;
		const key = `${view.key}@${axis}${dtype}`;
		let weight = this.#weights.get(key);
		if (!weight) {
			weight = (async () => {
				const asymmetric = !this.#options.symmetricWeights && dtype === 'uint8';
				const granularity: Granularity = this.#options.perChannel && !asymmetric ? { kind: 'axis', axis } : { kind: 'tensor' };
				const quantized = await this.#quantize(node, view, granularity, dtype, !asymmetric);
				if (!quantized) return undefined;
				const label = view.roots[0]?.value.name || node.name || node.op;
				const codes = home.addInitializer(`${label}_q`, quantized.codes);
				const { zeroPoints, scales } = quantized.params;
				const zero = typeof zeroPoints === 'number' ? zeroPoints : zeroPoints[0]!;
				const zeroPoint = zero === 0 ? null : home.addInitializer(`${label}_z`, memoryTensor(dtype, [], Uint8Array.of(zero & 255)));
				return { codes, zeroPoint, scales, dims: view.tensor.dims };
			})();
			this.#weights.set(key, weight);
		}
		return weight;
	}

	async #quantize(
		node: Node,
		view: ConstantView,
		granularity: Granularity,
		dtype: 'int8' | 'uint8',
		symmetric: boolean,
	): Promise<QuantizedTensor | undefined> {
		const scheme: QuantScheme = {
			dtype,
			granularity,
			symmetric,
			reduceRange: this.#options.reduceRange,
			method: this.#options.searchScales ? 'mse' : 'minmax',
			halfScales: node.op === 'Gather',
		};
		const quantized = await quantizeTensor(view.tensor, scheme, this.#signal);
		const reason = !quantized
			? 'its weight holds NaN or infinity'
			: quantizedBytes(quantized) >= view.tensor.byteLength
				? 'codes and scales would be larger than the weight'
				: undefined;
		if (!reason) return quantized;
		this.#notes.push({ level: 'skip', node: node.label, reason });
		return undefined;
	}

	#insert(before: Node, init: NodeInit): Node {
		return before.graph.insertBefore(before, before.graph.createNode(init));
	}

	#replace(node: Node, value: Value): void {
		const output = node.output();
		value.type = output.type;
		node.graph.replaceUses(output, value);
		node.graph.remove(node);
	}
}

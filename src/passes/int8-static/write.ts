import { attribute } from '../../core/ir/attribute.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { memoryTensor, type TensorRef } from '../../core/ir/tensor.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import type { ScaleZero } from '../../core/numeric/quantize.ts';
import type { QuantizedTensor } from '../../core/numeric/quantize-tensor.ts';
import { constantView } from '../../core/pass/constant-view.ts';
import { zeroPointTensor as weightZeroTensor } from '../../core/pass/expand-weight.ts';
import { dropUnused } from '../../core/pass/weights.ts';
import { type ActivationType, activationParams, quantizeBias, quantizeConstant, zeroPointTensor } from './codes.ts';
import type { Options } from './options.ts';
import type { PlannedNode, QuantizedValue } from './plan.ts';

/** A bias in the written graph that can still be moved: bias correction changes it. */
export interface WrittenBias {
	readonly node: Node;
	/** The weight as the plain model has it; undefined where several nodes share it. */
	readonly plainWeight: Value | undefined;
	/** The bias as it stands, in units of the float model; one number a channel, scaled by beta of a Gemm. */
	bias(): Float64Array;
	/** Adds to the bias, in units of the float model; one number a channel. */
	shift(delta: Float64Array): void;
	/** Multiplies the weight's scales, one number a channel; the bias keeps its meaning. Only where plainWeight is given. */
	scale(factors: Float64Array): void;
}

/** A value's QuantizeLinear and the DequantizeLinear of each graph that reads it. */
export interface WrittenPair {
	readonly entry: QuantizedValue;
	readonly quantize: Node;
	readonly dequantizers: readonly Node[];
	/** Whether a graph output hangs on it: such a pair stays. */
	readonly isOutput: boolean;
}

/** Takes a pair out again: its readers read the value itself. */
export function removePair({ quantize, dequantizers }: WrittenPair): void {
	const value = quantize.input(0);
	const constants = quantize.inputs.slice(1);
	if (!value) return;
	for (const node of dequantizers) {
		node.graph.replaceUses(node.output(), value);
		node.graph.remove(node);
	}
	quantize.graph.remove(quantize);
	for (const constant of constants) dropUnused(constant);
}

/** Writes QuantizeLinear and DequantizeLinear pairs into the graph. Each weight, value and constant is stored once. */
export class Writer {
	readonly #model: Model;
	readonly #type: ActivationType;
	readonly #options: Options;
	readonly #domain: string;
	readonly #params: ReadonlyMap<Value, ScaleZero>;
	readonly #shared = new Map<string, Value>();
	readonly #weights = new Map<
		string,
		{ readonly codes: Value; readonly scales: Value; readonly zeros: Value | null; readonly axis: number | null }
	>();
	readonly #weightOutputs = new Map<string, Map<Graph, Value>>();
	/** Slots whose plain value has given way to a coded one; the plain value is kept until finish. */
	readonly #swaps: { readonly node: Node; readonly slot: number; readonly plain: Value | null; coded: Value }[] = [];

	/** `params`: scale and zero point of each share group's leading value. */
	constructor(model: Model, type: ActivationType, options: Options, params: ReadonlyMap<Value, ScaleZero>) {
		this.#model = model;
		this.#type = type;
		this.#options = options;
		this.#params = params;
		const wide = type.dtype === 'uint16' || type.dtype === 'int16';
		this.#domain = wide && model.opset < 21 ? 'com.microsoft' : '';
		if (this.#domain) model.setOpset(this.#domain, 1);
	}

	/** Gives the value's readers what its codes stand for. */
	value(entry: QuantizedValue): WrittenPair {
		const { value } = entry;
		const { graph } = value;
		const [scale, zero] = this.#paramValues(this.#paramsOf(entry));
		const add = (inside: Graph, op: string, suffix: string, input: Value): Node => {
			// Short names: there are hundreds of them, and long ones would weigh more than the scales.
			const outputs = [inside.ledger.fresh(suffix)];
			return inside.createNode({ op, domain: this.#domain, inputs: [input, scale, zero], outputs });
		};
		const quantize = add(graph, 'QuantizeLinear', 'q', value);
		if (value.producer) graph.insertAfter(value.producer, quantize);
		else graph.prepend(quantize);
		const dequantizers = new Map<Graph, Node>();
		const dequantized = (inside: Graph): Value => {
			let node = dequantizers.get(inside);
			if (!node) {
				node = add(inside, 'DequantizeLinear', 'dq', quantize.output());
				if (inside === graph) inside.insertAfter(quantize, node);
				else inside.prepend(node);
				dequantizers.set(inside, node);
			}
			return node.output();
		};
		const readers = entry.forced ? [...value.uses].map(({ node, index }) => ({ node, slot: index })) : entry.readers;
		for (const { node, slot } of readers) {
			if (node === quantize || node.input(slot) !== value) continue;
			node.setInput(slot, dequantized(node.graph));
		}
		// A graph output shows what the codes stand for: the kernel that makes them gives nothing else.
		const isOutput = entry.forced && value.isGraphOutput;
		if (isOutput) graph.replaceUses(value, dequantized(graph), new Set([quantize]));
		return { entry, quantize, dequantizers: [...dequantizers.values()], isOutput };
	}

	#paramsOf(entry: QuantizedValue): ScaleZero {
		const params = this.#params.get(entry.share);
		if (!params) throw new Error(`no range for ${entry.share.name}`);
		return params;
	}

	#paramValues(params: ScaleZero): [Value, Value] {
		const { dtype } = this.#type;
		return [
			this.#once(`s${params.scale}`, 's', () => memoryTensor('float32', [], Float32Array.of(params.scale))),
			this.#once(`z${params.zeroPoint}`, 'z', () => zeroPointTensor(params.zeroPoint, dtype)),
		];
	}

	#once(key: string, name: string, make: () => TensorRef): Value {
		let value = this.#shared.get(key);
		if (!value) {
			value = this.#model.graph.addInitializer(name, make());
			this.#shared.set(key, value);
		}
		return value;
	}

	/** Replaces a weight by its codes and what they stand for. */
	weight({ node, weight }: PlannedNode, quantized: QuantizedTensor): void {
		if (!weight) return;
		const { key } = weight.view;
		const old = node.input(weight.slot);
		let stored = this.#weights.get(key);
		if (!stored) {
			const home = weight.view.roots[0]?.value.graph ?? node.graph;
			const name = old?.name || `${node.name || node.op}_weight`;
			const { params, codes } = quantized;
			// The runtime's QGemm asks for a zero point, though 0 is the default.
			const zeros = weightZeroTensor(quantized) ?? (node.op === 'Gemm' ? zerosFor(quantized) : undefined);
			stored = {
				codes: home.addInitializer(`${name}_q`, codes),
				scales: home.addInitializer(`${name}_s`, memoryTensor('float32', params.grouping.scaleDims, params.scales)),
				zeros: zeros ? home.addInitializer(`${name}_z`, zeros) : null,
				axis: params.grouping.granularity.kind === 'tensor' ? null : params.grouping.granularity.axis,
			};
			this.#weights.set(key, stored);
			this.#weightOutputs.set(key, new Map());
		}
		const outputs = this.#weightOutputs.get(key) ?? new Map<Graph, Value>();
		let output = outputs.get(node.graph);
		if (!output) {
			const dequantize = node.graph.createNode({
				op: 'DequantizeLinear',
				outputs: [node.graph.ledger.fresh('w')],
				inputs: stored.zeros ? [stored.codes, stored.scales, stored.zeros] : [stored.codes, stored.scales],
				attributes: stored.axis === null ? {} : { axis: attribute.int(stored.axis) },
			});
			node.graph.prepend(dequantize);
			output = dequantize.output();
			outputs.set(node.graph, output);
		}
		this.#swap(node, weight.slot, output);
	}

	#swap(node: Node, slot: number, coded: Value): void {
		const known = this.#swaps.find((swap) => swap.node === node && swap.slot === slot);
		if (known) known.coded = coded;
		else this.#swaps.push({ node, slot, plain: node.input(slot), coded });
		node.setInput(slot, coded);
	}

	/** Gives nodes their plain weights and biases, or their coded ones again. */
	setPlain(plain: boolean): void {
		for (const swap of this.#swaps) swap.node.setInput(swap.slot, plain ? swap.plain : swap.coded);
	}

	/** Gives one node its plain weight and bias, or its coded ones again. */
	setPlainNode(node: Node, plain: boolean): void {
		for (const swap of this.#swaps) if (swap.node === node) node.setInput(swap.slot, plain ? swap.plain : swap.coded);
	}

	/** Gives one node its plain weight and bias for good. */
	keepPlain(node: Node): void {
		this.setPlainNode(node, true);
		for (const swap of this.#swaps.filter((entry) => entry.node === node)) {
			this.#swaps.splice(this.#swaps.indexOf(swap), 1);
			dropUnused(swap.coded);
		}
	}

	/** Removes what nothing reads any more. Nothing can be made plain after this. */
	finish(): void {
		for (const { plain } of this.#swaps) dropUnused(plain);
		this.#swaps.length = 0;
	}

	/** Codes for a constant operand, in its own range. */
	async constant(node: Node, slot: number): Promise<void> {
		const old = node.input(slot);
		const view = await constantView(old);
		if (!old || !view) return;
		const values = float32View(await view.tensor.bytes());
		let [min, max] = [0, 0];
		for (const x of values) {
			min = Math.min(min, x);
			max = Math.max(max, x);
		}
		const params = activationParams({ min, max }, this.#type);
		const [scale, zero] = this.#paramValues(params);
		const codes = node.graph.addInitializer(`${old.name}_q`, quantizeConstant(values, view.tensor.dims, params, this.#type));
		const dequantize = node.graph.createNode({
			op: 'DequantizeLinear',
			domain: this.#domain,
			inputs: [codes, scale, zero],
			outputs: [node.graph.ledger.fresh('c')],
		});
		node.graph.prepend(dequantize);
		this.#swap(node, slot, dequantize.output());
	}

	/**
	 * Gives a node's bias the form that the options ask for. `inputScale` undefined: the node computes in fp32, its bias stays.
	 * A node without a bias gets one when it is first shifted.
	 */
	async bias(
		planned: PlannedNode,
		inputScale: number | undefined,
		weightScales: Float32Array,
		channels: number,
	): Promise<WrittenBias | undefined> {
		const { node, trait } = planned;
		const slot = trait.biasSlot;
		if (slot === undefined) return undefined;
		const old = node.input(slot);
		const view = old ? await constantView(old) : undefined;
		if (old && (view?.tensor.dtype !== 'float32' || elementCount(view.tensor.dims) !== channels)) return undefined;
		const dims = view ? view.tensor.dims : [channels];
		const start = view ? float32View(await view.tensor.bytes()) : new Float32Array(channels);
		const values = Float64Array.from(start);
		const scales = weightScales.slice();
		const scaled = node.op !== 'Gemm' || (node.float('alpha', 1) === 1 && node.float('beta', 1) === 1);
		const grouped = node.op === 'ConvTranspose' && node.int('group', 1) > 1;
		const integer = this.#options.biasType === 'int32' && inputScale !== undefined && scaled && !grouped;
		let stored: Value | undefined;
		let storedScales: Value | undefined;
		const store = (): void => {
			const float = Float32Array.from(values);
			const made = integer ? quantizeBias(float, inputScale, scales) : undefined;
			const tensor = made ? memoryTensor('int32', dims, made.codes) : memoryTensor('float32', dims, float);
			if (stored) {
				stored.initializer = tensor;
				if (made && storedScales)
					storedScales.initializer = memoryTensor('float32', made.scales.length > 1 ? [made.scales.length] : [], made.scales);
				return;
			}
			const name = old?.name || `${node.name || node.output().name}_bias`;
			stored = node.graph.addInitializer(integer ? `${name}_q` : name, tensor);
			let output = stored;
			if (made) {
				const perChannel = made.scales.length > 1;
				storedScales = node.graph.addInitializer(`${name}_s`, memoryTensor('float32', perChannel ? [made.scales.length] : [], made.scales));
				const dequantize = node.graph.createNode({
					op: 'DequantizeLinear',
					inputs: [stored, storedScales],
					outputs: [node.graph.ledger.fresh('b')],
					attributes: perChannel ? { axis: attribute.int(dims.length - 1) } : {},
				});
				node.graph.prepend(dequantize);
				output = dequantize.output();
			}
			this.#swap(node, slot, output);
		};
		if (old && integer) store();
		const beta = node.op === 'Gemm' ? node.float('beta', 1) : 1;
		if (beta === 0) return undefined;
		const shared = this.#swaps.filter((swap) => swap.slot === planned.weight?.slot && swap.coded === node.input(swap.slot)).length > 1;
		const plain = this.#swaps.find((swap) => swap.node === node && swap.slot === planned.weight?.slot)?.plain;
		const perChannel = weightScales.length === channels;
		return {
			node,
			plainWeight: shared || !perChannel ? undefined : (plain ?? undefined),
			bias: () => values.map((value) => value * beta),
			scale: (factors) => {
				if (!planned.weight) return;
				for (let i = 0; i < scales.length; i++) scales[i] = (scales[i] as number) * (factors[i] as number);
				const held = this.#weights.get(planned.weight.view.key)?.scales;
				if (held) held.initializer = memoryTensor('float32', [scales.length], scales.slice());
				if (stored) store();
			},
			shift: (delta) => {
				for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + (delta[i] ?? 0) / beta;
				store();
			},
		};
	}
}

function zerosFor({ codes, params }: QuantizedTensor): TensorRef {
	return memoryTensor(codes.dtype, params.grouping.scaleDims, new Uint8Array(params.scales.length));
}

/** Takes a Relu or Clip out whose only reader codes its values: what the codes cannot hold is cut off by them. */
export function absorb({ entry, quantize }: WrittenPair): boolean {
	const node = entry.absorbs?.node;
	const input = node?.input(0);
	if (!node || !input || quantize.input(0) !== node.output() || node.output().uses.size !== 1 || node.output().isGraphOutput) return false;
	const constants = node.inputs.slice(1);
	quantize.setInput(0, input);
	node.graph.remove(node);
	for (const constant of constants) dropUnused(constant);
	return true;
}

import { attribute } from '../../core/ir/attribute.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { memoryTensor, type TensorRef } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import type { ScaleZero } from '../../core/numeric/quantize.ts';
import type { QuantizedTensor } from '../../core/numeric/quantize-tensor.ts';
import { constantView } from '../../core/pass/constant-view.ts';
import { namedNode, zeroPointTensor as weightZeroTensor } from '../../core/pass/expand-weight.ts';
import { dropUnused } from '../../core/pass/weights.ts';
import { type ActivationType, activationParams, quantizeBias, quantizeConstant, zeroPointTensor } from './codes.ts';
import type { Options } from './options.ts';
import type { PlannedNode, QuantizedValue } from './plan.ts';

/** A bias in the written graph that can still be moved: bias correction changes it. */
export interface WrittenBias {
	readonly node: Node;
	/** Adds to the bias, in units of the float model; one number a channel. */
	shift(delta: Float64Array): void;
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

	/** The value's codes and what they stand for, given to its readers. Returns the value that holds what was quantized. */
	value(entry: QuantizedValue): Value {
		const params = this.#paramsOf(entry);
		let { value } = entry;
		if (entry.absorbs) value = absorb(entry.absorbs.node);
		const { graph } = value;
		const [scale, zero] = this.#paramValues(params, value.name);
		const type = value.type?.kind === 'tensor' ? value.type.shape : null;
		const quantize = namedNode(graph, `${value.name}_q`, { op: 'QuantizeLinear', domain: this.#domain, inputs: [value, scale, zero] });
		if (value.producer) graph.insertAfter(value.producer, quantize);
		else graph.prepend(quantize);
		if (type) quantize.output().type = tensorType(this.#type.dtype, type);
		const outputs = new Map<Graph, Value>();
		const dequantized = (inside: Graph): Value => {
			let found = outputs.get(inside);
			if (!found) {
				const node = namedNode(inside, `${value.name}_dq`, {
					op: 'DequantizeLinear',
					domain: this.#domain,
					inputs: [quantize.output(), scale, zero],
				});
				if (inside === graph) inside.insertAfter(quantize, node);
				else inside.prepend(node);
				found = node.output();
				if (type) found.type = tensorType('float32', type);
				outputs.set(inside, found);
			}
			return found;
		};
		const readers = entry.forced ? [...value.uses].map(({ node, index }) => ({ node, slot: index })) : entry.readers;
		for (const { node, slot } of readers) {
			if (node === quantize || node.input(slot) !== value) continue;
			node.setInput(slot, dequantized(node.graph));
		}
		if (entry.forced && value.isGraphOutput) graph.replaceUses(value, dequantized(graph), new Set([quantize]));
		return value;
	}

	#paramsOf(entry: QuantizedValue): ScaleZero {
		const params = this.#params.get(entry.share);
		if (!params) throw new Error(`no range for ${entry.share.name}`);
		return params;
	}

	#paramValues(params: ScaleZero, name: string): [Value, Value] {
		const { dtype } = this.#type;
		return [
			this.#once(`s${params.scale}`, `${name}_scale`, () => memoryTensor('float32', [], Float32Array.of(params.scale))),
			this.#once(`z${params.zeroPoint}`, `${name}_zero_point`, () => zeroPointTensor(params.zeroPoint, dtype)),
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
			const zeros = weightZeroTensor(quantized);
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
			const dequantize = namedNode(node.graph, `${stored.codes.name}_dq`, {
				op: 'DequantizeLinear',
				inputs: stored.zeros ? [stored.codes, stored.scales, stored.zeros] : [stored.codes, stored.scales],
				attributes: stored.axis === null ? {} : { axis: attribute.int(stored.axis) },
			});
			node.graph.prepend(dequantize);
			output = dequantize.output();
			outputs.set(node.graph, output);
		}
		node.setInput(weight.slot, output);
		dropUnused(old);
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
		const [scale, zero] = this.#paramValues(params, old.name);
		const codes = node.graph.addInitializer(`${old.name}_q`, quantizeConstant(values, view.tensor.dims, params, this.#type));
		const dequantize = namedNode(node.graph, `${codes.name}_dq`, {
			op: 'DequantizeLinear',
			domain: this.#domain,
			inputs: [codes, scale, zero],
		});
		node.graph.prepend(dequantize);
		node.setInput(slot, dequantize.output());
		dropUnused(old);
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
		const scaled = node.op !== 'Gemm' || (node.float('alpha', 1) === 1 && node.float('beta', 1) === 1);
		const grouped = node.op === 'ConvTranspose' && node.int('group', 1) > 1;
		const integer = this.#options.biasType === 'int32' && inputScale !== undefined && scaled && !grouped;
		let stored: Value | undefined;
		const store = (): void => {
			const float = Float32Array.from(values);
			const made = integer ? quantizeBias(float, inputScale, weightScales) : undefined;
			const tensor = made ? memoryTensor('int32', dims, made.codes) : memoryTensor('float32', dims, float);
			if (stored) {
				stored.initializer = tensor;
				return;
			}
			const name = old?.name || `${node.name || node.output().name}_bias`;
			stored = node.graph.addInitializer(integer ? `${name}_q` : name, tensor);
			let output = stored;
			if (made) {
				const perChannel = made.scales.length > 1;
				const scales = node.graph.addInitializer(`${name}_s`, memoryTensor('float32', perChannel ? [made.scales.length] : [], made.scales));
				const dequantize = namedNode(node.graph, `${stored.name}_dq`, {
					op: 'DequantizeLinear',
					inputs: [stored, scales],
					attributes: perChannel ? { axis: attribute.int(dims.length - 1) } : {},
				});
				node.graph.prepend(dequantize);
				output = dequantize.output();
			}
			node.setInput(slot, output);
			dropUnused(old);
		};
		if (old && integer) store();
		const beta = node.op === 'Gemm' ? node.float('beta', 1) : 1;
		if (beta === 0) return undefined;
		return {
			node,
			shift: (delta) => {
				for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + (delta[i] ?? 0) / beta;
				store();
			},
		};
	}
}

/** Takes a Relu or Clip out: its input takes the place of its output. */
function absorb(node: Node): Value {
	const input = node.input(0);
	if (!input) throw new Error(`${node.label} has no input`);
	const constants = node.inputs.slice(1);
	const output = node.output();
	node.graph.replaceUses(output, input, new Set([node]));
	node.graph.remove(node);
	for (const constant of constants) dropUnused(constant);
	return input;
}

import { attribute } from '../../core/ir/attribute.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import { memoryTensor, type TensorRef } from '../../core/ir/tensor.ts';
import type { Dim } from '../../core/ir/type.ts';
import { wholeTensor } from '../../core/numeric/derived-tensor.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import type { RuleContext } from './rule.ts';

/** An operator that multiplies its input with a stored float32 weight: what rules fold factors and constants into. */
export interface LinearLayer {
	readonly node: Node;
	readonly weight: TensorRef;
	/** Output channels, and input channels of the whole layer. */
	readonly channels: number;
	readonly inputs: number;
	/** Axis of the output that counts channels: 1, or -1 for the last. */
	readonly channelAxis: 1 | -1;
	/** Rank of the output, where the operator fixes it. */
	readonly rank: number | undefined;
	/** Whether constants can be added to its channels. */
	readonly hasBias: boolean;
}

/** The layer that a node is; undefined where it is none, or its weight is not stored as float32. */
export function linearLayer(node: Node | undefined, context: RuleContext): LinearLayer | undefined {
	if (node?.domain !== '') return undefined;
	const weight = context.constant(node.input(1));
	if (weight?.dtype !== 'float32') return undefined;
	const { dims } = weight;
	const groups = node.int('group', 1);
	switch (node.op) {
		case 'Conv':
			if (dims.length < 3 || !biasFits(node, dims[0]!, context)) return undefined;
			return { node, weight, channels: dims[0]!, inputs: dims[1]! * groups, channelAxis: 1, rank: dims.length, hasBias: true };
		case 'ConvTranspose':
			if (dims.length < 3 || !biasFits(node, dims[1]! * groups, context)) return undefined;
			return { node, weight, channels: dims[1]! * groups, inputs: dims[0]!, channelAxis: 1, rank: dims.length, hasBias: true };
		case 'Gemm': {
			if (dims.length !== 2) return undefined;
			const [inputs, channels] = node.int('transB', 0) === 0 ? [dims[0]!, dims[1]!] : [dims[1]!, dims[0]!];
			if (!biasFits(node, channels, context) || node.int('transA', 0) !== 0) return undefined;
			return { node, weight, channels, inputs, channelAxis: -1, rank: 2, hasBias: true };
		}
		case 'MatMul':
			if (dims.length !== 2) return undefined;
			return { node, weight, channels: dims[1]!, inputs: dims[0]!, channelAxis: -1, rank: undefined, hasBias: false };
		default:
			return undefined;
	}
}

/** Weights up to this many bytes are copied where another node reads them too. */
const SMALL = 1 << 16;

/** Why numbers cannot go into the weight: another node reads it, and a second copy would make the file larger. */
export function sharedWeight({ node, weight }: LinearLayer, scale: Float64Array): string | undefined {
	if (weight.byteLength <= SMALL || scale.every((factor) => factor === 1)) return undefined;
	return node.input(1)?.uses.size === 1 ? undefined : `other nodes read the weight of ${node.label}, which would be stored twice`;
}

/** No bias, or a stored one with a number for each channel (or one for all, for Gemm). */
function biasFits(node: Node, channels: number, context: RuleContext): boolean {
	const bias = node.input(2);
	if (!bias) return true;
	const tensor = context.constant(bias);
	if (tensor?.dtype !== 'float32') return false;
	const count = elementCount(tensor.dims);
	return count === channels ? tensor.dims.at(-1) === channels : node.op === 'Gemm' && count === 1;
}

/**
 * A constant as one number for each channel of a value of this shape: a scalar, or a tensor that varies along the channel axis alone and
 * leaves the value's shape as it is. undefined for others.
 */
export async function perChannel(
	constant: Value | null,
	channels: number,
	channelAxis: 1 | -1,
	rank: number | undefined,
	context: RuleContext,
): Promise<Float64Array | undefined> {
	const tensor = context.constant(constant);
	if (tensor?.dtype !== 'float32') return undefined;
	const { dims } = tensor;
	const count = elementCount(dims);
	if (count !== 1 && count !== channels) return undefined;
	// A constant of higher rank than the value would change its shape.
	if (rank === undefined ? dims.length > 1 : dims.length > rank) return undefined;
	if (count !== 1 && channels > 1) {
		const axis = channelAxis === -1 ? dims.length - 1 : channelAxis - ((rank ?? 0) - dims.length);
		if (dims[axis] !== channels) return undefined;
	}
	const values = await context.numbers(constant, Number.MAX_SAFE_INTEGER);
	if (!values) return undefined;
	return values.length === 1 ? new Float64Array(channels).fill(values[0]!) : Float64Array.from(values);
}

/** y becomes scale * y + shift, channel by channel, inside the layer's weights and bias. `shift` only where the layer has a bias. */
export async function foldAfter(layer: LinearLayer, scale: Float64Array, shift: Float64Array, context: RuleContext): Promise<void> {
	const { node, channels } = layer;
	if (scale.some((factor) => factor !== 1)) replaceWeight(layer, scaledChannels(layer, scale), context);
	if (!layer.hasBias) return;
	const before = await context.numbers(node.input(2), Number.MAX_SAFE_INTEGER);
	if (!before && shift.every((value) => value === 0)) return;
	const beta = node.op === 'Gemm' ? node.float('beta', 1) : 1;
	const bias = new Float32Array(channels);
	for (let c = 0; c < channels; c++) bias[c] = scale[c]! * beta * (before ? before[before.length === 1 ? 0 : c]! : 0) + shift[c]!;
	setBias(layer, bias, context);
}

/** x becomes scale * x + shift before the layer, input channel by input channel. Exact only where no padding adds zeros, or shift is 0. */
export async function foldBefore(layer: LinearLayer, scale: Float64Array, shift: Float64Array, context: RuleContext): Promise<void> {
	const { node, channels } = layer;
	if (shift.some((value) => value !== 0)) {
		const added = await sumOverInputs(layer, shift);
		const before = await context.numbers(node.input(2), Number.MAX_SAFE_INTEGER);
		const beta = node.op === 'Gemm' ? node.float('beta', 1) : 1;
		const alpha = node.op === 'Gemm' ? node.float('alpha', 1) : 1;
		const bias = new Float32Array(channels);
		for (let c = 0; c < channels; c++) bias[c] = beta * (before ? before[before.length === 1 ? 0 : c]! : 0) + alpha * added[c]!;
		setBias(layer, bias, context);
	}
	if (scale.some((factor) => factor !== 1)) replaceWeight(layer, scaledInputs(layer, scale), context);
}

function setBias({ node }: LinearLayer, bias: Float32Array, context: RuleContext): void {
	const old = node.input(2);
	node.setInput(2, context.addConstant(node, old?.name || `${node.output().name}_bias`, memoryTensor('float32', [bias.length], bias)));
	if (node.op === 'Gemm') node.setAttribute('beta', attribute.float(1));
	if (old) context.removeUnread(old);
}

function replaceWeight({ node }: LinearLayer, tensor: TensorRef, context: RuleContext): void {
	const old = node.input(1) as Value;
	node.setInput(1, context.addConstant(node, old.name, tensor));
	context.removeUnread(old);
}

/** Which output channel an element of the weight belongs to. */
function channelOf({ node, weight }: LinearLayer): (index: number) => number {
	const { dims } = weight;
	const inner = elementCount(dims.slice(2));
	switch (node.op) {
		case 'Conv': {
			const each = elementCount(dims.slice(1));
			return (index) => Math.floor(index / each);
		}
		case 'ConvTranspose': {
			const perGroup = dims[1]!;
			const inputsPerGroup = dims[0]! / node.int('group', 1);
			return (index) => {
				const row = Math.floor(index / (perGroup * inner));
				return Math.floor(row / inputsPerGroup) * perGroup + (Math.floor(index / inner) % perGroup);
			};
		}
		default:
			return node.op === 'Gemm' && node.int('transB', 0) !== 0 ? (index) => Math.floor(index / dims[1]!) : (index) => index % dims[1]!;
	}
}

/** Which input channel an element of the weight multiplies. */
function inputOf({ node, weight }: LinearLayer): (index: number) => number {
	const { dims } = weight;
	const inner = elementCount(dims.slice(2));
	switch (node.op) {
		case 'Conv': {
			const perGroup = dims[1]!;
			const channelsPerGroup = dims[0]! / node.int('group', 1);
			return (index) => {
				const channel = Math.floor(index / (perGroup * inner));
				return Math.floor(channel / channelsPerGroup) * perGroup + (Math.floor(index / inner) % perGroup);
			};
		}
		case 'ConvTranspose': {
			const each = dims[1]! * inner;
			return (index) => Math.floor(index / each);
		}
		default:
			return node.op === 'Gemm' && node.int('transB', 0) !== 0 ? (index) => index % dims[1]! : (index) => Math.floor(index / dims[1]!);
	}
}

/** Computed when it is written, so that large models are not held in memory. */
function scaled(weight: TensorRef, factor: (index: number) => number): TensorRef {
	return wholeTensor(
		'float32',
		weight.dims,
		async (signal) => {
			const values = float32View(await weight.bytes(signal)).slice();
			for (let i = 0; i < values.length; i++) values[i] = values[i]! * factor(i);
			return new Uint8Array(values.buffer);
		},
		weight.byteLength,
	);
}

function scaledChannels(layer: LinearLayer, scale: Float64Array): TensorRef {
	const channel = channelOf(layer);
	return scaled(layer.weight, (index) => scale[channel(index)]!);
}

function scaledInputs(layer: LinearLayer, scale: Float64Array): TensorRef {
	const input = inputOf(layer);
	return scaled(layer.weight, (index) => scale[input(index)]!);
}

/** W times a constant input: what each output channel gets from it. */
async function sumOverInputs(layer: LinearLayer, shift: Float64Array): Promise<Float64Array> {
	const values = float32View(await layer.weight.bytes());
	const channel = channelOf(layer);
	const input = inputOf(layer);
	const sums = new Float64Array(layer.channels);
	for (let i = 0; i < values.length; i++) sums[channel(i)]! += values[i]! * shift[input(i)]!;
	return sums;
}

/**
 * The node that makes a value, where nothing else reads it: rules that change what it puts out change nobody else's input. It stands
 * in the graph of its reader, and none of its attributes is a parameter of a model function.
 */
export function onlyProducer(value: Value | null): Node | undefined {
	if (!value?.producer || value.isGraphOutput || value.uses.size !== 1) return undefined;
	const [use] = value.uses;
	return use?.node.graph === value.graph && !refersToParameters(value.producer) ? value.producer : undefined;
}

/** Whether an attribute of a node is given by the call of the model function around it: its value is not known here. */
export function refersToParameters(node: Node): boolean {
	for (const attr of node.attributes.values()) if (attr.kind === 'ref') return true;
	return false;
}

/** Whether two shapes are the same, as far as they are known; unknown dims differ. */
export function sameShape(a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): boolean {
	return a !== undefined && b !== undefined && a.length === b.length && a.every((dim, i) => dim !== null && dim === b[i]);
}

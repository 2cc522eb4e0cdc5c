import { extractModel } from '../../core/calibrate/extract.ts';
import type { DType } from '../../core/ir/dtype.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { isSparse, memoryTensor, type TensorRef } from '../../core/ir/tensor.ts';
import type { Feeds, TensorData } from '../../core/ir/tensor-data.ts';
import { tensorType } from '../../core/ir/type.ts';
import { convert } from '../../core/numeric/convert.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import { sqnrDb } from '../../core/numeric/statistics.ts';
import type { Compute, ComputeSession } from '../../core/pass/calibration.ts';
import { type CommonValue, isConstant, type LayerPair } from './align.ts';
import type { Compared } from './comparable.ts';

/** Operators that turn what they read into codes at run time. */
const QUANTIZES: ReadonlySet<string> = new Set(['QuantizeLinear', 'DynamicQuantizeLinear']);
/** Operators that compute on integers: weights and activations are not apart in them. */
const INTEGER: ReadonlySet<string> = new Set([
	'ConvInteger',
	'MatMulInteger',
	'QLinearConv',
	'QLinearMatMul',
	'MatMulIntegerToFloat',
	'DynamicQuantizeMatMul',
	'DynamicQuantizeLSTM',
	'QLinearAdd',
	'QGemm',
]);
/** Operators whose weights alone are codes. */
const WEIGHT_ONLY: ReadonlySet<string> = new Set(['MatMulNBits', 'GatherBlockQuantized']);
/** A stored tensor that is further than this from the original's was not merely coded: it means something else, dB. */
const SAME_WEIGHT_DB = 1;

/** A value that becomes codes in a layer, and the range of the codes where it is fixed. */
export interface Coded {
	readonly value: CommonValue;
	readonly codes: DType;
	readonly clip: readonly [number, number] | undefined;
	/** Bounds of a Relu or Clip that the codes' own range stands for: the original's layer bounds the value so as it reads it. */
	readonly bounds: readonly [number, number];
}

/** The models of a layer alone: run them on its inputs. */
export interface LayerParts {
	readonly original: PartSession;
	readonly variant: PartSession;
	/** The original with the variant's weights, and the variant with the original's; absent where that is the variant itself, or cannot be had. */
	readonly weights?: PartSession;
	readonly activations?: PartSession;
	/** Which of the two `variant` is, where only one of them was changed. */
	readonly only?: 'weights' | 'activations';
	readonly undivided?: string;
	readonly coded: readonly Coded[];
	/** The largest stored tensor of the main node in the original, as floats. */
	readonly weight: Float32Array | undefined;
	release(): Promise<void>;
}

/** A part as a loaded model. */
export class PartSession {
	readonly #session: ComputeSession;
	readonly #inputs: ReadonlyMap<CommonValue, { readonly name: string; readonly dtype: DType }>;
	readonly #output: string;

	constructor(session: ComputeSession, inputs: ReadonlyMap<CommonValue, { name: string; dtype: DType }>, output: string) {
		this.#session = session;
		this.#inputs = inputs;
		this.#output = output;
	}

	/** `tensors`: what the common values hold; floats of another width are converted. */
	async run(tensors: ReadonlyMap<CommonValue, TensorData>): Promise<TensorData | undefined> {
		const feeds: Record<string, TensorData> = {};
		for (const [value, { name, dtype }] of this.#inputs) {
			const tensor = tensors.get(value);
			if (!tensor) return undefined;
			feeds[name] = tensor.dtype === dtype ? tensor : { dtype, dims: tensor.dims, data: convert(tensor.data, tensor.dtype, dtype) };
		}
		return (await this.#session.run(feeds as Feeds, [this.#output]))[this.#output];
	}

	async release(): Promise<void> {
		await this.#session.release();
	}
}

interface Swap {
	readonly node: Node;
	readonly slot: number;
	readonly tensor: TensorRef;
}

/** Loads the parts of a layer. Throws EngineError where one does not load. */
export async function loadParts(
	layer: LayerPair,
	models: { readonly original: Model; readonly variant: Model },
	compared: Compared,
	compute: Compute,
): Promise<LayerParts> {
	const opened: PartSession[] = [];
	const open = async (side: 'original' | 'variant', swaps: readonly Swap[] = []): Promise<PartSession> => {
		const session = await loadPart(layer, side, models[side], compared, compute, swaps);
		opened.push(session);
		return session;
	};
	try {
		const original = await open('original');
		const variant = await open('variant');
		const swapped = await storedPairs(layer, models, compute);
		const coded = await codedValues(layer, models.variant, compute);
		const parts = {
			original,
			variant,
			coded,
			weight: swapped.weight,
			release: async () => void (await Promise.all(opened.map((session) => session.release()))),
		};
		const ops = layer.variantPart.filter((node) => !node.outputs.every((output) => !output || isConstant(output)));
		const codes = ops.some((node) => QUANTIZES.has(node.op));
		const integer = ops.find((node) => INTEGER.has(node.op));
		if (integer) return { ...parts, undivided: `${integer.op} computes on the codes of both` };
		if (!codes && decodesOnly(layer)) return { ...parts, only: 'weights' };
		if (swapped.refused !== undefined) return { ...parts, undivided: swapped.refused };
		const { ours, theirs } = swapped;
		if (codes && theirs.length === 0) return { ...parts, only: 'activations' };
		if (!codes && theirs.length > 0) return { ...parts, only: 'weights' };
		if (!codes) return { ...parts, undivided: 'neither weights nor codes of activations differ: its operators do' };
		return { ...parts, weights: await open('original', theirs), activations: await open('variant', ours) };
	} catch (error) {
		for (const session of opened) await session.release();
		throw error;
	}
}

/** Whether the variant's operators are the original's and such that decode stored codes. */
function decodesOnly(layer: LayerPair): boolean {
	const ours = layer.originalPart.map((node) => node.qualifiedOp);
	let decodes = false;
	for (const node of layer.variantPart) {
		const at = ours.indexOf(node.qualifiedOp);
		if (at >= 0) ours.splice(at, 1);
		else if (node.op === 'DequantizeLinear' || WEIGHT_ONLY.has(node.op)) decodes = true;
		else if (!node.outputs.every((output) => !output || isConstant(output))) return false;
	}
	return decodes;
}

async function loadPart(
	layer: LayerPair,
	side: 'original' | 'variant',
	whole: Model,
	{ shapes }: Compared,
	compute: Compute,
	swaps: readonly Swap[],
): Promise<PartSession> {
	const nodes = side === 'original' ? layer.originalPart : layer.variantPart;
	const values = layer.inputs.map((input) => input[side]);
	const output = layer.output[side];
	const types = new Map(layer.inputs.map((input) => [input[side], shapes.get(input)]));
	const { model, inputs, outputs } = extractModel(whole, nodes, values, [output], (value) => {
		const known = types.get(value);
		return tensorType(known?.[side] ?? 'float32', known ? known.dims.map(() => null) : null);
	});
	const copies = [...model.graph.nodes()];
	for (const { node, slot, tensor } of swaps) {
		const copy = copies[nodes.indexOf(node)];
		copy?.setInput(slot, model.graph.addInitializer('swapped', tensor));
	}
	const named = new Map(
		layer.inputs.map((input) => [input, { name: inputs.get(input[side]) ?? '', dtype: shapes.get(input)?.[side] ?? ('float32' as const) }]),
	);
	return new PartSession(await compute.load(model), named, outputs.get(output) ?? '');
}

/**
 * Stored operands that differ between nodes that stand for each other: what to put into the original (`theirs`) and into the variant (`ours`).
 * Refused where weights were not merely coded (a BatchNorm folded in, channels cut).
 */
async function storedPairs(
	layer: LayerPair,
	models: { readonly original: Model; readonly variant: Model },
	compute: Compute,
): Promise<{ ours: Swap[]; theirs: Swap[]; weight: Float32Array | undefined; refused?: string }> {
	const ours: Swap[] = [];
	const theirs: Swap[] = [];
	let weight: Float32Array | undefined;
	let refused: string | undefined;
	const byName = new Map(layer.originalPart.map((node) => [node.outputs.find((value) => value)?.name, node]));
	for (const node of layer.variantPart) {
		const twin = byName.get(node.outputs.find((value) => value)?.name);
		if (!twin || twin.op !== node.op || node.outputs.every((value) => !value || isConstant(value))) continue;
		for (const [slot, value] of node.inputs.entries()) {
			const other = twin.input(slot);
			if (!value || !other || !isConstant(value) || !isConstant(other)) continue;
			const a = await storedFloats(other, models.original, compute);
			const b = await storedFloats(value, models.variant, compute);
			if (!a || !b) continue;
			if (twin === layer.originalNode && a.data.length > (weight?.length ?? 0)) weight = a.data;
			if (a.dims.join() !== b.dims.join()) refused ??= 'its weights have another shape than the original’s';
			else if (!equal(a.data, b.data)) {
				// Biases are corrected and may move far; weights that move so far were rewritten.
				if (a.dims.length > 1 && sqnrDb(a.data, b.data) < SAME_WEIGHT_DB) refused ??= 'its weights were rewritten, not only coded';
				ours.push({ node, slot, tensor: memoryTensor('float32', a.dims, a.data) });
				theirs.push({ node: twin, slot, tensor: memoryTensor('float32', b.dims, b.data) });
			}
		}
	}
	if (!weight && refused === undefined) {
		const largest = layer.originalNode.inputs
			.filter((value): value is Value => value !== null && isConstant(value))
			.map((value) => value.initializer)
			.find((tensor) => tensor && !isSparse(tensor) && tensor.dtype === 'float32' && tensor.dims.length > 1);
		if (largest && !isSparse(largest)) weight = float32View(await largest.bytes());
	}
	return { ours, theirs, weight, ...(refused !== undefined && { refused }) };
}

function equal(a: Float32Array, b: Float32Array): boolean {
	for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
	return a.length === b.length;
}

/** What a constant holds, decoded by the runtime where nodes decode it; undefined where it is no float32. */
async function storedFloats(
	value: Value,
	whole: Model,
	compute: Compute,
): Promise<{ dims: readonly number[]; data: Float32Array } | undefined> {
	const stored = value.initializer;
	if (stored) {
		if (isSparse(stored) || stored.dtype !== 'float32') return undefined;
		return { dims: stored.dims, data: float32View(await stored.bytes()) };
	}
	const constant = await constantData(value, whole, compute);
	return constant?.data instanceof Float32Array ? { dims: constant.dims, data: constant.data } : undefined;
}

/** Runs the nodes that make a constant. */
async function constantData(value: Value, whole: Model, compute: Compute): Promise<TensorData | undefined> {
	const nodes: Node[] = [];
	const visit = (current: Value): void => {
		const node = current.producer;
		if (!node || nodes.includes(node)) return;
		for (const input of node.inputs) if (input) visit(input);
		nodes.push(node);
	};
	visit(value);
	if (nodes.length === 0) return undefined;
	const { model, outputs } = extractModel(whole, nodes, [], [value], () => tensorType('float32', null));
	const session = await compute.load(model);
	try {
		const name = outputs.get(value) ?? '';
		return (await session.run({}, [name]))[name];
	} finally {
		await session.release();
	}
}

/** Common values that the layer turns into codes as it reads them. */
async function codedValues(layer: LayerPair, variant: Model, compute: Compute): Promise<Coded[]> {
	const coded: Coded[] = [];
	for (const node of layer.variantPart) {
		if (!QUANTIZES.has(node.op)) continue;
		const value = layer.inputs.find((input) => input.variant === node.input(0));
		if (!value) continue;
		const scale = await scalarOf(node.input(1), variant, compute);
		const zero = await scalarOf(node.input(2), variant, compute);
		const zeroType = zeroDtype(node.input(2), zero?.dtype);
		const [least, most] = limits.get(zeroType) ?? [0, 255];
		const z = zero?.value ?? 0;
		coded.push({
			value,
			codes: zeroType,
			bounds: await boundsOf(layer, value),
			clip: node.op === 'QuantizeLinear' && scale ? [(least - z) * scale.value, (most - z) * scale.value] : undefined,
		});
	}
	return coded;
}

/** Where the original reads a value through a Relu or Clip that the variant has no more. */
async function boundsOf(layer: LayerPair, value: CommonValue): Promise<readonly [number, number]> {
	const kept = new Set(layer.variantPart.map((node) => node.op));
	let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
	for (const node of layer.originalPart) {
		if (node.input(0) !== value.original || node.domain !== '' || kept.has(node.op)) continue;
		if (node.op === 'Relu') low = Math.max(low, 0);
		if (node.op !== 'Clip') continue;
		const bound = async (slot: number, name: string, otherwise: number): Promise<number> => {
			const stored = node.input(slot)?.initializer;
			if (!stored) return node.float(name, otherwise);
			return isSparse(stored) || stored.dtype !== 'float32' ? otherwise : (float32View(await stored.bytes())[0] ?? otherwise);
		};
		low = Math.max(low, await bound(1, 'min', Number.NEGATIVE_INFINITY));
		high = Math.min(high, await bound(2, 'max', Number.POSITIVE_INFINITY));
	}
	return [low, high];
}

const limits: ReadonlyMap<string, readonly [number, number]> = new Map([
	['uint8', [0, 255]],
	['int8', [-128, 127]],
	['uint16', [0, 65535]],
	['int16', [-32768, 32767]],
	['uint4', [0, 15]],
	['int4', [-8, 7]],
]);

function zeroDtype(value: Value | null, found: DType | undefined): DType {
	const stored = value?.initializer;
	return stored ? stored.dtype : (found ?? 'uint8');
}

/** A stored scale or zero point that holds for the whole tensor. */
async function scalarOf(
	value: Value | null,
	whole: Model,
	compute: Compute,
): Promise<{ readonly value: number; readonly dtype: DType } | undefined> {
	if (!value || !isConstant(value)) return undefined;
	const stored = value.initializer;
	if (stored) {
		if (isSparse(stored) || stored.byteLength > 8 || stored.dims.some((dim) => dim !== 1)) return undefined;
		const bytes = (await stored.bytes()).slice();
		const view = new DataView(bytes.buffer);
		const read: Partial<Record<DType, () => number>> = {
			float32: () => view.getFloat32(0, true),
			uint8: () => view.getUint8(0),
			int8: () => view.getInt8(0),
			uint16: () => view.getUint16(0, true),
			int16: () => view.getInt16(0, true),
			uint4: () => view.getUint8(0) & 15,
			int4: () => ((view.getUint8(0) & 15) << 28) >> 28,
		};
		const number = read[stored.dtype]?.();
		return number === undefined ? undefined : { value: number, dtype: stored.dtype };
	}
	const tensor = await constantData(value, whole, compute);
	const element = tensor && tensor.data.length === 1 ? tensor.data[0] : undefined;
	return tensor && typeof element === 'number' ? { value: element, dtype: tensor.dtype } : undefined;
}

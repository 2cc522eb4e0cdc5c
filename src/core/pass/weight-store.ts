import { attribute } from '../ir/attribute.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { memoryTensor, type TensorRef } from '../ir/tensor.ts';
import { reshapedTensor } from '../numeric/derived-tensor.ts';
import { toMatMulNBits } from '../numeric/matmul-nbits.ts';
import type { CodeRange, QuantDType } from '../numeric/quantize.ts';
import { type QuantizedTensor, type QuantScheme, quantizeTensor } from '../numeric/quantize-tensor.ts';
import { constantView } from './constant-view.ts';
import { addCastMul, addDequantizeLinear, type Place, placeBeside, quantizedBytes, scaleValue } from './expand-weight.ts';
import type { Note } from './pass.ts';
import { addCodeTable, type CodeTable, gatherCodes } from './quantized-gather.ts';
import type { Plan, WeightForm } from './weight-plan.ts';
import { dropUnused, readersOf } from './weights.ts';

export type Outcome = 'cast' | 'dequantize' | 'nbits' | 'table' | 'blocks';

/** Options as far as the model's opset lets them be followed. */
export type StoreOptions = WeightForm & { readonly bits4: boolean };

/** Finds codes and scales of a weight; undefined where it holds NaN or infinity. */
export type Quantizer = (
	tensor: TensorRef,
	scheme: QuantScheme,
	plan: Plan,
	signal: AbortSignal | undefined,
) => Promise<QuantizedTensor | undefined>;

const nearest: Quantizer = (tensor, scheme, _plan, signal) => quantizeTensor(tensor, scheme, signal);

/** Does what the plan says. undefined where the weight stays as it is; a note then says why. */
export async function store(
	model: Model,
	plan: Plan,
	options: StoreOptions,
	notes: Note[],
	signal: AbortSignal | undefined,
	quantize: Quantizer = nearest,
): Promise<Outcome | undefined> {
	const skip = (reason: string): undefined => {
		notes.push({ level: 'skip', node: plan.value.name, reason });
		return undefined;
	};
	const NOT_FINITE = 'it holds NaN or infinity';
	const NOT_SMALLER = 'codes and scales would be larger than the weight';
	switch (plan.form) {
		case 'nbits':
			return storeNBits(model, plan, options, signal, quantize, skip, NOT_FINITE, NOT_SMALLER);
		case 'table': {
			const quantized = await quantize(plan.tensor, scheme(plan, options, 'int8', true), plan, signal);
			if (!quantized) return skip(NOT_FINITE);
			if (quantizedBytes(quantized) >= plan.tensor.byteLength) return skip(NOT_SMALLER);
			gatherRows(plan, quantized, placeBeside(plan.value));
			dropUnused(plan.value);
			return 'table';
		}
		case 'blocks': {
			const quantized = await quantize(plan.tensor, scheme(plan, options, 'uint4', options.symmetric), plan, signal);
			if (!quantized) return skip(NOT_FINITE);
			gatherBlocks(model, plan, quantized);
			dropUnused(plan.value);
			return 'blocks';
		}
		case 'expand': {
			const cast = options.format === 'cast' || !options.bits4;
			const { tensor, scheme: expanded } = expandedScheme(plan, options);
			const quantized = await quantize(tensor, expanded, plan, signal);
			if (!quantized) return skip(NOT_FINITE);
			if (quantizedBytes(quantized) >= plan.tensor.byteLength) return skip(NOT_SMALLER);
			const { value } = plan;
			const { graph } = value;
			const place = placeBeside(value);
			const reshapeTo = plan.matrix ? plan.tensor.dims : undefined;
			const table = plan.granularity.kind === 'axis' ? gatherRows(plan, quantized, place) : undefined;
			if (readersOf(value).length > 0) {
				// A table that Gathers look up stands there already; what else reads it shares its codes.
				const expanded =
					cast || table
						? addCastMul(graph, value.name, quantized, place, reshapeTo, table)
						: addDequantizeLinear(graph, value.name, quantized, place, reshapeTo);
				graph.replaceUses(value, expanded);
			}
			dropUnused(value);
			return cast || table ? 'cast' : 'dequantize';
		}
	}
}

/** What the quantizer of a weight that is expanded where it stood is asked for: the tensor as it is stored, and how. */
export function expandedScheme(plan: Plan, options: StoreOptions): { readonly tensor: TensorRef; readonly scheme: QuantScheme } {
	const bits = options.bits4 ? plan.bits : 8;
	// Rows that Gather reads carry no zero points.
	const symmetric = options.symmetric || plan.readers.some(({ node }) => node.op === 'Gather');
	const dtype: QuantDType = bits < 8 ? (symmetric ? 'int4' : 'uint4') : symmetric ? 'int8' : 'uint8';
	const tensor = plan.matrix ? reshapedTensor(plan.tensor, plan.matrix) : plan.tensor;
	return { tensor, scheme: scheme(plan, options, dtype, symmetric) };
}

/** What the quantizer of a weight that MatMulNBits reads is asked for. */
export function nbitsScheme(plan: Plan, options: StoreOptions): QuantScheme {
	return { ...scheme(plan, options, plan.bits === 8 ? 'uint8' : 'uint4', options.symmetric), fullRange: true };
}

function scheme(plan: Plan, options: StoreOptions, dtype: QuantDType, symmetric: boolean): QuantScheme {
	return {
		dtype,
		granularity: plan.granularity,
		symmetric,
		method: options.method,
		// int8 -127..127 as everywhere; 4 bits cannot afford to leave a code unused.
		fullRange: dtype.endsWith('4'),
		halfScales: options.halfScales,
		...(plan.bits < 4 && dtype.endsWith('4') && { range: narrowRange(dtype, plan.bits) }),
	};
}

/** Codes of 2 and 3 bits within a 4-bit type. */
function narrowRange(dtype: QuantDType, bits: number): CodeRange {
	const codes = 2 ** bits;
	return dtype.startsWith('u') ? { min: 0, max: codes - 1 } : { min: -codes / 2, max: codes / 2 - 1 };
}

/** Gathers that read the value itself look rows of codes up; others are served by the expanded value. */
function gatherRows(plan: Plan, quantized: QuantizedTensor, place: Place): CodeTable | undefined {
	const axis = plan.granularity.kind === 'axis' ? plan.granularity.axis : 0;
	const gathers = plan.readers.filter(({ node, direct, channel }) => node.op === 'Gather' && direct && channel === axis);
	if (gathers.length === 0) return undefined;
	const table = addCodeTable(plan.value, quantized, axis, place);
	for (const { node } of gathers) gatherCodes(node, table);
	return table;
}

function gatherBlocks(model: Model, plan: Plan, quantized: QuantizedTensor): void {
	const { value } = plan;
	const { graph } = value;
	const { params } = quantized;
	const [rows = 0, width = 0] = plan.tensor.dims;
	// uint8 with two codes to a byte: runtimes read it at every opset, unlike uint4 tensors.
	const packed = reshapedTensor(quantized.codes, [rows, width / 2], 'uint8');
	const codes = graph.addInitializer(`${value.name}_q`, packed);
	const place = placeBeside(value);
	const scales = scaleValue(graph, `${value.name}_s`, quantized, params.grouping.scaleDims, place);
	const zeros = zeroPointRows(params.zeroPoints, rows, params.grouping.groups / rows);
	const zeroPoints = zeros ? graph.addInitializer(`${value.name}_z`, zeros) : null;
	for (const { node } of plan.readers) {
		const gather = node.graph.createNode({
			op: 'GatherBlockQuantized',
			domain: 'com.microsoft',
			name: node.name,
			inputs: zeroPoints ? [codes, node.input(1), scales, zeroPoints] : [codes, node.input(1), scales],
			outputs: 1,
			attributes: {
				bits: attribute.int(4),
				block_size: attribute.int(params.grouping.block),
				gather_axis: attribute.int(0),
				quantize_axis: attribute.int(1),
			},
		});
		swap(node, gather);
	}
	importMicrosoft(model);
}

function zeroPointRows(zeroPoints: Int16Array | number, rows: number, blocks: number): TensorRef | undefined {
	if (typeof zeroPoints === 'number') return undefined;
	const stride = Math.ceil(blocks / 2);
	const packed = new Uint8Array(rows * stride);
	for (let row = 0; row < rows; row++) {
		for (let b = 0; b < blocks; b++) packed[row * stride + (b >> 1)]! |= zeroPoints[row * blocks + b]! << ((b & 1) * 4);
	}
	return memoryTensor('uint8', [rows, stride], packed);
}

async function storeNBits(
	model: Model,
	plan: Plan,
	options: StoreOptions,
	signal: AbortSignal | undefined,
	quantize: Quantizer,
	skip: (reason: string) => undefined,
	notFinite: string,
	notSmaller: string,
): Promise<Outcome | undefined> {
	const width = plan.bits === 8 ? 8 : 4;
	const made = new Map<string, { codes: Value; scales: Value; zeroPoints: Value | null; rows: number; columns: number }>();
	const views: { node: Node; key: string }[] = [];
	const { value } = plan;
	const { graph } = value;
	for (const { node, index } of plan.readers) {
		const view = await constantView(node.input(index));
		if (view?.tensor.dims.length !== 2 || view.roots.length !== 1) {
			return skip(`${node.label} reads it in a form that MatMulNBits has not`);
		}
		views.push({ node, key: view.key });
		if (made.has(view.key)) continue;
		const quantized = await quantize(view.tensor, nbitsScheme(plan, options), plan, signal);
		if (!quantized) return skip(notFinite);
		if (quantizedBytes(quantized) >= plan.tensor.byteLength) return skip(notSmaller);
		const packed = toMatMulNBits(quantized, width);
		const inColumns: QuantizedTensor = { ...quantized, params: { ...quantized.params, scales: packed.scales } };
		const zeroPoints = packed.zeroPoints;
		made.set(view.key, {
			codes: graph.addInitializer(`${value.name}_q`, packed.codes),
			scales: scaleValue(graph, `${value.name}_s`, inColumns, [packed.scales.length], placeBeside(value)),
			zeroPoints: zeroPoints ? graph.addInitializer(`${value.name}_z`, zeroPoints) : null,
			rows: view.tensor.dims[0] ?? 0,
			columns: view.tensor.dims[1] ?? 0,
		});
	}
	for (const { node, key } of views) {
		const weight = made.get(key)!;
		const seen = node.input(1);
		const replacement = node.graph.createNode({
			op: 'MatMulNBits',
			domain: 'com.microsoft',
			name: node.name,
			inputs: weight.zeroPoints
				? [node.input(0), weight.codes, weight.scales, weight.zeroPoints]
				: [node.input(0), weight.codes, weight.scales],
			outputs: 1,
			attributes: {
				K: attribute.int(weight.rows),
				N: attribute.int(weight.columns),
				bits: attribute.int(width),
				block_size: attribute.int(options.blockSize),
			},
		});
		swap(node, replacement);
		dropUnused(seen);
	}
	importMicrosoft(model);
	return 'nbits';
}

function swap(node: Node, replacement: Node): void {
	node.graph.insertBefore(node, replacement);
	replacement.output().type = node.output().type;
	node.graph.replaceUses(node.output(), replacement.output());
	node.graph.remove(node);
}

function importMicrosoft(model: Model): void {
	if (!model.opsets.has('com.microsoft')) model.setOpset('com.microsoft', 1);
}

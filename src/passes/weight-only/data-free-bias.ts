import { constantOf } from '../../core/ir/constants.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { clippedNormalMean } from '../../core/numeric/clipped-normal.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import { forEachRun } from '../../core/numeric/quantize-groups.ts';
import { codeBytes, type QuantizedTensor, quantizeTensor } from '../../core/numeric/quantize-tensor.ts';
import type { Note, PassContext } from '../../core/pass/pass.ts';
import type { Plan } from '../../core/pass/weight-plan.ts';
import type { Learn } from '../../core/pass/weight-storing.ts';
import { dropUnused } from '../../core/pass/weights.ts';

/** Operators whose output has the mean of their input, channel by channel. */
const KEEPS_MEAN: ReadonlySet<string> = new Set(['Identity', 'GlobalAveragePool', 'Dropout']);
const FARTHEST = 8;
/** Initializers that are inputs as well count as constants: exporters of old models list all weights there. */
const LISTED = 3;

/**
 * Bias correction without data (Nagel et al. 2019, Data-Free Quantization, section 4.2.1): where a layer reads a BatchNormalization, as
 * it is or through Relu or Clip, the mean of each input channel follows from the shift and scale stored there, taken as mean and deviation
 * of a normal distribution. What rounded weights add to the layer's mean output, (W_q - W) E[x], is taken off its bias.
 * Padding is not counted. Layers without such a neighbour keep their biases.
 */
export function batchNormCorrection(context: PassContext): { readonly learn: Learn; notes(): Note[] } {
	let corrected = 0;
	return {
		learn: async (plans) => {
			let at = 0;
			return async (tensor, scheme, plan, signal) => {
				context.progress(at / plans.length, plan.value.name);
				at += 1;
				const quantized = await quantizeTensor(tensor, scheme, signal);
				if (quantized && (await correct(plan, quantized, tensor))) corrected += 1;
				return quantized;
			};
		},
		notes: () =>
			corrected === 0
				? []
				: [
						{
							level: 'info',
							reason: `${corrected} biases make up for what rounding adds to the mean, which BatchNormalization tells without data`,
						},
					],
	};
}

async function correct(plan: Plan, quantized: QuantizedTensor, tensor: Parameters<typeof codeBytes>[0]): Promise<boolean> {
	const [reader] = plan.readers;
	if (!reader?.direct || plan.readers.length !== 1 || reader.index !== 1) return false;
	const { node } = reader;
	const { dims } = plan.tensor;
	const transposed = node.op === 'Gemm' && node.int('transB', 0) === 0;
	if (node.op !== 'Conv' && !(node.op === 'Gemm' && !node.int('transA', 0) && node.float('alpha', 1) === 1)) return false;
	if (node.op === 'Gemm' && node.input(2) && node.float('beta', 1) !== 1) return false;
	const means = await channelMeans(node.input(0));
	if (!means) return false;
	const outputs = (transposed ? dims[1] : dims[0]) ?? 0;
	const inputs = (transposed ? dims[0] : dims[1]) ?? 0;
	const kernel = elementCount(dims.slice(2));
	const groups = node.op === 'Conv' ? node.int('group', 1) : 1;
	if (means.length !== inputs * groups) return false;
	const bias = node.input(2);
	const stored = bias ? constantOf(bias, LISTED) : undefined;
	if (bias && (stored?.dtype !== 'float32' || elementCount(stored.dims) !== outputs)) return false;

	const { params } = quantized;
	const count = elementCount(dims);
	const codes = await codeBytes(tensor, params, 0, count);
	const signed = quantized.codes.dtype === 'int8' || quantized.codes.dtype === 'int4';
	const width = quantized.codes.dtype.endsWith('4') ? 4 : 8;
	const plain = float32View(await tensor.bytes());
	const errors = new Float64Array(outputs);
	const perGroup = outputs / groups;
	forEachRun(params.grouping, 0, count, (at, length, group, each) => {
		for (let i = at; i < at + length; i++) {
			const own = each ? group + i - at : group;
			const zero = typeof params.zeroPoints === 'number' ? params.zeroPoints : (params.zeroPoints[own] ?? 0);
			const raw = codes[i] as number;
			const code = signed ? (raw << (32 - width)) >> (32 - width) : raw & (2 ** width - 1);
			const error = (code - zero) * (params.scales[own] as number) - (plain[i] as number);
			const output = transposed ? i % outputs : Math.floor(i / (inputs * kernel));
			const input = transposed ? Math.floor(i / outputs) : Math.floor(i / kernel) % inputs;
			errors[output] = (errors[output] as number) + error * (means[Math.floor(output / perGroup) * inputs + input] as number);
		}
	});
	const before = stored ? float32View(await stored.bytes()) : new Float32Array(outputs);
	const values = Float32Array.from(before, (x, channel) => x - (errors[channel] as number));
	const { graph } = node;
	node.setInput(
		2,
		graph.addInitializer(bias?.name || `${node.label}_bias`, memoryTensor('float32', stored ? stored.dims : [outputs], values)),
	);
	dropUnused(bias);
	return true;
}

/** Mean of each channel of a value that comes from a BatchNormalization, directly or clipped. */
async function channelMeans(value: Value | null): Promise<Float64Array | undefined> {
	let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
	let current = value?.producer;
	for (let steps = 0; current && current.domain === '' && steps < FARTHEST; steps++) {
		const node: Node = current;
		if (node.op === 'BatchNormalization') {
			const [scale, shift] = [constantOf(node.input(1), LISTED), constantOf(node.input(2), LISTED)];
			if (scale?.dtype !== 'float32' || shift?.dtype !== 'float32' || node.int('training_mode', 0)) return undefined;
			const [deviations, means] = [float32View(await scale.bytes()), float32View(await shift.bytes())];
			if (![...means, ...deviations].every(Number.isFinite)) return undefined;
			return Float64Array.from(means, (mean, c) => clippedNormalMean(mean, Math.abs(deviations[c] ?? 0), low, high));
		}
		// Clipping behind a mean (a pool) would clip the mean, not the values.
		if (node.op === 'Relu') low = Math.max(low, 0);
		else if (node.op === 'Clip') {
			const bounds = [await bound(node, 1, 'min'), await bound(node, 2, 'max')];
			if (bounds[0] === undefined || bounds[1] === undefined) return undefined;
			low = Math.max(low, Math.min(bounds[0], high));
			high = Math.min(high, Math.max(bounds[1], low));
		} else if (!KEEPS_MEAN.has(node.op)) return undefined;
		else if (node.op === 'GlobalAveragePool' && (Number.isFinite(low) || Number.isFinite(high))) return undefined;
		current = node.input(0)?.producer;
	}
	return undefined;
}

async function bound(node: Node, slot: number, name: 'min' | 'max'): Promise<number | undefined> {
	const attr = node.attributes.get(name);
	if (attr?.kind === 'float') return attr.value;
	const input = node.input(slot);
	if (!input) return name === 'min' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
	const tensor = constantOf(input, LISTED);
	return tensor?.dtype === 'float32' && tensor.byteLength === 4 ? float32View(await tensor.bytes())[0] : undefined;
}

import type { Range } from '../../core/calibrate/min-max.ts';
import { ChannelReducer } from '../../core/calibrate/moments.ts';
import { observe } from '../../core/calibrate/observe.ts';
import { type RangeCollector, type RangeMethod, rangeCollector } from '../../core/calibrate/range-method.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { PassContext } from '../../core/pass/pass.ts';
import { spreadIndices } from '../../core/study/examples.ts';
import type { ActivationType } from './codes.ts';
import type { Options } from './options.ts';
import type { Plan, QuantizedValue } from './plan.ts';
import { JUDGED_EXAMPLES, judgedOutputs, type Reference } from './restore.ts';

/** Mean of each channel of one value in one example; nothing more is kept, for there are many of them. */
export interface ChannelMeans {
	readonly means: Float64Array;
	/** Values seen of each channel. */
	readonly perChannel: number;
}

/** What one run over the sample inputs told. */
export interface Observed {
	/** Range of each share group's leading value; absent where it could not be observed. */
	readonly ranges: ReadonlyMap<Value, Range>;
	/** Channels of the measured nodes' outputs in the plain model, by example. */
	readonly channels: ReadonlyMap<Node, ReadonlyMap<number, ChannelMeans>>;
	/** Float outputs of the plain model for a few examples. */
	readonly references: ReadonlyMap<number, Reference>;
	readonly examples: number;
	readonly missing: ReadonlyMap<Value | string, string>;
}

/** Axis of a weighted node's output that counts channels. */
export function channelAxis(node: Node): number {
	return node.op === 'Conv' || node.op === 'ConvTranspose' ? 1 : -1;
}

export function rangeMethod(options: Options): RangeMethod {
	switch (options.calibrateMethod) {
		case 'moving':
			return { kind: 'moving', constant: options.averagingConstant };
		case 'percentile':
			return { kind: 'percentile', percentile: options.percentile };
		case 'minmax':
		case 'entropy':
		case 'mse':
			return { kind: options.calibrateMethod };
	}
}

/** Examples whose channel means are kept apart: which of them can be compared later depends on memory. */
export const MOST_MEASURED = 64;

/** Ranges of all values that become codes and channels of `measured` nodes' outputs, in one streaming run of the plain model. */
export async function observeModel(
	model: Model,
	plan: Plan,
	measured: readonly Node[],
	judge: boolean,
	type: ActivationType,
	options: Options,
	context: PassContext,
	onProgress: (fraction: number) => void,
): Promise<Observed> {
	const { compute, calibration } = context;
	if (!compute || !calibration) throw new Error('static quantization needs sample inputs and a runtime');
	const method = rangeMethod(options);
	const collectors = new Map<Value, RangeCollector>();
	const channels = new Map<Node, Map<number, ChannelMeans>>();
	const kept = new Set(spreadIndices(calibration.n, MOST_MEASURED));
	const sinks = new Map<Value, ((data: Float32Array, dims: readonly number[], example: number) => void)[]>();
	const watch = (value: Value, sink: (data: Float32Array, dims: readonly number[], example: number) => void): void => {
		sinks.set(value, [...(sinks.get(value) ?? []), sink]);
	};
	const clip = clipper();
	for (const entry of leaders(plan)) {
		const collector = rangeCollector(method);
		collectors.set(entry.value, collector);
		const { absorbs } = entry;
		const source = absorbs?.node.input(0);
		if (absorbs && source) watch(source, (data) => collector.add(clip(data, absorbs.low, absorbs.high)));
		else watch(entry.value, (data) => collector.add(data));
	}
	for (const node of measured) {
		const byExample = new Map<number, ChannelMeans>();
		channels.set(node, byExample);
		watch(node.output(), (data, dims, example) => {
			if (!kept.has(example)) return;
			const reducer = new ChannelReducer(channelAxis(node));
			reducer.add(data, dims);
			byExample.set(example, { means: reducer.means, perChannel: reducer.perChannel });
		});
	}
	const references = new Map<number, Map<string, Float32Array>>();
	if (judge) {
		const judged = new Set(spreadIndices(calibration.n, JUDGED_EXAMPLES));
		for (const output of judgedOutputs(model)) {
			const { name } = output;
			watch(output, (data, _, example) => {
				if (!judged.has(example)) return;
				const outputs = references.get(example) ?? new Map<string, Float32Array>();
				references.set(example, outputs.set(name, data.slice()));
			});
		}
	}
	const report = await observe(
		model,
		[...sinks.keys()],
		({ value, data, dims, example }) => {
			for (const sink of sinks.get(value) ?? []) sink(data, dims, example);
		},
		{ compute, calibration, passing: true, signal: context.signal, onProgress, ...((judge || measured.length > 0) && { batch: 1 }) },
	);
	const ranges = new Map<Value, Range>();
	for (const entry of leaders(plan)) {
		const found = collectors.get(entry.value)?.range(type.range.max - type.range.min + 1, options.symmetricActivations);
		if (found) ranges.set(entry.value, implied(found, entry));
	}
	return { ranges, channels, references, examples: report.examples, missing: report.missing };
}

/** Values whose range counts for their share group. */
function leaders(plan: Plan): QuantizedValue[] {
	return [...plan.values.values()].filter((entry) => entry.share === entry.value);
}

function implied(found: Range, entry: QuantizedValue): Range {
	if (entry.implied) return { min: entry.implied[0], max: entry.implied[1] };
	return found;
}

/** Numbers between bounds, in one buffer that each call fills anew. */
function clipper(): (data: Float32Array, low: number, high: number) => Float32Array {
	let room = new Float32Array(0);
	return (data, low, high) => {
		if (room.length < data.length) room = new Float32Array(data.length);
		const out = room.subarray(0, data.length);
		for (let i = 0; i < data.length; i++) {
			const x = data[i] as number;
			out[i] = x < low ? low : Math.min(x, high);
		}
		return out;
	};
}

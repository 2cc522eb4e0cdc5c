import type { Range } from '../../core/calibrate/min-max.ts';
import { ChannelReducer } from '../../core/calibrate/moments.ts';
import { observe } from '../../core/calibrate/observe.ts';
import { type RangeCollector, type RangeMethod, rangeCollector } from '../../core/calibrate/range-method.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { PassContext } from '../../core/pass/pass.ts';
import type { ActivationType } from './codes.ts';
import type { Options } from './options.ts';
import type { Plan, QuantizedValue } from './plan.ts';

/** What one run over the sample inputs told. */
export interface Observed {
	/** Range of each share group's leading value; absent where it could not be observed. */
	readonly ranges: ReadonlyMap<Value, Range>;
	/** Mean of each channel of the outputs of nodes with weights, as the plain model gives them. */
	readonly means: ReadonlyMap<Node, ChannelReducer>;
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

/** Ranges of all values that become codes and means of `measured` nodes' outputs, in one streaming run of the plain model. */
export async function observeModel(
	model: Model,
	plan: Plan,
	measured: readonly Node[],
	type: ActivationType,
	options: Options,
	context: PassContext,
	onProgress: (fraction: number) => void,
): Promise<Observed> {
	const { compute, calibration } = context;
	if (!compute || !calibration) throw new Error('static quantization needs sample inputs and a runtime');
	const method = rangeMethod(options);
	const collectors = new Map<Value, RangeCollector>();
	const means = new Map<Node, ChannelReducer>();
	const sinks = new Map<Value, ((data: Float32Array, dims: readonly number[]) => void)[]>();
	const watch = (value: Value, sink: (data: Float32Array, dims: readonly number[]) => void): void => {
		sinks.set(value, [...(sinks.get(value) ?? []), sink]);
	};
	for (const entry of leaders(plan)) {
		const collector = rangeCollector(method);
		collectors.set(entry.value, collector);
		const { absorbs } = entry;
		const source = absorbs?.node.input(0);
		if (absorbs && source) watch(source, (data) => collector.add(clipped(data, absorbs.low, absorbs.high)));
		else watch(entry.value, (data) => collector.add(data));
	}
	for (const node of measured) {
		const reducer = new ChannelReducer(channelAxis(node));
		means.set(node, reducer);
		watch(node.output(), (data, dims) => reducer.add(data, dims));
	}
	const report = await observe(
		model,
		[...sinks.keys()],
		({ value, data, dims }) => {
			for (const sink of sinks.get(value) ?? []) sink(data, dims);
		},
		{ compute, calibration, signal: context.signal, onProgress },
	);
	const ranges = new Map<Value, Range>();
	for (const entry of leaders(plan)) {
		const found = collectors.get(entry.value)?.range(type.range.max - type.range.min + 1, options.symmetricActivations);
		if (found) ranges.set(entry.value, implied(found, entry));
	}
	return { ranges, means, examples: report.examples, missing: report.missing };
}

/** Values whose range counts for their share group. */
function leaders(plan: Plan): QuantizedValue[] {
	return [...plan.values.values()].filter((entry) => entry.share === entry.value);
}

function implied(found: Range, entry: QuantizedValue): Range {
	if (entry.implied) return { min: entry.implied[0], max: entry.implied[1] };
	return found;
}

function clipped(data: Float32Array, low: number, high: number): Float32Array {
	const out = new Float32Array(data.length);
	for (let i = 0; i < data.length; i++) {
		const x = data[i] as number;
		out[i] = x < low ? low : x > high ? high : x;
	}
	return out;
}

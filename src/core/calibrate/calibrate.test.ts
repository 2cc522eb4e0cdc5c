import { beforeAll, describe, expect, it } from 'vitest';
import { engineCompute } from '../../engine/compute.ts';
import { createNodeEngine } from '../../engine/node/index.ts';
import { attribute } from '../ir/attribute.ts';
import { Graph, type Value } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { printGraph } from '../ir/print.ts';
import { memoryTensor } from '../ir/tensor.ts';
import type { Feeds } from '../ir/tensor-data.ts';
import { tensorType } from '../ir/type.ts';
import { seededRandom } from '../numeric/random.ts';
import type { CalibrationSet, Compute } from '../pass/calibration.ts';
import { GramProduct, GramReducer } from './gram.ts';
import { HistogramReducer } from './histogram.ts';
import { MinMaxReducer, MovingMinMaxReducer } from './min-max.ts';
import { ChannelReducer } from './moments.ts';
import { observe } from './observe.ts';
import { convWindow, unfold } from './unfold.ts';

const random = seededRandom(3);
const noise = (n: number): Float32Array => Float32Array.from({ length: n }, () => random.normal());

function setOf(feeds: readonly Feeds[], batchAxes?: Record<string, number | null>): CalibrationSet {
	return {
		n: feeds.length,
		hash: 'test',
		synthetic: false,
		...(batchAxes && { batchAxes }),
		example: async (i) => ({ name: `${i}`, feeds: feeds[i] as Feeds }),
	};
}

let compute: Compute;
let loads = 0;
let runs = 0;
beforeAll(async () => {
	const real = engineCompute(await createNodeEngine());
	compute = {
		load: async (model, options) => {
			loads += 1;
			const session = await real.load(model, options);
			return {
				inputs: session.inputs,
				outputs: session.outputs,
				release: () => session.release(),
				run: (feeds, fetches) => {
					runs += 1;
					return session.run(feeds, fetches);
				},
			};
		},
	};
});

/** y = relu(x + 1) * 2, with the values in between named. */
function chain(batch: string | number = 'N'): Model {
	const model = new Model();
	model.setOpset('', 17);
	const { graph } = model;
	const x = graph.addInput('x', tensorType('float32', [batch, 4]));
	const one = graph.addInitializer('one', memoryTensor('float32', [], Float32Array.of(1)));
	const sum = graph.append(graph.createNode({ op: 'Add', inputs: [x, one], outputs: ['sum'] })).output();
	const relu = graph.append(graph.createNode({ op: 'Relu', inputs: [sum], outputs: ['relu'] })).output();
	const y = graph.append(graph.createNode({ op: 'Add', inputs: [relu, relu], outputs: ['y'] })).output();
	y.type = tensorType('float32', [batch, 4]);
	graph.setOutputs([y]);
	return model;
}

describe('observe', () => {
	it('shows inputs, intermediate values and outputs of every example, and leaves the model as it was', async () => {
		const model = chain();
		const before = printGraph(model.graph);
		const feeds = Array.from({ length: 10 }, () => ({ x: { dtype: 'float32' as const, dims: [1, 4], data: noise(4) } }));
		const seen = new Map<string, number[]>();
		const report = await observe(
			model,
			['x', 'sum', 'relu', 'y', 'one', 'gone'],
			({ value, data }) => {
				seen.set(value.name, [...(seen.get(value.name) ?? []), ...data]);
			},
			{ compute, calibration: setOf(feeds) },
		);
		const x = feeds.flatMap((feed) => [...feed.x.data]);
		expect(report.examples).toBe(10);
		expect([...report.missing.keys()]).toEqual(['one', 'gone']);
		expect(seen.get('x')).toEqual(x);
		expect(seen.get('sum')).toEqual(x.map((value) => Math.fround(value + 1)));
		expect(seen.get('y')).toEqual(x.map((value) => 2 * Math.max(0, Math.fround(value + 1))));
		expect(printGraph(model.graph)).toBe(before);
	});

	it('joins examples where that changes nothing, and not where it does', async () => {
		const feeds = Array.from({ length: 20 }, () => ({ x: { dtype: 'float32' as const, dims: [1, 4], data: noise(4) } }));
		const single: number[] = [];
		const joined: number[] = [];
		await observe(chain(), ['y'], ({ data }) => void single.push(...data), { compute, calibration: setOf(feeds) });
		runs = 0;
		await observe(chain(), ['y'], ({ data }) => void joined.push(...data), { compute, calibration: setOf(feeds, { x: 0 }) });
		expect(joined).toEqual(single);
		expect(runs).toBeLessThan(8);
		runs = 0;
		const fixed: number[] = [];
		await observe(chain(1), ['y'], ({ data }) => void fixed.push(...data), { compute, calibration: setOf(feeds, { x: 0 }) });
		expect(fixed).toEqual(single);
		expect(runs).toBe(21);
	});

	it('fetches no more at once than allowed', async () => {
		const feeds = Array.from({ length: 3 }, () => ({ x: { dtype: 'float32' as const, dims: [1, 4], data: noise(4) } }));
		runs = 0;
		loads = 0;
		const count = new Map<string, number>();
		await observe(chain(), ['sum', 'relu', 'y'], ({ value }) => void count.set(value.name, (count.get(value.name) ?? 0) + 1), {
			compute,
			calibration: setOf(feeds),
			fetchBytes: 16,
		});
		expect([...count.values()]).toEqual([3, 3, 3]);
		expect(runs).toBe(1 + 3 + 3);
		expect(loads).toBe(1);
	});

	it('sees values of If branches and Loop bodies', async () => {
		const model = new Model();
		model.setOpset('', 17);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', [2]));
		const flag = graph.addInput('flag', tensorType('bool', []));
		const inner: Value[] = [];
		const branch = (name: string, op: string): Graph => {
			const sub = new Graph(graph.ledger, name);
			const first = sub.append(sub.createNode({ op, inputs: [x], outputs: [`${name}_inner`] })).output();
			const second = sub.append(sub.createNode({ op: 'Neg', inputs: [first], outputs: [`${name}_out`] })).output();
			second.type = tensorType('float32', [2]);
			sub.setOutputs([second]);
			inner.push(first);
			return sub;
		};
		const chosen = graph.append(
			graph.createNode({
				op: 'If',
				inputs: [flag],
				outputs: ['chosen'],
				attributes: { then_branch: attribute.graph(branch('a', 'Abs')), else_branch: attribute.graph(branch('b', 'Exp')) },
			}),
		);
		const body = new Graph(graph.ledger, 'body');
		body.addInput('i', tensorType('int64', []));
		const cond = body.addInput('cond', tensorType('bool', []));
		const state = body.addInput('state', tensorType('float32', [2]));
		const keep = body.append(body.createNode({ op: 'Identity', inputs: [cond], outputs: ['keep'] })).output();
		keep.type = tensorType('bool', []);
		const next = body.append(body.createNode({ op: 'Add', inputs: [state, state], outputs: ['next'] })).output();
		next.type = tensorType('float32', [2]);
		body.setOutputs([keep, next]);
		inner.push(next);
		const trips = graph.addInitializer('trips', memoryTensor('int64', [], BigInt64Array.of(3n)));
		const on = graph.addInitializer('on', memoryTensor('bool', [], Uint8Array.of(1)));
		const loop = graph.append(
			graph.createNode({ op: 'Loop', inputs: [trips, on, chosen.output()], outputs: ['y'], attributes: { body: attribute.graph(body) } }),
		);
		loop.output().type = tensorType('float32', [2]);
		graph.setOutputs([loop.output()]);
		const before = printGraph(graph);
		const feeds = [1, 0].map((on) => ({
			x: { dtype: 'float32' as const, dims: [2], data: Float32Array.of(-3, 1) },
			flag: { dtype: 'bool' as const, dims: [], data: Uint8Array.of(on) },
		}));
		const seen: [string, number[]][] = [];
		const report = await observe(model, inner, ({ value, data }) => void seen.push([value.name, [...data]]), {
			compute,
			calibration: setOf(feeds),
		});
		expect(report.missing.size).toBe(0);
		const e = [Math.exp(-3), Math.exp(1)].map(Math.fround);
		expect(seen.map(([name]) => name)).toEqual(['a_inner', 'next', 'b_inner', 'next']);
		expect(seen[0]?.[1]).toEqual([3, 1]);
		expect(seen[1]?.[1]).toEqual([-6, -2, -12, -4, -24, -8]);
		for (const [i, value] of e.entries()) expect(seen[2]?.[1][i]).toBeCloseTo(value, 6);
		expect(printGraph(graph)).toBe(before);
	});
});

describe('reducers', () => {
	it('min-max leaves out what is not finite and counts it', () => {
		const reducer = new MinMaxReducer();
		expect(reducer.range).toBeUndefined();
		reducer.add(Float32Array.of(1, Number.NaN, 3, Number.POSITIVE_INFINITY));
		reducer.add(Float32Array.of(-2));
		expect(reducer.range).toEqual({ min: -2, max: 3 });
		expect(reducer.notFinite).toBe(2);
	});

	it('moving min-max weighs the newest run', () => {
		const reducer = new MovingMinMaxReducer(0.25);
		reducer.add(Float32Array.of(0, 4));
		reducer.add(Float32Array.of(-4, 8));
		expect(reducer.range).toEqual({ min: -1, max: 5 });
	});

	it('histograms grow with the stream and lose no value', () => {
		const reducer = new HistogramReducer(256);
		const all: number[] = [];
		for (const [scale, shift] of [
			[0.001, 0],
			[1, 0],
			[0.01, 5],
			[100, -30],
		] as const) {
			const values = noise(5000).map((x) => x * scale + shift);
			reducer.add(values);
			all.push(...values);
		}
		const histogram = reducer.histogram;
		expect(histogram?.total).toBe(all.length);
		expect(histogram?.counts.reduce((a, b) => a + b, 0)).toBe(all.length);
		expect(histogram?.min).toBe(Math.min(...all));
		const { low, width, counts } = histogram ?? { low: 0, width: 1, counts: new Float64Array() };
		expect(counts.length).toBeGreaterThan(60);
		for (const bin of [3, counts.length >> 1, counts.length - 1]) {
			const inside = all.filter((x) => x >= low + bin * width && x < low + (bin + 1) * width).length;
			expect(counts[bin]).toBe(inside);
		}
	});

	it('histograms of zeros, and of zeros before other values', () => {
		const reducer = new HistogramReducer(64);
		reducer.add(new Float32Array(10));
		expect(reducer.histogram).toMatchObject({ total: 10, min: 0, max: 0 });
		reducer.add(Float32Array.of(-1, 1, Number.NaN));
		const histogram = reducer.histogram;
		expect(histogram?.total).toBe(12);
		expect(histogram?.counts.reduce((a, b) => a + b, 0)).toBe(12);
		expect(histogram?.counts[Math.round(-(histogram?.low ?? 0) / (histogram?.width ?? 1))]).toBe(10);
	});

	it('channels: means, powers and ranges along any axis', () => {
		const data = noise(2 * 3 * 4);
		const dims = [2, 3, 4];
		for (const axis of [0, 1, 2, -1]) {
			const reducer = new ChannelReducer(axis);
			reducer.add(data, dims);
			const at = axis < 0 ? axis + 3 : axis;
			const stride = [12, 4, 1][at] as number;
			const parts = Array.from({ length: dims[at] as number }, (_, c) =>
				[...data].filter((_, i) => Math.floor(i / stride) % (dims[at] as number) === c),
			);
			expect(reducer.perChannel).toBe(parts[0]?.length);
			for (const [c, part] of parts.entries()) {
				expect(reducer.means[c]).toBeCloseTo(part.reduce((a, b) => a + b, 0) / part.length, 10);
				expect(reducer.maxima[c]).toBe(Math.max(...part));
				expect(reducer.minima[c]).toBe(Math.min(...part));
			}
		}
	});

	it('Gram matrices by the runtime, rows in blocks', async () => {
		const product = await GramProduct.create(compute);
		const reducer = new GramReducer(5, product);
		const expected = new Float64Array(25);
		for (let part = 0; part < 3; part++) {
			const rows = noise(5 * 7);
			for (let r = 0; r < 7; r++)
				for (let i = 0; i < 5; i++) for (let j = 0; j < 5; j++) expected[i * 5 + j]! += rows[r * 5 + i]! * rows[r * 5 + j]!;
			await reducer.add(rows);
		}
		expect(reducer.rows).toBe(21);
		const matrix = await reducer.matrix();
		for (let i = 0; i < 25; i++) expect(matrix[i]).toBeCloseTo(expected[i]!, 4);
		await product.release();
	});
});

describe('unfold', () => {
	it.each([
		['pads, strides and dilations', [2, 4, 7, 6], [3, 2], { pads: [1, 0, 2, 1], strides: [2, 1], dilations: [1, 2] }, 1],
		['groups', [1, 4, 5, 5], [3, 3], { pads: [1, 1, 1, 1] }, 2],
		['one axis', [2, 3, 9], [4], { strides: [2] }, 1],
		['auto_pad', [1, 2, 7, 8], [3, 2], { auto: 'SAME_UPPER', strides: [2, 2] }, 1],
	] as const)('rows times the kernel are the convolution: %s', async (_, dims, kernel, settings, group) => {
		const channels = dims[1] / group;
		const out = 2 * group;
		const model = new Model();
		model.setOpset('', 17);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', dims));
		const weights = noise(out * channels * kernel.reduce((a: number, b: number) => a * b, 1));
		const w = graph.addInitializer('w', memoryTensor('float32', [out, channels, ...kernel], weights));
		const { auto, ...ints } = settings as { auto?: string };
		const node = graph.append(
			graph.createNode({
				op: 'Conv',
				inputs: [x, w],
				outputs: ['y'],
				attributes: {
					group: attribute.int(group),
					...(auto && { auto_pad: attribute.string(auto) }),
					...Object.fromEntries(Object.entries(ints).map(([name, value]) => [name, attribute.ints(value as number[])])),
				},
			}),
		);
		node.output().type = tensorType('float32', null);
		graph.setOutputs([node.output()]);
		const data = noise(dims.reduce((a: number, b: number) => a * b, 1));
		const session = await compute.load(model);
		const { y } = await session.run({ x: { dtype: 'float32', dims, data } });
		await session.release();
		const values = y?.data as Float32Array;
		const window = convWindow(node, dims, kernel);
		const perImage = values.length / dims[0] / out;
		for (let g = 0; g < group; g++) {
			const { rows, count, columns } = unfold(data, dims, window, { index: g, channels });
			expect(count).toBe(dims[0] * perImage);
			for (let o = g * 2; o < g * 2 + 2; o++) {
				for (let r = 0; r < count; r++) {
					let sum = 0;
					for (let k = 0; k < columns; k++) sum += rows[r * columns + k]! * weights[o * columns + k]!;
					const image = Math.floor(r / perImage);
					expect(sum).toBeCloseTo(values[(image * out + o) * perImage + (r % perImage)]!, 3);
				}
			}
			const picked = unfold(data, dims, window, { index: g, channels }, [count - 1]);
			expect(picked.rows).toEqual(rows.slice((count - 1) * columns));
		}
	});
});

import { describe, expect, it } from 'vitest';
import { memorySource } from '../../core/bytes/source.ts';
import { attribute } from '../../core/ir/attribute.ts';
import { Graph, type Value } from '../../core/ir/graph.ts';
import { Model } from '../../core/ir/model.ts';
import { float32Tensor, int64Tensor, memoryTensor } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import { fidelity } from '../../core/numeric/statistics.ts';
import { readModel } from '../../core/onnx/read.ts';
import { serialize } from '../../core/onnx/write.ts';
import type { PassReport } from '../../core/pass/pass.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { modelProbe } from '../../core/pass/probe.ts';
import type { Recipe } from '../../core/pass/recipe.ts';
import { resolveRecipe } from '../../core/pass/resolve.ts';
import { float16 } from './index.ts';
import { floats, longs, runInRuntime, type TestFeeds } from './ort.testkit.ts';

const registry = new Map([[float16.id, float16]]);
const recipe = (options: Record<string, unknown> = {}): Recipe => ({ v: 1, seed: 0, steps: [{ pass: 'float16', options }] });

interface Built {
	readonly model: Model;
	readonly x: Value;
}

/** A model with one float32 input x; `body` adds nodes and gives the outputs. */
function build(dims: readonly (number | string)[], body: (graph: Graph, x: Value) => readonly Value[], opset = 17): Built {
	const model = new Model();
	model.setOpset('', opset);
	const x = model.graph.addInput('x', tensorType('float32', dims));
	const outputs = body(model.graph, x);
	for (const [index, value] of outputs.entries()) {
		value.name = `y${index}`;
		value.type ??= tensorType('float32', null);
	}
	model.graph.setOutputs(outputs);
	return { model, x };
}

function add(
	graph: Graph,
	op: string,
	inputs: readonly (Value | null)[],
	attributes: Record<string, ReturnType<typeof attribute.int>> = {},
): Value {
	return graph.append(graph.createNode({ op, name: graph.ledger.fresh(`${op}_node`), inputs, outputs: 1, attributes })).output();
}

const weight = (graph: Graph, values: readonly number[], dims?: readonly number[]): Value =>
	graph.addInitializer('w', float32Tensor(values, dims));

interface Converted {
	readonly before: Uint8Array;
	readonly bytes: Uint8Array;
	readonly report: PassReport;
	readonly model: Model;
}

async function convert(model: Model, options: Record<string, unknown> = {}): Promise<Converted> {
	const before = await serialize(model);
	const copy = await readModel(memorySource(before));
	const [report] = await runRecipe(copy, recipe(options), registry);
	return { before, bytes: await serialize(copy), report: report as PassReport, model: copy };
}

async function closeness({ before, bytes }: Converted, feeds: TestFeeds) {
	const a = await runInRuntime(before, feeds);
	const b = await runInRuntime(bytes, feeds);
	return Object.keys(a).map((name) => fidelity(a[name]?.data as Float32Array, b[name]?.data as Float32Array));
}

const ops = (model: Model): string[] => [...model.graph.nodes()].map((node) => node.op);
const reasons = (report: PassReport): string => report.notes.map((note) => `${note.level} ${note.node ?? ''}: ${note.reason}`).join('\n');
const ramp = (count: number, scale = 1): number[] => Array.from({ length: count }, (_, i) => scale * Math.sin(i * 1.7));

describe('float16', () => {
	it('1: converts weights and activations, keeps input and output types, and gives nearly the same numbers', async () => {
		const { model } = build([2, 8], (graph, x) => [add(graph, 'Relu', [add(graph, 'MatMul', [x, weight(graph, ramp(32), [8, 4])])])]);
		const result = await convert(model);
		expect(ops(result.model)).toEqual(['Cast', 'MatMul', 'Relu', 'Cast']);
		expect(result.report.changed).toBe(1);
		expect([...result.model.graph.initializers][0]?.initializer?.dtype).toBe('float16');
		expect(result.model.graph.outputs[0]?.name).toBe('y0');
		const [y] = await closeness(result, { x: floats(ramp(16), [2, 8]) });
		expect(y?.cosine).toBeGreaterThan(0.999999);
	});

	it('2: makes inputs and outputs float16 when told to', async () => {
		const { model } = build([4], (graph, x) => [add(graph, 'Neg', [x])]);
		const result = await convert(model, { keepIoTypes: false });
		expect(ops(result.model)).toEqual(['Neg']);
		expect(result.model.graph.inputs[0]?.type).toMatchObject({ dtype: 'float16' });
		expect(result.model.graph.outputs[0]?.type).toMatchObject({ dtype: 'float16' });
	});

	it('3: keeps blocked operators and excluded nodes, with one Cast for each value and direction', async () => {
		const { model } = build([4], (graph, x) => {
			const half = add(graph, 'Add', [x, weight(graph, [1, 2, 3, 4])]);
			const kept = add(graph, 'Exp', [half]);
			const again = add(graph, 'Sin', [half]);
			return [add(graph, 'Mul', [kept, add(graph, 'Mul', [kept, again])])];
		});
		const result = await convert(model, { opBlockList: ['Exp'], nodesToExclude: ['Sin_node'] });
		expect(ops(result.model).filter((op) => op === 'Cast')).toHaveLength(5);
		expect(reasons(result.report)).toContain('Exp is on the operator block list');
		expect(reasons(result.report)).toContain('skip Sin_node: it is on the list of names that stay float32');
		const [y] = await closeness(result, { x: floats([0.1, 0.2, 0.3, 0.4], [4]) });
		expect(y?.cosine).toBeGreaterThan(0.99999);
	});

	it('4: clamps values beyond the range with a note, and raises a guard that would become zero', async () => {
		const { model } = build([2], (graph, x) => {
			const masked = add(graph, 'Add', [x, graph.addInitializer('mask', float32Tensor([0, -3.4e38]))]);
			return [
				add(graph, 'Softmax', [masked]),
				add(graph, 'Div', [x, add(graph, 'Max', [x, graph.addInitializer('eps', float32Tensor([1e-12], []))])]),
			];
		});
		const result = await convert(model);
		expect(reasons(result.report)).toContain('warn mask: 1 of 2 values clamped to ±65504: the largest is 3.40e+38');
		expect(reasons(result.report)).toContain('warn eps: raised from 1.00e-12 to 5.96e-8');
		const y = await runInRuntime(result.bytes, { x: floats([0, 0], [2]) });
		expect([...((y.y0 as { data: unknown }).data as Float32Array)]).toEqual([1, 0]);
		expect([...((y.y1 as { data: unknown }).data as Float32Array)]).toEqual([0, 0]);
	});

	it('5: stores a tensor in both widths when readers of both kinds need it', async () => {
		const { model } = build([2], (graph, x) => {
			const shared = weight(graph, [1.0001, 2]);
			return [add(graph, 'Add', [add(graph, 'Mul', [x, shared]), add(graph, 'Pow', [x, shared])])];
		});
		const result = await convert(model, { opBlockList: ['Pow'] });
		expect([...result.model.graph.initializers].map((value) => value.initializer?.dtype).sort()).toEqual(['float16', 'float32']);
		const [y] = await closeness(result, { x: floats([0.5, 2], [2]) });
		expect(y?.sqnrDb).toBeGreaterThan(50);
	});

	it('6: follows values into If branches, whose outputs keep one type', async () => {
		const { model } = build([4], (graph, x) => {
			const branch = (name: string, op: string): Graph => {
				const body = new Graph(graph.ledger, name);
				const constant = body.append(
					body.createNode({
						op: 'Constant',
						inputs: [],
						outputs: [`${name}_c`],
						attributes: { value: attribute.tensor(float32Tensor([1, 2, 3, 4])) },
					}),
				);
				const made = add(body, op, [x, constant.output()]);
				body.setOutputs([op === 'Sub' ? add(body, 'Exp', [made]) : made]);
				return body;
			};
			const positive = add(graph, 'Greater', [add(graph, 'ReduceMax', [x], { keepdims: attribute.int(0) }), weight(graph, [0], [])]);
			const picked = graph.append(
				graph.createNode({
					op: 'If',
					name: 'choice',
					inputs: [positive],
					outputs: 1,
					attributes: { then_branch: attribute.graph(branch('then', 'Add')), else_branch: attribute.graph(branch('else', 'Sub')) },
				}),
			);
			return [add(graph, 'Neg', [picked.output()])];
		});
		for (const options of [{}, { opBlockList: ['Exp'] }, { nodesToExclude: ['choice'] }]) {
			const result = await convert(model, options);
			for (const sign of [1, -1]) {
				const [y] = await closeness(result, { x: floats([sign, sign * 2, sign * 3, sign * 4], [4]) });
				expect(y?.cosine).toBeGreaterThan(0.99999);
			}
		}
	});

	it('7: carries and scans Loop values in one width on both sides', async () => {
		const { model } = build([2], (graph, x) => {
			const body = new Graph(graph.ledger, 'body');
			body.addInput('i', tensorType('int64', []));
			const cond = body.addInput('c', tensorType('bool', []));
			const state = body.addInput('s', tensorType('float32', [2]));
			const next = add(body, 'Add', [state, x]);
			const scan = add(body, 'Exp', [state]);
			const keep = add(body, 'Identity', [cond]);
			keep.type = tensorType('bool', []);
			next.type = tensorType('float32', [2]);
			scan.type = tensorType('float32', [2]);
			body.setOutputs([keep, next, scan]);
			const trips = graph.addInitializer('trips', int64Tensor([3], []));
			const go = graph.addInitializer('go', memoryTensor('bool', [], Uint8Array.of(1)));
			const loop = graph.append(
				graph.createNode({ op: 'Loop', name: 'loop', inputs: [trips, go, x], outputs: 2, attributes: { body: attribute.graph(body) } }),
			);
			return [loop.output(0), loop.output(1)];
		});
		for (const options of [{}, { opBlockList: ['Exp'] }, { nodesToExclude: ['loop'] }]) {
			const fidelities = await closeness(await convert(model, options), { x: floats([0.25, -0.5], [2]) });
			for (const y of fidelities) expect(y.cosine).toBeGreaterThan(0.99999);
		}
	});

	it('8: keeps index arithmetic and angles in float32', async () => {
		const { model } = build(['n', 1], (graph, x) => {
			const size = add(graph, 'Cast', [add(graph, 'Shape', [x])], { to: attribute.int(1) });
			const scaled = add(graph, 'Mul', [size, graph.addInitializer('factor', float32Tensor([2, 1]))]);
			const target = add(graph, 'Cast', [add(graph, 'Floor', [scaled])], { to: attribute.int(7) });
			return [add(graph, 'Neg', [add(graph, 'Expand', [weight(graph, [0.5], [1, 1]), target])])];
		});
		const result = await convert(model);
		expect(reasons(result.report)).toContain('it computes indices or angles');
		const y = await runInRuntime(result.bytes, { x: floats(new Float32Array(3001), [3001, 1]) });
		expect(y.y0?.dims).toEqual([6002, 1]);
	});

	it('9: turns Casts of the original to what their readers want, and leaves none without purpose', async () => {
		const { model } = build([2], (graph, x) => {
			const ids = add(graph, 'Cast', [add(graph, 'Cast', [x], { to: attribute.int(7) })], { to: attribute.int(1) });
			const same = add(graph, 'Cast', [add(graph, 'Add', [ids, x])], { to: attribute.int(1) });
			const half = add(graph, 'Cast', [same], { to: attribute.int(10) });
			return [add(graph, 'Cast', [add(graph, 'Neg', [half])], { to: attribute.int(1) })];
		});
		const result = await convert(model);
		expect(ops(result.model)).toEqual(['Cast', 'Cast', 'Cast', 'Add', 'Neg', 'Cast']);
		const [y] = await closeness(result, { x: floats([3, -2], [2]) });
		expect(y?.maxAbs).toBe(0);
	});

	it('10: leaves operators alone that have no float16 form at this opset, and unknown ones', async () => {
		const { model } = build(
			[4],
			(graph, x) => {
				const axis = graph.addInitializer('axis', int64Tensor([0], []));
				return [add(graph, 'Neg', [add(graph, 'CumSum', [add(graph, 'Abs', [x]), axis])])];
			},
			13,
		);
		const result = await convert(model, { opBlockList: [] });
		expect(reasons(result.report)).toContain('CumSum has no float16 form at opset 13');
		const [y] = await closeness(result, { x: floats([1, 2, 3, 4], [4]) });
		expect(y?.maxAbs).toBe(0);
	});

	it('11: keeps moves between float32 operators in float32', async () => {
		const { model } = build([2, 3], (graph, x) => {
			const a = add(graph, 'Exp', [x]);
			const moved = add(graph, 'Flatten', [add(graph, 'Transpose', [a])]);
			return [add(graph, 'Exp', [moved])];
		});
		const result = await convert(model, { opBlockList: ['Exp'] });
		expect(ops(result.model)).toEqual(['Exp', 'Transpose', 'Flatten', 'Exp']);
		expect(result.report.headline).toMatch(/^Changed nothing/);
	});

	it('12: says that it changed nothing to a model that is float16 already', async () => {
		const model = new Model();
		model.setOpset('', 17);
		const x = model.graph.addInput('x', tensorType('float16', [2]));
		const w = model.graph.addInitializer('w', memoryTensor('float16', [2], Uint16Array.of(0x3c00, 0x4000)));
		const y = add(model.graph, 'Add', [x, w]);
		y.type = tensorType('float16', [2]);
		model.graph.setOutputs([y]);
		const result = await convert(model);
		expect(result.report.headline).toBe('Changed nothing: the model is float16 already.');
		expect(result.bytes).toEqual(result.before);
	});

	it('13: gives the same bytes twice', async () => {
		const { model } = build([2, 8], (graph, x) => [add(graph, 'MatMul', [x, weight(graph, ramp(32), [8, 4])])]);
		expect((await convert(model)).bytes).toEqual((await convert(model)).bytes);
	});

	it('14: handles ConstantOfShape, value_float and a value that is two outputs', async () => {
		const { model } = build([2], (graph, x) => {
			const zeros = add(graph, 'ConstantOfShape', [add(graph, 'Shape', [x])], { value: attribute.tensor(float32Tensor([1.5], [1])) });
			const two = add(graph, 'Constant', [], { value_float: attribute.float(2) });
			const sum = add(graph, 'Add', [add(graph, 'Mul', [x, two]), zeros]);
			return [sum, add(graph, 'Relu', [sum])];
		});
		const fidelities = await closeness(await convert(model), { x: floats([-3, 4], [2]) });
		for (const y of fidelities) expect(y.maxAbs).toBe(0);
	});
});

describe('float16 keep-list', () => {
	/**
	 * x^2 overflows float16; 6e4 divided by it is then 0 instead of 0.06: nothing in the output is NaN or infinite. The runtime takes
	 * casts out between operators that it computes in float32, so that WASM would hide the overflow: two operators with float16 kernels stand in between.
	 */
	const hidden = (): Model =>
		build([4], (graph, x) => {
			const square = add(graph, 'Pow', [x, graph.addInitializer('two', float32Tensor([2], []))]);
			const inverse = add(graph, 'Div', [
				graph.addInitializer('million', float32Tensor([6e4], [])),
				add(graph, 'Transpose', [add(graph, 'Flatten', [square])]),
			]);
			return [add(graph, 'Relu', [inverse])];
		}).model;
	const x = floats([1000, 2000, 500, 3], [4]);

	async function resolved(model: Model) {
		const probe = modelProbe(model, async (exposed, visit) => {
			const outputs = await runInRuntime(await serialize(exposed), { x }, 'disabled');
			for (const [name, tensor] of Object.entries(outputs)) visit(name, tensor.data as Float32Array);
		});
		return await resolveRecipe(recipe(), model, probe, registry);
	}

	it('finds an overflow that leaves no NaN behind, from intermediates of the original', async () => {
		const before = await serialize(hidden());
		const model = await readModel(memorySource(before));
		const { recipe: found, notes } = await resolved(model);
		expect(model.graph.outputs.map((value) => value.name)).toEqual(['y0']);
		expect(found.steps[0]?.options.keepFp32).toEqual(['Flatten_node_output', 'Pow_node_output', 'Transpose_node_output']);
		expect(notes.map((note) => note.reason).join()).toContain('reaches 4.00e+6, beyond float16');
		const fresh = await readModel(memorySource(before));
		const [report] = await runRecipe(fresh, found, registry);
		expect([...fresh.graph.nodes()].map((node) => node.op)).toEqual(['Pow', 'Flatten', 'Transpose', 'Div', 'Cast', 'Relu', 'Cast']);
		expect(report?.notes.some((note) => note.node === 'Pow_node')).toBe(true);
		const a = await runInRuntime(before, { x });
		const naive = await readModel(memorySource(before));
		await runRecipe(naive, recipe(), registry);
		const wrong = (await runInRuntime(await serialize(naive), { x }, 'disabled')).y0?.data as Float32Array;
		expect(wrong.every((value) => Number.isFinite(value))).toBe(true);
		expect([...wrong.slice(0, 3)]).toEqual([0, 0, 0]);
		const b = await runInRuntime(await serialize(fresh), { x });
		expect(fidelity(a.y0?.data as Float32Array, b.y0?.data as Float32Array).sqnrDb).toBeGreaterThan(60);
	});

	it('writes the same bytes from the resolved recipe wherever it runs', async () => {
		const { recipe: found } = await resolved(hidden());
		const once = hidden();
		const twice = hidden();
		await runRecipe(once, found, registry);
		await runRecipe(twice, JSON.parse(JSON.stringify(found)) as Recipe, registry);
		expect(await serialize(once)).toEqual(await serialize(twice));
	});

	it('looks at sums and squares inside operators', async () => {
		const { model } = build([1, 2000], (graph, x) => {
			const mean = add(graph, 'ReduceMean', [add(graph, 'Abs', [x])]);
			mean.type = tensorType('float32', [1, 1]);
			const abs = [...graph.nodes()][0]?.output();
			if (abs) abs.type = tensorType('float32', [1, 2000]);
			return [add(graph, 'Add', [mean, add(graph, 'ReduceL2', [add(graph, 'Neg', [x])])])];
		});
		const probe = {
			absMax: async (names: readonly string[]) => new Map(names.map((name) => [name, { absMax: 300, hasNaN: false }])),
		};
		const { recipe: found } = await resolveRecipe(recipe(), model, probe, registry);
		expect(found.steps[0]?.options.keepFp32).toEqual(['ReduceL2_node', 'ReduceMean_node']);
	});
});

describe('float16 feeds', () => {
	it('runs with integer inputs as well', async () => {
		const model = new Model();
		model.setOpset('', 17);
		const ids = model.graph.addInput('ids', tensorType('int64', [3]));
		const rows = add(model.graph, 'Gather', [model.graph.addInitializer('table', float32Tensor(ramp(20), [10, 2])), ids]);
		rows.type = tensorType('float32', [3, 2]);
		model.graph.setOutputs([rows]);
		const result = await convert(model);
		expect(ops(result.model)).toEqual(['Gather', 'Cast']);
		const [y] = await closeness(result, { ids: longs([1, 5, 9], [3]) });
		expect(y?.sqnrDb).toBeGreaterThan(60);
	});
});

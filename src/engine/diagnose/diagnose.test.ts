import { describe, expect, it } from 'vitest';
import { memorySource } from '../../core/bytes/source.ts';
import { attribute } from '../../core/ir/attribute.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { tensorType } from '../../core/ir/type.ts';
import { sqnrDb } from '../../core/numeric/statistics.ts';
import { readModel } from '../../core/onnx/read.ts';
import { serialize } from '../../core/onnx/write.ts';
import { type Examples, spreadIndices } from '../../core/study/examples.ts';
import { engineCompute } from '../compute.ts';
import { type Builder, build, float32, normal } from '../models.testkit.ts';
import { createNodeEngine } from '../node/index.ts';
import { findCulprit, restoredSensitivity } from './culprit.ts';
import { layerErrors } from './errors.ts';
import { errorFigures, latencyFigures } from './figures.ts';
import { nodeTimes } from './latency.ts';

const engine = await createNodeEngine();
const compute = engineCompute(engine);

const examples: Examples = {
	n: 6,
	example: async (index) => ({ name: `${index}`, feeds: { x: float32(normal(16, 100 + index), [2, 8]) } }),
};

interface Shape {
	/** Noise of the weights, relative to their own size. */
	readonly first?: number;
	readonly second?: number;
	/** Turns what the second layer reads into uint8 codes that reach so far. */
	readonly reach?: number;
	/** Hidden channels times so much, and back in the next layer. */
	readonly scale?: number;
	/** The second layer stands in a branch. */
	readonly branch?: boolean;
}

const w1 = normal(8 * 12, 1, 0.4);
const w2 = normal(12 * 4, 2, 0.4);
const moved = (weights: Float32Array, noise: number, factor: number, seed: number): Float32Array => {
	const by = normal(weights.length, seed, 0.4 * noise);
	return weights.map((w, i) => factor * (w + (by[i] as number)));
};

/** x [2, 8] → MatMul → h → Relu → r → MatMul → y. */
async function network({ first = 0, second = 0, reach, scale = 1, branch = false }: Shape = {}): Promise<Model> {
	const bytes = await build((b) => {
		const x = b.input('x', 'float32', ['N', 8]);
		const h = b.op('MatMul', [x, b.constant('w1', 'float32', [8, 12], moved(w1, first, scale, 11))], 'h');
		const r = b.op('Relu', [h], 'r');
		const read = reach === undefined ? r : coded(b, r, reach);
		const w = b.constant('w2', 'float32', [12, 4], moved(w2, second, 1 / scale, 12));
		if (!branch) {
			b.output(b.op('MatMul', [read, w], 'y'), 'float32', ['N', 4]);
			return;
		}
		const sum = b.op('ReduceSum', [x], 'sum', { keepdims: attribute.int(0) });
		const yes = b.op('Not', [b.op('IsNaN', [sum], 'nan')], 'yes');
		const body = (name: string, make: (graph: Builder['graph']) => Value) => {
			const graph = new (b.graph.constructor as new (ledger: typeof b.graph.ledger, name: string) => typeof b.graph)(b.graph.ledger, name);
			graph.setOutputs([make(graph)]);
			return attribute.graph(graph);
		};
		const then = body('then', (graph) => {
			const inner = graph.append(graph.createNode({ op: 'MatMul', name: 'inner', inputs: [read, w], outputs: ['inner_y'] })).output();
			inner.type = tensorType('float32', ['N', 4]);
			return inner;
		});
		const otherwise = body('else', (graph) => {
			const zero = graph.append(graph.createNode({ op: 'Sub', inputs: [read, read], outputs: ['zero'] })).output();
			const other = graph.append(graph.createNode({ op: 'MatMul', name: 'never', inputs: [zero, w], outputs: ['else_y'] })).output();
			other.type = tensorType('float32', ['N', 4]);
			return other;
		});
		b.output(b.op('If', [yes], 'y', { then_branch: then, else_branch: otherwise }), 'float32', ['N', 4]);
	});
	return readModel(memorySource(bytes));
}

function coded(b: Builder, value: Value, reach: number): Value {
	const scale = b.constant('s', 'float32', [], Float32Array.of(reach / 255));
	const zero = b.constant('z', 'uint8', [], Uint8Array.of(0));
	return b.op('DequantizeLinear', [b.op('QuantizeLinear', [value, scale, zero], 'q'), scale, zero], 'dq');
}

const subjects = async (shape: Shape, base: Shape = {}) => ({
	original: await network(base),
	variant: await network(shape),
	compute,
	examples,
	synthetic: false,
});

describe('errors by layer', () => {
	it('tells weights from activations, and says what is clipped', async () => {
		const { errors, sensitivity } = await layerErrors(await subjects({ first: 0.02, reach: 0.5 }));
		expect(errors.layers.map(({ label }) => label).sort()).toEqual(['h', 'y']);
		const h = errors.layers.find(({ label }) => label === 'h');
		const y = errors.layers.find(({ label }) => label === 'y');
		expect(h?.weights).toEqual(h?.own);
		expect(h?.activations).toBeUndefined();
		expect(y?.activations).toEqual(y?.own);
		const [tensor] = y?.quantized ?? [];
		expect(tensor?.name).toBe('r');
		expect(tensor?.clip).toEqual([0, expect.closeTo(0.5, 5)]);
		expect(tensor?.clippedShare).toBeGreaterThan(0.1);
		expect(y?.accumulated).toEqual(errors.output);
		expect(sensitivity?.layers[0]?.label).toBe('y');
	});

	it('gives the numbers that the runtime gives', async () => {
		const { errors } = await layerErrors({ ...(await subjects({ first: 0.05 })), limit: 1 });
		const { feeds } = await examples.example(spreadIndices(examples.n, 1)[0] ?? 0);
		const outputs: Float32Array[] = [];
		for (const shape of [{}, { first: 0.05 }]) {
			const session = await compute.load(await network(shape));
			outputs.push(((await session.run(feeds)).y?.data ?? new Float32Array()) as Float32Array);
			await session.release();
		}
		const [wanted, got] = outputs as [Float32Array, Float32Array];
		expect(errors.layers).toHaveLength(1);
		expect(errors.output.sqnrDb).toBeCloseTo(sqnrDb(wanted, got), 3);
	});

	it('carries a layer’s own error to the outputs as running the changed layer does', async () => {
		const alone = await layerErrors(await subjects({ first: 0.05 }));
		expect(alone.sensitivity?.layers[0]?.sqnrDb).toBeCloseTo(alone.errors.output.sqnrDb ?? 0, 2);
		expect(alone.sensitivity?.whole).toBeCloseTo(alone.errors.output.sqnrDb ?? 0, 3);
	});

	it('finds nothing where nothing differs', async () => {
		const { errors, sensitivity } = await layerErrors(await subjects({}));
		expect(errors.layers).toEqual([]);
		expect(errors.output.sqnrDb).toBeNull();
		expect(sensitivity?.layers).toEqual([]);
	});

	it('does not compare values that hold something else under the same name', async () => {
		const { errors } = await layerErrors(await subjects({ scale: 3, second: 0.01 }));
		expect(errors.notes.join()).toMatch(/hold something else/);
		expect(errors.layers.map(({ value }) => value)).toEqual(['y']);
		expect(errors.layers[0]?.own?.sqnrDb).toBeGreaterThan(30);
	});

	it('looks into branches, and says which no example took', async () => {
		const { errors } = await layerErrors(await subjects({ second: 0.05, branch: true }, { branch: true }));
		const [inner, never] = errors.layers;
		expect(inner?.label).toBe('inner');
		expect(inner?.node).toBe('y/then_branch/inner_y');
		expect(inner?.own?.sqnrDb).toBeGreaterThan(10);
		expect(never).toMatchObject({ label: 'never', missing: 'no example reached it' });
		expect(never?.own).toBeUndefined();
	});

	it('runs layers in rounds that fit the memory, with the same numbers', async () => {
		const shape = { first: 0.02, second: 0.03, reach: 4 };
		const at = async (heldBytes: number) => (await layerErrors({ ...(await subjects(shape)), heldBytes })).errors;
		const [one, many] = [await at(1e9), await at(1)];
		expect({ ...many, durationMs: 0 }).toEqual({ ...one, durationMs: 0 });
	});

	it('refuses models that have nothing to do with each other', async () => {
		const other = await readModel(
			memorySource(await build((b) => b.output(b.op('Relu', [b.input('z', 'float32', [1])], 'o'), 'float32', [1]))),
		);
		await expect(layerErrors({ ...(await subjects({})), variant: other })).rejects.toMatchObject({ code: 'interface' });
	});

	it('can be ended', async () => {
		const abort = new AbortController();
		abort.abort(new Error('enough'));
		await expect(layerErrors({ ...(await subjects({ first: 0.1 })), signal: abort.signal })).rejects.toThrow('enough');
	});

	it('gives overlays by node', async () => {
		const { errors } = await layerErrors(await subjects({ first: 0.02 }));
		const [own] = errorFigures(errors);
		expect(own?.values.get('h')).toBeCloseTo(errors.layers[0]?.own?.sqnrDb ?? 0, 6);
	});
});

describe('restored layers', () => {
	it('bisects to the layer that loses', async () => {
		for (const [shape, culprit] of [
			[{ first: 0.3, second: 0.01 }, 'h'],
			[{ first: 0.01, second: 0.3 }, 'y'],
		] as const) {
			const found = await findCulprit(await subjects(shape));
			expect(found.layers.map(({ label }) => label)).toEqual([culprit]);
			expect(found.explained).toBeGreaterThan(0.8);
			expect(found.after ?? 1e9).toBeGreaterThan(found.before ?? 0);
			expect(found.best).toBeNull();
		}
	});

	it('takes a ranking, and finds nothing where nothing is lost', async () => {
		const found = await findCulprit({ ...(await subjects({ first: 0.3, second: 0.01 })), ranking: ['y', 'h'] });
		expect(found.layers.map(({ label }) => label)).toEqual(['h']);
		expect(await findCulprit(await subjects({}))).toMatchObject({ layers: [], explained: 0 });
	});

	it('restores one layer at a time, in branches too', async () => {
		const report = await restoredSensitivity(await subjects({ first: 0.02, second: 0.3, branch: true }, { branch: true }));
		expect(report.layers[0]?.label).toBe('inner');
		expect(report.layers[0]?.sqnrDb ?? 0).toBeGreaterThan((report.whole ?? 0) + 10);
	});
});

describe('times by node', () => {
	it('come back to the nodes of the file, whatever the runtime makes of them', async () => {
		const model = await network({ reach: 4 });
		for (const node of model.graph.nodes()) node.name = '';
		const { feeds } = await examples.example(0);
		const report = await nodeTimes({ engine, model, bytes: async (graph) => ({ model: await serialize(graph) }), feeds, runs: 3 });
		expect(report.runs).toBe(3);
		expect(report.nodes.find(({ node }) => node === 'h')?.label).toBe('MatMul → h');
		expect(report.nodes.every(({ runtimeName }) => !runtimeName.includes('pareN'))).toBe(true);
		const figures = latencyFigures(report);
		for (const { node } of report.silent) expect(figures.values.has(node)).toBe(false);
		expect(report.mapped).toBeGreaterThan(0);
	});
});

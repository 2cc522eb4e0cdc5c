import { memorySource } from '../core/bytes/source.ts';
import { type Attribute, attribute } from '../core/ir/attribute.ts';
import type { Value } from '../core/ir/graph.ts';
import { Model } from '../core/ir/model.ts';
import { memoryTensor } from '../core/ir/tensor.ts';
import type { Feeds } from '../core/ir/tensor-data.ts';
import { tensorType } from '../core/ir/type.ts';
import { seededRandom } from '../core/numeric/random.ts';
import { checkModel } from '../core/onnx/check.ts';
import { readModel } from '../core/onnx/read.ts';
import { serialize } from '../core/onnx/write.ts';
import type { CalibrationSet, Compute } from '../core/pass/calibration.ts';
import type { AnyPass, PassReport } from '../core/pass/pass.ts';
import { runRecipe } from '../core/pass/pipeline.ts';
import { engineCompute } from '../engine/compute.ts';
import { createNodeEngine } from '../engine/node/index.ts';
import { signalToNoise } from './run.testkit.ts';

let shared: Promise<Compute> | undefined;
export const testCompute = (): Promise<Compute> => {
	shared ??= createNodeEngine().then(engineCompute);
	return shared;
};

export function calibrationOf(feeds: readonly Feeds[]): CalibrationSet {
	return { n: feeds.length, hash: 'test', synthetic: false, example: async (i) => ({ name: `${i}`, feeds: feeds[i] as Feeds }) };
}

/** Inputs x whose elements depend on each other along the last axis of `mixed` directions, as real ones do. */
export function correlatedFeeds(count: number, dims: readonly number[], seed: number, directions = 6): Feeds[] {
	const width = dims.at(-1) ?? 1;
	const fixed = seededRandom(99);
	const mix = Float64Array.from({ length: directions * width }, () => fixed.normal());
	const random = seededRandom(seed);
	const size = dims.reduce((product, dim) => product * dim, 1);
	return Array.from({ length: count }, () => {
		const data = new Float32Array(size);
		for (let at = 0; at < size; at += width) {
			for (let i = 0; i < width; i++) data[at + i] = 0.2 * random.normal() + 0.3;
			for (let d = 0; d < directions; d++) {
				const strength = random.normal();
				for (let i = 0; i < width; i++) data[at + i]! += strength * mix[d * width + i]!;
			}
		}
		return { x: { dtype: 'float32' as const, dims: [...dims], data } };
	});
}

/** Builds graphs in code: each call adds a node and gives its first output. */
export class GraphBuilder {
	readonly model = new Model();
	readonly #random;
	#weights = 0;

	constructor(opset = 17, seed = 1) {
		this.model.setOpset('', opset);
		this.#random = seededRandom(seed);
	}

	input(dims: readonly (number | string)[], name = 'x'): Value {
		return this.model.graph.addInput(name, tensorType('float32', dims));
	}

	/** Noise, scaled so that sums over `fan` elements keep their size. */
	weight(dims: readonly number[], fan = 1, name = `w${this.#weights}`): Value {
		this.#weights += 1;
		const count = dims.reduce((product, dim) => product * dim, 1);
		const data = Float32Array.from({ length: count }, () => this.#random.normal() / Math.sqrt(fan));
		return this.model.graph.addInitializer(name, memoryTensor('float32', dims, data));
	}

	node(op: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>> = {}, outputs = 1): Value {
		const { graph } = this.model;
		return graph.append(graph.createNode({ op, name: graph.ledger.fresh(op.toLowerCase()), inputs, outputs, attributes })).output();
	}

	/** Lists outputs under names y, y2, … */
	finish(...values: readonly Value[]): Model {
		const { graph } = this.model;
		values.forEach((value, i) => {
			value.name = i === 0 ? 'y' : `y${i + 1}`;
			value.type ??= tensorType('float32', null);
		});
		graph.setOutputs(values);
		return this.model;
	}
}

/** Two dense layers that read the same input, one with its weight transposed, a bias behind each, and a third on their sum. */
export function denseModel(width = 32): Model {
	const b = new GraphBuilder();
	const x = b.input(['N', 16, width]);
	const one = b.node('Add', [b.node('MatMul', [x, b.weight([width, 64], width)]), b.weight([64])]);
	const two = b.node('Add', [b.node('MatMul', [x, b.weight([width, 64], width)]), b.weight([64])]);
	const sum = b.node('Mul', [b.node('Relu', [one]), b.node('Sigmoid', [two])]);
	const flat = b.node('ReduceMean', [sum], { axes: attribute.ints([1]), keepdims: attribute.int(0) });
	return b.finish(
		b.node('Gemm', [flat, b.weight([48, 64], 64), b.weight([48])], { transB: attribute.int(1), alpha: attribute.float(0.5) }),
	);
}

/** Convolution with padding and stride, depthwise one, pointwise one without a bias, classifier. */
export function convModel(): Model {
	const b = new GraphBuilder();
	const x = b.input(['N', 3, 12, 16]);
	const ints = attribute.ints;
	let h = b.node('Conv', [x, b.weight([32, 3, 3, 3], 27), b.weight([32], 16)], { pads: ints([1, 1, 1, 1]), strides: ints([2, 2]) });
	h = b.node('Relu', [h]);
	h = b.node('Relu', [
		b.node('Conv', [h, b.weight([32, 1, 3, 3], 9), b.weight([32], 16)], { pads: ints([1, 1, 1, 1]), group: attribute.int(32) }),
	]);
	h = b.node('Relu', [b.node('Conv', [h, b.weight([64, 32, 1, 1], 32)])]);
	h = b.node('Flatten', [b.node('GlobalAveragePool', [h])]);
	return b.finish(b.node('Gemm', [h, b.weight([10, 64], 64), b.weight([10])], { transB: attribute.int(1) }));
}

export interface LearnedTrial {
	readonly model: Model;
	readonly bytes: Uint8Array;
	readonly report: PassReport;
	/** dB by output over the judged inputs. */
	readonly sqnr: Readonly<Record<string, number>>;
}

/** Runs a pass with sample inputs as the pipeline does, and judges it on other inputs. */
export async function learnedTrial(
	model: Model,
	pass: AnyPass,
	options: object,
	calibration: readonly Feeds[],
	judged: readonly Feeds[],
): Promise<LearnedTrial> {
	const compute = await testCompute();
	const before = await serialize(model);
	const copy = await readModel(memorySource(before));
	const recipe = { v: 1, seed: 1, steps: [{ pass: pass.id, options: { ...options } }] } as const;
	const [report] = await runRecipe(copy, recipe, new Map([[pass.id, pass]]), { compute, calibration: calibrationOf(calibration) });
	const bytes = await serialize(copy);
	const result = await readModel(memorySource(bytes));
	const problems = checkModel(result);
	if (problems.length > 0) throw new Error(problems.map((problem) => problem.message).join('; '));
	const [expected, got] = [
		await outputsOf(compute, await readModel(memorySource(before)), judged),
		await outputsOf(compute, result, judged),
	];
	const sqnr = Object.fromEntries([...expected].map(([name, values]) => [name, signalToNoise(values, got.get(name) ?? [])]));
	return { model: result, bytes, report: report as PassReport, sqnr };
}

async function outputsOf(compute: Compute, model: Model, feeds: readonly Feeds[]): Promise<Map<string, number[]>> {
	const session = await compute.load(model, { graphOptimization: 'all' });
	const all = new Map<string, number[]>();
	try {
		for (const feed of feeds) {
			for (const [name, { data }] of Object.entries(await session.run(feed))) {
				all.set(name, [...(all.get(name) ?? []), ...Array.from(data as Float32Array)]);
			}
		}
	} finally {
		await session.release();
	}
	return all;
}

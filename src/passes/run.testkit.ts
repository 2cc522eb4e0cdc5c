import * as ort from 'onnxruntime-web/wasm';
import { memorySource } from '../core/bytes/source.ts';
import type { Model } from '../core/ir/model.ts';
import { seededRandom } from '../core/numeric/random.ts';
import { checkModel } from '../core/onnx/check.ts';
import { readModel } from '../core/onnx/read.ts';
import { serialize } from '../core/onnx/write.ts';
import type { AnyPass, PassReport } from '../core/pass/pass.ts';
import { runRecipe } from '../core/pass/pipeline.ts';

ort.env.wasm.numThreads = 1;

export type TestFeeds = Readonly<Record<string, ort.Tensor>>;

export const floats = (values: ArrayLike<number>, dims: readonly number[]): ort.Tensor =>
	new ort.Tensor('float32', Float32Array.from(values), dims);
export const longs = (values: readonly number[], dims: readonly number[]): ort.Tensor =>
	new ort.Tensor('int64', BigInt64Array.from(values, BigInt), dims);
export const truth = (value: boolean): ort.Tensor => new ort.Tensor('bool', Uint8Array.of(value ? 1 : 0), []);

/** Repeatable normal values. */
export function noise(count: number, seed = 0): Float32Array {
	const random = seededRandom(seed + 1);
	return Float32Array.from({ length: count }, () => random.normal());
}

/** Runs bytes in the page's own runtime. */
export async function runBytes(
	bytes: Uint8Array,
	feeds: TestFeeds,
	config: Readonly<Record<string, string>> = {},
): Promise<Record<string, number[]>> {
	const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4, extra: { session: config } });
	try {
		const results = await session.run(feeds);
		return Object.fromEntries(
			Object.entries(results).map(([name, tensor]) => [name, Array.from(tensor.data as ArrayLike<number>, Number)]),
		);
	} finally {
		await session.release();
	}
}

/** 10 log10(signal / noise), dB; Infinity where nothing differs. */
export function signalToNoise(reference: readonly number[], test: readonly number[]): number {
	let signal = 0;
	let noise = 0;
	for (const [i, x] of reference.entries()) {
		signal += x * x;
		noise += (x - (test[i] ?? Number.NaN)) ** 2;
	}
	return noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
}

export interface Trial {
	readonly model: Model;
	readonly report: PassReport;
	readonly bytes: Uint8Array;
	readonly before: Uint8Array;
	/** dB by output, original against result, both through the runtime. */
	readonly sqnr: Readonly<Record<string, number>>;
}

/** Applies a pass as the pipeline does (with its checks) and runs the model before and after on the same inputs. */
export async function trial(model: Model, pass: AnyPass, options: object, feeds: TestFeeds): Promise<Trial> {
	const before = await serialize(model);
	const copy = await readModel(memorySource(before));
	const recipe = { v: 1, seed: 1, steps: [{ pass: pass.id, options: { ...options } }] } as const;
	const [report] = await runRecipe(copy, recipe, new Map([[pass.id, pass]]));
	const bytes = await serialize(copy);
	const result = await readModel(memorySource(bytes));
	const problems = checkModel(result);
	if (problems.length > 0) throw new Error(problems.map((problem) => problem.message).join('; '));
	const [expected, got] = [await runBytes(before, feeds), await runBytes(bytes, feeds)];
	const sqnr = Object.fromEntries(Object.entries(expected).map(([name, values]) => [name, signalToNoise(values, got[name] ?? [])]));
	return { model: result, report: report!, bytes, before, sqnr };
}

/** How often each operator stands in the main graph and all subgraphs. */
export function operators(model: Model): Record<string, number> {
	const counts: Record<string, number> = {};
	const walk = (graph: Model['graph']): void => {
		for (const node of graph.nodes()) {
			counts[node.qualifiedOp] = (counts[node.qualifiedOp] ?? 0) + 1;
			for (const sub of node.subgraphs) walk(sub);
		}
	};
	walk(model.graph);
	return counts;
}

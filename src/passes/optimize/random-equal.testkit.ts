import { memorySource } from '../../core/bytes/source.ts';
import type { Feeds, TensorData } from '../../core/ir/tensor-data.ts';
import { checkModel } from '../../core/onnx/check.ts';
import { readModel } from '../../core/onnx/read.ts';
import { serialize } from '../../core/onnx/write.ts';
import type { Engine } from '../../engine/port.ts';
import { type OptimizeOptions, optimizeOptions } from './options.ts';
import { randomGraph } from './random-graph.testkit.ts';
import { applyRules, countNodes } from './run.ts';

export interface Comparison {
	readonly seed: number;
	readonly opset: number;
	readonly steps: readonly string[];
	readonly before: number;
	readonly after: number;
	/** Rules by how often they were applied. */
	readonly applied: ReadonlyMap<string, number>;
	/** Largest difference over the outputs, each divided by its largest number, at least 1. */
	readonly difference: number;
	/** Why the graph could not be compared: the original itself does not run. */
	readonly unusable?: string;
	/** What went wrong: a rule that threw, an invalid graph, another shape. */
	readonly failure?: string;
	readonly original: Uint8Array;
	readonly optimized?: Uint8Array;
}

const DOUBTFUL = 1e-4;
/**
 * The runtime puts a Pad that only a pool reads into the pool without asking whether its pads stay below the kernel. Where a dead
 * reader of the Pad kept it from doing so, the clean graph meets that fault.
 */
const RUNTIME_FAULT = /Pad should be smaller than kernel/;

/** Makes the graph of a seed, optimizes a copy and runs both: the original as it stands, the result as the runtime would load it. */
export async function compareRandom(seed: number, engine: Engine, given: Partial<OptimizeOptions> = {}): Promise<Comparison> {
	const { model, feeds, steps } = randomGraph(seed);
	const original = await serialize(model);
	const base = { seed, opset: model.opset, steps, before: countNodes(model), original };
	const failed = (failure: string, rest: Partial<Comparison> = {}): Comparison => ({
		...base,
		after: 0,
		applied: new Map(),
		difference: Number.POSITIVE_INFINITY,
		failure,
		...rest,
	});
	let expected: Record<string, TensorData>;
	try {
		expected = await run(engine, original, 'disabled', feeds);
	} catch (error) {
		return { ...failed(''), difference: 0, unusable: message(error) };
	}
	const copy = await readModel(memorySource(original));
	const options: OptimizeOptions = { ...optimizeOptions.parse({}), ...given };
	try {
		const { applied } = await applyRules(copy, options, {} as Parameters<typeof applyRules>[2]);
		const optimized = await serialize(copy);
		const rest = { applied, optimized, after: countNodes(copy) };
		const [problem] = checkModel(await readModel(memorySource(optimized)));
		if (problem) return failed(problem.message, rest);
		let got: Record<string, TensorData>;
		try {
			got = await run(engine, optimized, 'all', feeds);
		} catch (error) {
			// The runtime's own fusions break some graphs (a root mean square that another output shares): then they break the original too.
			if (!RUNTIME_FAULT.test(message(error)) && (await runs(engine, original, 'all', feeds))) throw error;
			got = await run(engine, optimized, 'disabled', feeds);
		}
		let difference = 0;
		for (const [name, want] of Object.entries(expected)) {
			const is = got[name];
			if (!is) return failed(`output ${name} is gone`, rest);
			if (is.dims.join() !== want.dims.join())
				return failed(`${name} has dimensions ${is.dims.join()} instead of ${want.dims.join()}`, rest);
			difference = Math.max(difference, relativeDifference(want, is));
		}
		if (difference > DOUBTFUL) {
			// Kernels that the runtime fuses by itself may round more (its LayerNormalization takes the difference of two squares).
			const plain = await run(engine, optimized, 'disabled', feeds);
			difference = Math.max(...Object.entries(expected).map(([name, want]) => relativeDifference(want, plain[name] ?? want)));
		}
		return { ...base, ...rest, difference };
	} catch (error) {
		return failed(message(error));
	}
}

type Level = 'disabled' | 'all';

async function run(engine: Engine, model: Uint8Array, graphOptimization: Level, feeds: Feeds): Promise<Record<string, TensorData>> {
	const session = await engine.load({ model: model.slice() }, { graphOptimization });
	try {
		return await session.run(feeds);
	} finally {
		await session.release();
	}
}

async function runs(engine: Engine, model: Uint8Array, level: Level, feeds: Feeds): Promise<boolean> {
	return run(engine, model, level, feeds).then(
		() => true,
		() => false,
	);
}

function message(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	const detail = 'detail' in error ? ` ${String(error.detail)}` : '';
	return `${error.message}${detail}`;
}

function relativeDifference(want: TensorData, is: TensorData): number {
	let largest = 1;
	let difference = 0;
	for (let i = 0; i < want.data.length; i++) {
		const [a, b] = [Number(want.data[i]), Number(is.data[i])];
		if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) continue;
		if (!Number.isFinite(a) || !Number.isFinite(b)) {
			if (a !== b) return Number.POSITIVE_INFINITY;
			continue;
		}
		largest = Math.max(largest, Math.abs(a));
		difference = Math.max(difference, Math.abs(a - b));
	}
	return difference / largest;
}

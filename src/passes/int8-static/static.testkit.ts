import { memorySource } from '../../core/bytes/source.ts';
import type { Attribute } from '../../core/ir/attribute.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import { Model } from '../../core/ir/model.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import type { Feeds, TensorData } from '../../core/ir/tensor-data.ts';
import { tensorType } from '../../core/ir/type.ts';
import { type SeededRandom, seededRandom } from '../../core/numeric/random.ts';
import { sqnrDb } from '../../core/numeric/statistics.ts';
import { checkModel } from '../../core/onnx/check.ts';
import { readModel } from '../../core/onnx/read.ts';
import { serialize } from '../../core/onnx/write.ts';
import type { CalibrationSet } from '../../core/pass/calibration.ts';
import type { AnyPass, PassReport } from '../../core/pass/pass.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { engineCompute } from '../../engine/compute.ts';
import { createNodeEngine } from '../../engine/node/index.ts';
import { int8Static } from './index.ts';

/** A graph built step by step, all float, with noise for weights. */
export class Builder {
	readonly model = new Model();
	readonly random: SeededRandom = seededRandom(5);

	constructor(opset = 17) {
		this.model.irVersion = 8;
		this.model.setOpset('', opset);
	}

	noise(count: number, scale = 1): Float32Array {
		return Float32Array.from({ length: count }, () => this.random.normal() * scale);
	}

	input(name: string, dims: readonly number[]): Value {
		return this.model.graph.addInput(name, tensorType('float32', dims));
	}

	weight(dims: readonly number[], scale?: number): Value {
		const fanIn = dims.length > 1 ? elementCount(dims) / (dims[0] as number) : 4;
		const values = this.noise(elementCount(dims), scale ?? 1 / Math.sqrt(fanIn));
		return this.model.graph.addInitializer('w', memoryTensor('float32', dims, values));
	}

	/** Given numbers as a vector. */
	weightOf(values: readonly number[]): Value {
		return this.model.graph.addInitializer('k', memoryTensor('float32', [values.length], Float32Array.from(values)));
	}

	longs(values: readonly number[]): Value {
		return this.model.graph.addInitializer('n', memoryTensor('int64', [values.length], BigInt64Array.from(values, BigInt)));
	}

	op(op: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>> = {}, outputs = 1): Node {
		const { graph } = this.model;
		return graph.append(graph.createNode({ op, name: graph.ledger.fresh(op.toLowerCase()), inputs, outputs, attributes }));
	}

	/** A 1 x 1 convolution with a bias, so that codes come before and after. */
	conv(
		x: Value,
		from: number,
		to: number,
		kernel: readonly number[] = [1, 1],
		attributes: Readonly<Record<string, Attribute>> = {},
	): Value {
		return this.op('Conv', [x, this.weight([to, from, ...kernel]), this.weight([to], 0.3)], attributes).output();
	}

	output(value: Value): Model {
		value.type = tensorType('float32', null);
		this.model.graph.setOutputs([value]);
		return this.model;
	}
}

export interface StaticTrial {
	readonly model: Model;
	readonly report: PassReport;
	readonly bytes: Uint8Array;
	readonly before: Uint8Array;
	/** Of the first output on examples that did not calibrate, dB. */
	readonly sqnr: number;
	/** Operators of the runtime's own graph after all its fusions, when asked for. */
	readonly executed?: readonly string[];
}

/** Normal noise for every input of a model, one set for each index. */
export function noiseFeeds(model: Model, seed: number): Feeds {
	const random = seededRandom(seed);
	return Object.fromEntries(
		model.graph.inputs.map((input) => {
			const type = input.type;
			const dims = type?.kind === 'tensor' ? (type.shape ?? []).map((dim) => (typeof dim === 'number' ? dim : 2)) : [];
			if (type?.kind === 'tensor' && type.dtype === 'bool')
				return [input.name, { dtype: 'bool' as const, dims, data: Uint8Array.of(seed % 2) }];
			const data = Float32Array.from({ length: elementCount(dims) }, () => random.normal());
			return [input.name, { dtype: 'float32' as const, dims, data }];
		}),
	);
}

export function noiseSet(
	model: Model,
	n: number,
	feeds: (index: number) => Feeds = (index) => noiseFeeds(model, 100 + index),
): CalibrationSet {
	return { n, hash: 'noise', synthetic: true, example: async (index) => ({ name: `${index}`, feeds: feeds(index) }) };
}

/** Runs the pass as the pipeline does and compares both models through the runtime on other inputs. */
export async function trialStatic(
	model: Model,
	options: object = {},
	{
		pass = int8Static as AnyPass,
		examples = 8,
		profile = false,
		feeds,
	}: { pass?: AnyPass; examples?: number; profile?: boolean; feeds?: (index: number) => Feeds } = {},
): Promise<StaticTrial> {
	const engine = await createNodeEngine();
	const before = await serialize(model);
	const copy = await readModel(memorySource(before));
	const set = noiseSet(copy, examples, feeds);
	const steps = [{ pass: pass.id, options: { leastSqnr: 0, ...options } }];
	if (pass.id !== 'int8-static') steps[0] = { pass: pass.id, options: options as never };
	const [report] = await runRecipe(copy, { v: 1, seed: 1, steps }, new Map([[pass.id, pass]]), {
		compute: engineCompute(engine),
		calibration: set,
	});
	const bytes = await serialize(copy);
	const result = await readModel(memorySource(bytes));
	const problems = checkModel(result);
	if (problems.length > 0) throw new Error(problems.map((problem) => problem.message).join('; '));
	const [plain, coded] = [await engine.load({ model: before }), await engine.load({ model: bytes }, { profile })];
	try {
		const reference: number[] = [];
		const got: number[] = [];
		for (let seed = 0; seed < 3; seed++) {
			const inputs = feeds ? feeds(1000 + seed) : noiseFeeds(model, 1000 + seed);
			const name = model.graph.outputs[0]?.name ?? '';
			reference.push(...floatsOf(await plain.run(inputs), name));
			got.push(...floatsOf(await coded.run(inputs), name));
		}
		const executed = profile ? (await coded.endProfile()).filter(({ run }) => run === 0).map(({ op }) => op) : undefined;
		return { model: result, report: report as PassReport, bytes, before, sqnr: sqnrDb(reference, got), ...(executed && { executed }) };
	} finally {
		await plain.release();
		await coded.release();
	}
}

function floatsOf(results: Readonly<Record<string, TensorData>>, name: string): Float32Array {
	const data = results[name]?.data;
	if (!(data instanceof Float32Array)) throw new Error(`no float output ${name}`);
	return data;
}

/** What made a value, `DequantizeLinear` looked through to the node whose codes they are. */
export function behindCodes(value: Value | null): Node | undefined {
	const dequantize = value?.producer;
	if (dequantize?.op !== 'DequantizeLinear') return undefined;
	return dequantize.input(0)?.producer?.input(0)?.producer ?? dequantize;
}

export function readsCodes(node: Node, slot = 0): boolean {
	return node.input(slot)?.producer?.op === 'DequantizeLinear';
}

export function makesCodes(node: Node, index = 0): boolean {
	const uses = [...(node.outputs[index]?.uses ?? [])];
	return uses.length > 0 && uses.every((use) => use.node.op === 'QuantizeLinear');
}

import * as ort from 'onnxruntime-web/wasm';
import type { Model } from '../ir/model.ts';
import { memoryTensor } from '../ir/tensor.ts';
import { seededRandom } from '../numeric/random.ts';
import { checkModel } from '../onnx/check.ts';
import { serialize } from '../onnx/write.ts';
import { cutModel } from './cut.ts';
import { findStructure, type Structure } from './groups.ts';
import { randomGraph } from './random-graph.testkit.ts';

ort.env.wasm.numThreads = 1;

export interface Comparison {
	readonly groups: number;
	/** Units that went. */
	readonly gone: number;
	/** Largest difference between zeroing and cutting, over the largest output. */
	readonly difference: number;
}

/** Cuts at random from a random graph, and compares with the same channels set to zero where layers read them. */
export async function compareZeroingWithCutting(seed: number): Promise<Comparison> {
	const [cut, zeroed] = [randomGraph(seed), randomGraph(seed)];
	const [a, b] = [await findStructure(cut), await findStructure(zeroed)];
	const random = seededRandom(seed + 1);
	const [goneA, goneB] = [new Set<number>(), new Set<number>()];
	for (const [i, group] of a.groups.entries()) {
		const share = random.next();
		let left = group.units.length;
		for (const [j, unit] of group.units.entries()) {
			if (left <= 1 || random.next() > share) continue;
			goneA.add(unit);
			goneB.add(b.groups[i]?.units[j] as number);
			left -= 1;
		}
	}
	cutModel(a.trace, goneA);
	maskReaders(zeroed, b, goneB);
	const problems = checkModel(cut);
	if (problems.length > 0) throw new Error(`seed ${seed}: ${problems[0]?.message}`);
	const [x, y] = [await run(cut, seed), await run(zeroed, seed)];
	let [difference, largest] = [x.length === y.length ? 0 : Number.POSITIVE_INFINITY, 1e-3];
	for (let i = 0; i < y.length; i++) {
		difference = Math.max(difference, Math.abs((x[i] as number) - (y[i] as number)));
		largest = Math.max(largest, Math.abs(y[i] as number));
	}
	return { groups: a.groups.length, gone: goneA.size, difference: difference / Math.max(1, largest) };
}

/** Multiplies what layers sum over by 0 where it is gone and 1 where it stays. */
function maskReaders(model: Model, structure: Structure, gone: ReadonlySet<number>): void {
	const { trace } = structure;
	for (const { node, data, axis, labels } of trace.contractions) {
		const mask = Float32Array.from(labels, (atom) => (gone.has(trace.atoms.find(atom)) ? 0 : 1));
		const input = node.input(data);
		const rank = trace.shapeOf(input)?.length ?? 0;
		if (!input || !mask.includes(0)) continue;
		const dims = Array.from({ length: rank }, (_, i) => (i === axis ? mask.length : 1));
		const stored = model.graph.addInitializer('mask', memoryTensor('float32', dims, mask));
		const masked = model.graph.createNode({ op: 'Mul', name: model.ledger.fresh('masked'), inputs: [input, stored], outputs: 1 });
		model.graph.insertBefore(node, masked);
		node.setInput(data, masked.output());
	}
}

async function run(model: Model, seed: number): Promise<Float32Array> {
	const session = await ort.InferenceSession.create(await serialize(model), { logSeverityLevel: 4, graphOptimizationLevel: 'disabled' });
	const random = seededRandom(seed + 2);
	try {
		const x = Float32Array.from({ length: 2 * 3 * 64 }, () => random.normal());
		const results = await session.run({ x: new ort.Tensor('float32', x, [2, 3, 8, 8]) });
		return results.y?.data as Float32Array;
	} finally {
		await session.release();
	}
}

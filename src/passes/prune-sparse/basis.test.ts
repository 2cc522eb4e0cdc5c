import { describe, expect, it } from 'vitest';
import type { Model } from '../../core/ir/model.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import type { Feeds } from '../../core/ir/tensor-data.ts';
import { tensorType } from '../../core/ir/type.ts';
import { readFloats } from '../../core/numeric/quantize-tensor.ts';
import { seededRandom } from '../../core/numeric/random.ts';
import { storedTensor } from '../../core/pass/constant-view.ts';
import { GraphBuilder, learnedTrial } from '../learned.testkit.ts';
import { pruneSparse } from './index.ts';

const [rows, columns] = [600, 24];

/** A table whose rows are mixtures of few directions (or noise), looked up and multiplied. */
function tableModel(directions: number): Model {
	const b = new GraphBuilder();
	const random = seededRandom(5);
	const mix = Float64Array.from({ length: directions * columns }, () => random.normal());
	const data = new Float32Array(rows * columns);
	for (let r = 0; r < rows; r++) {
		for (let c = 0; c < columns; c++) data[r * columns + c] = (directions > 0 ? 0.05 : 1) * random.normal();
		for (let d = 0; d < directions; d++) {
			const strength = random.normal();
			for (let c = 0; c < columns; c++) data[r * columns + c]! += strength * mix[d * columns + c]!;
		}
	}
	const ids = b.model.graph.addInput('ids', tensorType('int64', ['N', 8]));
	const table = b.model.graph.addInitializer('table', memoryTensor('float32', [rows, columns], data));
	return b.finish(b.node('MatMul', [b.node('Gather', [table, ids]), b.weight([columns, 32], columns)]));
}

function lookUps(count: number, seed: number): Feeds[] {
	const random = seededRandom(seed);
	return Array.from({ length: count }, () => ({
		ids: { dtype: 'int64' as const, dims: [1, 8], data: BigInt64Array.from({ length: 8 }, () => BigInt(random.below(rows))) },
	}));
}

const trial = (directions: number, options: object) =>
	learnedTrial(tableModel(directions), pruneSparse, { ratio: 0.6, minElements: 64, ...options }, lookUps(24, 1), lookUps(24, 2));

describe('turned tables', () => {
	it('lose far less where rows have main directions', async () => {
		const as = await trial(4, { turnTables: false });
		const turned = await trial(4, {});
		expect(turned.report.notes.some(({ reason }) => reason.startsWith('turned to its own main directions'))).toBe(true);
		expect(turned.sqnr.y ?? 0).toBeGreaterThan((as.sqnr.y ?? 0) + 6);
	});

	it('count what they add as weights that stay', async () => {
		const { model } = await trial(4, {});
		let [zeros, count] = [0, 0];
		for (const value of model.graph.initializers) {
			const tensor = storedTensor(value);
			if (tensor?.dtype !== 'float32') continue;
			const values = await readFloats(tensor, 0, tensor.byteLength / 4);
			zeros += values.filter((x) => x === 0).length;
			count += values.length;
		}
		expect(count).toBe(rows * columns + columns * columns + columns * 32);
		expect(zeros / count).toBeCloseTo(0.6, 2);
	});

	it('stay as they are where rows have none', async () => {
		const { model } = await trial(0, {});
		expect([...model.graph.nodes()].map(({ op }) => op)).toEqual(['Gather', 'MatMul']);
	});
});

import { describe, expect, it } from 'vitest';
import { attribute } from '../../core/ir/attribute.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { GraphBuilder } from '../learned.testkit.ts';
import { floats, noise, trial } from '../run.testkit.ts';
import { weightOnly } from './index.ts';

const x = { x: floats(noise(8 * 16 * 16, 7), [1, 8, 16, 16]) };
const options = { bits: 4, keepEdges: false, minElements: 1, blockSize: 0 };

/** Normal noise through BatchNormalization (mean 0 and deviation 1 in, given shift out), perhaps clipped, into a layer. */
function normalized(clip: string | undefined, layer: (b: GraphBuilder, input: Value) => Value): Model {
	const b = new GraphBuilder();
	const vector = (name: string, values: (c: number) => number): Value =>
		b.model.graph.addInitializer(
			name,
			memoryTensor(
				'float32',
				[8],
				Float32Array.from({ length: 8 }, (_, c) => values(c)),
			),
		);
	const norm = b.node('BatchNormalization', [
		b.input([1, 8, 16, 16]),
		vector('scale', (c) => 0.5 + c / 8),
		vector('shift', (c) => c - 2),
		vector('mean', () => 0),
		vector('variance', () => 1),
	]);
	return b.finish(layer(b, clip ? b.node(clip, [norm]) : norm));
}

async function gained(make: () => Model): Promise<number> {
	const off = await trial(make(), weightOnly, { ...options, biasCorrection: 'none' }, x);
	const on = await trial(make(), weightOnly, options, x);
	return Math.min(...Object.values(on.sqnr)) - Math.min(...Object.values(off.sqnr));
}

describe('bias correction from BatchNormalization', () => {
	it.each([
		['plain', undefined],
		['through Relu', 'Relu'],
	])('a convolution without a bias, %s', async (_, clip) => {
		expect(await gained(() => normalized(clip, (b, input) => b.node('Conv', [input, b.weight([6, 8, 1, 1], 8)])))).toBeGreaterThan(1.5);
	});

	it('a convolution with a bias and groups', async () => {
		const make = () =>
			normalized('Relu', (b, input) => b.node('Conv', [input, b.weight([4, 4, 1, 1], 4), b.weight([4])], { group: attribute.int(2) }));
		expect(await gained(make)).toBeGreaterThan(1.5);
	});

	it('a convolution behind a global pool', async () => {
		const make = () =>
			normalized(undefined, (b, input) => {
				const pooled = b.node('GlobalAveragePool', [input]);
				return b.node('Conv', [pooled, b.weight([6, 8, 1, 1], 8), b.weight([6])]);
			});
		expect(await gained(make)).toBeGreaterThan(3);
	});

	it('nothing where there is no such neighbour', async () => {
		const make = () => {
			const b = new GraphBuilder();
			return b.finish(b.node('Conv', [b.node('Sigmoid', [b.input([1, 8, 16, 16])]), b.weight([6, 8, 1, 1], 8)]));
		};
		expect(await gained(make)).toBe(0);
	});
});

import { describe, expect, it } from 'vitest';
import { attribute } from '../ir/attribute.ts';
import { Model } from '../ir/model.ts';
import { float32Tensor } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { seededRandom } from '../numeric/random.ts';
import { coverage, herding, kCenter } from './choose.ts';
import { modelFeatures, type Rows } from './features.ts';
import { duplicates, mislabelled, outliers, signature } from './health.ts';

const rows = (list: readonly (readonly number[])[]): Rows => ({
	n: list.length,
	width: list[0]?.length ?? 0,
	data: Float32Array.from(list.flat()),
});

/** Three heaps of ten on a line. */
const heaps = rows(Array.from({ length: 30 }, (_, i) => [100 * Math.floor(i / 10) + (i % 10) * 0.1, (i * 7) % 3]));

describe('choice of examples', () => {
	it('k-center takes one of each heap first', () => {
		expect(new Set(kCenter(heaps, 3).map((i) => Math.floor(i / 10)))).toEqual(new Set([0, 1, 2]));
	});

	it('herding keeps the mean', () => {
		const chosen = herding(heaps, 6);
		const mean = chosen.reduce((sum, i) => sum + (heaps.data[2 * i] as number), 0) / chosen.length;
		expect(Math.abs(mean - 100.45)).toBeLessThan(2);
	});

	it('each gives as many different examples as asked for, even of copies', () => {
		const same = rows(Array.from({ length: 8 }, () => [1, 2]));
		for (const choose of [kCenter, herding]) {
			expect(new Set(choose(same, 5)).size).toBe(5);
			expect(choose(heaps, 99)).toEqual(Array.from({ length: 30 }, (_, i) => i));
		}
	});

	it('coverage falls as more are chosen, to nothing', () => {
		const few = coverage(heaps, kCenter(heaps, 3));
		const more = coverage(heaps, kCenter(heaps, 10));
		expect(more.most).toBeLessThan(few.most);
		expect(coverage(heaps, kCenter(heaps, 30))).toEqual({ mean: 0, most: 0 });
	});
});

describe('features', () => {
	it('are what the last layer with weights reads, averaged over space, and the outputs beside them', async () => {
		const model = new Model(undefined, 'main');
		model.setOpset('', 17);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', ['N', 2, 2, 2]));
		const weight = graph.addInitializer('w', float32Tensor([1, 1], [1, 2, 1, 1]));
		const relu = graph.append(graph.createNode({ op: 'Relu', inputs: [x], outputs: ['r'] })).output();
		const conv = graph.append(
			graph.createNode({ op: 'Conv', inputs: [relu, weight], outputs: ['y'], attributes: { kernel_shape: attribute.ints([1n, 1n]) } }),
		);
		graph.setOutputs([conv.output()]);
		const asked: string[][] = [];
		const found = await modelFeatures(model, {
			compute: {
				load: async (loaded) => ({
					inputs: [],
					outputs: loaded.graph.outputs.map(({ name }) => ({ name, dtype: 'float32' as const, shape: [] })),
					run: async (feeds, fetches = loaded.graph.outputs.map(({ name }) => name)) => {
						asked.push([...fetches]);
						const { data } = feeds.x as { data: Float32Array };
						const one = { dtype: 'float32' as const, dims: [1, 2, 2, 2], data: data.map((value) => Math.max(0, value)) };
						const sum = Float32Array.from({ length: 4 }, (_, i) => (one.data[i] as number) + (one.data[i + 4] as number));
						return Object.fromEntries(fetches.map((name) => [name, name === 'y' ? { ...one, dims: [1, 1, 2, 2], data: sum } : one]));
					},
					release: async () => {},
				}),
			},
			examples: {
				n: 2,
				hash: 'h',
				synthetic: false,
				example: async (i) => ({
					name: `${i}`,
					feeds: { x: { dtype: 'float32', dims: [1, 2, 2, 2], data: Float32Array.of(i, i, -1, i, 4, 4, 4, 4) } },
				}),
			},
		});
		expect(found.from).toBe('r');
		expect(Array.from(found.features.data)).toEqual([0, 4, 0.75, 4]);
		expect(found.outputs?.width).toBe(4);
		expect(asked.flat()).toContain('y');
	});
});

describe('health', () => {
	const random = seededRandom(3);
	const picture = (tone: (x: number, y: number) => number, size: number): Float32Array =>
		Float32Array.from({ length: size * size }, (_, i) => tone((i % size) / size, Math.floor(i / size) / size));
	const wave = (fx: number, fy: number) => (x: number, y: number) => Math.sin(fx * x) + Math.cos(fy * y);

	it('finds copies by content, and by look in another size with noise', () => {
		const list = [wave(3, 5), wave(9, 2), wave(1, 8)].map((tone) => signature(picture(tone, 64), [1, 1, 64, 64]));
		const noisy = picture(wave(9, 2), 48).map((value) => value + 0.05 * random.normal());
		list.push(signature(noisy, [1, 1, 48, 48]), list[0]);
		expect(duplicates(['a', 'b', 'c', 'd', 'a'], list, undefined).map(({ index, of }) => [index, of])).toEqual([
			[3, 1],
			[4, 0],
		]);
	});

	it('takes two pictures that are less alike for copies only where no third is nearly as close, and among enough', () => {
		const unit = (angle: number, axis: number): Float32Array => {
			const row = new Float32Array(40);
			row[0] = Math.cos(angle);
			row[axis] = Math.sin(angle);
			return row;
		};
		// All at 60 degrees from each other or more, but for one pair with a correlation of 0.96.
		const others = Array.from({ length: 24 }, (_, i) => unit(Math.PI / 3, i + 1));
		const close = Float32Array.from(others[4] as Float32Array);
		close[39] = Math.tan(Math.acos(0.96));
		const length = Math.hypot(...close);
		const list = [...others, close.map((x) => x / length)];
		const hashes = list.map((_, i) => String(i));
		expect(duplicates(hashes, list, undefined).map(({ index, of }) => [index, of])).toEqual([[24, 4]]);
		// A third one as close to the original: three of a kind.
		const third = Float32Array.from(others[4] as Float32Array);
		third[38] = Math.tan(Math.acos(0.96));
		const three = [...list, third.map((x) => x / length)];
		expect(duplicates([...hashes, 'third'], three, undefined)).toEqual([]);
		expect(duplicates(hashes.slice(20), list.slice(20), undefined)).toEqual([]);
		const few = [list[4] as Float32Array, list[24] as Float32Array];
		expect(duplicates(['a', 'b'], few, undefined)).toEqual([]);
	});

	it('knows no look of pictures of one colour, nor of what is no picture', () => {
		expect(signature(new Float32Array(400).fill(3), [1, 1, 20, 20])).toBeUndefined();
		expect(signature(new Float32Array(8), [1, 8])).toBeUndefined();
	});

	it('lists labels that the model contradicts with confidence, surest first', () => {
		const outputs = rows([
			[9, 0, 0],
			[0, 9, 0],
			[0, 0, 7],
			[2, 1.9, 0],
			[6, 0, 0],
		]);
		const found = mislabelled(outputs, [1, 1, 0, 1, 2]);
		expect(found.map(({ index, label, predicted }) => [index, label, predicted])).toEqual([
			[0, 1, 0],
			[2, 0, 2],
			[4, 2, 0],
		]);
		expect(mislabelled(outputs, [undefined, 1, 2, 0, 7])).toEqual([]);
	});

	it('finds strange examples, several alike too, and none in an ordinary set', () => {
		const ordinary = Array.from({ length: 60 }, () => Array.from({ length: 6 }, () => 1 + 0.1 * random.normal()));
		expect(outliers(rows(ordinary)).length).toBeLessThanOrEqual(4);
		const strange = [0, 1, 2].map((i) => [30 + i * 0.01, -30, 0, 0, 0, 0]);
		const found = outliers(rows([...ordinary, ...strange]));
		expect(
			found
				.slice(0, 3)
				.map(({ index }) => index)
				.sort(),
		).toEqual([60, 61, 62]);
		expect(outliers(rows(ordinary.slice(0, 5)))).toEqual([]);
	});
});

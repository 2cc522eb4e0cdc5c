import { describe, expect, it } from 'vitest';
import { seededRandom } from './random.ts';
import { type SparseOptions, sparsify } from './sparse-weights.ts';

/** Inputs whose columns are mixtures of few sources, as activations are; weights at random. */
function layer(rows: number, columns: number, samples: number, seed: number) {
	const random = seededRandom(seed);
	const normal = (): number => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
	const sources = Math.max(2, Math.floor(columns / 3));
	const mixing = Float64Array.from({ length: sources * columns }, normal);
	const inputs = new Float64Array(samples * columns);
	for (let s = 0; s < samples; s++) {
		for (let k = 0; k < sources; k++) {
			const source = normal();
			for (let c = 0; c < columns; c++) inputs[s * columns + c]! += source * mixing[k * columns + c]!;
		}
		for (let c = 0; c < columns; c++) inputs[s * columns + c]! += 0.3 * normal();
	}
	const gram = new Float64Array(columns * columns);
	for (let s = 0; s < samples; s++) {
		for (let i = 0; i < columns; i++) {
			for (let j = 0; j < columns; j++) gram[i * columns + j]! += inputs[s * columns + i]! * inputs[s * columns + j]!;
		}
	}
	return { weights: Float32Array.from({ length: rows * columns }, normal), gram, inputs };
}

const base: SparseOptions = { criterion: 'sparsegpt', pattern: { kind: 'share', zeros: 0.5 }, damping: 0.01, sweeps: 0 };

describe('sparsify', () => {
	it('sets the share of zeros that was asked for, with every criterion', async () => {
		const { weights, gram } = layer(24, 40, 200, 1);
		for (const criterion of ['magnitude', 'wanda', 'sparsegpt'] as const) {
			const { values } = await sparsify(weights, 24, 40, gram, { ...base, criterion });
			expect(values.filter((value) => value === 0).length).toBe(480);
		}
	});

	it('loses less the more it knows: magnitude, Wanda, SparseGPT, and SparseGPT with passes of improvement', async () => {
		const { weights, gram } = layer(32, 200, 900, 2);
		// Inputs of very different power, where magnitudes mislead.
		for (let i = 0; i < 200; i++) for (let j = 0; j < 200; j++) gram[i * 200 + j]! *= (1 + (i % 7)) * (1 + (j % 7));
		const errors: number[] = [];
		for (const [criterion, sweeps] of [
			['magnitude', 0],
			['wanda', 0],
			['sparsegpt', 0],
			['sparsegpt', 4],
		] as const) {
			errors.push((await sparsify(weights, 32, 200, gram, { ...base, criterion, sweeps })).error);
		}
		expect(errors).toEqual([...errors].sort((a, b) => b - a));
		expect(errors[3]! / errors[0]!).toBeLessThan(0.2);
	});

	it('states the error that the layer really makes', async () => {
		const [rows, columns, samples] = [6, 20, 100];
		const { weights, gram, inputs } = layer(rows, columns, samples, 3);
		const { values, error, power } = await sparsify(weights, rows, columns, gram, { ...base, sweeps: 2 });
		let [measured, whole] = [0, 0];
		for (let s = 0; s < samples; s++) {
			for (let r = 0; r < rows; r++) {
				let [difference, output] = [0, 0];
				for (let c = 0; c < columns; c++) {
					const x = inputs[s * columns + c]!;
					difference += (weights[r * columns + c]! - values[r * columns + c]!) * x;
					output += weights[r * columns + c]! * x;
				}
				measured += difference ** 2;
				whole += output ** 2;
			}
		}
		expect(error / measured).toBeCloseTo(1, 5);
		expect(power / whole).toBeCloseTo(1, 5);
	});

	it('keeps N of every M neighbours of a row', async () => {
		const { weights, gram } = layer(9, 64, 300, 4);
		const { values } = await sparsify(weights, 9, 64, gram, { ...base, pattern: { kind: 'groups', keep: 2, group: 4 }, sweeps: 2 });
		for (let at = 0; at < values.length; at += 4) expect(values.subarray(at, at + 4).filter((value) => value === 0).length).toBe(2);
	});

	it('copes with inputs that never come, and with a singular Gram matrix', async () => {
		const { weights, gram } = layer(5, 30, 4, 5);
		for (let i = 0; i < 30; i++) {
			gram[i * 30 + 3] = 0;
			gram[3 * 30 + i] = 0;
		}
		const { values, error, zeroedError } = await sparsify(weights, 5, 30, gram, { ...base, sweeps: 3 });
		expect(values.every(Number.isFinite)).toBe(true);
		expect(error).toBeLessThanOrEqual(zeroedError);
	});

	it('leaves everything where no zeros are asked for', async () => {
		const { weights, gram } = layer(4, 16, 60, 6);
		const { values, error } = await sparsify(weights, 4, 16, gram, { ...base, pattern: { kind: 'share', zeros: 0 } });
		expect([...values]).toEqual([...weights]);
		expect(error).toBe(0);
	});
});

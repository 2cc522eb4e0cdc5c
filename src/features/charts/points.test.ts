import { describe, expect, it } from 'vitest';
import { placeLabels } from './labels.ts';
import { frontOf } from './points.ts';

describe('frontOf', () => {
	it('keeps what nothing beats on both counts', () => {
		const entries = [
			{ cost: 5, worth: 88 },
			{ cost: 3, worth: 86 },
			{ cost: 4, worth: 77 },
			{ cost: 18, worth: 88 },
			{ cost: 9, worth: 89 },
		];
		expect([...frontOf(entries)].sort()).toEqual([0, 1, 4]);
	});
	it('keeps entries that are equal', () => {
		expect(
			frontOf([
				{ cost: 1, worth: 1 },
				{ cost: 1, worth: 1 },
				{ cost: 1, worth: 0 },
			]).size,
		).toBe(2);
	});
	it('agrees with comparing every pair', () => {
		let seed = 7;
		const next = (): number => {
			seed = (seed * 16807) % 2147483647;
			return seed % 12;
		};
		for (let round = 0; round < 200; round++) {
			const entries = Array.from({ length: 15 }, () => ({ cost: next(), worth: next() }));
			const beaten = (index: number): boolean =>
				entries.some(
					(other) =>
						other.cost <= entries[index]!.cost &&
						other.worth >= entries[index]!.worth &&
						(other.cost < entries[index]!.cost || other.worth > entries[index]!.worth),
				);
			const expected = entries.map((_, index) => index).filter((index) => !beaten(index));
			expect([...frontOf(entries)].sort((a, b) => a - b)).toEqual(expected);
		}
	});
});

describe('placeLabels', () => {
	const area = { left: 0, top: 0, right: 400, bottom: 300 };
	it('puts two labels of the same place apart', () => {
		const labels = placeLabels(
			[
				{ id: 'a', text: 'int8 static', x: 100, y: 100, priority: 2 },
				{ id: 'b', text: 'int8 weights', x: 102, y: 100, priority: 1 },
			],
			[
				{ x: 100, y: 100 },
				{ x: 102, y: 100 },
			],
			area,
		);
		expect(labels).toHaveLength(2);
		expect(labels[0]!.anchor !== labels[1]!.anchor || labels[0]!.y !== labels[1]!.y).toBe(true);
	});
	it('stays inside the plot', () => {
		const [label] = placeLabels([{ id: 'a', text: 'a long variant name', x: 395, y: 5, priority: 1 }], [{ x: 395, y: 5 }], area);
		expect(label?.anchor).toBe('end');
	});
});

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../numeric/random.ts';
import type { CalibrationSet } from '../pass/calibration.ts';
import type { PassContext } from '../pass/pass.ts';
import { setAside } from './output-trials.ts';

function contextOf(n: number): PassContext {
	const calibration: CalibrationSet = {
		n,
		hash: 'h',
		synthetic: false,
		example: async (index) => ({ name: `${index}`, feeds: {} }),
	};
	return { random: seededRandom(1), progress: () => undefined, calibration } as unknown as PassContext;
}

describe('examples set aside for trials', () => {
	it('are the last ones, and what is fitted sees none of them', () => {
		const { held, others } = setAside(contextOf(100));
		expect(held).toEqual(Array.from({ length: 16 }, (_, i) => 84 + i));
		expect(others.calibration?.n).toBe(84);
		expect(setAside(contextOf(8))).toMatchObject({ held: [6, 7], others: { calibration: { n: 6 } } });
	});

	it('are none where there are too few to spare', () => {
		const context = contextOf(3);
		expect(setAside(context)).toEqual({ held: undefined, others: context });
	});
});

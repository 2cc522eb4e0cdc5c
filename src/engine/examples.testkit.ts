import type { Example, Examples } from '../core/study/examples.ts';
import { float32, normal } from './models.testkit.ts';
import type { Feeds } from './port.ts';

/** Examples held in memory. */
export function examplesOf(
	feeds: readonly Feeds[],
	more: Partial<Pick<Examples, 'batchAxes' | 'classNames'>> & { labels?: readonly number[] } = {},
): Examples {
	const { labels, ...rest } = more;
	return {
		n: feeds.length,
		...rest,
		example: async (index): Promise<Example> => {
			const label = labels?.[index];
			return { name: `#${index}`, feeds: feeds[index] as Feeds, ...(label !== undefined && { label }) };
		},
	};
}

/** n inputs x [1, 8] of noise. */
export function noiseExamples(n: number, labels?: readonly number[]): Examples {
	return examplesOf(
		Array.from({ length: n }, (_, i) => ({ x: float32(normal(8, 100 + i), [1, 8]) })),
		{ batchAxes: { x: 0 }, ...(labels && { labels }) },
	);
}

import { expect, it } from 'vitest';
import { testRun, testStudy, testVariant } from '../core/study/study.testkit.ts';
import { ratioWords } from '../core/study/words.ts';
import { comparisonHash, readComparison } from './links.ts';

it('a ratio reads the same after a link as before', async () => {
	const ratios = [0.7646, 0.76499, 0.7651, 0.9949, 0.9951, 0.0714, 0.07149, 0.08351, 1.2345, 1.0049, 9.996, 12.345, 0.5, 0.1, 0.09996];
	for (let value = 0.3; value < 1; value += 0.00137) ratios.push(value);
	const study = testStudy({
		variants: [
			testVariant('original', 18_600_000),
			...ratios.slice(0, 60).map((_, index) => testVariant(`${index}`.padStart(64, '0'), 5_000_000 + index)),
		],
		runs: ratios
			.slice(0, 60)
			.map((value, index) => testRun(`${index}`.padStart(64, '0'), 5, { ratio: { value, interval: [value * 0.98, value * 1.02] } })),
	});
	const opened = await readComparison(await comparisonHash(study));
	expect(opened.runs.map((run) => ratioWords(run.ratio?.value ?? 0))).toEqual(study.runs.map((run) => ratioWords(run.ratio?.value ?? 0)));
});

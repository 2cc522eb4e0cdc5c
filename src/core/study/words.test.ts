import { describe, expect, it } from 'vitest';
import { explainSpeed } from './explain.ts';
import { figuresOf, speedOf, targetsOf } from './figures.ts';
import { testEvaluation, testRun, testStudy, testVariant } from './study.testkit.ts';
import { qualityWords, sentenceOf, sizeWords } from './words.ts';

const held = {
	metric: 'top1',
	value: 0.878,
	interval: [0.84, 0.91],
	n: 400,
	difference: { value: -0.002, interval: [-0.011, 0.007], pValue: 1 },
} as const;
const lost = { ...held, value: 0.74, difference: { value: -0.139, interval: [-0.18, -0.1], pValue: 1e-9 } } as const;

const study = testStudy({
	variants: [
		testVariant('original', 18_600_000),
		testVariant('int8', 5_000_000),
		testVariant('zeros', 18_600_000, { family: 'pruned' }),
		testVariant('fresh', 9_300_000),
	],
	runs: [
		testRun('original', 65),
		testRun('int8', 64, { ratio: { value: 0.98, interval: [0.96, 1.01] } }),
		testRun('zeros', 80, {
			ratio: { value: 1.22, interval: [1.2, 1.25] },
			profile: [
				{ op: 'Conv', count: 2, totalUs: 60_000, provider: 'CPU' },
				{ op: 'DequantizeLinear', count: 2, totalUs: 20_000, provider: 'CPU' },
			],
		}),
	],
	evaluations: [testEvaluation('int8', 19.3, { top1: held }), testEvaluation('zeros', 8, { top1: lost })],
});

describe('sentenceOf', () => {
	it('says what happened and what it means', () => {
		expect(sentenceOf(study, 'int8')).toBe('3.7 times smaller, accuracy held, speed unchanged');
		expect(sentenceOf(study, 'zeros')).toBe('The same size, −13.9 points of accuracy, 1.22× the time');
	});
	it('does not pretend that something was measured', () => {
		expect(sentenceOf(study, 'fresh')).toBe('2.0 times smaller, not measured, speed not measured');
	});
});

describe('qualityWords', () => {
	it('gives difference, interval and n', () => {
		expect(qualityWords(figuresOf(study, 'int8')).long).toBe('−0.2 points [−1.1, +0.7], no measurable difference at n = 400.');
	});
	it('never calls synthetic inputs accuracy', () => {
		const synthetic = testStudy({
			variants: [testVariant('original', 4), testVariant('v', 2)],
			evaluations: [testEvaluation('v', 20, { synthetic: true, top1: held })],
		});
		expect(figuresOf(synthetic, 'v').main).toBeUndefined();
		expect(qualityWords(figuresOf(synthetic, 'v')).long).toContain('synthetic inputs');
	});
	it('says when outputs are equal', () => {
		const equal = testStudy({ variants: [testVariant('v', 2)], evaluations: [testEvaluation('v', null)] });
		expect(qualityWords(figuresOf(equal, 'v')).short).toBe('equal outputs');
	});
});

describe('sizeWords', () => {
	it('knows smaller, larger and the same', () => {
		expect(sizeWords(3.72)).toBe('3.7 times smaller');
		expect(sizeWords(0.5)).toBe('2.00 times larger');
		expect(sizeWords(1.001)).toBe('the same size');
	});
});

describe('speedOf', () => {
	it('takes an interval that holds 1 for no difference', () => {
		expect(speedOf(testRun('v', 1, { ratio: { value: 0.9, interval: [0.7, 1.05] } }))).toBe('no measurable difference');
		expect(speedOf(testRun('v', 1, { ratio: { value: 0.9, interval: [0.85, 0.95] } }))).toBe('faster');
		expect(speedOf(testRun('v', 1))).toBe('unknown');
	});
});

describe('explainSpeed', () => {
	it('backs each cause with the profile', () => {
		const [explanation] = explainSpeed(study, 'zeros');
		expect(explanation?.verdict).toBe("1.22× the original's time on wasm×1.");
		expect(explanation?.causes.map((cause) => cause.title)).toContain('Weights are expanded at every run');
		expect(explanation?.causes.find((cause) => cause.share)?.share).toBeCloseTo(0.25);
		expect(explanation?.operators[0]?.op).toBe('Conv');
	});
	it('lists targets in the order of measuring', () => {
		expect(targetsOf(study)).toEqual(['wasm×1']);
	});
});

import { figuresOf, holds, speedOf, targetsOf, type VariantFigures, type VariantId } from './figures.ts';
import type { Interval, Run, Study } from './study.ts';

/** Figures as sentences: what happened and what it means. English; one place, so that it can be translated. */

const signed = (value: number, digits: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;

/** 0.71×, 1.02×; three digits below 0.1. */
export function ratioWords(ratio: number): string {
	return `${ratio.toFixed(ratio < 0.1 ? 3 : 2)}×`;
}

export function intervalWords([low, high]: Interval, digits: number): string {
	return `[${signed(low, digits)}, ${signed(high, digits)}]`;
}

/** `3.7 times smaller`, `the same size`, `1.02 times larger`. */
export function sizeWords(timesSmaller: number | undefined): string {
	if (timesSmaller === undefined) return 'not written yet';
	if (timesSmaller > 1.005) return `${timesSmaller >= 10 ? timesSmaller.toFixed(0) : timesSmaller.toFixed(1)} times smaller`;
	if (timesSmaller < 0.995) return `${(1 / timesSmaller).toFixed(2)} times larger`;
	return 'the same size';
}

export interface QualityWords {
	/** A few words for a table cell. */
	readonly short: string;
	/** One sentence with interval and n. */
	readonly long: string;
	/** A change that the data can tell from none. */
	readonly measurable: boolean;
	readonly tone: 'same' | 'worse' | 'better' | 'unknown';
}

/** The variant against the original: task accuracy by paired test where labels are there, else fidelity. */
export function qualityWords(figures: VariantFigures): QualityWords {
	const { evaluation, top1, classifier, worstSqnrDb, worstCosine } = figures;
	if (figures.id === 'original') return { short: '–', long: 'This is the model as it was dropped.', measurable: false, tone: 'same' };
	if (!evaluation)
		return { short: 'not measured', long: 'It has not been compared with the original yet.', measurable: false, tone: 'unknown' };
	if (evaluation.failure) return { short: 'could not run', long: evaluation.failure.message, measurable: true, tone: 'worse' };
	if (top1?.difference) {
		const { value, interval } = top1.difference;
		const points = `${signed(value * 100, 1)} points ${intervalWords([interval[0] * 100, interval[1] * 100], 1)}`;
		if (holds(interval, 0)) {
			return {
				short: 'no measurable difference',
				long: `${points}, no measurable difference at n = ${top1.n}.`,
				measurable: false,
				tone: 'same',
			};
		}
		return {
			short: `${signed(value * 100, 1)} points`,
			long: `${points} at n = ${top1.n}.`,
			measurable: true,
			tone: value < 0 ? 'worse' : 'better',
		};
	}
	const inputs = evaluation.synthetic ? 'synthetic inputs' : 'inputs';
	if (worstSqnrDb === Number.POSITIVE_INFINITY) {
		return { short: 'equal outputs', long: `Its outputs are equal to the original's on all ${inputs}.`, measurable: false, tone: 'same' };
	}
	const fidelity = worstSqnrDb === undefined ? '' : `SQNR ${worstSqnrDb.toFixed(1)} dB, cosine ${(worstCosine ?? 0).toFixed(4)}`;
	if (classifier?.agreement) {
		const { value, interval, n } = classifier.agreement;
		return {
			short: `${(value * 100).toFixed(1)} % same answer`,
			long: `The same answer as the original on ${(value * 100).toFixed(1)} % [${(interval[0] * 100).toFixed(1)}, ${(interval[1] * 100).toFixed(1)}] of ${n} ${inputs}; ${fidelity}.`,
			measurable: value < 1,
			tone: value < 0.98 ? 'worse' : 'same',
		};
	}
	return {
		short: worstSqnrDb === undefined ? 'no outputs' : `${worstSqnrDb.toFixed(1)} dB`,
		long: `${fidelity} over ${inputs}.`,
		measurable: true,
		tone: (worstSqnrDb ?? 0) < 20 ? 'worse' : 'same',
	};
}

/** `speed unchanged`, `0.71× the time`: on the first target that was measured. */
export function speedWords(run: Run | undefined): string {
	switch (speedOf(run)) {
		case 'faster':
		case 'slower':
			return `${ratioWords(run?.ratio?.value ?? 1)} the time`;
		case 'no measurable difference':
			return 'speed unchanged';
		default:
			return run?.failure ? 'does not run here' : 'speed not measured';
	}
}

/** The whole variant in one line: "3.7 times smaller, accuracy held, speed unchanged". */
export function sentenceOf(study: Study, id: VariantId): string {
	if (id === 'original') return 'The model as it was dropped; every other figure is compared with it.';
	const figures = figuresOf(study, id);
	if (figures.variant?.failure) return figures.variant.failure.message;
	const quality = qualityWords(figures);
	const first = targetsOf(study)[0];
	const held = figures.top1 ? 'accuracy held' : quality.short === 'equal outputs' ? 'equal outputs' : undefined;
	const worth =
		quality.tone === 'unknown'
			? quality.short
			: !quality.measurable && held
				? held
				: figures.top1
					? `${quality.short} of accuracy`
					: quality.short;
	return `${sizeWords(figures.timesSmaller)}, ${worth}, ${speedWords(first ? figures.runs.get(first) : undefined)}`.replace(
		/^./,
		(letter) => letter.toUpperCase(),
	);
}

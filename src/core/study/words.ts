import { figuresOf, speedOf, targetsOf, type VariantFigures, type VariantId } from './figures.ts';
import { changeShort, differenceSentence, isMeasurable, isWorse, metricFacts, metricText } from './metrics/metric-facts.ts';
import type { Run, Study, TaskMetric } from './study.ts';

/** Figures as sentences: what happened and what it means. English; one place, so that it can be translated. */

/** 0.71×, 1.02×; three digits below 0.1. */
export function ratioWords(ratio: number): string {
	return `${ratio.toFixed(ratio < 0.1 ? 3 : 2)}×`;
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
	const { evaluation, main, classifier, worstSqnrDb, worstCosine } = figures;
	if (figures.id === 'original') return { short: '–', long: 'This is the model as it was dropped.', measurable: false, tone: 'same' };
	if (!evaluation)
		return { short: 'not measured', long: 'It has not been compared with the original yet.', measurable: false, tone: 'unknown' };
	if (evaluation.failure) return { short: 'could not run', long: evaluation.failure.message, measurable: true, tone: 'worse' };
	if (main?.difference) return changeWords(main, main.difference, evaluation.stopped?.alpha);
	const inputs = evaluation.synthetic ? 'synthetic inputs' : 'inputs';
	if (worstSqnrDb === Number.POSITIVE_INFINITY) {
		return { short: 'equal outputs', long: `Its outputs are equal to the original's on all ${inputs}.`, measurable: false, tone: 'same' };
	}
	const fidelity = worstSqnrDb === undefined ? '' : `SQNR ${worstSqnrDb.toFixed(1)} dB, cosine ${(worstCosine ?? 0).toFixed(4)}`;
	if (main && metricFacts[main.metric].perfect !== undefined) return likenessWords(main, fidelity);
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

/** What labels say of the change. */
function changeWords(main: TaskMetric, difference: NonNullable<TaskMetric['difference']>, alpha: number | undefined): QualityWords {
	const { metric } = main;
	const lead = named.has(metric) ? `${metricFacts[metric].title} ` : '';
	const long = `${lead}${differenceSentence(main, alpha)}.`;
	if (!isMeasurable(difference, alpha)) return { short: 'no measurable difference', long, measurable: false, tone: 'same' };
	return {
		short: `${lead}${changeShort(metric, difference.value)}`,
		long,
		measurable: true,
		tone: isWorse(metric, difference.value) ? 'worse' : 'better',
	};
}

/** Metrics that a sentence has to name: points alone are points of accuracy. */
const named: ReadonlySet<TaskMetric['metric']> = new Set(
	(Object.keys(metricFacts) as TaskMetric['metric'][]).filter((metric) => metric !== 'top1' && metric !== 'accuracy'),
);

/** What the original's own answers say where there are no labels. */
function likenessWords({ metric, value, interval, n }: TaskMetric, fidelity: string): QualityWords {
	const { title } = metricFacts[metric];
	const text = metricText(metric, value);
	const bounds = interval.map((bound) => metricText(metric, bound).replace(' %', '')).join(', ');
	return {
		short: `${text} ${title}`,
		long: `The ${title} as the original on ${text} [${bounds}] of ${n.toLocaleString('en')} inputs; ${fidelity}.`,
		measurable: value < 1,
		tone: value < 0.98 ? 'worse' : 'same',
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
	const { main } = figures;
	const noun = main?.difference && metricFacts[main.metric].noun;
	const held = noun ? `${noun} held` : quality.short === 'equal outputs' ? 'equal outputs' : undefined;
	const worth =
		quality.tone === 'unknown'
			? quality.short
			: !quality.measurable && held
				? held
				: main?.difference && noun && metricFacts[main.metric].unit === 'share'
					? `${changeShort(main.metric, main.difference.value)} of ${noun}`
					: quality.short;
	return `${sizeWords(figures.timesSmaller)}, ${worth}, ${speedWords(first ? figures.runs.get(first) : undefined)}`.replace(
		/^./,
		(letter) => letter.toUpperCase(),
	);
}

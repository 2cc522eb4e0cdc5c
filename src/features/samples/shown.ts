import type { Sample, SampleAnswer } from '../../engine/sample-answers.ts';

/** One example as it is shown: what the models say, and what looks wrong with it. */
export interface Shown {
	/** Index in the whole set. */
	readonly place: number;
	readonly name: string;
	readonly label: string | undefined;
	readonly sample: Sample | undefined;
	readonly remarks: readonly string[];
	/** What DataSettings.leftOut calls it: of a copy, all but the first of its content. Absent until the data was checked. */
	readonly key: string | undefined;
}

/** The first answer in a few words. */
export function answerWords(answer: SampleAnswer, nameOf: (index: number) => string): string {
	const [best] = answer.top;
	if (best) return `${nameOf(best.index)} ${(best.share * 100).toFixed(0)} %`;
	return answer.numbers.length > 0
		? answer.numbers
				.slice(0, 3)
				.map((value) => value.toPrecision(3))
				.join(', ')
		: 'no numbers';
}

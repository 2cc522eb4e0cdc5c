import type { CalibrationChoice } from '../../core/study/learning.ts';

/** Choices that are offered: what is kept was drawn at random already, so that spreading over it would be a random choice too. */
export const offeredChoices = ['random', 'k-center', 'herding', 'first'] as const satisfies readonly CalibrationChoice[];

/** What each choice does, in a few words. */
export const choiceWords: Readonly<Record<CalibrationChoice, string>> = {
	random: 'at random',
	'k-center': 'to cover the others (k-center)',
	herding: 'to keep the mean (herding)',
	first: 'the first',
	spread: 'spread evenly',
};

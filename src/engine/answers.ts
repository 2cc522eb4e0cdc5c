import type { NumberArray } from '../core/numeric/statistics.ts';
import type { Answers } from '../core/study/classification.ts';
import { argmax } from './classifier.ts';

/** All figures of a study resample with the same seed, so that the same outputs give the same intervals anywhere. */
export const bootstrapSeed = 1;
export const mostConfusions = 100;

/** What a classifier answers to each example, collected while it runs. */
export class AnswerList {
	readonly answers: Answers;

	constructor(n: number) {
		this.answers = {
			labels: new Int32Array(n).fill(-1),
			predicted: new Int32Array(n).fill(-1),
			confidence: new Float64Array(n).fill(Number.NaN),
		};
	}

	/** Scores of one example: probabilities, or logits that softmax makes probabilities. */
	set(index: number, label: number, scores: NumberArray): void {
		const best = argmax(scores);
		this.answers.labels[index] = label;
		this.answers.predicted[index] = best;
		if (best >= 0) this.answers.confidence[index] = probability(scores, best);
	}
}

function probability(scores: NumberArray, best: number): number {
	let sum = 0;
	let proper = true;
	for (let i = 0; i < scores.length; i++) {
		const x = scores[i] as number;
		sum += x;
		if (!(x >= -1e-6 && x <= 1 + 1e-6)) proper = false;
	}
	const top = scores[best] as number;
	if (proper && Math.abs(sum - 1) <= 2e-3) return Math.min(1, top);
	let total = 0;
	for (let i = 0; i < scores.length; i++) total += Math.exp((scores[i] as number) - top);
	return 1 / total;
}

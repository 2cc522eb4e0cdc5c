import { seededRandom } from '../core/numeric/random.ts';
import type { StopEarly } from '../core/study/data-settings.ts';
import { isMeasurable, mainMetric, metricFacts } from '../core/study/metrics/metric-facts.ts';
import { looksOf } from '../core/study/metrics/sequential.ts';
import type { Evaluation } from '../core/study/study.ts';
import { bootstrapSeed, type TaskAnswers } from './answers.ts';
import type { Reference } from './reference.ts';

export type EarlyStop = StopEarly;

/**
 * Ends an evaluation where more examples would not change the answer. Examples are taken in a seeded random order, so that those seen are a
 * random part of all. After an eighth, a quarter and a half of them the paired difference of the main metric is looked at with the share of the
 * 5 % that the look may spend (sequential.ts): it ends where a difference is measurable, or where the interval lies within the margin.
 */
export class EarlyStopping {
	/** Places among the reference's indices, in the order in which they are run. */
	readonly order: readonly number[];
	stopped: Evaluation['stopped'];
	readonly #options: EarlyStop;
	readonly #reference: Reference;
	readonly #answers: TaskAnswers;
	readonly #looks: ReturnType<typeof looksOf>;
	#look = 0;

	constructor(options: EarlyStop, reference: Reference, answers: TaskAnswers) {
		this.#options = options;
		this.#reference = reference;
		this.#answers = answers;
		const n = reference.indices.length;
		this.#looks = looksOf(n);
		const order = Array.from({ length: n }, (_, i) => i);
		const random = seededRandom(bootstrapSeed).fork('order');
		for (let i = n - 1; i > 0; i--) {
			const j = random.below(i + 1);
			[order[i], order[j]] = [order[j] as number, order[i] as number];
		}
		this.order = order;
	}

	/** What intervals and tests may err in, where the run stands now. */
	get alpha(): number {
		return this.#looks[Math.min(this.#look, this.#looks.length - 1)]?.alpha ?? 0.05;
	}

	/** Whether to end after `done` examples. */
	enough(done: number): boolean {
		const look = this.#looks[this.#look];
		if (!look || done < look.after || this.#look === this.#looks.length - 1) return false;
		const { alpha } = look;
		const why = this.#answer(alpha);
		if (why === undefined) {
			this.#look += 1;
			return false;
		}
		this.stopped = { after: done, of: this.order.length, alpha, why };
		return true;
	}

	/** What to say of a run that has ended. */
	get outcome(): NonNullable<Evaluation['stopped']> {
		const n = this.order.length;
		return this.stopped ?? { after: n, of: n, alpha: this.alpha, why: 'No look on the way gave a clear answer.' };
	}

	#answer(alpha: number): string | undefined {
		const main = mainMetric(this.#answers.metrics(this.#reference.answers, { alpha }));
		if (!main?.difference) return undefined;
		const { difference, metric, value } = main;
		const { title, unit } = metricFacts[metric];
		if (isMeasurable(difference, alpha)) return `${title} differs measurably from the original.`;
		const margin = unit === 'share' ? this.#options.margin : this.#options.margin * Math.abs(value - difference.value);
		const within = Math.max(Math.abs(difference.interval[0]), Math.abs(difference.interval[1])) <= margin;
		const said =
			unit === 'share' ? `${(this.#options.margin * 100).toPrecision(2)} points` : `${(this.#options.margin * 100).toPrecision(2)} %`;
		return within ? `${title} differs from the original by less than ${said}.` : undefined;
	}
}

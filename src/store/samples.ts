import type { Hash } from '../core/study/study.ts';
import type { Context } from './context.ts';
import type { Actions } from './state.ts';
import { referenceTarget } from './work/plan.ts';
import { engineKey, engineSubject, filesOf } from './work/subject.ts';
import { cancelled } from './work/words.ts';

export interface Samples extends Pick<Actions, 'sampleAnswers' | 'dataHealth'> {}

const deadlineMs = 30 * 60_000;

/** Single examples: what original and variant say to each, and what looks wrong with the set. Answers are kept for this visit. */
export function createSamples(context: Context): Samples {
	const { services, get } = context;
	return {
		async sampleAnswers(id, signal, onProgress) {
			const { open } = context;
			const dataset = get().study?.dataset;
			if (!open || !dataset) throw cancelled();
			const ports = get()
				.study?.variants.find((entry) => entry.id === id)
				?.report.flatMap((report) => report.ports ?? []);
			const variant = { id: id as Hash | 'original', files: await filesOf(context, id, open), ...(ports?.length && { ports }) };
			return services.host.call(
				'engine',
				'samples',
				{ ...engineSubject(context, open, referenceTarget), variant, dataset, study: open.id },
				{ signal, onProgress, input: `samples:${id}`, key: engineKey(referenceTarget), deadlineMs },
			);
		},
		async dataHealth(signal, onProgress) {
			const { open } = context;
			if (!open) throw cancelled();
			return services.host.call('engine', 'health', engineSubject(context, open, referenceTarget), {
				signal,
				onProgress,
				input: 'health',
				key: engineKey(referenceTarget),
				deadlineMs,
			});
		},
	};
}

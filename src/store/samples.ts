import type { Hash } from '../core/study/study.ts';
import type { MeasuredFile } from '../workers/engine-protocol.ts';
import type { Context, OpenStudy } from './context.ts';
import type { Actions } from './state.ts';
import { referenceTarget } from './work/plan.ts';
import { engineKey, engineSubject, filesOf } from './work/subject.ts';
import { cancelled } from './work/words.ts';

export interface Samples extends Pick<Actions, 'sampleAnswers' | 'drawInputs' | 'sampleDetail' | 'dataHealth'> {}

const deadlineMs = 30 * 60_000;

/** Single examples: what original and variant say to each, and what looks wrong with the set. Answers are kept for this visit. */
export function createSamples(context: Context): Samples {
	const { services, get } = context;
	const measured = async (id: Hash | 'original', open: OpenStudy): Promise<MeasuredFile> => {
		const ports = get()
			.study?.variants.find((entry) => entry.id === id)
			?.report.flatMap((report) => report.ports ?? []);
		return { id, files: await filesOf(context, id, open), ...(ports?.length && { ports }) };
	};
	return {
		async sampleAnswers(id, signal, onProgress) {
			const { open } = context;
			const dataset = get().study?.dataset;
			if (!open || !dataset) throw cancelled();
			const variant = await measured(id, open);
			return services.host.call(
				'engine',
				'samples',
				{ ...engineSubject(context, open, referenceTarget), variant, dataset, study: open.id },
				{ signal, onProgress, input: `samples:${id}`, key: engineKey(referenceTarget), deadlineMs },
			);
		},
		async drawInputs(indices) {
			const { open } = context;
			if (!open) return [];
			return services.host.call(
				'engine',
				'drawInputs',
				{ ...engineSubject(context, open, referenceTarget), indices },
				{ signal: open.closing.signal, input: 'drawings', key: engineKey(referenceTarget) },
			);
		},
		async sampleDetail(id, index, signal) {
			const { open } = context;
			if (!open) throw cancelled();
			return services.host.call(
				'engine',
				'sampleDetail',
				{ ...engineSubject(context, open, referenceTarget), variant: await measured(id, open), index },
				{ signal, input: `sample:${id}`, key: engineKey(referenceTarget), deadlineMs },
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

import { type DataSettings, stopEarlyKey } from '../core/study/data-settings.ts';
import type { DatasetFacts } from '../core/study/study.ts';
import { taskKey } from '../core/study/task.ts';
import { toFailure } from '../workers/failure.ts';
import type { Context } from './context.ts';
import { setAside } from './running.ts';
import type { Actions } from './state.ts';
import { referenceTarget } from './work/plan.ts';
import { engineKey, engineSubject } from './work/subject.ts';

const minute = 60_000;

export interface Data extends Pick<Actions, 'changeData' | 'changeTask' | 'changeStopEarly' | 'changeLearnFrom' | 'previewInputs'> {}

/** What a person says about their data: the same files are read again, and what was judged on them is judged again. */
export function createData(context: Context): Data {
	const { services, get } = context;

	/** Keeps what a person said that does not change how the files are read. */
	const keep = (
		{ settings: before, ...facts }: DatasetFacts,
		change: { readonly [K in keyof DataSettings]?: DataSettings[K] | undefined },
	): Promise<void> => {
		const settings = chosen({ ...before, ...change });
		const { open } = context;
		if (open?.inputs?.kind === 'files') {
			const { settings: _, ...inputs } = open.inputs;
			open.inputs = settings ? { ...inputs, settings } : inputs;
		}
		return context.commit({ type: 'dataset', dataset: settings ? { ...facts, settings } : facts });
	};

	return {
		async changeData(change) {
			const { open } = context;
			const before = get().study?.dataset;
			const { readOnly } = get();
			if (open?.inputs?.kind !== 'files' || !before || readOnly) return false;
			const settings = chosen({ ...before.settings, ...change });
			const { settings: _, ...inputs } = open.inputs;
			const { split } = before;
			try {
				await context.openInputs(
					open,
					settings ? { ...inputs, settings } : inputs,
					open.closing.signal,
					split && { seed: split.seed, calibration: split.calibration.length },
				);
			} catch (error) {
				context.sayFailure(toFailure(error));
				return false;
			}
			const after = get().study?.dataset;
			// What was found by trying is still known when a person then chooses otherwise.
			const evidence = context.open === open && after && !after.evidence && before.evidence;
			if (evidence) await context.commit({ type: 'dataset', dataset: { ...after, evidence: marked(evidence, after) } });
			return true;
		},
		changeTask(task) {
			const { study, readOnly } = get();
			const { dataset } = study ?? {};
			if (!dataset || readOnly || taskKey(dataset.settings?.task) === taskKey(task)) return;
			void keep(dataset, { task }).then(() => context.wakeWork());
		},
		changeStopEarly(stopEarly) {
			const { study, readOnly } = get();
			const { dataset } = study ?? {};
			if (!dataset || readOnly || stopEarlyKey(dataset.settings?.stopEarly) === stopEarlyKey(stopEarly)) return;
			void keep(dataset, { stopEarly }).then(() => context.wakeWork());
		},
		async changeLearnFrom(learnFrom, onProgress) {
			const { open } = context;
			if (open?.inputs?.kind !== 'files' || !get().study?.dataset || get().readOnly) return false;
			try {
				await setAside(context);
				const before = get().study?.dataset;
				if (context.open !== open || !before?.split) return false;
				const { chosen: _, ...split } = before.split;
				// As many as there are is no choice.
				const fewer = learnFrom && learnFrom.n < split.calibration.length ? learnFrom : undefined;
				const found =
					fewer &&
					(await services.host.call(
						'engine',
						'chooseLearning',
						{ ...engineSubject(context, open, referenceTarget), kept: split.calibration, learnFrom: fewer },
						{ signal: open.closing.signal, onProgress, input: 'learning', key: engineKey(referenceTarget), deadlineMs: 30 * minute },
					));
				const now = get().study?.dataset;
				// Other data were given meanwhile.
				if (context.open !== open || now?.hash !== before.hash || get().readOnly) return false;
				await keep({ ...now, split: found ? { ...split, chosen: found } : split }, { learnFrom: fewer });
				return true;
			} catch (error) {
				context.sayFailure(toFailure(error));
				return false;
			} finally {
				context.wakeWork();
			}
		},
		async previewInputs(indices, as) {
			const { open } = context;
			if (!open) return [];
			return services.host.call(
				'engine',
				'previews',
				{ ...engineSubject(context, open, referenceTarget), indices, ...(as && { as }) },
				{ signal: open.closing.signal, input: 'previews', key: engineKey(referenceTarget) },
			);
		},
	};
}

/** Without what was taken back; undefined where nothing is left. */
function chosen(settings: { readonly [K in keyof DataSettings]: DataSettings[K] | undefined }): DataSettings | undefined {
	const entries = Object.entries(settings).filter(([, value]) => value !== undefined);
	return entries.length > 0 ? (Object.fromEntries(entries) as DataSettings) : undefined;
}

/** Nothing in the evidence is what is used now, where a person chose. */
function marked(evidence: NonNullable<DatasetFacts['evidence']>, { settings }: DatasetFacts): NonNullable<DatasetFacts['evidence']> {
	if (!settings?.preprocessing) return evidence;
	return evidence.map((entry) => ({ ...entry, candidates: entry.candidates.map((candidate) => ({ ...candidate, chosen: false })) }));
}

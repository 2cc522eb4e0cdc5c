import { type DatasetFacts, type Environment, type Evaluation, type Hash, type Run, type Study, targetKey, type Variant } from './study.ts';

/** One change of a study, as it is written to the journal. Applying the same event twice gives the same study. */
export type StudyEvent =
	| { readonly type: 'variant'; readonly variant: Variant }
	| { readonly type: 'removed'; readonly variants: readonly Hash[] }
	| {
			/** Undo of a removal. */
			readonly type: 'restored';
			readonly variants: readonly Variant[];
			readonly runs: readonly Run[];
			readonly evaluations: readonly Evaluation[];
	  }
	/** Figures are dropped to be measured again; the files stay. */
	| { readonly type: 'unmeasured'; readonly variants: readonly (Hash | 'original')[] }
	| { readonly type: 'renamed'; readonly variant: Hash; readonly name: string }
	| { readonly type: 'run'; readonly run: Run }
	| { readonly type: 'evaluation'; readonly evaluation: Evaluation }
	/** Other inputs: figures of fidelity to the old ones stay, marked by their dataset hash. */
	| { readonly type: 'dataset'; readonly dataset: DatasetFacts | null }
	| { readonly type: 'environment'; readonly environment: Environment };

/** `at` is the ISO time of the change. */
export function applyEvent(study: Study, event: StudyEvent, at: string): Study {
	const changed = change(study, event);
	return changed === study ? study : { ...changed, updatedAt: at };
}

function change(study: Study, event: StudyEvent): Study {
	switch (event.type) {
		case 'variant': {
			// Only `renamed` renames: a result that was on its way when the person did must not undo it.
			const name = study.variants.find((entry) => entry.id === event.variant.id)?.name ?? event.variant.name;
			return { ...study, variants: upsert(study.variants, { ...event.variant, name }, (entry) => entry.id === event.variant.id) };
		}
		case 'removed': {
			const gone = new Set<string>(event.variants);
			gone.delete('original');
			return {
				...study,
				variants: study.variants.filter((entry) => !gone.has(entry.id)),
				runs: study.runs.filter((entry) => !gone.has(entry.variant)),
				evaluations: study.evaluations.filter((entry) => !gone.has(entry.variant)),
			};
		}
		case 'restored': {
			let next = study;
			for (const variant of event.variants) next = change(next, { type: 'variant', variant });
			for (const run of event.runs) next = change(next, { type: 'run', run });
			for (const evaluation of event.evaluations) next = change(next, { type: 'evaluation', evaluation });
			const order = (variant: Variant): string => (variant.id === 'original' ? '' : variant.createdAt);
			return { ...next, variants: [...next.variants].sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0)) };
		}
		case 'unmeasured': {
			const again = new Set<string>(event.variants);
			return {
				...study,
				runs: study.runs.filter((entry) => !again.has(entry.variant)),
				evaluations: study.evaluations.filter((entry) => !again.has(entry.variant)),
			};
		}
		case 'renamed':
			return {
				...study,
				variants: study.variants.map((entry) => (entry.id === event.variant ? { ...entry, name: event.name } : entry)),
			};
		case 'run': {
			const { run } = event;
			if (!study.variants.some((entry) => entry.id === run.variant)) return study;
			const key = targetKey(run.target);
			return { ...study, runs: upsert(study.runs, run, (entry) => entry.variant === run.variant && targetKey(entry.target) === key) };
		}
		case 'evaluation': {
			const { evaluation } = event;
			if (!study.variants.some((entry) => entry.id === evaluation.variant)) return study;
			return {
				...study,
				evaluations: upsert(
					study.evaluations,
					evaluation,
					(entry) => entry.variant === evaluation.variant && entry.dataset === evaluation.dataset,
				),
			};
		}
		case 'dataset': {
			const { dataset: _, ...rest } = study;
			return event.dataset ? { ...rest, dataset: event.dataset } : rest;
		}
		case 'environment':
			return { ...study, environment: event.environment };
	}
}

function upsert<T>(list: readonly T[], entry: T, same: (other: T) => boolean): readonly T[] {
	const index = list.findIndex(same);
	return index < 0 ? [...list, entry] : list.with(index, entry);
}

import { indicesOf } from '../core/study/learning.ts';
import type { NodeFigures } from '../core/study/node-figures.ts';
import type { Failure, Hash, Target, Variant } from '../core/study/study.ts';
import { errorFigures, latencyFigures, sensitivityFigures } from '../engine/diagnose/figures.ts';
import { toFailure } from '../workers/failure.ts';
import type { Progress } from '../workers/serve.ts';
import type { Context, OpenStudy } from './context.ts';
import type { Actions, Diagnosis, DiagnosisKind, Job } from './state.ts';
import { referenceTarget } from './work/plan.ts';
import { engineKey, engineSubject, filesOf } from './work/subject.ts';
import { cancelled } from './work/words.ts';

export type Diagnosing = Pick<Actions, 'diagnose' | 'keepLayers' | 'selectNode'>;

export interface Diagnoser {
	readonly actions: Diagnosing;
	/** Whether the id is a diagnosis's, which is then ended. */
	cancel(id: string): boolean;
	cancelAll(): void;
}

const minute = 60_000;
const usualLimit = 16;

const titles: Readonly<Record<DiagnosisKind, string>> = {
	errors: 'errors by layer',
	restored: 'layers restored one by one',
	culprit: 'looking for the culprit',
	latency: 'times by node',
};

/**
 * Diagnoses on request. They wait until nothing is being measured and hold measuring back while they run; timing nodes waits until
 * nothing else runs at all. Results are kept for the visit.
 */
export function createDiagnosis(context: Context): Diagnoser {
	const { services, get, set } = context;
	let current: { readonly id: string; readonly abort: AbortController } | undefined;

	const change = (variant: string, next: Partial<Diagnosis> | ((before: Diagnosis) => Diagnosis)): void => {
		const before = get().diagnoses[variant] ?? { comparedAfter: [] };
		const after = typeof next === 'function' ? next(before) : { ...before, ...next };
		set({ diagnoses: { ...get().diagnoses, [variant]: after } });
	};
	const showJob = (job: Job): void => {
		const others = get().jobs.filter(({ id }) => id !== job.id);
		const queued = others.filter(({ state }) => state === 'queued');
		set({ jobs: [...others.filter(({ state }) => state !== 'queued'), job, ...queued] });
	};

	const diagnose: Actions['diagnose'] = async (variant, what, options = {}) => {
		const { open } = context;
		const entry = get().study?.variants.find(({ id }) => id === variant);
		if (!open?.model || get().readOnly || !get().study) return;
		if (current) {
			get().toast('One diagnosis at a time: wait for the other one, or cancel it.', 'error');
			return;
		}
		if (variant !== 'original' && !entry?.file) return;
		const id = `diagnose:${what}:${variant}`;
		const own = { id, abort: new AbortController() };
		current = own;
		context.diagnosing = true;
		const { signal } = own.abort;
		const stop = (): void => own.abort.abort(cancelled());
		open.closing.signal.addEventListener('abort', stop, { once: true });
		const name = variant === 'original' ? 'original' : (entry?.name ?? '');
		let job: Job = {
			id,
			kind: 'diagnose',
			title: `${name}: ${titles[what]}`,
			variant,
			state: 'running',
			startedAt: services.nowMs(),
		};
		const progress = ({ fraction, stage }: Progress): void => {
			if (signal.aborted || context.open !== open) return;
			job = { ...job, ...(fraction !== undefined && { fraction }), ...(stage !== undefined && { detail: stage }) };
			showJob(job);
		};
		change(variant, ({ failure: _, ...before }) => ({ ...before, running: what }));
		showJob(job);
		let end: Partial<Job> & { state: Job['state'] } = { state: 'done', fraction: 1 };
		let failure: Failure | undefined;
		try {
			await untilQuiet(what === 'latency', id, signal, progress);
			if (what === 'latency') await time(variant, options.target ?? targetOf(), open, signal, progress);
			else if (entry) await compare(entry, what, options.limit ?? usualLimit, open, signal, progress);
		} catch (error) {
			const found = signal.aborted ? undefined : toFailure(error);
			end = found && found.code !== 'cancelled' ? { state: 'failed', failure: found } : { state: 'cancelled' };
			failure = end.failure;
		} finally {
			open.closing.signal.removeEventListener('abort', stop);
			if (current === own) {
				current = undefined;
				context.diagnosing = false;
			}
		}
		if (context.open !== open) return;
		change(variant, ({ running: _, ...rest }) => (failure ? { ...rest, failure } : rest));
		const { detail: _, ...ended } = job;
		showJob({ ...ended, ...end });
		context.wakeWork();
	};

	/** What is measured must not be disturbed, and must not disturb. */
	const untilQuiet = async (alone: boolean, own: string, signal: AbortSignal, progress: (progress: Progress) => void): Promise<void> => {
		const busy = (): boolean =>
			get().jobs.some(({ id, state, kind }) => id !== own && state === 'running' && (alone || kind === 'benchmark'));
		while (busy()) {
			progress({ stage: 'Waiting until nothing is being measured' });
			await new Promise<void>((resolve) => services.later(resolve, 200));
			signal.throwIfAborted();
		}
	};

	const targetOf = (): Target => get().settings.targets[0] ?? referenceTarget;

	const compare = async (
		variant: Variant,
		what: Exclude<DiagnosisKind, 'latency'>,
		limit: number,
		open: OpenStudy,
		signal: AbortSignal,
		onProgress: (progress: Progress) => void,
	): Promise<void> => {
		const { dataset } = get().study ?? {};
		if (!dataset) throw cancelled();
		const all = Array.from({ length: dataset.split?.of ?? dataset.n }, (_, index) => index);
		const calibration = indicesOf(dataset, variant.learntFrom);
		const learnt = new Set(dataset.split?.calibration ?? []);
		const ranking = get().diagnoses[variant.id]?.sensitivity?.layers.map(({ node }) => node);
		const result = await services.host.call(
			'learn',
			'diagnose',
			{
				subject: engineSubject(context, open, referenceTarget),
				variant: await filesOf(context, variant.id, open),
				recipe: variant.recipe,
				examples: all.filter((index) => !learnt.has(index)),
				calibration,
				limit,
				what,
				...(ranking && { ranking }),
			},
			{ signal, onProgress, input: variant.id, key: 'diagnose', deadlineMs: 60 * minute },
		);
		if (context.open !== open) return;
		change(variant.id, result);
		publish(variant.id);
	};

	const time = async (
		variant: Hash | 'original',
		target: Target,
		open: OpenStudy,
		signal: AbortSignal,
		onProgress: (progress: Progress) => void,
	): Promise<void> => {
		const feeds = await services.host.call('engine', 'feeds', engineSubject(context, open, referenceTarget), {
			signal,
			input: `feeds:${get().study?.dataset?.hash ?? ''}`,
			key: engineKey(referenceTarget),
			deadlineMs: 10 * minute,
		});
		const files = await filesOf(context, variant, open);
		const latency = await services.host.call(
			'learn',
			'nodeTimes',
			{ target, files, feeds },
			{ signal, onProgress, input: `times:${variant}`, key: `diagnose:${engineKey(target)}`, deadlineMs: 10 * minute },
		);
		if (context.open !== open) return;
		change(variant, { latency });
		publish(variant);
	};

	/** The overlays of everything that is known of a variant. */
	const publish = (variant: string): void => {
		const { errors, sensitivity, restored, latency } = get().diagnoses[variant] ?? {};
		const figures: NodeFigures[] = [
			...(errors ? errorFigures(errors) : []),
			...(sensitivity ? [sensitivityFigures(sensitivity)] : []),
			...(restored ? [sensitivityFigures(restored)] : []),
			...(latency ? [latencyFigures(latency)] : []),
		];
		set({ nodeFigures: { ...get().nodeFigures, [variant]: figures } });
	};

	return {
		actions: {
			diagnose,
			async keepLayers(id, labels) {
				const variant = get().study?.variants.find((entry) => entry.id === id);
				if (!variant) return;
				const { keepingLayers } = await import('../passes/keep-layers.ts');
				const recipe = keepingLayers(variant.recipe, labels);
				if (!recipe) {
					get().toast('None of its steps can leave these layers as they are.', 'error');
					return;
				}
				const kept = labels.length === 1 ? `without ${short(labels[0] ?? '')}` : `without ${labels.length} layers`;
				await get().runRecipes([{ ...recipe, name: `${variant.name}, ${kept}`.slice(0, 200) }]);
				get().toast(`${labels.length === 1 ? 'A variant' : `A variant with ${labels.length} layers`} kept in fp32 is being made.`);
			},
			selectNode: (selectedNode) => set({ selectedNode }),
		},
		cancel(id) {
			if (current?.id !== id) return false;
			current.abort.abort(cancelled());
			return true;
		},
		cancelAll: () => current?.abort.abort(cancelled()),
	};
}

/** The last part of a layer's name that tells it. */
function short(label: string): string {
	return label.length <= 40 ? label : `…${label.slice(-38)}`;
}

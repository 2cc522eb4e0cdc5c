import { learntIndices } from '../core/study/learning.ts';
import type { Hash } from '../core/study/study.ts';
import { toFailure } from '../workers/failure.ts';
import type { Progress } from '../workers/serve.ts';
import type { Context } from './context.ts';
import { setAside } from './running.ts';
import type { Actions, Job, Pruning } from './state.ts';
import { referenceTarget } from './work/plan.ts';
import { engineSubject, filesOf } from './work/subject.ts';
import { cancelled } from './work/words.ts';

export interface Pruner {
	readonly actions: Pick<Actions, 'findGroups' | 'chooseCut' | 'measureGroups'>;
	/** Whether the id is of what runs here, which is then ended. */
	cancel(id: string): boolean;
	cancelAll(): void;
}

const minute = 60_000;
const none: Pruning = { gone: [] };

/** What can be cut out of a variant, what a person chose of it, and what that does to the outputs. Kept for the visit. */
export function createPruning(context: Context): Pruner {
	const { services, get, set } = context;
	let current: { readonly id: string; readonly abort: AbortController } | undefined;
	const finding = new Set<string>();

	const change = (variant: string, next: (before: Pruning) => Pruning): void =>
		set({ pruning: { ...get().pruning, [variant]: next(get().pruning[variant] ?? none) } });

	const findGroups: Actions['findGroups'] = async (variant) => {
		const { open } = context;
		const { study } = get();
		const file = variant === 'original' ? study?.model.hash : study?.variants.find(({ id }) => id === variant)?.file;
		if (!open?.model || file === undefined || finding.has(variant) || get().pruning[variant]?.plan) return;
		finding.add(variant);
		change(variant, ({ failure: _, ...before }) => before);
		try {
			const model = { key: file, files: await filesOf(context, variant, open) };
			const plan = await services.host.call(
				'graph',
				'pruningPlan',
				{ model },
				{ signal: open.closing.signal, input: `groups:${variant}`, deadlineMs: 5 * minute },
			);
			if (context.open === open) change(variant, (before) => ({ ...before, plan, gone: plan.groups.map(() => 0) }));
		} catch (error) {
			const failure = toFailure(error);
			if (context.open === open && failure.code !== 'cancelled') change(variant, (before) => ({ ...before, failure }));
		} finally {
			finding.delete(variant);
		}
	};

	const showJob = (job: Job): void => {
		const others = get().jobs.filter(({ id }) => id !== job.id);
		const queued = others.filter(({ state }) => state === 'queued');
		set({ jobs: [...others.filter(({ state }) => state !== 'queued'), job, ...queued] });
	};

	const measureGroups: Actions['measureGroups'] = async (variant) => {
		const { open } = context;
		if (!open?.model || get().readOnly || !get().study) return;
		if (context.diagnosing) {
			get().toast('One measurement by layer or group at a time: wait for the other one, or cancel it.', 'error');
			return;
		}
		const id = `groups:${variant}`;
		const own = { id, abort: new AbortController() };
		current = own;
		context.diagnosing = true;
		const { signal } = own.abort;
		const stop = (): void => own.abort.abort(cancelled());
		open.closing.signal.addEventListener('abort', stop, { once: true });
		const name = get().study?.variants.find((entry) => entry.id === variant)?.name ?? 'original';
		let job: Job = {
			id,
			kind: 'diagnose',
			title: `${name}: what each group is worth`,
			variant,
			state: 'running',
			startedAt: services.nowMs(),
		};
		const onProgress = ({ fraction, stage }: Progress): void => {
			if (signal.aborted || context.open !== open) return;
			job = { ...job, ...(fraction !== undefined && { fraction }), ...(stage !== undefined && { detail: stage }) };
			showJob(job);
		};
		change(variant, ({ failure: _, ...before }) => ({ ...before, measuring: true }));
		showJob(job);
		let end: Partial<Job> & { state: Job['state'] } = { state: 'done', fraction: 1 };
		try {
			await untilQuiet(id, signal, onProgress);
			await setAside(context);
			const sensitivity = await measure(variant, open, signal, onProgress);
			if (context.open === open) change(variant, (before) => ({ ...before, sensitivity }));
		} catch (error) {
			const failure = signal.aborted ? undefined : toFailure(error);
			end = failure && failure.code !== 'cancelled' ? { state: 'failed', failure } : { state: 'cancelled' };
			if (end.failure && context.open === open)
				change(variant, (before) => ({ ...before, failure: end.failure as NonNullable<Pruning['failure']> }));
		} finally {
			open.closing.signal.removeEventListener('abort', stop);
			if (current === own) {
				current = undefined;
				context.diagnosing = false;
			}
		}
		if (context.open !== open) return;
		change(variant, ({ measuring: _, ...before }) => before);
		const { detail: _, ...ended } = job;
		showJob({ ...ended, ...end });
		context.wakeWork();
	};

	/** What is timed must not be disturbed. */
	const untilQuiet = async (own: string, signal: AbortSignal, progress: (progress: Progress) => void): Promise<void> => {
		while (get().jobs.some(({ id, kind, state }) => id !== own && state === 'running' && kind === 'benchmark')) {
			progress({ stage: 'Waiting until nothing is being measured' });
			await new Promise<void>((resolve) => services.later(resolve, 200));
			signal.throwIfAborted();
		}
	};

	const measure = async (
		variant: Hash | 'original',
		open: NonNullable<Context['open']>,
		signal: AbortSignal,
		onProgress: (p: Progress) => void,
	) => {
		const { dataset } = get().study ?? {};
		if (!dataset) throw cancelled();
		services.host.endIdle('engine');
		return services.host.call(
			'learn',
			'groupSensitivity',
			{
				subject: engineSubject(context, open, referenceTarget),
				files: await filesOf(context, variant, open),
				calibration: learntIndices(dataset),
			},
			{ signal, onProgress, input: `groups:${variant}`, key: 'diagnose', deadlineMs: 60 * minute },
		);
	};

	return {
		actions: {
			findGroups,
			chooseCut: (variant, gone) => change(variant, (before) => ({ ...before, gone })),
			measureGroups,
		},
		cancel(id) {
			if (current?.id !== id) return false;
			current.abort.abort(cancelled());
			return true;
		},
		cancelAll: () => current?.abort.abort(cancelled()),
	};
}

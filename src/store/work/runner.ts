import type { AnyPass } from '../../core/pass/pass.ts';
import { recipeNeeds } from '../../core/pass/pipeline.ts';
import type { Failure, Hash, Target, Variant } from '../../core/study/study.ts';
import { toFailure } from '../../workers/failure.ts';
import type { Progress } from '../../workers/serve.ts';
import type { Context, OpenStudy } from '../context.ts';
import type { Job } from '../state.ts';
import { createMaker } from './making.ts';
import { createMeasurer } from './measuring.ts';
import { plan, referenceTarget, type Task, taskId, taskVariants } from './plan.ts';
import { cancelled, cancelledFailure, failedEvaluation, failedRun, taskTitle } from './words.ts';

const keptJobs = 60;

interface Running {
	readonly task: Task;
	readonly abort: AbortController;
}

export interface Runner {
	wake(): void;
	cancel(id: string): void;
	cancelAll(): void;
	stopVariant(variant: string): void;
	/** Forgets everything: another study is open. */
	reset(): void;
}

/**
 * Works off what the open study lacks (see plan.ts). One variant is written while another is compared with the original; one that learns
 * from inputs takes every core and most memory, so it takes turns with comparing. Measuring waits until nothing else runs, weighing (gzip,
 * brotli) included, and nothing starts while it lasts, so that nothing disturbs a timing.
 */
export function createRunner(context: Context): Runner {
	const { services, get, set } = context;
	/** What runs, by task id. Writing and comparing go side by side; measuring is alone. */
	const running = new Map<string, Running>();
	const alone = new Set<string>();
	const maker = createMaker(context);
	const measurer = createMeasurer(context, alone, maker.weighed);
	/** What recipes need is known once the passes are loaded. */
	let passes: ReadonlyMap<string, AnyPass> | undefined;
	/** The last turn was a variant's that learns: what waits to be compared comes first now. */
	let learntLast = false;
	/** Variants whose file was gone once and that were made again: not twice. */
	const remade = new Set<string>();

	const options = () => {
		const { settings, capabilities } = get();
		const targets = settings.targets.filter((target) => canRun(target, capabilities));
		return {
			targets: targets.length > 0 ? targets : [referenceTarget],
			batchBytes: settings.memoryBudgetBytes / 5,
			alone,
			original: context.wanted.has('original'),
		};
	};
	const tasks = (): readonly Task[] => {
		const { study, readOnly } = get();
		const { open } = context;
		if (!study || !open?.model || open.inputsPending || readOnly) return [];
		const planned = plan(study, options());
		return open.inputs ? planned : planned.filter((task) => task.kind === 'compress');
	};

	/** The job list: what ran before, what runs, what waits. */
	const showJobs = (change?: Job): void => {
		const { study, jobs } = get();
		if (!study) return;
		const waiting = tasks()
			.filter((task) => !running.has(taskId(task)))
			.map((task) => queuedJob(task, study.variants));
		const waitingIds = new Set(waiting.map((job) => job.id));
		const merged = change ? upsertJob(jobs, change) : jobs;
		const past = merged.filter((job) => job.state !== 'queued' && !(waitingIds.has(job.id) && job.state !== 'running'));
		set({ jobs: [...past.slice(-keptJobs), ...waiting] });
	};

	const report =
		(id: string, abort: AbortController) =>
		(progress: Progress): void => {
			const job = get().jobs.find((entry) => entry.id === id);
			if (job?.state !== 'running' || abort.signal.aborted) return;
			const { fraction: _f, detail: _d, ...rest } = job;
			const next: Job = {
				...rest,
				...(progress.fraction !== undefined && { fraction: progress.fraction }),
				...(progress.stage !== undefined ? { detail: progress.stage } : job.detail !== undefined && { detail: job.detail }),
			};
			set({ jobs: get().jobs.map((entry) => (entry.id === id ? next : entry)) });
		};

	/** Steps that ended without result or failure: a fault of ours that must not run for ever. */
	const repeated = new Map<string, number>();

	const pump = (): void => {
		const { open } = context;
		if (!open) return;
		const planned = tasks();
		if (!passes && planned.some(({ kind }) => kind === 'compress')) {
			void import('../../passes/registry.ts').then((registry) => {
				passes = registry.passes;
				pump();
			});
			return;
		}
		for (const task of planned) {
			const id = taskId(task);
			if (running.has(id) || !mayStart(task, planned)) continue;
			void perform(task, open);
		}
		if (planned.length > 0 || running.size > 0) return;
		showJobs();
		maker.weighHeavy();
	};

	const mayStart = (task: Task, planned: readonly Task[]): boolean => {
		const now = [...running.values()].map((entry) => entry.task);
		const kinds = now.map(({ kind }) => kind);
		// Writing and comparing have one lane each.
		if (task.kind === 'benchmark') return kinds.length === 0 && !context.diagnosing;
		if (kinds.includes('benchmark') || kinds.includes(task.kind)) return false;
		if (task.kind === 'evaluate') {
			const next = planned.find((entry) => entry.kind === 'compress' && !running.has(taskId(entry)));
			return !now.some(learns) && (learntLast || !next || !learns(next));
		}
		if (!learns(task)) return true;
		const others = planned.some(({ kind }) => kind === 'evaluate');
		return !kinds.includes('evaluate') && !(learntLast && others);
	};

	const learns = (task: Task): boolean => {
		const variant = task.kind === 'compress' && get().study?.variants.find(({ id }) => id === task.variant);
		// A recipe of another version with a step that is unknown here fails when it is run, and says so.
		if (!variant || !passes || variant.recipe.steps.some((step) => !step.off && !passes?.has(step.pass))) return false;
		return recipeNeeds(variant.recipe, passes).size > 0;
	};

	const perform = async (task: Task, open: OpenStudy): Promise<void> => {
		const { study } = get();
		if (!study) return;
		const abort = new AbortController();
		const stop = (): void => abort.abort(cancelled());
		open.closing.signal.addEventListener('abort', stop, { once: true });
		const id = taskId(task);
		const own: Running = { task, abort };
		running.set(id, own);
		if (learns(task)) learntLast = true;
		const job: Job = { ...queuedJob(task, study.variants), state: 'running', startedAt: services.nowMs() };
		showJobs(job);
		const progress = report(id, abort);
		let end: Partial<Job> & { state: Job['state'] } = { state: 'done', fraction: 1 };
		try {
			if (task.kind === 'compress') {
				try {
					await maker.compress(task.variant, open, abort.signal, progress);
				} catch (error) {
					// Variants that the person removed make room first.
					if (toFailure(error).code !== 'storage-full' || !(await context.freeRemoved())) throw error;
					await maker.compress(task.variant, open, abort.signal, progress);
				}
			} else if (task.kind === 'evaluate') await measurer.evaluate(task.variant, open, abort.signal, progress);
			else await measurer.benchmark(task.target, task.variants, open, abort.signal, progress);
		} catch (error) {
			const failure = abort.signal.aborted ? cancelledFailure : toFailure(error);
			end = failure.code === 'cancelled' ? { state: 'cancelled' } : { state: 'failed', failure };
			// Nothing of a study that was closed is touched.
			if (context.open === open && !get().readOnly) await recordFailure(task, failure);
		} finally {
			open.closing.signal.removeEventListener('abort', stop);
			// Another study may have begun a step of the same name.
			if (running.get(id) === own) running.delete(id);
		}
		if (context.open !== open) return;
		await endless(task);
		if (context.open !== open) return;
		const { detail: _, ...current } = get().jobs.find((entry) => entry.id === id) ?? job;
		// The next step begins before this one is shown as ended, so that the queue never looks idle in between.
		pump();
		if (!running.has(id)) showJobs({ ...current, ...end });
	};

	/** Every step leaves a result or a failure behind. One that left neither a third time is ended as failed. */
	const endless = async (task: Task): Promise<void> => {
		const key = JSON.stringify(task);
		if (!tasks().some((next) => JSON.stringify(next) === key)) {
			repeated.delete(key);
			return;
		}
		const times = (repeated.get(key) ?? 0) + 1;
		repeated.set(key, times);
		if (times < 3) return;
		alone.clear();
		await recordFailure(task, { code: 'bug', message: 'This step ended without a result.', detail: key });
	};

	/** Keeps the failure with what failed, so that a reload does not try for ever. */
	const recordFailure = async (task: Task, failure: Failure): Promise<void> => {
		const { study } = get();
		if (!study) return;
		const at = new Date(services.nowMs()).toISOString();
		if (task.kind === 'compress') {
			const variant = study.variants.find((entry) => entry.id === task.variant);
			if (variant) await context.commit({ type: 'variant', variant: { ...variant, failure } });
			if (failure.code === 'storage-full') {
				// What waits would fail the same way.
				for (const waiting of get().study?.variants ?? []) {
					if (waiting.id !== 'original' && !waiting.file && !waiting.failure) {
						await context.commit({ type: 'variant', variant: { ...waiting, failure } });
					}
				}
				context.sayFailure(failure);
			}
		} else if (task.kind === 'evaluate') {
			if (failure.code === 'file-gone' && !remade.has(task.variant)) return forgetFile(task.variant);
			if (study.dataset) {
				await context.commit({ type: 'evaluation', evaluation: failedEvaluation(task.variant, study.dataset, failure, at) });
			}
		} else if (task.variants.length > 1 && failure.code !== 'cancelled') {
			// One of them may have brought the worker down; alone, only that one fails.
			for (const id of task.variants) alone.add(id);
		} else {
			for (const id of task.variants) {
				if (failure.code === 'file-gone' && !remade.has(id)) await forgetFile(id);
				else await context.commit({ type: 'run', run: failedRun(id, task.target, failure, at) });
			}
		}
	};

	/** The recipe is still known: the file is made again. */
	const forgetFile = async (id: Hash | 'original'): Promise<void> => {
		const variant = get().study?.variants.find((entry) => entry.id === id);
		if (!variant || id === 'original') return;
		remade.add(id);
		const { file: _, ...rest } = variant;
		await context.commit({ type: 'variant', variant: rest });
	};

	const cancelTask = (task: Task): void => {
		const now = running.get(taskId(task));
		if (now) now.abort.abort(cancelled());
		else void recordFailure(task, cancelledFailure).then(() => showJobs());
	};

	return {
		wake() {
			showJobs();
			pump();
		},
		cancel(id) {
			const task = running.get(id)?.task ?? tasks().find((entry) => taskId(entry) === id);
			if (task) cancelTask(task);
		},
		cancelAll() {
			const now = [...running.values()].map((entry) => entry.task);
			for (const task of tasks()) if (!running.has(taskId(task))) cancelTask(task);
			for (const task of now) cancelTask(task);
		},
		stopVariant(variant) {
			for (const { task, abort } of running.values()) {
				const works = taskVariants(task);
				// A benchmark of several goes on for the others.
				if (works.length === 1 && works[0] === variant) abort.abort(cancelled());
			}
		},
		reset() {
			running.clear();
			learntLast = false;
			repeated.clear();
			alone.clear();
			remade.clear();
			context.wanted.clear();
			context.references.clear();
			context.feeds = undefined;
			maker.reset();
			set({ jobs: [] });
		},
	};
}

function canRun(target: Target, capabilities: ReturnType<Context['get']>['capabilities']): boolean {
	if (!capabilities) return target.backend === 'wasm' && target.threads === 1;
	if (target.backend === 'wasm') return target.threads === 1 || (capabilities.isolated && target.threads <= 64);
	return target.backend === 'webgpu' ? capabilities.webgpu.available : capabilities.webnn.available;
}

function queuedJob(task: Task, variants: readonly Variant[]): Job {
	const variant = task.kind === 'benchmark' ? (task.variants.length === 1 ? task.variants[0] : undefined) : task.variant;
	return {
		id: taskId(task),
		kind: task.kind,
		title: taskTitle(task, variants),
		state: 'queued',
		...(variant !== undefined && { variant }),
	};
}

function upsertJob(jobs: readonly Job[], job: Job): readonly Job[] {
	const others = jobs.filter((entry) => entry.id !== job.id);
	return [...others, job];
}

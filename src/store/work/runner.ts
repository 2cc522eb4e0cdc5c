import type { Note } from '../../core/pass/pass.ts';
import type { Recipe } from '../../core/pass/recipe.ts';
import type { Failure, Hash, Run, Target, Variant } from '../../core/study/study.ts';
import type { Outputs } from '../../engine/outputs.ts';
import type { Feeds } from '../../engine/port.ts';
import { variantDataName, variantFiles } from '../../platform/artifacts.ts';
import type { EngineSubject, MeasuredFile } from '../../workers/engine-protocol.ts';
import { CallFailed, toFailure } from '../../workers/failure.ts';
import type { ModelFiles } from '../../workers/protocol.ts';
import type { Progress } from '../../workers/serve.ts';
import type { Context, OpenStudy } from '../context.ts';
import type { Job } from '../state.ts';
import { plan, referenceTarget, type Task, taskId, taskVariants } from './plan.ts';
import { cancelled, cancelledFailure, failedEvaluation, failedRun, taskTitle } from './words.ts';

const keptJobs = 60;
const weighAtOnceBytes = 300_000_000;
const minute = 60_000;
/** Time for the rounds of all models on one target; slow backends take more to reach the fewest rounds. */
const benchmarkBudgetMs = 4_000;

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
 * Works off what the open study lacks (see plan.ts). One variant is written while another is compared with the original; measuring waits
 * until nothing else runs, weighing (gzip, brotli) included, and nothing starts while it lasts, so that nothing disturbs a timing.
 */
export function createRunner(context: Context): Runner {
	const { services, get, set } = context;
	/** What runs, by task id. Writing and comparing go side by side; measuring is alone. */
	const running = new Map<string, Running>();
	const alone = new Set<string>();
	let weighing: Promise<void> = Promise.resolve();
	const heavy: Variant[] = [];
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
		for (const task of planned) {
			const id = taskId(task);
			if (running.has(id) || !mayStart(task)) continue;
			void perform(task, open);
		}
		if (planned.length > 0 || running.size > 0) return;
		showJobs();
		for (const variant of heavy.splice(0)) void weigh(variant);
	};

	const mayStart = (task: Task): boolean => {
		const kinds = [...running.values()].map((entry) => entry.task.kind);
		// Writing and comparing have one lane each.
		return task.kind === 'benchmark' ? kinds.length === 0 : !kinds.includes('benchmark') && !kinds.includes(task.kind);
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
		const job: Job = { ...queuedJob(task, study.variants), state: 'running', startedAt: services.nowMs() };
		showJobs(job);
		const progress = report(id, abort);
		let end: Partial<Job> & { state: Job['state'] } = { state: 'done', fraction: 1 };
		try {
			if (task.kind === 'compress') {
				try {
					await compress(task.variant, open, abort.signal, progress);
				} catch (error) {
					// Variants that the person removed make room first.
					if (toFailure(error).code !== 'storage-full' || !(await context.freeRemoved())) throw error;
					await compress(task.variant, open, abort.signal, progress);
				}
			} else if (task.kind === 'evaluate') await evaluate(task.variant, open, abort.signal, progress);
			else await benchmark(task.target, task.variants, open, abort.signal, progress);
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

	const compress = async (id: Hash, open: OpenStudy, signal: AbortSignal, onProgress: (p: Progress) => void): Promise<void> => {
		const variant = get().study?.variants.find((entry) => entry.id === id);
		if (!variant || !open.model) return;
		const { recipe, notes } = await resolved(variant.recipe, open, signal, onProgress);
		const result = await services.host.call(
			'compress',
			'compress',
			{ files: open.model, recipe, job: `${context.tab}-${context.nextId()}` },
			{ signal, onProgress, input: id, deadlineMs: 60 * minute },
		);
		if (result.held) context.held.set(result.file, result.held);
		// The person may have renamed it meanwhile.
		const current = get().study?.variants.find((entry) => entry.id === id);
		if (!current || context.open !== open) return;
		const { file, bytes, parameters, operators, layers, report: passReports } = result;
		const [first, ...others] = passReports;
		const report = first && notes.length > 0 ? [{ ...first, notes: [...notes, ...first.notes] }, ...others] : passReports;
		const written: Variant = { ...current, recipe, file, sizes: { bytes }, parameters, operators, layers, report };
		await context.commit({ type: 'variant', variant: written }, 'stored');
		if (bytes <= weighAtOnceBytes) {
			const before = weighing;
			weighing = before.then(() => weigh(written));
		} else heavy.push(written);
	};

	/** Some passes look at the original on the inputs first; what they found becomes part of the recipe, so that it gives these bytes anywhere. */
	const resolved = async (
		recipe: Recipe,
		open: OpenStudy,
		signal: AbortSignal,
		onProgress: (p: Progress) => void,
	): Promise<{ readonly recipe: Recipe; readonly notes: readonly Note[] }> => {
		const dataset = get().study?.dataset;
		const { passes } = await import('../../passes/registry.ts');
		const asks = recipe.steps.some((step) => !step.off && passes.get(step.pass)?.resolve);
		if (!asks || !dataset || !open.inputs) return { recipe, notes: [] };
		try {
			return await services.host.call(
				'engine',
				'resolve',
				{ ...subject(open, referenceTarget), recipe },
				{ signal, onProgress, key: engineKey(referenceTarget), deadlineMs: 10 * minute },
			);
		} catch (error) {
			if (signal.aborted) throw error;
			const { message } = toFailure(error);
			return { recipe, notes: [{ level: 'warn', reason: `The original could not be measured before this step: ${message}` }] };
		}
	};

	/** Transferred size and zeros: worth knowing, never a reason to fail. */
	const weigh = async (variant: Variant): Promise<void> => {
		const { open } = context;
		if (!open) return;
		try {
			const files = await filesOf(variant.id, open);
			const data = files.external[0]?.blob;
			const { gzip, brotli, nonZeros } = await services.host.call(
				'disk',
				'weigh',
				{ blob: files.model, ...(data && { data }) },
				{ signal: open.closing.signal, input: variant.id },
			);
			const current = get().study?.variants.find((entry) => entry.id === variant.id);
			if (!current || context.open !== open || get().readOnly) return;
			const sizes = {
				bytes: files.model.size + (data?.size ?? 0),
				...(gzip !== undefined && { gzip }),
				...(brotli !== undefined && { brotli }),
			};
			await context.commit({ type: 'variant', variant: { ...current, sizes, ...(nonZeros !== undefined && { nonZeros }) } });
		} catch {
			// The size on disk is known; the rest stays unknown.
		}
	};

	const filesOf = async (id: Hash | 'original', open: OpenStudy): Promise<MeasuredFile['files']> => {
		if (!open.model) throw new Error('The model is not here.');
		if (id === 'original') return open.model;
		const variant = get().study?.variants.find((entry) => entry.id === id);
		const root = await context.storage();
		const stored = variant?.file && (root ? await variantFiles(root, variant.file) : context.held.get(variant.file));
		if (!variant || !stored) {
			const gone = new Error('The file of this variant is not stored any more.') as Error & { code: string };
			gone.code = 'file-gone';
			throw gone;
		}
		return {
			name: `${variant.name}.onnx`,
			model: stored.model,
			external: stored.data ? [{ name: variantDataName, blob: stored.data }] : [],
		};
	};

	const subject = (open: OpenStudy, target: Target): EngineSubject => {
		const { study, settings } = get();
		if (!study || !open.model || !open.inputs) throw cancelled();
		return {
			target,
			modelHash: study.model.hash,
			original: open.model,
			inputs: open.inputs,
			maxExamples: settings.maxExamples,
			memoryBudgetBytes: settings.memoryBudgetBytes,
		};
	};

	const evaluate = async (
		id: Hash | 'original',
		open: OpenStudy,
		signal: AbortSignal,
		onProgress: (p: Progress) => void,
	): Promise<void> => {
		const dataset = get().study?.dataset;
		if (!dataset) return;
		const files = await filesOf(id, open);
		const { evaluation, reference } = await services.host.call(
			'engine',
			'evaluate',
			{ ...subject(open, referenceTarget), variant: { id, files }, dataset },
			{ signal, onProgress, input: id, key: engineKey(referenceTarget), deadlineMs: 30 * minute },
		);
		if (context.open !== open) return;
		if (reference) context.references.set(id, reference);
		await context.commit({ type: 'evaluation', evaluation }, 'stored');
	};

	const benchmark = async (
		target: Target,
		ids: readonly (Hash | 'original')[],
		open: OpenStudy,
		signal: AbortSignal,
		onProgress: (p: Progress) => void,
	): Promise<void> => {
		await weighing;
		await untilVisible(signal, onProgress);
		// What is asked of the reference target comes first, so that workers change once.
		const feeds = await feedsOf(open, signal);
		const originalReference = await referenceOf({ id: 'original', files: open.model as ModelFiles }, target, open, signal);
		const variants: (MeasuredFile & { readonly reference?: Outputs })[] = [];
		for (const id of ids) {
			const files = await filesOf(id, open);
			const reference = await referenceOf({ id, files }, target, open, signal);
			variants.push({ id, files, ...(reference && { reference }) });
		}
		const caveats: string[] = [];
		let hidden = false;
		const unwatch = services.onVisibility((visible) => {
			hidden ||= !visible;
		});
		let runs: readonly Run[];
		let unfinished: readonly (Hash | 'original')[];
		const { rounds, memoryBudgetBytes } = get().settings;
		try {
			({ runs, unfinished } = await services.host.call(
				'engine',
				'benchmark',
				{
					target,
					original: open.model as ModelFiles,
					...(originalReference && { originalReference }),
					variants,
					feeds,
					rounds,
					budgetMs: benchmarkBudgetMs,
					memoryBudgetBytes: memoryBudgetBytes / 5,
				},
				{
					signal,
					onProgress,
					input: `${target.backend}${target.threads}:${ids.join()}`,
					key: engineKey(target),
					deadlineMs: (2 + 3 * ids.length) * minute,
				},
			));
		} finally {
			unwatch();
		}
		if (hidden) caveats.push('The tab was hidden while this was measured; browsers slow hidden tabs down.');
		if (!services.isolated()) caveats.push('The page was not isolated: one thread, and times in steps of 0.1 ms.');
		if (context.open !== open) return;
		for (const run of runs) {
			const said = new Set([...run.caveats, ...caveats]);
			await context.commit({ type: 'run', run: { ...run, caveats: [...said] } }, 'stored');
		}
		if (unfinished.length === 0) return;
		// The runtime broke down on the way: the others are measured in a fresh worker, each for itself.
		services.host.end('engine');
		const left = ids.filter((id) => unfinished.includes(id) && !runs.some((run) => run.variant === id));
		if (left.length === ids.length && ids.length === 1) {
			throw new CallFailed({ code: 'unavailable', message: 'The runtime broke down before this model was measured.' });
		}
		for (const id of left) alone.add(id);
	};

	/** The inputs that are timed. Opened on the reference target, where every model of the study runs first. */
	const feedsOf = async (open: OpenStudy, signal: AbortSignal): Promise<Feeds> => {
		const dataset = get().study?.dataset?.hash ?? '';
		if (context.feeds?.dataset !== dataset) {
			const feeds = await services.host.call('engine', 'feeds', subject(open, referenceTarget), {
				signal,
				input: `feeds:${dataset}`,
				key: engineKey(referenceTarget),
				deadlineMs: 10 * minute,
			});
			context.feeds = { dataset, feeds };
		}
		return context.feeds.feeds;
	};

	/** What the model says on the reference target. A model that does not run there is measured without it. */
	const referenceOf = async (variant: MeasuredFile, target: Target, open: OpenStudy, signal: AbortSignal): Promise<Outputs | undefined> => {
		const known = context.references.get(variant.id);
		if (known || engineKey(target) === engineKey(referenceTarget)) return known;
		const evaluation = get().study?.evaluations.find((entry) => entry.variant === variant.id);
		if (!evaluation || evaluation.failure) return undefined;
		try {
			const outputs = await services.host.call(
				'engine',
				'reference',
				{ ...subject(open, referenceTarget), variant },
				{ signal, input: variant.id, key: engineKey(referenceTarget), deadlineMs: 5 * minute },
			);
			if (outputs) context.references.set(variant.id, outputs);
			return outputs ?? undefined;
		} catch (error) {
			if (signal.aborted) throw error;
			return undefined;
		}
	};

	const untilVisible = async (signal: AbortSignal, onProgress: (p: Progress) => void): Promise<void> => {
		if (services.visible()) return;
		onProgress({ stage: 'Waiting until this tab is shown: browsers slow hidden tabs down' });
		await new Promise<void>((resolve, reject) => {
			const stop = services.onVisibility((visible) => {
				if (!visible) return;
				stop();
				resolve();
			});
			signal.addEventListener(
				'abort',
				() => {
					stop();
					reject(signal.reason);
				},
				{ once: true },
			);
		});
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
			repeated.clear();
			alone.clear();
			remade.clear();
			context.wanted.clear();
			context.references.clear();
			context.feeds = undefined;
			heavy.length = 0;
			set({ jobs: [] });
		},
	};
}

/** The engine worker is bound to a target. */
export function engineKey(target: Target): string {
	return `${target.backend}:${target.threads}`;
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

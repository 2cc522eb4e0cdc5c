import type { Hash, Run, Target } from '../../core/study/study.ts';
import type { Outputs } from '../../engine/outputs.ts';
import type { Feeds } from '../../engine/port.ts';
import type { MeasuredFile } from '../../workers/engine-protocol.ts';
import { CallFailed } from '../../workers/failure.ts';
import type { ModelFiles } from '../../workers/protocol.ts';
import type { Progress } from '../../workers/serve.ts';
import type { Context, OpenStudy } from '../context.ts';
import { referenceTarget } from './plan.ts';
import { engineKey, engineSubject, filesOf } from './subject.ts';

const minute = 60_000;
/** Time for the rounds of all models on one target; slow backends take more to reach the fewest rounds. */
const benchmarkBudgetMs = 4_000;

/** Compares variants with the original and times them. */
export interface Measurer {
	evaluate(id: Hash | 'original', open: OpenStudy, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<void>;
	benchmark(
		target: Target,
		ids: readonly (Hash | 'original')[],
		open: OpenStudy,
		signal: AbortSignal,
		onProgress: (progress: Progress) => void,
	): Promise<void>;
}

/** `alone`: variants that are to be timed each for itself. `weighed` resolves when nothing else loads the machine. */
export function createMeasurer(context: Context, alone: Set<string>, weighed: () => Promise<void>): Measurer {
	const { services, get } = context;

	const measured = (id: Hash | 'original', files: ModelFiles): MeasuredFile => {
		const variant = get().study?.variants.find((entry) => entry.id === id);
		const ports = variant?.report.flatMap((report) => report.ports ?? []) ?? [];
		return { id, files, ...(ports.length > 0 && { ports }) };
	};

	const evaluate = async (
		id: Hash | 'original',
		open: OpenStudy,
		signal: AbortSignal,
		onProgress: (p: Progress) => void,
	): Promise<void> => {
		const dataset = get().study?.dataset;
		if (!dataset) return;
		const files = await filesOf(context, id, open);
		const { evaluation, reference } = await services.host.call(
			'engine',
			'evaluate',
			{ ...engineSubject(context, open, referenceTarget), variant: measured(id, files), dataset, study: open.id },
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
		await weighed();
		await untilVisible(signal, onProgress);
		// What is asked of the reference target comes first, so that workers change once.
		const feeds = await feedsOf(open, signal);
		const originalReference = await referenceOf({ id: 'original', files: open.model as ModelFiles }, target, open, signal);
		const variants: (MeasuredFile & { readonly reference?: Outputs })[] = [];
		for (const id of ids) {
			const files = await filesOf(context, id, open);
			const reference = await referenceOf(measured(id, files), target, open, signal);
			variants.push({ ...measured(id, files), ...(reference && { reference }) });
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
			const feeds = await services.host.call('engine', 'feeds', engineSubject(context, open, referenceTarget), {
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
				{ ...engineSubject(context, open, referenceTarget), variant },
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

	return { evaluate, benchmark };
}

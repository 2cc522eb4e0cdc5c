import type { PortChange } from '../core/pass/ports.ts';
import type { Hash, Run } from '../core/study/study.ts';
import { GroupMeasurement } from './benchmark-group.ts';
import { feedsOf } from './changed-ports.ts';
import type { Outputs } from './outputs.ts';
import type { Engine, Feeds, ModelBytes } from './port.ts';

export interface BenchmarkModel {
	readonly id: Hash | 'original';
	/** Asked for when its turn comes and let go of once it is loaded. */
	readonly model: () => ModelBytes | Promise<ModelBytes>;
	/** File bytes with external data: decides which models are held in memory together. */
	readonly byteLength: number;
	/** How its inputs and outputs differ from the original's: its inputs are made before they are timed. */
	readonly ports?: readonly PortChange[];
	/** Outputs of the same model for `feeds` on the reference target (WASM, one thread): see referenceOutputs. */
	readonly reference?: Outputs;
}

export interface BenchmarkOptions {
	readonly engine: Engine;
	readonly original: BenchmarkModel;
	readonly variants: readonly BenchmarkModel[];
	readonly feeds: Feeds;
	/** Most rounds; default 40. Fewer are made where time is short, but never fewer than 10 unless those take four times `budgetMs`. */
	readonly rounds?: number;
	/** Time for warm-up and rounds of all models together; default 6,000. */
	readonly budgetMs?: number;
	/** Bytes of model files held at once; default 400 MB. A group never has fewer than the original and one variant. */
	readonly memoryBudgetBytes?: number;
	/** Profile by operator and placement, after the timing; default true. */
	readonly profile?: boolean;
	readonly seed?: number;
	readonly signal?: AbortSignal;
	/** fraction 0..1 and what is being done */
	readonly onProgress?: (fraction: number, stage: string) => void;
	/** A finished figure, as soon as its group is done. The original's comes with each group, with all its samples so far. */
	readonly onRun?: (run: Run) => void;
	/** Whether the page cannot be seen right now. */
	readonly isHidden?: () => boolean;
	/** Whether the page is cross-origin isolated; default: what globalThis says, true where it says nothing (Node). */
	readonly isolated?: boolean;
}

export interface BenchmarkResult {
	/** The original's first. */
	readonly runs: readonly Run[];
	/** Left unmeasured because the runtime broke down on the way; start a new engine for them. */
	readonly unfinished: readonly (Hash | 'original')[];
}

/**
 * Times models against the original in interleaved rounds. In each round every model runs once, in a shuffled order, so that whatever
 * slows the machine slows all of them; a ratio compares samples of the same rounds only. Outputs of every timed run are compared: with
 * the model's outputs on the reference target where they are given, with its own first outputs elsewhere. All sessions are released.
 *
 * A model that cannot be loaded or run gets a Run that says why. Throws EngineError where the original itself does not run, and the
 * signal's reason.
 */
export async function benchmark(options: BenchmarkOptions): Promise<BenchmarkResult> {
	const variants = options.variants.filter((variant) => variant.id !== 'original');
	const groups = groupModels(options.original, variants, options.memoryBudgetBytes ?? 400_000_000);
	const runs = new Map<string, Run>();
	for (const [index, models] of groups.entries()) {
		const group = new GroupMeasurement(models, {
			...options,
			budgetMs: (options.budgetMs ?? 6000) / groups.length,
			seed: (options.seed ?? 1) + index,
			onProgress: (fraction, stage) => options.onProgress?.((index + fraction) / groups.length, stage),
		});
		for (const run of await group.measure()) {
			const known = runs.get(run.variant);
			const merged = known ? group.joined(known, run) : run;
			runs.set(run.variant, merged);
			options.onRun?.(merged);
		}
		if (group.broken) break;
	}
	const order = ['original', ...variants.map(({ id }) => id)];
	return {
		runs: order.flatMap((id) => runs.get(id) ?? []),
		unfinished: order.filter((id) => !runs.has(id)),
	};
}

/** Outputs of a model for one set of inputs: what the same model's runs on another target are compared with. */
export async function referenceOutputs(engine: Engine, model: ModelBytes, feeds: Feeds, ports?: readonly PortChange[]): Promise<Outputs> {
	const session = await engine.load(model);
	try {
		return await session.run(feedsOf(session, feeds, ports));
	} finally {
		await session.release();
	}
}

/** The original stands first in every group; the others fill groups under the memory budget. */
function groupModels(original: BenchmarkModel, variants: readonly BenchmarkModel[], budgetBytes: number): BenchmarkModel[][] {
	const groups: BenchmarkModel[][] = [];
	let group: BenchmarkModel[] = [original];
	let bytes = original.byteLength;
	for (const variant of variants) {
		if (group.length > 1 && bytes + variant.byteLength > budgetBytes) {
			groups.push(group);
			group = [original];
			bytes = original.byteLength;
		}
		group.push(variant);
		bytes += variant.byteLength;
	}
	groups.push(group);
	return groups;
}

import type { Model } from '../core/ir/model.ts';
import type { Feeds } from '../core/ir/tensor-data.ts';
import type { Examples } from '../core/study/examples.ts';
import { idLimits } from '../data/id-limits.ts';
import { syntheticDataset } from '../data/synthetic.ts';
import { numbersOf, type Outputs } from '../engine/outputs.ts';
import { type Engine, EngineError, type LoadOptions, type ModelBytes, type Session } from '../engine/port.ts';

/** What running a written variant once has shown. */
export interface TrialRun {
	readonly runtime: string;
	readonly inputs: 'synthetic' | 'given';
	readonly loadMs: number;
	readonly runMs: number;
	/** Elements of outputs that are infinite or not a number, where the original's on the same inputs are not. */
	readonly notFinite: number;
	/** It was loaded without optimization, for its size. */
	readonly sparing: boolean;
	/** What the runtime did on its own account when loading. */
	readonly notes: readonly string[];
}

export interface TrialOptions {
	readonly engine: Engine;
	readonly variant: () => Promise<ModelBytes>;
	readonly original: () => Promise<ModelBytes>;
	/** The original's graph: says how large ids may be. */
	readonly model: Model;
	/** Load without optimization: weights are then neither expanded nor packed when the model is loaded. */
	readonly sparing: boolean;
	/** The person's inputs; without them some are made up. */
	readonly examples: Examples | undefined;
	readonly signal: AbortSignal;
}

const sparingLoad: LoadOptions = { graphOptimization: 'disabled', config: { 'session.disable_prepacking': '1' } };

/** Loads and runs a model once. The original is only loaded where the outputs look wrong. Throws EngineError and DataError. */
export async function trialRun({ engine, variant, original, model, examples, sparing, signal }: TrialOptions): Promise<TrialRun> {
	const session = await engine.load(await variant(), sparing ? sparingLoad : {});
	try {
		const given = (await examples?.example(0, signal))?.feeds;
		const fits = given !== undefined && session.inputs.every(({ name, dtype }) => given[name]?.dtype === dtype);
		const feeds = fits ? given : await madeUp(session, model, signal);
		signal.throwIfAborted();
		const started = performance.now();
		const outputs = await session.run(feeds);
		const runMs = performance.now() - started;
		let notFinite = countNotFinite(outputs);
		// Only worth a word where the original does better.
		if (notFinite > 0) notFinite = Math.max(0, notFinite - (await originalNotFinite(engine, original, feeds)));
		const inputs = fits ? 'given' : 'synthetic';
		return { runtime: engine.runtime, inputs, loadMs: session.loadMs, runMs, notFinite, sparing, notes: session.notes };
	} finally {
		await session.release();
	}
}

/** Whether a model loads and runs on inputs of its own. */
export async function runsAtAll({ engine, original, model, examples, signal }: TrialOptions): Promise<boolean> {
	try {
		const session = await engine.load(await original());
		try {
			const given = (await examples?.example(0, signal))?.feeds;
			await session.run(given ?? (await madeUp(session, model, signal)));
			return true;
		} finally {
			await session.release();
		}
	} catch (error) {
		if (signal.aborted) throw error;
		return false;
	}
}

async function madeUp(session: Session, model: Model, signal: AbortSignal): Promise<Feeds> {
	const target = { inputs: session.inputs, outputs: session.outputs, idLimits: idLimits(model) };
	const made = await syntheticDataset(target, { seed: 1, n: 1, trial: (feeds) => session.run(feeds), signal });
	return (await made.example(0)).feeds;
}

async function originalNotFinite(engine: Engine, original: () => Promise<ModelBytes>, feeds: Feeds): Promise<number> {
	try {
		const session = await engine.load(await original());
		try {
			return countNotFinite(await session.run(feeds));
		} finally {
			await session.release();
		}
	} catch (error) {
		// Inputs of other types than the original's, or an original that does not run: nothing to excuse the variant with.
		if (error instanceof EngineError) return 0;
		throw error;
	}
}

function countNotFinite(outputs: Outputs): number {
	let count = 0;
	for (const tensor of Object.values(outputs)) {
		for (const value of numbersOf(tensor) ?? []) if (!Number.isFinite(value)) count += 1;
	}
	return count;
}

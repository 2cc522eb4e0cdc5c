import type { Examples } from '../core/study/examples.ts';
import { numbersOf } from '../engine/outputs.ts';
import { type Engine, EngineError, type ModelBytes } from '../engine/port.ts';

/** What running a written variant once has shown. */
export interface TrialRun {
	readonly runtime: string;
	readonly inputs: 'synthetic' | 'given';
	readonly loadMs: number;
	readonly runMs: number;
	/** Elements of float outputs that are infinite or not a number, where the original's on the same inputs are not. */
	readonly notFinite: number;
	/** What the runtime did on its own account when loading. */
	readonly notes: readonly string[];
}

/** Loads and runs a model once on the first example. Throws EngineError. */
export async function trialRun(
	engine: Engine,
	variant: () => Promise<ModelBytes>,
	original: () => Promise<ModelBytes>,
	examples: Examples,
	inputs: TrialRun['inputs'],
	signal: AbortSignal,
): Promise<TrialRun> {
	const { feeds } = await examples.example(0, signal);
	signal.throwIfAborted();
	const session = await engine.load(await variant());
	try {
		const started = performance.now();
		const outputs = await session.run(feeds);
		const runMs = performance.now() - started;
		let notFinite = countNotFinite(outputs);
		if (notFinite > 0) {
			// Only worth a word where the original does better.
			signal.throwIfAborted();
			const reference = await engine.load(await original());
			try {
				notFinite = Math.max(0, notFinite - countNotFinite(await reference.run(feeds)));
			} finally {
				await reference.release();
			}
		}
		return { runtime: engine.runtime, inputs, loadMs: session.loadMs, runMs, notFinite, notes: session.notes };
	} finally {
		await session.release();
	}
}

function countNotFinite(outputs: Awaited<ReturnType<Awaited<ReturnType<Engine['load']>>['run']>>): number {
	let count = 0;
	for (const tensor of Object.values(outputs)) {
		for (const value of numbersOf(tensor) ?? []) if (!Number.isFinite(value)) count += 1;
	}
	return count;
}

/** Whether a failure is the runtime's word on a model, rather than a fault elsewhere. */
export function isRefusal(error: unknown): error is EngineError {
	return error instanceof EngineError && error.code !== 'unavailable';
}

import type { Model } from '../ir/model.ts';
import { storedBytes } from '../ir/stored-bytes.ts';
import { tensorType } from '../ir/type.ts';
import { seededRandom } from '../numeric/random.ts';
import { checkModel } from '../onnx/check.ts';
import type { CalibrationSet, Compute } from './calibration.ts';
import { parseOptions } from './options.ts';
import type { AnyPass, Note, PassReport, PassResult } from './pass.ts';
import type { Recipe } from './recipe.ts';

export interface PipelineOptions {
	readonly signal?: AbortSignal;
	/** Stage in words and fraction 0..1 of the whole recipe. */
	readonly onProgress?: (fraction: number, stage: string) => void;
	/** For passes that measure or compute. */
	readonly compute?: Compute;
	/** For passes that learn from sample inputs. */
	readonly calibration?: CalibrationSet;
}

/** A recipe asks for something that was not given. Said before anything runs. */
export class MissingNeed extends Error {
	override readonly name = 'MissingNeed';
	constructor(
		readonly pass: string,
		readonly need: 'calibration' | 'labels' | 'engine',
	) {
		super(`${pass} ${needSentences[need]}`);
	}
}

const needSentences = {
	calibration: 'learns from sample inputs. Add some (a few dozen real ones), or --calibration FILE on the command line.',
	labels: 'needs examples with their right answers. Add a labelled set, or --data FILE on the command line.',
	engine: 'computes with the runtime, and there is none here.',
} as const;

/** What the steps of a recipe that run ask for. Throws UnknownPass. */
export function recipeNeeds(recipe: Recipe, registry: ReadonlyMap<string, AnyPass>): ReadonlySet<AnyPass['needs'][number]> {
	const needs = new Set<AnyPass['needs'][number]>();
	for (const step of recipe.steps) {
		if (step.off) continue;
		const pass = registry.get(step.pass);
		if (!pass) throw new UnknownPass(step.pass);
		for (const need of pass.needs) needs.add(need);
	}
	return needs;
}

/** A pass that threw, or left a graph that breaks ONNX's rules. Names the culprit. */
export class PassFailed extends Error {
	override readonly name = 'PassFailed';
	constructor(
		readonly pass: string,
		readonly reason: string,
		options?: ErrorOptions,
	) {
		super(`Pass ${pass} failed: ${reason}`, options);
	}
}

export class UnknownPass extends Error {
	override readonly name = 'UnknownPass';
	constructor(readonly pass: string) {
		super(`There is no pass called "${pass}" in this version.`);
	}
}

/**
 * Runs a recipe on a model, in place. The graph is checked before the first pass and after each; a pass that breaks it
 * is named by PassFailed. Nothing is written: weights are computed when the model is.
 */
export async function runRecipe(
	model: Model,
	recipe: Recipe,
	registry: ReadonlyMap<string, AnyPass>,
	options: PipelineOptions = {},
): Promise<PassReport[]> {
	const steps = recipe.steps.filter((step) => !step.off);
	const known = steps.map((step) => {
		const pass = registry.get(step.pass);
		if (!pass) throw new UnknownPass(step.pass);
		return { pass, parsed: parseOptions(pass.options, step.options) };
	});
	for (const { pass } of known) {
		const needs = new Set(pass.needs);
		if (needs.has('calibration') && !options.calibration) throw new MissingNeed(pass.id, 'calibration');
		if (needs.has('labels') && !(options.calibration && options.calibration.n > 0)) throw new MissingNeed(pass.id, 'labels');
		if (needs.size > 0 && !options.compute) throw new MissingNeed(pass.id, 'engine');
	}
	const already = new Set(checkModel(model).map((problem) => problem.message));
	const reports: PassReport[] = [];
	for (const [index, { pass, parsed }] of known.entries()) {
		options.signal?.throwIfAborted();
		const began = performance.now();
		const bytesBefore = storedBytes(model);
		const report = (fraction: number, detail?: string): void =>
			options.onProgress?.((index + Math.min(1, fraction)) / known.length, detail ? `${pass.title}: ${detail}` : pass.title);
		report(0);
		let result: PassResult;
		try {
			result = await pass.run(model, parsed as never, {
				signal: options.signal,
				random: seededRandom(recipe.seed).fork(`${index}:${pass.id}`),
				progress: report,
				...(options.compute && { compute: options.compute }),
				...(options.calibration && { calibration: options.calibration }),
				apply: (part, inner, calibration = options.calibration) =>
					runRecipe(part, { ...recipe, steps: inner }, registry, {
						...(options.signal && { signal: options.signal }),
						...(options.compute && { compute: options.compute }),
						...(calibration && { calibration }),
					}),
			});
		} catch (error) {
			if (options.signal?.aborted) throw error;
			throw new PassFailed(pass.id, error instanceof Error ? error.message : String(error), { cause: error });
		}
		listStored(model);
		// Faults that the file came with are its own; only new ones are the pass's.
		const broken = checkModel(model).find((problem) => !already.has(problem.message));
		if (broken) throw new PassFailed(pass.id, `it left a broken graph: ${broken.message}`);
		const coverage = bytesBefore === 0 ? 0 : Math.min(1, result.bytesTouched / bytesBefore);
		reports.push({
			pass: pass.id,
			version: pass.version,
			options: parsed,
			headline: result.headline ?? headline(result, coverage),
			changed: result.changed,
			eligible: result.eligible,
			bytesBefore,
			bytesAfter: storedBytes(model),
			coverage,
			notes: result.notes,
			...(result.entries && { entries: result.entries }),
			durationMs: performance.now() - began,
			...(result.found && { found: result.found }),
			...(result.ports && result.ports.length > 0 && { ports: result.ports }),
		});
	}
	return reports;
}

/** Up to IR version 3 what is stored is an input as well: tensors that a pass added are listed too, typed as inputs must be. */
function listStored(model: Model): void {
	if (model.irVersion >= 4) return;
	for (const value of model.graph.initializers) {
		if (value.isGraphInput || !value.initializer) continue;
		value.type = tensorType(value.initializer.dtype, value.initializer.dims);
		model.graph.listAsInput(value);
	}
}

/** The recipe with what its searching passes found in their place: the same file without searching, to be edited by hand. */
export function foundRecipe(recipe: Recipe, reports: readonly PassReport[]): Recipe {
	let at = 0;
	const steps = recipe.steps.flatMap((step) => (step.off ? [step] : (reports[at++]?.found ?? [step])));
	return { ...recipe, steps };
}

/** The first thing people read about a pass: what it left alone comes before what it did. */
function headline(result: PassResult, coverage: number): string {
	if (result.changed === 0) {
		const reason = mostCommonReason(result.notes);
		return `Changed nothing${reason ? `: ${reason}` : '.'}`;
	}
	const percent = coverage >= 0.995 ? '100' : (coverage * 100).toFixed(coverage < 0.1 ? 1 : 0);
	if (coverage < 0.5) {
		const reason = mostCommonReason(result.notes);
		return `Left ${(100 - coverage * 100).toFixed(0)} % of the stored bytes alone: changed ${result.changed} of ${result.eligible} ${result.unit}${reason ? `. Most often: ${reason}` : '.'}`;
	}
	return `Changed ${result.changed} of ${result.eligible} ${result.unit}, ${percent} % of the stored bytes.`;
}

function mostCommonReason(notes: readonly Note[]): string | undefined {
	const counts = new Map<string, number>();
	for (const note of notes) if (note.level === 'skip') counts.set(note.reason, (counts.get(note.reason) ?? 0) + 1);
	let best: string | undefined;
	for (const [reason, count] of counts) if (best === undefined || count > (counts.get(best) ?? 0)) best = reason;
	return best;
}

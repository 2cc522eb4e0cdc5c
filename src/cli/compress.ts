import { writeFile } from 'node:fs/promises';
import { modelFeatures, type Rows } from '../core/data-health/features.ts';
import type { Model } from '../core/ir/model.ts';
import type { CalibrationSet } from '../core/pass/calibration.ts';
import type { Note, PassReport } from '../core/pass/pass.ts';
import { foundRecipe, recipeNeeds, runRecipe } from '../core/pass/pipeline.ts';
import type { Recipe } from '../core/pass/recipe.ts';
import { resolveRecipe } from '../core/pass/resolve.ts';
import {
	type CalibrationChoice,
	type ChosenCalibration,
	calibrationChoices,
	chooseCalibration,
	chooseLearning,
	learnAndJudge,
} from '../data/calibration.ts';
import type { Dataset } from '../data/dataset.ts';
import { DataError } from '../data/errors.ts';
import { engineCompute } from '../engine/compute.ts';
import { type Engine, EngineError } from '../engine/port.ts';
import { engineProbe } from '../engine/probe.ts';
import { passes } from '../passes/registry.ts';
import type { Command, CommandContext } from './command.ts';
import { leaveOutOf, leftOutText } from './data-flags.ts';
import { refuseHazards, runOptionHelp, runOptions, startEngine } from './engine.ts';
import { UsageError, WorkError } from './failure.ts';
import { openInputs } from './inputs.ts';
import { type ModelFile, openModel } from './model-file.ts';
import { recipeFrom, withBudget, withLimitDrop, withSettings } from './recipe-argument.ts';
import { modelBytes, runnableBytes } from './runtime-model.ts';
import { bytesText, msText, printable } from './text.ts';
import { runsAtAll, type TrialRun, trialRun } from './trial-run.ts';
import { checkOut, type WrittenVariant, writeVariant } from './variant-file.ts';

/** Models from this size on are tried without optimization, which would hold their weights several times over. */
const sparingBytes = 400_000_000;
/** Examples that passes measure the model on. */
const probeExamples = 16;
/** Examples that passes learn from: more cost time and change little. */
const calibrationExamples = 128;

export const compress: Command = {
	name: 'compress',
	usage:
		'pare compress MODEL --recipe FILE|PRESET -o OUT [--calibration FILE]… [--data FILE]… [--set pass.option=value]… [--write-recipe FILE] [--no-run]',
	summary: 'Applies a recipe and writes the result, after running it once.',
	details: `The same recipe on the same file gives the same bytes as the page, unless --data lets a pass find its options by measuring;
the recipe that came out of that is in the JSON and gives the same bytes anywhere. Passes that learn from examples give the page's bytes where the page
measures with one WASM thread: more threads sum in another order, which may move single codes by one.
A recipe file is JSON: {"v": 1, "seed": 0, "steps": [{"pass": "float16", "options": {}}]}. See "pare presets" and "pare passes".
A result that the runtime cannot load and run is not kept, unless --no-run says not to try. A model that is too large for the runtime here (over
${bytesText(runnableBytes)}, or out of memory from ${bytesText(sparingBytes)} on) is kept, and said to be untried.`,
	options: {
		recipe: { type: 'string', short: 'r' },
		output: { type: 'string', short: 'o' },
		calibration: { type: 'string', multiple: true },
		'calibration-limit': { type: 'string' },
		'calibration-choice': { type: 'string' },
		data: { type: 'string', multiple: true },
		'leave-out': { type: 'string' },
		'limit-drop': { type: 'string' },
		budget: { type: 'string' },
		'write-recipe': { type: 'string' },
		set: { type: 'string', multiple: true },
		'no-run': { type: 'boolean' },
		...runOptions,
	},
	optionHelp: [
		['-r, --recipe FILE|PRESET', 'what to do'],
		['-o, --output OUT', 'the .onnx file to write; weights over 2 GB go to weights.data beside it'],
		['--data FILE', 'inputs to measure on: .npz, .npy, IDX, pictures, a zip or folder of them; may be repeated'],
		['--calibration FILE', 'inputs to learn from (ranges, rounding, refit): as --data; without it, a quarter of --data, at most 100'],
		[
			'--calibration-limit N',
			`at most this many of them; default ${calibrationExamples}; with --data alone how many are kept to learn from`,
		],
		[
			'--calibration-choice HOW',
			`which of them: ${calibrationChoices.join(', ')}; the last two by the features that the model makes of them. default spread; with --data alone out of the quarter that is kept to learn from`,
		],
		['--leave-out FILE', 'examples of --data and --calibration that are not used: content hashes of "pare data --health --json"'],
		['--limit-drop POINTS', 'most accuracy that may be lost, in points, for recipes that search'],
		[
			'--budget METRIC=CHANGE',
			'how much to cut, e.g. macs=-25%, bytes=-50% or ms=-25%, or what share of the answers must stay, e.g. floor=0.95',
		],
		['--write-recipe FILE', 'the recipe as it ran, with what searching passes found in their place, to be edited and run again'],
		['--set PASS.OPTION=VALUE', 'changes an option of the recipe; may be repeated'],
		['--no-run', 'keep the result without having run it'],
		...runOptionHelp,
	],
	run: async (context) => {
		const { args, signal, terminal } = context;
		const [path, ...more] = args.positionals;
		const out = args.text('output');
		const recipeArgument = args.text('recipe');
		if (path === undefined || more.length > 0) throw new UsageError('compress takes one model.');
		if (recipeArgument === undefined) throw new UsageError('compress needs --recipe.', 'Run "pare presets" for the names of recipes.');
		if (out === undefined) throw new UsageError('compress needs -o, the file to write.');
		let asked = withSettings(await recipeFrom(recipeArgument), args.texts('set'));
		const limitDrop = args.text('limit-drop');
		if (limitDrop !== undefined) asked = withLimitDrop(asked, limitDrop);
		const budget = args.text('budget');
		if (budget !== undefined) asked = withBudget(asked, budget);
		const file = await openModel(path, {
			whole: true,
			signal,
			onProgress: (fraction) => terminal.progress(fraction, 'Reading the structure'),
		});
		try {
			await checkOut(out, file);
			return await compressFile(context, file, asked, out);
		} finally {
			await file.close();
		}
	},
};

/** Applies a recipe to an open model, runs what came out once, and keeps it. Shared with the commands that write a recipe themselves. */
export async function compressFile(context: CommandContext, file: ModelFile, asked: Recipe, out: string) {
	const { args, signal, terminal, keeper } = context;
	const data = args.texts('data');
	const calibrationFiles = args.texts('calibration');
	const needs = recipeNeeds(asked, passes);
	const learns = needs.has('calibration') || needs.has('labels');
	const run = !args.flag('no-run');
	const settings = await leaveOutOf(args);
	const leftOut: string[] = [];
	const open = async (own: Engine, files: readonly string[], flag: string): Promise<Dataset> => {
		const examples = await openInputs({ engine: own, model: file.model, bytes: original, data: files, settings, signal, terminal });
		const gone = leftOutText(settings, examples.facts.leftOutCount);
		if (gone !== undefined) leftOut.push(`${flag}: ${gone}`);
		return examples;
	};
	const original = modelBytes(file.path, file.external);
	if (data.length > 0 || needs.size > 0 || (run && file.byteLength <= runnableBytes)) {
		await refuseHazards(file.model, file.path, context, 'Give --yes to run it all the same, or --no-run to keep the result untried.');
	}
	let engine: Engine | undefined;
	let inputs: Dataset | undefined;
	let calibration: CalibrationSet | undefined;
	let choice: ChosenCalibration | undefined;
	let recipe = asked;
	let resolved: readonly Note[] = [];
	if ((data.length > 0 || needs.size > 0) && file.byteLength > runnableBytes) {
		throw new WorkError(
			`The model has ${bytesText(file.byteLength)}: too large for the runtime here, so nothing can be measured.`,
			'memory',
			needs.size > 0 ? 'Choose a recipe that needs no sample inputs.' : 'Leave --data out.',
		);
	}
	if (data.length > 0) {
		engine = await startEngine(context);
		inputs = await open(engine, data, '--data');
		const onProgress = (fraction: number): void => terminal.progress(fraction, 'Measuring on the inputs');
		const probe = engineProbe(file.model, { engine, examples: inputs, limit: probeExamples, signal, onProgress });
		({ recipe, notes: resolved } = await resolveRecipe(asked, file.model, probe, passes));
	}
	if (needs.size > 0) engine ??= await startEngine(context);
	if (learns && engine) {
		if (calibrationFiles.length > 0) {
			const examples = await open(engine, calibrationFiles, '--calibration');
			const chosen = await chooseCalibration(
				examples,
				args.count('calibration-limit', 1) ?? calibrationExamples,
				choiceFrom(args.text('calibration-choice')),
				featuresOf(file.model, engine, context),
			);
			({ calibration } = chosen);
			choice = chosen;
		} else if (inputs) {
			const limit = args.count('calibration-limit', 1);
			const asked = args.text('calibration-choice');
			if (asked === undefined)
				({ calibration } = await learnAndJudge(inputs, { ...(limit !== undefined && { calibration: limit }), signal }));
			else {
				// As in the page: the usual share is kept, and of that some are chosen, so that the same others are left to judge on.
				const { learnt } = await learnAndJudge(inputs, { signal });
				const learnFrom = { choice: choiceFrom(asked), n: limit ?? learnt.length };
				choice = await chooseLearning(inputs, learnt, learnFrom, featuresOf(file.model, engine, context), signal);
				({ calibration } = choice);
			}
		}
	}
	// Measuring leaves its traces in the graph: the recipe runs on the model as it lies in the file.
	const fresh = data.length > 0 || calibration ? await openModel(file.path, { whole: true, signal }) : file;
	let written: WrittenVariant | undefined;
	try {
		const report = await runRecipe(fresh.model, recipe, passes, {
			signal,
			onProgress: (share, stage) => terminal.progress(share, stage),
			...(engine && { compute: engineCompute(engine) }),
			...(calibration && { calibration }),
		});
		const onProgress = (fraction: number): void => terminal.progress(fraction, 'Computing and writing weights');
		written = await writeVariant(fresh.model, { input: fresh, out, signal, onProgress, keeper });
		const tooLarge = written.byteLength > runnableBytes || file.byteLength > runnableBytes;
		let trial: TrialRun | undefined;
		if (run && !tooLarge) {
			engine ??= await startEngine(context);
			trial = await tryVariant(context, { engine, file, written, inputs, original });
		}
		await written.keep();
		// What searching passes found stands in their place: that recipe gives this file without searching.
		recipe = foundRecipe(recipe, report);
		const recipeOut = args.text('write-recipe');
		if (recipeOut !== undefined) await writeFile(recipeOut, `${JSON.stringify(recipe, undefined, '\t')}\n`);
		const untried = trial ? undefined : run ? 'too-large' : 'no-run';
		return {
			document: documentOf({ file, out, recipe, resolved, calibration, choice, leftOut, report, written, trial, untried }),
			text: textOf({ file, out, recipe, resolved, calibration, choice, leftOut, report, written, trial, untried }),
		};
	} finally {
		await written?.discard();
		if (fresh !== file) await fresh.close();
	}
}

function choiceFrom(text: string | undefined): CalibrationChoice {
	if (text === undefined) return 'spread';
	const known = calibrationChoices.find((choice) => choice === text);
	if (!known) throw new UsageError(`--calibration-choice takes ${calibrationChoices.join(', ')}, not "${text}".`);
	return known;
}

function featuresOf(model: Model, engine: Engine, { signal, terminal }: CommandContext): (all: CalibrationSet) => Promise<Rows> {
	return async (examples) => {
		const onProgress = (fraction: number): void => terminal.progress(fraction, 'Looking at the sample inputs');
		return (await modelFeatures(model, { compute: engineCompute(engine), examples, signal, onProgress })).features;
	};
}

interface TryOptions {
	readonly engine: Engine;
	readonly file: ModelFile;
	readonly written: WrittenVariant;
	readonly inputs: Dataset | undefined;
	readonly original: ReturnType<typeof modelBytes>;
}

/** Runs what was written; undefined where it is too large for the runtime. Throws WorkError that says whose fault it is where that fails. */
async function tryVariant(
	{ signal, terminal }: CommandContext,
	{ engine, file, written, inputs, original }: TryOptions,
): Promise<TrialRun | undefined> {
	const [main, ...data] = written.files;
	const variant = modelBytes(
		main?.path ?? '',
		data.map(({ name, path }) => ({ location: name, path })),
	);
	terminal.progress(0.5, 'Running the result once');
	const large = file.byteLength > sparingBytes;
	const options = { engine, variant, original, model: file.model, examples: inputs, sparing: large, signal };
	try {
		return await trialRun(options);
	} catch (error) {
		const refused = error instanceof EngineError ? error.code !== 'unavailable' : error instanceof DataError;
		if (signal.aborted || !refused) throw error;
		const { code, message, advice } = error as EngineError | DataError;
		if (large && code === 'memory') return undefined;
		terminal.progress(0.8, 'Running the original once');
		if (await runsAtAll(options)) {
			const keep = 'Change the recipe, or use --no-run to keep it all the same.';
			throw new WorkError(`The result was not kept, because it does not run: ${message}`, code, advice || keep, { cause: error });
		}
		throw new WorkError(
			`The result was not kept, because it could not be tried: the original does not run here either. ${message}`,
			'original-does-not-run',
			inputs ? 'Use --no-run to keep it untried.' : 'Give inputs with --data, or use --no-run to keep it untried.',
			{ cause: error },
		);
	}
}

interface Finished {
	readonly file: ModelFile;
	readonly out: string;
	readonly recipe: Recipe;
	readonly resolved: readonly Note[];
	readonly calibration: CalibrationSet | undefined;
	/** How the calibration was chosen out of more. */
	readonly choice: ChosenCalibration | undefined;
	/** What --leave-out did, in words. */
	readonly leftOut: readonly string[];
	readonly report: readonly PassReport[];
	readonly written: WrittenVariant;
	readonly trial: TrialRun | undefined;
	readonly untried: 'no-run' | 'too-large' | undefined;
}

function documentOf({ file, out, recipe, resolved, calibration, choice, leftOut, report, written, trial, untried }: Finished): unknown {
	return {
		model: { path: file.path, bytes: file.byteLength },
		output: {
			path: out,
			bytes: written.byteLength,
			sha256: written.sha256,
			files: written.files.map(({ name, byteLength, sha256 }) => ({ name, bytes: byteLength, sha256 })),
		},
		bytesBefore: file.byteLength,
		bytesAfter: written.byteLength,
		recipe,
		resolved,
		...(calibration && {
			calibration: {
				n: calibration.n,
				hash: calibration.hash,
				synthetic: calibration.synthetic,
				...(choice && {
					indices: choice.indices,
					...(choice.coverage && { coverage: choice.coverage }),
					...(choice.random && { random: choice.random }),
				}),
			},
		}),
		...(leftOut.length > 0 && { leftOut }),
		passes: report,
		run: trial ?? null,
		...(untried && { untried }),
	};
}

function textOf({ file, out, resolved, calibration, choice, leftOut, report, written, trial, untried }: Finished): string {
	const times = file.byteLength / written.byteLength;
	const size = times >= 1 ? `${times.toFixed(2)} times smaller` : `${(1 / times).toFixed(2)} times larger`;
	const lines: string[] = [];
	for (const pass of report) {
		lines.push(`${pass.pass}: ${printable(pass.headline)}`);
		lines.push(...groupedNotes(pass.notes).map((line) => `  ${line}`));
	}
	if (report.length === 0) lines.push('The recipe has no steps: the file is a copy.');
	const steps = report.flatMap(({ found }) => found ?? []);
	if (steps.length > 0)
		lines.push(`Found: ${steps.map(({ pass }) => pass).join(', ')}; the recipe is in the JSON, or in a file with --write-recipe.`);
	if (calibration) {
		const beside = choice?.random ? ` (${choice.random.most.toFixed(2)} with as many at random)` : '';
		const far =
			choice?.coverage && `; no other is farther than ${choice.coverage.most.toFixed(2)} from them in the model's own features${beside}`;
		lines.push(`Learnt from ${calibration.n} sample inputs${far ?? ''}.`);
	}
	lines.push(...leftOut.map((text) => `${text}.`));
	if (resolved.length > 0) lines.push('Found on the inputs:', ...groupedNotes(resolved).map((line) => `  ${line}`));
	lines.push(
		`${bytesText(file.byteLength)} -> ${bytesText(written.byteLength)} (${file.byteLength} -> ${written.byteLength} bytes, ${size})`,
	);
	if (trial) {
		const inputs = trial.inputs === 'synthetic' ? 'synthetic inputs' : 'the first of the inputs';
		lines.push(
			`Ran once on ${inputs} in ${trial.runtime}: loaded in ${msText(trial.loadMs)}, ran in ${msText(trial.runMs)}${trial.sparing ? ', without optimization because it is large' : ''}.`,
		);
		if (trial.notFinite > 0) {
			lines.push(`! ${trial.notFinite} output values are infinite or not a number where the original's are finite: a value overflowed.`);
		}
		lines.push(...trial.notes.map((note) => `  ${printable(note)}`));
	} else if (untried === 'too-large') {
		lines.push(`! It was not run: it is too large for the runtime here. Try it where it is to be used.`);
	} else lines.push('! It was not run, as asked with --no-run.');
	for (const { name, byteLength, sha256 } of written.files) {
		lines.push(written.files.length > 1 ? `${sha256}  ${name}  ${bytesText(byteLength)}` : `SHA-256 ${sha256}`);
	}
	if (written.files.length > 1) lines.push(`SHA-256 of both ${written.sha256}`);
	lines.push(`Written to ${out}`);
	return `${lines.join('\n')}\n`;
}

const namesShown = 3;

/** One line for each reason, most frequent first within its level; warnings before what was skipped. */
function groupedNotes(notes: readonly Note[]): string[] {
	const groups = new Map<string, { readonly level: Note['level']; readonly reason: string; readonly nodes: string[]; count: number }>();
	for (const { level, reason, node } of notes) {
		const key = `${level} ${reason}`;
		let group = groups.get(key);
		if (!group) {
			group = { level, reason, nodes: [], count: 0 };
			groups.set(key, group);
		}
		group.count += 1;
		if (node !== undefined && group.nodes.length < namesShown) group.nodes.push(node);
	}
	const order: Record<Note['level'], number> = { warn: 0, skip: 1, info: 2 };
	const mark: Record<Note['level'], string> = { warn: '! ', skip: 'left alone: ', info: '' };
	return [...groups.values()]
		.sort((a, b) => order[a.level] - order[b.level] || b.count - a.count)
		.map(({ level, reason, nodes, count }) => {
			const named = nodes.length > 0 ? ` [${nodes.join(', ')}${count > nodes.length ? `, ${count - nodes.length} more` : ''}]` : '';
			return printable(`${mark[level]}${count > 1 ? `${count} x ` : ''}${reason}${named}`);
		});
}

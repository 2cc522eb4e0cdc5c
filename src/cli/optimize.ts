import type { Model } from '../core/ir/model.ts';
import type { Feeds } from '../core/ir/tensor-data.ts';
import { serialize } from '../core/onnx/write.ts';
import { compareModels, type Equivalence } from '../core/pass/equivalence.ts';
import { parseOptions } from '../core/pass/options.ts';
import { runRecipe } from '../core/pass/pipeline.ts';
import type { Recipe, RecipeStep } from '../core/pass/recipe.ts';
import { engineCompute } from '../engine/compute.ts';
import { findCulprit } from '../passes/optimize/bisect.ts';
import { optimizeOptions } from '../passes/optimize/options.ts';
import { passes } from '../passes/registry.ts';
import type { OptionSpecs, Parsed } from './arguments.ts';
import type { Command, CommandContext, CommandResult } from './command.ts';
import { compressFile } from './compress.ts';
import { refuseHazards, runOptionHelp, runOptions, startEngine } from './engine.ts';
import { UsageError, WorkError } from './failure.ts';
import { openInputs } from './inputs.ts';
import { type ModelFile, openModel } from './model-file.ts';
import { withSettings } from './recipe-argument.ts';
import { runnableBytes } from './runtime-model.ts';
import { listed, preprocessingStep, surgeryPasses } from './surgery-flags.ts';
import { bytesText, printable } from './text.ts';
import { checkOut } from './variant-file.ts';

/** A flag that becomes steps of the recipe, in the order of this table. A new one is an entry here. */
interface FlagSteps {
	readonly name: string;
	readonly spec: OptionSpecs[string];
	readonly help: readonly [string, string];
	steps(args: Parsed): readonly RecipeStep[];
}

const flags: readonly FlagSteps[] = [
	{
		name: 'fix-dim',
		spec: { type: 'string', multiple: true },
		help: ['--fix-dim NAME=N', 'gives an open input dimension a size or another name; input[0]=1 by axis; may be repeated'],
		steps: (args) => {
			const dims = args.texts('fix-dim');
			return dims.length > 0 ? [{ pass: 'fix-dims', options: { dims } }] : [];
		},
	},
	{
		name: 'opset',
		spec: { type: 'string' },
		help: ['--opset N', 'raises the model to this version of ai.onnx first, where every operator follows'],
		steps: (args) => {
			const target = args.count('opset', 8);
			return target === undefined ? [] : [{ pass: 'raise-opset', options: { target } }];
		},
	},
	{
		name: 'extract',
		spec: { type: 'string', multiple: true },
		help: ['--extract A,B', 'keeps what these tensors need and gives them out; what is not needed goes'],
		steps: (args) => {
			const [outputs, inputs] = [listed(args.texts('extract')), listed(args.texts('extract-from'))];
			return outputs.length + inputs.length > 0 ? [{ pass: 'extract', options: { inputs, outputs } }] : [];
		},
	},
	{
		name: 'extract-from',
		spec: { type: 'string', multiple: true },
		help: ['--extract-from A,B', 'these tensors become the inputs, and what comes before them goes'],
		// With --extract: one cut.
		steps: () => [],
	},
	{
		name: 'preprocess',
		spec: { type: 'string', multiple: true },
		help: [
			'--preprocess LIST',
			'puts preprocessing before an input, e.g. uint8,nhwc,scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225',
		],
		steps: (args) => args.texts('preprocess').map(preprocessingStep),
	},
	{
		name: 'retype',
		spec: { type: 'string', multiple: true },
		help: ['--retype NAME=TYPE', 'gives an input or output another element type, e.g. ids=int32; may be repeated'],
		steps: (args) => {
			const types = args.texts('retype');
			return types.length > 0 ? [{ pass: 'retype-io', options: { types } }] : [];
		},
	},
	{
		name: 'rename',
		spec: { type: 'string', multiple: true },
		help: ['--rename OLD=NEW', 'gives an input or output another name, after everything else; may be repeated'],
		steps: (args) => {
			const renames = args.texts('rename');
			return renames.length > 0 ? [{ pass: 'rename-io', options: { renames } }] : [];
		},
	},
];

export const optimize: Command = {
	name: 'optimize',
	usage:
		'pare optimize MODEL -o OUT [--fix-dim NAME=N]… [--opset N] [--extract A,B] [--preprocess LIST] [--retype NAME=TYPE]… [--rename OLD=NEW]… [--verify] [--data FILE]… [--set optimize.option=value]…',
	summary: 'Fewer nodes that compute the same: folds constants, fuses operators, takes out leftovers.',
	details: `With --verify the result is compared with the model before it, output by output, on the inputs given with --data or on synthetic
ones. Where an output differs by more than rounding, the rule that made it differ is found, left out, and named.`,
	options: {
		output: { type: 'string', short: 'o' },
		...Object.fromEntries(flags.map(({ name, spec }) => [name, spec])),
		contrib: { type: 'boolean' },
		verify: { type: 'boolean' },
		data: { type: 'string', multiple: true },
		limit: { type: 'string' },
		set: { type: 'string', multiple: true },
		'no-run': { type: 'boolean' },
		...runOptions,
	},
	optionHelp: [
		['-o, --output OUT', 'the .onnx file to write; weights over 2 GB go to weights.data beside it'],
		...flags.map(({ help }) => help),
		['--contrib', "may write ONNX Runtime's own operators (com.microsoft), which other runtimes do not load"],
		['--verify', 'compare before and after on inputs, and leave out rules that change an output'],
		['--data FILE', 'inputs to compare on, as for compress; default: synthetic ones'],
		['--limit N', 'at most this many inputs; default 8'],
		['--set optimize.OPTION=VALUE', 'changes an option, see "pare passes"; may be repeated'],
		['--no-run', 'keep the result without having run it'],
		...runOptionHelp,
	],
	run: async (context) => {
		const { args, signal, terminal } = context;
		const [path, ...more] = args.positionals;
		const out = args.text('output');
		if (path === undefined || more.length > 0) throw new UsageError('optimize takes one model.');
		if (out === undefined) throw new UsageError('optimize needs -o, the file to write.');
		const before = flags.flatMap((flag) => flag.steps(args));
		const step: RecipeStep = { pass: 'optimize', options: { ...(args.flag('contrib') && { allowContrib: true }) } };
		const asked = withSettings({ v: 1, seed: 0, name: 'optimize', steps: [...before, step] }, args.texts('set'));
		const file = await openModel(path, {
			whole: true,
			signal,
			onProgress: (fraction) => terminal.progress(fraction, 'Reading the structure'),
		});
		try {
			await checkOut(out, file);
			await checkSurgery(path, asked, signal);
			const verified = args.flag('verify') ? await verify(context, file, asked) : undefined;
			const result = await compressFile(withoutData(context), file, verified?.recipe ?? asked, out);
			return verified ? withVerification(result, verified) : result;
		} finally {
			await file.close();
		}
	},
};

/** What was named and cannot be done is an error here: a script would take the file for what it asked for. Throws WorkError. */
async function checkSurgery(path: string, recipe: Recipe, signal: AbortSignal): Promise<void> {
	const steps = recipe.steps.slice(0, recipe.steps.findLastIndex(({ pass }) => surgeryPasses.has(pass)) + 1);
	if (steps.length === 0) return;
	const trial = await openModel(path, { whole: true, signal });
	try {
		for (const report of await runRecipe(trial.model, { ...recipe, steps }, passes, { signal })) {
			const refused = surgeryPasses.has(report.pass) ? report.notes.find((note) => note.level === 'skip') : undefined;
			if (!refused) continue;
			const what = refused.node === undefined ? report.pass : `${report.pass}, ${printable(refused.node)}`;
			throw new WorkError(
				`Nothing was written. ${what}: ${printable(refused.reason)}.`,
				'surgery',
				'"pare inspect" lists the inputs and outputs.',
			);
		}
	} finally {
		await trial.close();
	}
}

/** The inputs are for the comparison: no pass here learns from them. */
function withoutData(context: CommandContext): CommandContext {
	const { args } = context;
	return { ...context, args: { ...args, positionals: args.positionals, texts: (name) => (name === 'data' ? [] : args.texts(name)) } };
}

interface Verified {
	/** The recipe with the rules left out that changed an output. */
	readonly recipe: Recipe;
	readonly equivalence: Equivalence;
	readonly inputs: 'given' | 'synthetic';
	readonly leftOut: readonly { readonly rule: string; readonly node: string; readonly relative: number }[];
}

const MOST_INPUTS = 8;
const MOST_TRIALS = 8;

async function verify(context: CommandContext, file: ModelFile, asked: Recipe): Promise<Verified> {
	const { args, signal, terminal } = context;
	if (file.byteLength > runnableBytes) {
		throw new WorkError(
			`The model has ${bytesText(file.byteLength)}: too large to be run and compared here.`,
			'memory',
			'Leave --verify out.',
		);
	}
	await refuseHazards(file.model, file.path, context, 'Give --yes to run it all the same, or leave --verify out.');
	const compute = engineCompute(await startEngine(context));
	const data = args.texts('data');
	const open = async (): Promise<Model> => {
		const fresh = await openModel(file.path, { whole: true, signal });
		closing.push(() => fresh.close());
		const steps = asked.steps.filter(({ pass }) => pass !== 'optimize');
		await runRecipe(fresh.model, { ...asked, steps }, passes, { signal });
		return fresh.model;
	};
	const closing: (() => Promise<void>)[] = [];
	try {
		const examples = await openInputs({
			engine: await startEngine(context),
			model: await open(),
			// With sizes fixed: inputs are made for what is compared.
			bytes: async () => ({ model: await serialize(await open()) }),
			data,
			limit: args.count('limit', 1) ?? MOST_INPUTS,
			signal,
			terminal,
		});
		const inputs: Feeds[] = [];
		for (let index = 0; index < examples.n; index++) inputs.push((await examples.example(index, signal)).feeds);
		const leftOut: { rule: string; node: string; relative: number }[] = [];
		let recipe = asked;
		for (let trial = 0; ; trial++) {
			terminal.progress(trial / MOST_TRIALS, 'Comparing before and after');
			const after = await open();
			await runRecipe(after, { ...recipe, steps: recipe.steps.filter(({ pass }) => pass === 'optimize') }, passes, { signal });
			const equivalence = await compareModels(compute, await open(), after, inputs, { signal });
			if (equivalence.equal || trial === MOST_TRIALS)
				return { recipe, equivalence, inputs: data.length > 0 ? 'given' : 'synthetic', leftOut };
			const options = parseOptions(optimizeOptions, recipe.steps.find(({ pass }) => pass === 'optimize')?.options);
			const culprit = await findCulprit({ compute, open, options, inputs, signal });
			if (!culprit) return { recipe, equivalence, inputs: data.length > 0 ? 'given' : 'synthetic', leftOut };
			const relative = Math.max(0, ...culprit.difference.outputs.map((output) => output.relative));
			leftOut.push({ rule: culprit.rule, node: culprit.node, relative });
			const rulesOff = [...options.rulesOff, culprit.rule];
			recipe = {
				...recipe,
				steps: recipe.steps.map((each) => (each.pass === 'optimize' ? { ...each, options: { ...each.options, rulesOff } } : each)),
			};
		}
	} finally {
		for (const close of closing) await close();
	}
}

function withVerification(result: CommandResult, { equivalence, inputs, leftOut }: Verified): CommandResult {
	const lines = equivalence.outputs.map(
		({ output, maxAbs, relative, sqnrDb }) =>
			`  ${printable(output)}: max abs ${maxAbs.toExponential(2)}, relative ${relative.toExponential(2)}, ${Number.isFinite(sqnrDb) ? `${sqnrDb.toFixed(1)} dB` : 'no difference'}`,
	);
	const head = equivalence.equal
		? `Equal to the model before it on ${equivalence.runs} ${inputs} inputs, up to rounding:`
		: `! Differs from the model before it on ${equivalence.runs} ${inputs} inputs by more than rounding:`;
	const left = leftOut.map(({ rule, node }) => `  left out: ${rule}${node ? `, which changed an output at ${printable(node)}` : ''}`);
	const problems = equivalence.problems.map((problem) => `  ${printable(problem)}`);
	return {
		...result,
		document: { ...(result.document as object), verification: { inputs, ...equivalence, leftOut } },
		text: `${result.text}${[head, ...lines, ...problems, ...left].join('\n')}\n`,
	};
}

// Structured pruning on the shared models: what is left, what it costs, beside the baselines (L2 and random without refitting, uniform
// ratios) and the figures of existing tools (../shared/reference/peers.md). Evaluation examples are never calibrated on.
// Run by hand: node scripts/run-ts.mjs bench/pruning.ts [MODEL ...] [--rows TEXT] [--limit N] [--files FOLDER]
// --files FOLDER: keep what is made there.
// --rows TEXT: only rows whose name contains TEXT. --limit N: so many evaluation examples.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { memorySource } from '../src/core/bytes/source.ts';
import { checkModel } from '../src/core/onnx/check.ts';
import { inferTypes } from '../src/core/onnx/infer.ts';
import { countMacs } from '../src/core/onnx/macs.ts';
import { readModel } from '../src/core/onnx/read.ts';
import { processorRatio } from './processor-time.ts';
import { openSubject, type SubjectName, subjectNames } from './subjects.ts';

interface Row {
	readonly name: string;
	readonly options: Readonly<Record<string, unknown>>;
	/** Measure the latency too. */
	readonly timed?: boolean;
}

const budgets = (changes: readonly number[], timed = false): Row[] =>
	changes.map((change) => ({ name: `budget macs ${Math.round(change * 100)} %`, options: { macsChange: change }, timed }));
// The stem's channels are no expanded ones: its block has no expanding layer.
const expanded = { scope: 'inner', nodesToExclude: ['/_conv_head/Conv', '/_conv_stem/Conv'], allocation: 'uniform' };
const rows: Readonly<Record<SubjectName, readonly Row[]>> = {
	'mnist-8': [
		...budgets([-0.1, -0.25, -0.5]),
		{ name: 'L2, no refit -50 %', options: { macsChange: -0.5, criterion: 'l2', allocation: 'uniform', refit: false } },
		{ name: 'random, no refit -50 %', options: { macsChange: -0.5, criterion: 'random', allocation: 'uniform', refit: false } },
	],
	'ultraface-rfb-320': [
		...budgets([-0.1, -0.25, -0.5]),
		{ name: 'L2, no refit -25 %', options: { macsChange: -0.25, criterion: 'l2', allocation: 'uniform', refit: false } },
	],
	'efficientnet-lite0': [
		{ name: 'uniform 12.5 % of the expanded', options: { ...expanded, ratio: 0.125 } },
		{ name: 'uniform 25 % of the expanded', options: { ...expanded, ratio: 0.25 } },
		{ name: 'L2, refit, 25 % of the expanded', options: { ...expanded, ratio: 0.25, criterion: 'l2' } },
		{ name: 'L2, no refit, 25 % of the expanded', options: { ...expanded, ratio: 0.25, criterion: 'l2', refit: false } },
		{ name: 'random, no refit, 25 % of the expanded', options: { ...expanded, ratio: 0.25, criterion: 'random', refit: false } },
		{ name: 'uniform macs -10 %', options: { ...expanded, macsChange: -0.1 } },
		{ name: 'uniform macs -20 %', options: { ...expanded, macsChange: -0.2 } },
		...budgets([-0.1, -0.2]),
		...budgets([-0.25, -0.5], true),
		{ name: 'budget ms -25 %', options: { msChange: -0.25 }, timed: true },
	],
	'minilm-l6-v2': [
		...budgets([-0.1, -0.25, -0.5]),
		{ name: 'uniform 25 %', options: { ratio: 0.25, allocation: 'uniform' } },
		{ name: 'L2, no refit, 25 %', options: { ratio: 0.25, allocation: 'uniform', criterion: 'l2', refit: false } },
	],
	'ppocr-v4-rec': budgets([-0.1, -0.15, -0.25, -0.5]),
	'silero-vad': budgets([-0.1, -0.25, -0.5]),
};

const peers: Readonly<Partial<Record<SubjectName, string>>> = {
	'efficientnet-lite0':
		'onnxsim structured 25 %: L2 0.3, Wanda 2.5, L2 global 5.8 % top-1; Wanda with ridge / bias / BatchNorm / block recovery 2.5 / 0.0 / 0.3 / 3.0 %',
};

const args = process.argv.slice(2);
const flag = (name: string): string | undefined => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const only = flag('--rows');
const folder = flag('--files');
if (folder) mkdirSync(folder, { recursive: true });
const limit = Number(flag('--limit') ?? Number.POSITIVE_INFINITY);
const asked = args.filter((arg) => (subjectNames as readonly string[]).includes(arg)) as SubjectName[];

/** Dimensions of inputs and outputs that are not numbers. */
const openDims = (model: Awaited<ReturnType<typeof readModel>>): string =>
	[...model.graph.inputs.filter((value) => !value.initializer), ...model.graph.outputs]
		.map(({ type }) => (type?.kind === 'tensor' ? (type.shape?.filter((dim) => typeof dim !== 'number').length ?? 0) : 0))
		.join(',');

for (const name of asked.length > 0 ? asked : subjectNames) {
	const subject = await openSubject(name);
	if (!subject) continue;
	const before = await readModel(memorySource(new Uint8Array(readFileSync(resolve('../shared/models', `${name}.onnx`)))));
	const macsBefore = countMacs(before, await inferTypes(before)) ?? Number.NaN;
	console.log(`\n${name}: ${subject.bytes.length} bytes, ${macsBefore} multiply-accumulates`);
	if (peers[name]) console.log(`  peers: ${peers[name]}`);
	for (const row of rows[name]) {
		if (only && !row.name.includes(only)) continue;
		const recipe = { v: 1, seed: 1, steps: [{ pass: 'prune-structured', options: row.options }] } as const;
		const cpu = process.cpuUsage();
		const { file, reports, durationMs } = await subject.compress(recipe);
		const used = process.cpuUsage(cpu);
		const model = await readModel(memorySource(file));
		const problems = checkModel(model);
		const macs = countMacs(model, await inferTypes(model)) ?? Number.NaN;
		const score = await subject.score(file, limit);
		let latency = '';
		if (row.timed) {
			const [variant, original] = [await subject.engine.load({ model: file }), await subject.engine.load({ model: subject.bytes })];
			const { feeds } = await subject.evaluation.example(0);
			const { ratio, low, high, blocks } = await processorRatio(variant, original, feeds, 101);
			latency = `, processor time ${ratio.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}, ${blocks} blocks)`;
			await variant.release();
			await original.release();
		}
		if (folder) writeFileSync(join(folder, `${name} ${row.name}.onnx`.replaceAll(/[ %,]+/g, '-')), file);
		const kept = openDims(model) === openDims(before) ? '' : ', DYNAMIC DIMENSIONS CHANGED';
		const skipped = reports[0]?.notes.filter((note) => note.level === 'skip').length ?? 0;
		console.log(
			`  ${row.name.padEnd(38)} macs ${(macs / macsBefore).toFixed(3)}, bytes ${file.length} (${(file.length / subject.bytes.length).toFixed(3)})${latency}: ${score.text}` +
				` | ${(durationMs / 1000).toFixed(0)} s (${((used.user + used.system) / 1e6).toFixed(0)} s of processor), ${skipped} refusals${problems.length > 0 ? `, BROKEN: ${problems[0]?.message}` : ''}${kept}`,
		);
	}
	await subject.close();
}

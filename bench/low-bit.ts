// Weights of few bits on the shared models, learned rounding beside rounding to nearest and beside what the Python tools reach
// (../shared/reference/peers.md). Learned on the calibration halves, judged on the others.
// Run by hand: node scripts/run-ts.mjs bench/low-bit.ts [--models a,b] [--rows substring] [--limit N] [--speed] [--write FOLDER]
// CPU seconds are those of making the file, both threads of this program counted; wall time depends on what else runs.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Recipe } from '../src/core/pass/recipe.ts';
import { presets } from '../src/passes/presets.ts';
import { openSubject, type SubjectName } from './subjects.ts';

interface Row {
	readonly name: string;
	readonly recipe: Recipe;
}

interface Part {
	readonly model: SubjectName;
	readonly peers: readonly string[];
	/** What issue 6 asks for. */
	readonly aims: readonly string[];
	readonly rows: readonly Row[];
}

function preset(id: string): Row {
	const found = presets.find((entry) => entry.id === id);
	if (!found) throw new Error(`there is no preset ${id}`);
	return { name: id, recipe: found.recipe };
}

function steps(name: string, ...list: Recipe['steps']): Row {
	return { name, recipe: { v: 1, seed: 0, name, steps: list } };
}

const optimize = { pass: 'optimize', options: {} } as const;
const nearest = { start: 'nearest', sweeps: 0, correctBias: false, correctDrift: false } as const;

const parts: readonly Part[] = [
	{
		model: 'minilm-l6-v2',
		peers: [
			'MatMulNBits 4-bit block 32 asym.    54,702,927  cosine 0.9773, worst 0.9654, same neighbour 85.7 %',
			'onnxsim int4 GPTQ                   54,518,548  cosine 0.9866, same neighbour 87.3 %, 82 s',
			'quantize_dynamic per channel S8     22,946,377  cosine 0.9933, worst 0.9882, same neighbour 87.0 %',
		],
		aims: [
			'4 bits: mean >= 0.988 at <= 19 MB, >= 0.98 at <= 14.5 MB, <= 90 s',
			'int8: mean >= 0.997, worst >= 0.993, same neighbour >= 93 % at <= 23.2 MB, ratio <= 0.6',
		],
		rows: [
			preset('int8-dynamic'),
			preset('int8-smooth'),
			steps('4 bits to nearest', optimize, { pass: 'gptq', options: nearest }),
			steps('awq, 4 bits to nearest', optimize, { pass: 'awq', options: {} }, { pass: 'gptq', options: nearest }),
			preset('int4-gptq'),
			steps('gptq without passes and drift', optimize, { pass: 'gptq', options: { sweeps: 0, correctDrift: false } }),
			preset('smallest'),
			steps('3 bits', optimize, { pass: 'gptq', options: { bits: 3 } }),
			preset('palettize'),
		],
	},
	{
		model: 'efficientnet-lite0',
		peers: [
			'onnxsim 4-bit weights + GPTQ         5,076,619  top-1 76.3 % of 400, SQNR 4.4 dB',
			'onnxsim 4-bit weight-only            4,990,000  top-1 71.8 % of 400, SQNR 2.8 dB',
		],
		aims: ['4 bits: loss <= 3 points (85.0 %) at <= 3.2 MB', '16 entries: loss <= 2 points (86.0 %) at <= 3.4 MB'],
		rows: [steps('4 bits to nearest', optimize, { pass: 'gptq', options: nearest }), preset('int4-gptq'), preset('palettize')],
	},
	{
		model: 'silero-vad',
		peers: [
			'quantize_dynamic                     2,376,297  nothing quantized',
			'onnxsim                              2,325,693  nothing quantized',
		],
		aims: ['<= 0.85 MB at >= 30 dB on both outputs'],
		rows: [preset('int8-weights'), preset('int8-gptq'), preset('int8-dynamic')],
	},
];

const argument = (name: string): string | undefined => {
	const at = process.argv.indexOf(`--${name}`);
	return at < 0 ? undefined : process.argv[at + 1];
};
const models = argument('models')?.split(',');
const wanted = argument('rows');
const limit = Number(argument('limit') ?? Number.POSITIVE_INFINITY);
const folder = argument('write');
const speed = process.argv.includes('--speed');

for (const { model, peers, aims, rows } of parts) {
	if (models && !models.includes(model)) continue;
	const subject = await openSubject(model);
	if (!subject) continue;
	console.log(
		`\n${model}  ${subject.bytes.length.toLocaleString('en')} bytes, learned on ${subject.calibration.n}, judged on ${subject.evaluation.n}`,
	);
	for (const row of peers) console.log(`  peer  ${row}`);
	for (const aim of aims) console.log(`  aim   ${aim}`);
	for (const { name, recipe } of rows) {
		if (wanted && !name.includes(wanted)) continue;
		const before = process.cpuUsage();
		const { file, durationMs } = await subject.compress(recipe);
		const used = process.cpuUsage(before);
		const cpu = (used.user + used.system) / 1e6;
		if (folder) {
			mkdirSync(folder, { recursive: true });
			writeFileSync(join(folder, `${model}.${name.replaceAll(/[ ,]+/g, '-')}.onnx`), file);
		}
		const score = await subject.score(file, limit);
		const ratio = speed ? `; ${(await subject.latencyRatio(file)).toFixed(2)} of fp32's time` : '';
		const sizes = `${file.length.toLocaleString('en').padStart(11)} (gzip ${gzipSync(file).length.toLocaleString('en')})`;
		console.log(
			`  pare  ${name.padEnd(30)} ${sizes}  ${score.text}${ratio}; made in ${(durationMs / 1000).toFixed(0)} s, ${cpu.toFixed(0)} s of CPU`,
		);
	}
	await subject.close();
}
process.exit(0);

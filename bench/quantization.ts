// The quantizing presets on the shared models, line by line of what is asked of them, beside the peers' rows (../shared/reference/peers.md)
// and beside plain baselines. Learned on the calibration halves, judged on the others, all in the page's runtime (WASM, one thread).
// Run by hand: node scripts/run-ts.mjs bench/quantization.ts [--lines 1,2,6] [--models a,b] [--limit N] [--write FOLDER]
//   [--check PYTHON]: every file through ../shared/check/check_onnx.py (line 8)
// Times are of this machine at this moment: read ratios.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Recipe, RecipeStep } from '../src/core/pass/recipe.ts';
import { interleave, ratioInterval } from '../src/core/search/timing.ts';
import { presets } from '../src/passes/presets.ts';
import { openSubject, type Score, type Subject, type SubjectName, subjectNames } from './subjects.ts';

interface Interval {
	readonly ratio: number;
	readonly low: number;
	readonly high: number;
}

interface Measured {
	readonly score: Score;
	readonly bytes: number;
	readonly seconds: number;
	readonly time: Interval | undefined;
}

interface Row {
	readonly name: string;
	readonly recipe: Recipe;
	/** Absent: a baseline, printed for comparison. */
	readonly holds?: (measured: Measured) => boolean;
}

interface Line {
	readonly line: number;
	readonly model: SubjectName;
	readonly asks: string;
	readonly peers: readonly string[];
	readonly rows: readonly Row[];
	readonly timed?: boolean;
}

const preset = (id: string, holds?: Row['holds']): Row => {
	const found = presets.find((entry) => entry.id === id);
	if (!found) throw new Error(`there is no preset ${id}`);
	return { name: id, recipe: found.recipe, ...(holds && { holds }) };
};
const plain = (name: string, ...steps: RecipeStep[]): Row => ({ name, recipe: { v: 1, seed: 0, name, steps } });

const least = ({ score }: Measured): number => Math.min(...Object.values(score.sqnrDb));
const lost = ({ score }: Measured): number => 100 * ((score.originalTop1 ?? 1) - (score.top1 ?? 0));
const slack = 1e-9;

const minmax = plain(
	'baseline: min-max, no correction',
	{ pass: 'optimize', options: {} },
	{ pass: 'int8-static', options: { biasCorrection: 'none', leastSqnr: 0 } },
);
const nearest4 = plain(
	'baseline: 4 bits to nearest',
	{ pass: 'optimize', options: {} },
	{ pass: 'gptq', options: { start: 'nearest', sweeps: 0, correctBias: false, correctDrift: false } },
);

const wasmPeers: Partial<Record<SubjectName, readonly string[]>> = {
	'efficientnet-lite0': ['ONNX Runtime static per channel: 1.27 of fp32; NNCF default: 1.00'],
	'minilm-l6-v2': ['quantize_dynamic per channel: 0.51 of fp32'],
};

const lines: readonly Line[] = [
	{
		line: 1,
		model: 'efficientnet-lite0',
		asks: 'static int8: top-1 within 0.5 points, logits >= 24 dB, <= 5.0 MB',
		peers: [
			'ONNX Runtime static QDQ, per channel   5,100,487  top-1 88.3 % of 800 (fp32 89.1), 19.3 dB',
			'NNCF, full bias correction             4,983,208  top-1 88.0 % of 800 (fp32 89.1)',
			'onnxsim static, min-max                4,841,645  top-1 88.8 % of 400 (fp32 88.0), 19.4 dB',
		],
		rows: [minmax, preset('int8-static', (m) => lost(m) <= 0.5 + slack && least(m) >= 24 && m.bytes <= 5_000_000)],
	},
	{
		line: 2,
		model: 'efficientnet-lite0',
		asks: '4-bit weights: top-1 loss <= 3 points at <= 3.2 MB',
		peers: [
			'onnxsim 4-bit weights + GPTQ           5,076,619  top-1 76.3 % of 400, 4.4 dB',
			'onnxsim 4-bit weight-only              4,990,000  top-1 71.8 % of 400, 2.8 dB',
		],
		rows: [nearest4, preset('int4-gptq', (m) => lost(m) <= 3 + slack && m.bytes <= 3_200_000)],
	},
	{
		line: 3,
		model: 'minilm-l6-v2',
		asks: 'int8: cosine >= 0.997, worst >= 0.993, same neighbour >= 93 %, <= 23.2 MB, time <= 0.6; 4 bits: >= 0.988 at <= 19 MB, >= 0.98 at <= 14.5 MB',
		peers: [
			'quantize_dynamic per channel S8       22,946,377  cosine 0.9933, worst 0.9882, same neighbour 87.0 %, 0.51 of the time',
			'onnxsim int4 GPTQ                     54,518,548  cosine 0.9866, same neighbour 87.3 %',
			'MatMulNBits 4-bit block 32 asymmetric 54,702,927  cosine 0.9773, worst 0.9654, same neighbour 85.7 %',
		],
		timed: true,
		rows: [
			preset('int8-dynamic'),
			preset(
				'int8-smooth',
				(m) =>
					(m.score.cosineMean ?? 0) >= 0.997 &&
					(m.score.cosineWorst ?? 0) >= 0.993 &&
					(m.score.sameNeighbour ?? 0) >= 0.93 &&
					m.bytes <= 23_200_000 &&
					(m.time?.ratio ?? 1) <= 0.6,
			),
			nearest4,
			preset('int4-gptq', (m) => (m.score.cosineMean ?? 0) >= 0.988 && m.bytes <= 19_000_000),
			preset('smallest', (m) => (m.score.cosineMean ?? 0) >= 0.98 && m.bytes <= 14_500_000),
		],
	},
	{
		line: 4,
		model: 'ppocr-v4-rec',
		asks: 'int8: same steps >= 97 %, same lines >= 50 %, <= 3.6 MB',
		peers: [
			'ONNX Runtime static QDQ, per tensor    3,010,913  same step 44.8 %, same line 0 % (per channel does not load)',
			'onnxsim static, opset raised by hand   2,943,871  same step 94.3 %, same line 25.0 %',
			'onnxsim weight-only int8               2,920,000  same step 97.3 %, same line 46.9 %',
		],
		rows: [
			minmax,
			preset('int8-static', (m) => (m.score.sameSteps ?? 0) >= 0.97 && (m.score.sameLines ?? 0) >= 0.5 && m.bytes <= 3_600_000),
		],
	},
	{
		line: 5,
		model: 'ultraface-rfb-320',
		asks: 'scores >= 42 dB, boxes >= 46 dB, <= 0.46 MB',
		peers: [
			'ONNX Runtime static QDQ, per tensor      452,064  scores 36.9 dB, boxes 40.9 dB (per channel does not load)',
			'onnxsim static (40 pictures)             444,000  scores 42.7 dB, boxes 46.3 dB',
		],
		rows: [
			minmax,
			preset('int8-static', (m) => (m.score.sqnrDb.scores ?? 0) >= 42 && (m.score.sqnrDb.boxes ?? 0) >= 46 && m.bytes <= 460_000),
		],
	},
	{
		line: 5,
		model: 'silero-vad',
		asks: '<= 0.85 MB at >= 30 dB on both outputs',
		peers: [
			'quantize_dynamic                       2,376,297  larger than the original, nothing quantized',
			'onnxsim                                2,325,693  nothing quantized',
		],
		rows: [preset('int8-dynamic'), preset('int8-weights'), preset('int8-gptq', (m) => least(m) >= 30 && m.bytes <= 850_000)],
	},
	{
		line: 5,
		model: 'mnist-8',
		asks: 'accuracy within 0.1 point on 10,000',
		peers: [],
		rows: [minmax, preset('int8-static', (m) => Math.abs(lost(m)) <= 0.1 + slack)],
	},
	...subjectNames.map(
		(model): Line => ({
			line: 6,
			model,
			asks: 'preset wasm never slower than fp32 (interval of the ratio); at least three of six <= 0.8',
			peers: wasmPeers[model] ?? [],
			timed: true,
			rows: [preset('optimize'), preset('wasm', ({ time }) => (time?.low ?? 2) <= 1)],
		}),
	),
	...(['mnist-8', 'efficientnet-lite0', 'ppocr-v4-rec'] as const).map(
		(model): Line => ({
			line: 10,
			model,
			asks: 'accuracy-aware, limit 0.5 points, holds on data that the search did not see',
			peers: [],
			rows: [
				preset('accuracy-aware', (m) =>
					model === 'ppocr-v4-rec' ? 100 * (1 - (m.score.sameSteps ?? 0)) <= 0.5 + slack : lost(m) <= 0.5 + slack,
				),
			],
		}),
	),
];

const argument = (name: string): string | undefined => {
	const at = process.argv.indexOf(`--${name}`);
	return at < 0 ? undefined : process.argv[at + 1];
};
const wantedLines = argument('lines')?.split(',').map(Number);
const models = argument('models')?.split(',');
const limit = Number(argument('limit') ?? Number.POSITIVE_INFINITY);
const python = argument('check');
const folder = argument('write') ?? (python ? mkdtempSync(join(tmpdir(), 'quantization-')) : undefined);
if (folder) mkdirSync(folder, { recursive: true });

async function timeOf(subject: Subject, file: Uint8Array): Promise<Interval> {
	const { feeds } = await subject.evaluation.example(0);
	const original = await subject.engine.load({ model: subject.bytes });
	const variant = await subject.engine.load({ model: file });
	try {
		const options = { leastRounds: 21, mostRounds: 401, budgetMs: 4000 };
		const { times } = await interleave([() => original.run(feeds), () => variant.run(feeds)], options);
		return ratioInterval(times[0] ?? [], times[1] ?? []);
	} finally {
		await original.release();
		await variant.release();
	}
}

function checked(path: string): string {
	const result = spawnSync(python ?? '', [resolve(process.cwd(), '../shared/check/check_onnx.py'), path], { encoding: 'utf8' });
	return result.status === 0 ? 'checked' : `check FAILED: ${(result.stdout + result.stderr).trim().slice(-300)}`;
}

const missed: string[] = [];
for (const name of subjectNames) {
	const own = lines.filter(({ model, line }) => model === name && (!wantedLines || wantedLines.includes(line)));
	if (own.length === 0 || (models && !models.includes(name))) continue;
	const subject = await openSubject(name);
	if (!subject) continue;
	const size = subject.bytes.byteLength.toLocaleString('en');
	console.log(`\n${name}  ${size} bytes, learned on ${subject.calibration.n}, judged on ${subject.evaluation.n}`);
	const made = new Map<string, Promise<{ file: Uint8Array; seconds: number; headline: string }>>();
	for (const { line, asks, peers, rows, timed } of own) {
		console.log(`  line ${line}: ${asks}`);
		for (const row of peers) console.log(`    peer  ${row}`);
		for (const { name: row, recipe, holds } of rows) {
			let work = made.get(row);
			if (!work) {
				work = subject.compress(recipe).then(({ file, durationMs, reports }) => ({
					file,
					seconds: durationMs / 1000,
					headline: reports.find(({ pass }) => pass === 'mixed-precision')?.headline ?? '',
				}));
				made.set(row, work);
			}
			const { file, seconds, headline } = await work;
			const score = await subject.score(file, limit);
			const time = timed ? await timeOf(subject, file) : undefined;
			const verdict = holds ? (holds({ score, bytes: file.byteLength, seconds, time }) ? 'holds' : 'MISSED') : '';
			if (verdict === 'MISSED') missed.push(`line ${line} ${name} ${row}`);
			let check = '';
			if (folder) {
				const path = join(folder, `${name}.${row.replaceAll(/[^a-z0-9]+/g, '-')}.onnx`);
				writeFileSync(path, file);
				if (python) check = `; ${checked(path)}`;
			}
			const ratio = time ? `; ${time.ratio.toFixed(2)} of fp32's time (${time.low.toFixed(2)} to ${time.high.toFixed(2)})` : '';
			const bytes = file.byteLength.toLocaleString('en').padStart(11);
			console.log(`    ${verdict.padEnd(6)}${row.padEnd(33)}${bytes}  ${score.text}${ratio}; made in ${seconds.toFixed(0)} s${check}`);
			if (headline) console.log(`          ${headline}`);
		}
	}
	await subject.close();
}
console.log(missed.length === 0 ? '\nEvery line that was run holds.' : `\nMissed: ${missed.join('; ')}`);
process.exit(0);

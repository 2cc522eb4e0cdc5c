// The preset int8-static on the shared models beside what the Python tools reach (../shared/reference/peers.md) and the project's targets.
// Run by hand: node scripts/run-ts.mjs bench/int8-static.ts [--models a,b] [--options JSON] [--limit N] [--latency] [--write FOLDER]
// Everything runs in the page's runtime (onnxruntime-web, WASM, one thread). Times are of this machine at this moment.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { presets } from '../src/passes/presets.ts';
import { openSubject, type Score, type SubjectName } from './subjects.ts';

interface Target {
	readonly name: SubjectName;
	readonly target: string;
	readonly peers: readonly string[];
	holds(score: Score, bytes: number): boolean;
}

const least = (score: Score): number => Math.min(...Object.values(score.sqnrDb));

const targets: readonly Target[] = [
	{
		name: 'mnist-8',
		target: 'accuracy within 0.1 point',
		peers: [],
		holds: (score) => Math.abs((score.top1 ?? 0) - (score.originalTop1 ?? 1)) <= 0.001 + 1e-9,
	},
	{
		name: 'ultraface-rfb-320',
		target: 'scores >= 42 dB, boxes >= 46 dB, <= 460,000 bytes',
		peers: [
			'ONNX Runtime static QDQ, per tensor    452,064  scores 36.9 dB, boxes 40.9 dB (per channel does not load)',
			'onnxsim static (40 pictures)           444,000  scores 42.7 dB, boxes 46.3 dB',
		],
		holds: ({ sqnrDb }, bytes) => (sqnrDb.scores ?? 0) >= 42 && (sqnrDb.boxes ?? 0) >= 46 && bytes <= 460_000,
	},
	{
		name: 'efficientnet-lite0',
		target: 'top-1 within 0.5 points, logits >= 24 dB, <= 5,000,000 bytes',
		peers: [
			'ONNX Runtime static QDQ, per channel 5,100,487  top-1 88.3 % of 800 (fp32 89.1), 19.3 dB',
			'NNCF, full bias correction           4,983,208  top-1 88.0 % of 800 (fp32 89.1)',
			'onnxsim static, min-max              4,841,645  top-1 88.8 % of 400 (fp32 88.0), 19.4 dB',
		],
		holds: (score, bytes) => (score.top1 ?? 0) >= (score.originalTop1 ?? 1) - 0.005 - 1e-9 && least(score) >= 24 && bytes <= 5_000_000,
	},
	{
		name: 'ppocr-v4-rec',
		target: '>= 97 % same steps, >= 50 % same lines, <= 3,600,000 bytes',
		peers: [
			'ONNX Runtime static QDQ, per tensor  3,010,913  same step 44.8 %, same line 0 % (per channel does not load)',
			'onnxsim static, opset raised by hand 2,943,871  same step 94.3 %, same line 25.0 %',
		],
		holds: (score, bytes) => (score.sameSteps ?? 0) >= 0.97 && (score.sameLines ?? 0) >= 0.5 && bytes <= 3_600_000,
	},
];

const value = (flag: string): string | undefined => {
	const at = process.argv.indexOf(flag);
	return at < 0 ? undefined : process.argv[at + 1];
};
const chosen = value('--models')?.split(',');
const limit = Number(value('--limit') ?? Number.POSITIVE_INFINITY);
const folder = value('--write');
const options: unknown = JSON.parse(value('--options') ?? '{}');
const preset = presets.find(({ id }) => id === 'int8-static');
if (!preset) throw new Error('there is no preset int8-static');
const recipe = {
	...preset.recipe,
	steps: preset.recipe.steps.map((step) =>
		step.pass === 'int8-static' ? { ...step, options: { ...step.options, ...(options as object) } } : step,
	),
};

for (const { name, target, peers, holds } of targets) {
	if (chosen && !chosen.includes(name)) continue;
	const subject = await openSubject(name);
	if (!subject) continue;
	const { file, reports, durationMs } = await subject.compress(recipe);
	const score = await subject.score(file, limit);
	const verdict = holds(score, file.byteLength) ? 'holds' : 'missed';
	console.log(`\n${name} (${subject.bytes.byteLength.toLocaleString('en')} bytes)\n  target: ${target}: ${verdict}`);
	for (const peer of peers) console.log(`  ${peer}`);
	console.log(`  Pare int8-static  ${file.byteLength.toLocaleString('en')}  ${score.text}; made in ${(durationMs / 1000).toFixed(1)} s`);
	if (process.argv.includes('--latency')) {
		console.log(`  latency over fp32, WASM, one thread, interleaved: ${(await subject.latencyRatio(file)).toFixed(2)}`);
	}
	for (const note of reports.at(-1)?.notes ?? []) console.log(`    ${note.level} ${note.node ?? ''} ${note.reason}`);
	if (folder) {
		mkdirSync(folder, { recursive: true });
		writeFileSync(join(folder, `${name}.int8-static.onnx`), file);
	}
	await subject.close();
}

// The quantizing presets on the shared models beside what the Python tools reach (../shared/reference/peers.md).
// Run by hand: node scripts/run-ts.mjs bench/quality-peers.ts [--models a,b] [--presets a,b] [--limit N] [--write FOLDER]
// Everything runs in the page's runtime (onnxruntime-web, WASM, one thread). Latencies are interleaved with the original's.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { presets } from '../src/passes/presets.ts';
import { openSubject, type SubjectName, subjectNames } from './subjects.ts';

/** Rows of peers.md. */
const peers: Readonly<Record<SubjectName, readonly string[]>> = {
	'minilm-l6-v2': [
		'quantize_dynamic per channel S8     22,946,377  cosine 0.9933, worst 0.9882, same neighbour 87.0 %',
		'onnxsim dynamic                     58,602,038  cosine 0.9936, worst 0.9873, same neighbour 89.7 %',
		'MatMulNBits 8-bit block 32          59,842,827  cosine 0.9999, worst 0.9998, same neighbour 98.7 %',
		'MatMulNBits 4-bit block 32 asym.    54,702,927  cosine 0.9773, worst 0.9654, same neighbour 85.7 %',
		'onnxsim int4 GPTQ                   54,518,548  cosine 0.9866, same neighbour 87.3 %',
	],
	'efficientnet-lite0': [
		'quantize_dynamic per tensor          4,825,493  top-1 80.8 % of 800 (fp32 89.1), SQNR 6.5 dB',
		'static QDQ per channel S8S8          5,100,487  top-1 88.3 % of 800 (fp32 89.1), SQNR 19.3 dB',
		'NNCF full bias correction            4,983,208  top-1 88.0 % of 800 (fp32 89.1)',
		'onnxsim static min-max               4,841,645  top-1 88.8 % of 400 (fp32 88.0), SQNR 19.4 dB',
		'onnxsim weight-only int8             4,822,033  top-1 87.5 % of 400 (fp32 88.0), SQNR 20.4 dB',
		'onnxsim 4-bit weights + GPTQ         5,076,619  top-1 76.3 % of 400, SQNR 4.4 dB',
		'onnxsim 4-bit weight-only            4,990,000  top-1 71.8 % of 400, SQNR 2.8 dB',
	],
	'ppocr-v4-rec': [
		'quantize_dynamic per channel         2,923,990  same step 44.9 %, same line 0 %',
		'onnxsim dynamic (MatMul only)        7,813,337  same step 99.1 %, same line 71.9 %',
		'onnxsim weight-only int8             2,920,000  same step 97.3 %, same line 46.9 %',
		'onnxsim static, opset raised by hand 2,943,871  same step 94.3 %, same line 25.0 %',
	],
	'ultraface-rfb-320': [
		'quantize_dynamic                       495,379  scores 42.5 dB, boxes 46.8 dB',
		'static QDQ per tensor                  452,064  scores 36.9 dB, boxes 40.9 dB',
		'onnxsim static (40 pictures)           444,000  scores 42.7 dB, boxes 46.3 dB',
	],
	'silero-vad': [
		'quantize_dynamic                     2,376,297  nothing quantized',
		'onnxsim                              2,325,693  nothing quantized',
	],
	'mnist-8': [],
};

const argument = (name: string): string | undefined => {
	const at = process.argv.indexOf(`--${name}`);
	return at < 0 ? undefined : process.argv[at + 1];
};
const models = argument('models')?.split(',') ?? subjectNames;
const chosen = (argument('presets') ?? 'int8-dynamic,int8-weights,int4-weights').split(',');
const limit = Number(argument('limit') ?? Number.POSITIVE_INFINITY);
const writeTo = argument('write');

for (const name of subjectNames) {
	if (!models.includes(name)) continue;
	const subject = await openSubject(name);
	if (!subject) continue;
	console.log(`\n${name}  ${subject.bytes.length.toLocaleString('en')} bytes, ${subject.evaluation.n} examples`);
	for (const row of peers[name]) console.log(`  peer  ${row}`);
	for (const id of chosen) {
		const preset = presets.find((entry) => entry.id === id);
		if (!preset) throw new Error(`there is no preset ${id}`);
		const { file, durationMs } = await subject.compress(preset.recipe);
		if (writeTo) {
			mkdirSync(writeTo, { recursive: true });
			writeFileSync(join(writeTo, `${name}.${id}.onnx`), file);
		}
		const score = await subject.score(file, limit);
		const speed = `${(await subject.latencyRatio(file)).toFixed(2)} of fp32's time`;
		console.log(
			`  pare  ${id.padEnd(32)} ${file.length.toLocaleString('en').padStart(13)}  ${score.text}; ${speed}; made in ${(durationMs / 1000).toFixed(1)} s`,
		);
	}
	await subject.close();
}

// The quantizing presets on the shared models beside what the Python tools reach (../shared/reference/peers.md).
// Run by hand: node scripts/run-ts.mjs bench/quality-peers.ts [--models a,b] [--presets a,b] [--limit N] [--write FOLDER]
// Everything runs in the page's runtime (onnxruntime-web, WASM, one thread). Latencies are interleaved with the original's.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { memorySource } from '../src/core/bytes/source.ts';
import type { Feeds, TensorData } from '../src/core/ir/tensor-data.ts';
import { FidelityAccumulator } from '../src/core/numeric/statistics.ts';
import { readModel } from '../src/core/onnx/read.ts';
import { serialize } from '../src/core/onnx/write.ts';
import { runRecipe } from '../src/core/pass/pipeline.ts';
import { decodePicture } from '../src/data/node/codecs.ts';
import { openDataFile } from '../src/data/node/files.ts';
import { openDataset } from '../src/data/open.ts';
import { conventions, type Preprocessing } from '../src/data/preprocessing.ts';
import { createNodeEngine } from '../src/engine/node/index.ts';
import type { Session } from '../src/engine/port.ts';
import { presets } from '../src/passes/presets.ts';
import { passes } from '../src/passes/registry.ts';

interface Subject {
	readonly model: string;
	readonly data: readonly string[];
	readonly size?: readonly [number, number];
	/** Examples used, from `first` on. */
	readonly first?: number;
	readonly count: number;
	readonly measure: 'embedding' | 'classes' | 'steps' | 'signal';
	/** Rows of peers.md. */
	readonly peers: readonly string[];
}

const SUBJECTS: readonly Subject[] = [
	{
		model: 'minilm-l6-v2',
		data: ['minilm-sentences-600.npz'],
		count: 300,
		measure: 'embedding',
		peers: [
			'quantize_dynamic per channel S8     22,946,377  cosine 0.9933, worst 0.9882, same neighbour 87.0 %',
			'onnxsim dynamic                     58,602,038  cosine 0.9936, worst 0.9873, same neighbour 89.7 %',
			'MatMulNBits 8-bit block 32          59,842,827  cosine 0.9999, worst 0.9998, same neighbour 98.7 %',
			'MatMulNBits 4-bit block 32 asym.    54,702,927  cosine 0.9773, worst 0.9654, same neighbour 85.7 %',
		],
	},
	{
		model: 'efficientnet-lite0',
		data: ['imagenet-eval-400.zip'],
		size: [224, 224],
		count: 400,
		measure: 'classes',
		peers: [
			'quantize_dynamic per tensor          4,825,493  top-1 80.8 % of 800 (fp32 89.1), SQNR 6.5 dB',
			'onnxsim weight-only int8             4,822,033  top-1 87.5 % of 400 (fp32 88.0), SQNR 20.4 dB',
			'onnxsim 4-bit weight-only            4,990,000  top-1 71.8 % of 400, SQNR 2.8 dB',
		],
	},
	{
		model: 'ppocr-v4-rec',
		data: ['ppocr-lines-64.npz'],
		first: 32,
		count: 32,
		measure: 'steps',
		peers: [
			'quantize_dynamic per channel         2,923,990  same step 44.9 %, same line 0 %',
			'onnxsim dynamic (MatMul only)        7,813,337  same step 99.1 %, same line 71.9 %',
			'onnxsim weight-only int8             2,920,000  same step 97.3 %, same line 46.9 %',
		],
	},
	{
		model: 'ultraface-rfb-320',
		data: ['imagenet-eval-400.zip'],
		size: [320, 240],
		count: 100,
		measure: 'signal',
		peers: ['quantize_dynamic                       495,379  scores 42.5 dB, boxes 46.8 dB'],
	},
	{
		model: 'silero-vad',
		data: ['silero-speech.npz'],
		count: 80,
		measure: 'signal',
		peers: [
			'quantize_dynamic                     2,376,297  nothing quantized',
			'onnxsim                              2,325,693  nothing quantized',
		],
	},
	{
		model: 'mnist-8',
		data: ['t10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz'],
		count: 10_000,
		measure: 'classes',
		peers: [],
	},
];

const argument = (name: string): string | undefined => {
	const at = process.argv.indexOf(`--${name}`);
	return at < 0 ? undefined : process.argv[at + 1];
};
const shared = resolve(process.cwd(), '../shared');
const onlyModels = argument('models')?.split(',');
const onlyPresets = (argument('presets') ?? 'int8-dynamic,int8-weights,int4-weights').split(',');
const limit = Number(argument('limit') ?? Number.POSITIVE_INFINITY);
const writeTo = argument('write');
const ROUNDS = 15;

type Outputs = Record<string, Float32Array>;

const floatsOf = (tensor: TensorData | undefined): Float32Array =>
	tensor?.data instanceof Float32Array ? tensor.data.slice() : Float32Array.from((tensor?.data ?? []) as ArrayLike<number>, Number);

async function outputsOf(session: Session, feeds: Feeds): Promise<Outputs> {
	return Object.fromEntries(Object.entries(await session.run(feeds)).map(([name, tensor]) => [name, floatsOf(tensor)]));
}

function largest(values: Float32Array, from = 0, to = values.length): number {
	let best = from;
	for (let i = from; i < to; i++) if (values[i]! > values[best]!) best = i;
	return best - from;
}

function neighbours(rows: readonly Float32Array[]): number[] {
	const unit = rows.map((row) => {
		const norm = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
		return row.map((x) => x / norm);
	});
	return unit.map((a, i) => {
		let best = -1;
		let score = Number.NEGATIVE_INFINITY;
		for (const [j, b] of unit.entries()) {
			if (i === j) continue;
			let dot = 0;
			for (let k = 0; k < a.length; k++) dot += a[k]! * b[k]!;
			if (dot > score) [best, score] = [j, dot];
		}
		return best;
	});
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function describe(
	subject: Subject,
	original: readonly Outputs[],
	variant: readonly Outputs[],
	labels: readonly (number | undefined)[],
	steps: number,
): string {
	const names = Object.keys(original[0] ?? {});
	const parts: string[] = [];
	const main = names[0] ?? '';
	const pairs = original.map((outputs, i) => [outputs[main]!, variant[i]![main]!] as const);
	if (subject.measure === 'embedding') {
		const cosines = pairs.map(([a, b]) => {
			const one = new FidelityAccumulator();
			one.add(a, b);
			return one.result().cosine;
		});
		const before = neighbours(pairs.map(([a]) => a));
		const after = neighbours(pairs.map(([, b]) => b));
		parts.push(
			`cosine ${(cosines.reduce((a, b) => a + b, 0) / cosines.length).toFixed(5)}, worst ${Math.min(...cosines).toFixed(5)}`,
			`same neighbour ${percent(before.filter((n, i) => n === after[i]).length / before.length)}`,
		);
	}
	if (subject.measure === 'classes') {
		const right = (outputs: readonly Outputs[]): number =>
			outputs.filter((o, i) => largest(o[main]!) === labels[i]).length / outputs.length;
		parts.push(
			`top-1 ${percent(right(variant))} (fp32 ${percent(right(original))}) of ${variant.length}`,
			`agreement ${percent(pairs.filter(([a, b]) => largest(a) === largest(b)).length / pairs.length)}`,
		);
	}
	if (subject.measure === 'steps') {
		let same = 0;
		let all = 0;
		let lines = 0;
		for (const [a, b] of pairs) {
			let equal = 0;
			const count = a.length / steps;
			for (let t = 0; t < count; t++) if (largest(a, t * steps, (t + 1) * steps) === largest(b, t * steps, (t + 1) * steps)) equal += 1;
			same += equal;
			all += count;
			if (equal === count) lines += 1;
		}
		parts.push(`same step ${percent(same / all)}, same line ${percent(lines / pairs.length)}`);
	}
	for (const name of names) {
		const total = new FidelityAccumulator();
		for (const [i, outputs] of original.entries()) total.add(outputs[name]!, variant[i]![name]!);
		parts.push(`${name} ${total.result().sqnrDb.toFixed(1)} dB`);
	}
	return parts.join(', ');
}

async function latencies(a: Session, b: Session, feeds: Feeds): Promise<string> {
	const times: [number[], number[]] = [[], []];
	for (let round = 0; round < ROUNDS; round++) {
		for (const [k, session] of [a, b].entries()) {
			const began = performance.now();
			await session.run(feeds);
			times[k]!.push(performance.now() - began);
		}
	}
	const [x, y] = times.map((list) => list.sort((p, q) => p - q)[ROUNDS >> 1]!) as [number, number];
	return `${y.toFixed(1)} ms, ${(y / x).toFixed(2)} of fp32`;
}

const engine = await createNodeEngine();
for (const subject of SUBJECTS) {
	if (onlyModels && !onlyModels.includes(subject.model)) continue;
	const path = join(shared, 'models', `${subject.model}.onnx`);
	if (!existsSync(path)) {
		console.log(`${subject.model}: skipped, the shared models are not there`);
		continue;
	}
	const bytes = new Uint8Array(readFileSync(path));
	const reference = await engine.load({ model: bytes });
	const files = await Promise.all(subject.data.map((name) => openDataFile(join(shared, 'data', name), name)));
	const preprocessing: Preprocessing | undefined = subject.size && {
		...conventions['(x - 127)/128 RGB']!,
		resize: subject.size[0] === subject.size[1] ? { mode: 'short', side: 256 } : { mode: 'exact' },
		width: subject.size[0],
		height: subject.size[1],
		layout: 'nchw',
		dtype: 'float32',
	};
	const dataset = await openDataset(files, reference, { decode: decodePicture, ...(preprocessing && { preprocessing }) });
	const first = subject.first ?? 0;
	const count = Math.min(subject.count, dataset.n - first, limit);
	const stride = subject.first === undefined && subject.measure !== 'embedding' ? Math.max(1, Math.floor(dataset.n / count)) : 1;
	const original: Outputs[] = [];
	const labels: (number | undefined)[] = [];
	const feedOf = async (i: number) => dataset.example(first + i * stride);
	let steps = 1;
	for (let i = 0; i < count; i++) {
		const { feeds, label } = await feedOf(i);
		if (i === 0) steps = Object.values(await reference.run(feeds))[0]?.dims.at(-1) ?? 1;
		original.push(await outputsOf(reference, feeds));
		labels.push(label);
	}
	console.log(`\n${subject.model}  ${bytes.length.toLocaleString('en')} bytes, ${count} examples of ${subject.data[0]}`);
	for (const row of subject.peers) console.log(`  peer  ${row}`);
	for (const id of onlyPresets) {
		const preset = presets.find((entry) => entry.id === id);
		if (!preset) throw new Error(`there is no preset ${id}`);
		const model = await readModel(memorySource(bytes));
		const began = performance.now();
		await runRecipe(model, preset.recipe, passes);
		const result = await serialize(model);
		const madeMs = performance.now() - began;
		if (writeTo) {
			mkdirSync(writeTo, { recursive: true });
			writeFileSync(join(writeTo, `${subject.model}.${id}.onnx`), result);
		}
		const session = await engine.load({ model: result });
		const variant: Outputs[] = [];
		for (let i = 0; i < count; i++) variant.push(await outputsOf(session, (await feedOf(i)).feeds));
		const speed = await latencies(reference, session, (await feedOf(0)).feeds);
		console.log(
			`  pare  ${id.padEnd(32)} ${result.length.toLocaleString('en').padStart(13)}  ${describe(subject, original, variant, labels, steps)}; ${speed}; made in ${madeMs.toFixed(0)} ms`,
		);
		await session.release();
	}
	await reference.release();
	for (const file of files) await file.close();
}

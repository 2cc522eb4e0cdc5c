// The presets float16 and prune-50 on the shared models: bytes, gzip, time and what the page's runtime says about the result.
// Run by hand: node scripts/run-ts.mjs bench/float16-and-pruning.ts [OUTPUT-FOLDER]
// Inputs: the shared .npz files for minilm, ppocr and silero; seeded noise elsewhere, marked so.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { unzipSync } from 'fflate';
import * as ort from 'onnxruntime-web/wasm';
import { memorySource } from '../src/core/bytes/source.ts';
import { seededRandom } from '../src/core/numeric/random.ts';
import { FidelityAccumulator } from '../src/core/numeric/statistics.ts';
import { readModel } from '../src/core/onnx/read.ts';
import { serialize } from '../src/core/onnx/write.ts';
import { runRecipe } from '../src/core/pass/pipeline.ts';
import { presets } from '../src/passes/presets.ts';
import { passes } from '../src/passes/registry.ts';

const shared = resolve(process.cwd(), '../shared');
const outputFolder = process.argv[2];
const SAMPLES = 16;
ort.env.wasm.numThreads = 1;

const models: readonly { readonly name: string; readonly data?: string; readonly dims?: Readonly<Record<string, readonly number[]>> }[] = [
	{ name: 'mnist-8' },
	{ name: 'efficientnet-lite0', dims: { image: [1, 3, 224, 224] } },
	{ name: 'minilm-l6-v2', data: 'minilm-sentences-600.npz' },
	{ name: 'ppocr-v4-rec', data: 'ppocr-lines-64.npz' },
	{ name: 'silero-vad', data: 'silero-speech.npz', dims: { state: [2, 1, 128] } },
	{ name: 'ultraface-rfb-320' },
];

interface NumpyArray {
	readonly dims: readonly number[];
	readonly data: Float32Array | BigInt64Array;
}

/** float32, float64, int64 and int32 arrays of a .npz file (NEP 1). */
function readNpz(path: string): Map<string, NumpyArray> {
	const arrays = new Map<string, NumpyArray>();
	for (const [entry, bytes] of Object.entries(unzipSync(new Uint8Array(readFileSync(path))))) {
		const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
		const header = new TextDecoder().decode(bytes.subarray(10, 10 + headerLength));
		const dims = [...(header.match(/'shape': \(([^)]*)\)/)?.[1] ?? '').matchAll(/\d+/g)].map(Number);
		const raw = bytes.slice(10 + headerLength).buffer;
		const type = header.match(/'descr': '<(..)'/)?.[1];
		const data =
			type === 'f4'
				? new Float32Array(raw)
				: type === 'f8'
					? Float32Array.from(new Float64Array(raw))
					: type === 'i4'
						? BigInt64Array.from(new Int32Array(raw), BigInt)
						: new BigInt64Array(raw);
		arrays.set(entry.replace(/\.npy$/, ''), { dims, data });
	}
	return arrays;
}

/** Sample `index` along the one axis on which the array is longer than `dims` says. */
function sample({ dims: all, data }: NumpyArray, index: number, dims: readonly number[]): ort.Tensor {
	const axis = all.findIndex((length, at) => length !== dims[at]);
	const inner = all.slice(axis + 1).reduce((a, b) => a * b, 1);
	const length = all[axis] ?? 1;
	const picked = data.filter((_: number | bigint, at: number) => Math.floor(at / inner) % length === index);
	return new ort.Tensor(picked as Float32Array, dims);
}

/** Feeds of sample `index`, one row each. */
function feedsOf(
	session: ort.InferenceSession,
	arrays: Map<string, NumpyArray> | undefined,
	index: number,
	dims: Readonly<Record<string, readonly number[]>>,
) {
	const random = seededRandom(index);
	const feeds: Record<string, ort.Tensor> = {};
	for (const input of session.inputMetadata) {
		if (!input.isTensor) throw new Error(`input ${input.name} is no tensor`);
		const array = arrays?.get(input.name);
		const declared =
			dims[input.name] ?? input.shape.map((dim, axis) => (typeof dim === 'number' && dim > 0 && dim < 1e6 ? dim : axis === 0 ? 1 : 48));
		if (array && array.dims.length > 0) {
			feeds[input.name] = sample(array, index, dims[input.name] ?? [1, ...array.dims.slice(1)]);
		} else if (input.type === 'int64') {
			const count = declared.reduce((a, b) => a * b, 1);
			feeds[input.name] = new ort.Tensor(new BigInt64Array(count).fill(input.name === 'sr' ? 16000n : 1n), declared);
		} else {
			const count = declared.reduce((a, b) => a * b, 1);
			feeds[input.name] = new ort.Tensor(
				Float32Array.from({ length: count }, () => random.normal()),
				declared,
			);
		}
	}
	return feeds;
}

for (const { name, data, dims = {} } of models) {
	const path = join(shared, 'models', `${name}.onnx`);
	if (!existsSync(path)) {
		console.log(`${name}: skipped, the shared models are not there`);
		continue;
	}
	const bytes = new Uint8Array(readFileSync(path));
	const npz = data && existsSync(join(shared, 'data', data)) ? readNpz(join(shared, 'data', data)) : undefined;
	const original = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
	console.log(`${name}: ${bytes.length} bytes, gzip ${gzipSync(bytes).length}; inputs: ${npz ? data : 'seeded noise'}`);
	for (const preset of presets.filter(({ id }) => id === 'float16' || id === 'prune-50')) {
		const model = await readModel(memorySource(bytes));
		const began = performance.now();
		const [report] = await runRecipe(model, preset.recipe, passes);
		const result = await serialize(model);
		const durationMs = performance.now() - began;
		if (outputFolder) {
			mkdirSync(outputFolder, { recursive: true });
			writeFileSync(join(outputFolder, `${name}.${preset.id}.onnx`), result);
		}
		const session = await ort.InferenceSession.create(result, { logSeverityLevel: 3 });
		const totals = new Map(original.outputNames.map((output) => [output, new FidelityAccumulator()]));
		const worst = new Map<string, number>();
		for (let index = 0; index < SAMPLES; index++) {
			const feeds = feedsOf(original, npz, index, dims);
			const a = await original.run(feeds);
			const b = await session.run(feeds);
			for (const output of original.outputNames) {
				const one = new FidelityAccumulator();
				for (const accumulator of [one, totals.get(output)])
					accumulator?.add(a[output]?.data as Float32Array, b[output]?.data as Float32Array);
				worst.set(output, Math.min(worst.get(output) ?? 1, one.result().cosine));
			}
		}
		await session.release();
		console.log(
			`  ${preset.id}: ${result.length} bytes, gzip ${gzipSync(result).length}, ${durationMs.toFixed(0)} ms. ${report?.headline}`,
		);
		for (const [output, total] of totals) {
			const { cosine, sqnrDb, maxAbs } = total.result();
			console.log(
				`    ${output}: cosine ${cosine.toFixed(6)} (worst ${worst.get(output)?.toFixed(6)}), SQNR ${sqnrDb.toFixed(1)} dB, max abs ${maxAbs.toExponential(1)}`,
			);
		}
	}
	await original.release();
}

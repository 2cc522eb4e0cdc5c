import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../core/bytes/source.ts';
import { seededRandom } from '../core/numeric/random.ts';
import { readModel } from '../core/onnx/read.ts';
import { createReference } from '../engine/evaluate.ts';
import { createNodeEngine } from '../engine/node/index.ts';
import type { Dataset } from './dataset.ts';
import { DataError } from './errors.ts';
import { idLimits } from './id-limits.ts';
import { decodePicture } from './node/codecs.ts';
import { dataFile } from './npy.testkit.ts';
import { type OpenOptions, openDataset } from './open.ts';
import { conventions, defaultPreprocessing, type Normalization } from './preprocessing.ts';
import { syntheticDataset } from './synthetic.ts';
import { readZip } from './zip.ts';

const shared = '../shared';
const here = existsSync(`${shared}/models`) && existsSync(`${shared}/data`);
if (!here) console.log('Skipped: ../shared/models and ../shared/data are not here.');

const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(`${shared}/${path}`));

async function open(
	model: string,
	files: readonly string[],
	options: OpenOptions = {},
	evaluated = 200,
): Promise<{ dataset: Dataset; accuracy?: number }> {
	const engine = await createNodeEngine();
	const bytes = bytesOf(`models/${model}.onnx`);
	const session = await engine.load({ model: bytes });
	try {
		const dataset = await openDataset(
			files.map((name) => dataFile(name, bytesOf(`data/${name}`))),
			session,
			{ decode: decodePicture, trial: (feeds) => session.run(feeds), ...options },
		);
		const reference = await createReference({
			engine,
			original: () => ({ model: bytes }),
			examples: dataset,
			dataset: { hash: dataset.facts.hash, synthetic: false },
			limit: evaluated,
		});
		const top1 = reference.evaluation.metrics.find(({ metric }) => metric === 'top1')?.value;
		return { dataset, ...(top1 !== undefined && { accuracy: top1 }) };
	} finally {
		await session.release();
	}
}

describe.skipIf(!here)('shared data', () => {
	it('reads MNIST for a model with a fixed batch, and finds its numbers', async () => {
		const { dataset, accuracy } = await open('mnist-8', ['t10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz'], { limit: 200 });
		expect(dataset.facts).toMatchObject({ kind: 'pictures', n: 200, labelled: true, classes: 10 });
		// This model is right in 98.9 % of all examples under three of four conventions: any of them will do, and it says which.
		expect(dataset.evidence[0]?.candidates).toHaveLength(4);
		expect(dataset.facts.preprocessing).toContain('found by labels');
		expect(accuracy).toBeGreaterThan(0.96);
		expect((await dataset.preview?.(0))?.width).toBe(28);
	});

	it('finds how EfficientNet-Lite wants its pictures', async () => {
		const { dataset, accuracy } = await open('efficientnet-lite0', ['imagenet-eval-400.zip'], { limit: 40 });
		// -1..1 differs from it by less than one step of a pixel.
		expect(dataset.facts.preprocessing).toMatch(/\(x - 127\)\/128 RGB|-1\.\.1 RGB/);
		expect(dataset.facts).toMatchObject({ n: 40, labelled: true, skipped: [] });
		expect(dataset.evidence[0]?.candidates.filter(({ chosen }) => chosen)).toHaveLength(1);
		expect(accuracy).toBeGreaterThan(0.75);
	}, 180_000);

	it('gives the same tensor as Pillow and NumPy', async () => {
		const picture = 'n02099429/n02099429_curly-coated_retriever.JPEG';
		const entries = await readZip(memorySource(bytesOf('data/imagenet-eval-400.zip')), 'set');
		const bytes = (await entries.find(({ name }) => name === picture)?.bytes()) as Uint8Array;
		const normalization = conventions['(x - 127)/128 RGB'] as Normalization;
		const dataset = await openDataset(
			[dataFile('a.jpg', bytes)],
			{ inputs: [{ name: 'image', dtype: 'float32', shape: ['N', 3, 224, 224] }], outputs: [] },
			{
				decode: decodePicture,
				preprocessing: defaultPreprocessing({ layout: 'nchw', channels: 3, width: 224, height: 224, dtype: 'float32' }, normalization),
			},
		);
		// Image.open(...).convert('RGB'), crop of the middle 224 x 224, (x - 127) / 128, summed in float64.
		const values = (await dataset.example(0)).feeds.image?.data as Float32Array;
		expect(values.reduce((sum, x) => sum + x, 0)).toBeCloseTo(-62630.84375, 4);
		expect([values[0], values[224 * 224], values[2 * 224 * 224]]).toEqual([0.34375, 0.3203125, 0.25]);
	});

	it.each([
		['minilm-l6-v2', 'minilm-sentences-600.npz', 600],
		['silero-vad', 'silero-speech.npz', 80],
		['ppocr-v4-rec', 'ppocr-lines-64.npz', 64],
	])('reads the arrays of %s', async (model, file, n) => {
		const engine = await createNodeEngine();
		const session = await engine.load({ model: bytesOf(`models/${model}.onnx`) });
		const dataset = await openDataset([dataFile(file, bytesOf(`data/${file}`))], session);
		expect(dataset.n).toBe(n);
		const { feeds } = await dataset.example(n - 1);
		expect(Object.keys(await session.run(feeds))).toEqual(session.outputs.map(({ name }) => name));
		await session.release();
	});

	it('feeds silero-vad a .wav as it wants it: it hears speech in nine frames of ten', async () => {
		const engine = await createNodeEngine();
		const session = await engine.load({ model: bytesOf('models/silero-vad.onnx') });
		try {
			const dataset = await openDataset([dataFile('speech-16k.wav', bytesOf('data/speech-16k.wav'))], session, {
				trial: (feeds) => session.run(feeds),
				limit: 40,
			});
			expect(dataset.facts).toMatchObject({ kind: 'sound', n: 40, available: 193 });
			expect(dataset.facts.preprocessing).toContain('each behind the last 64');
			let speech = 0;
			for (let i = 0; i < dataset.n; i++) {
				const { feeds } = await dataset.example(i);
				expect(feeds.input?.dims).toEqual([1, 576]);
				if (((await session.run(feeds)).output?.data[0] as number) > 0.5) speech += 1;
			}
			// ONNX Runtime in Python: 90.7 % of all frames; without the 64 samples 0.5 %.
			expect(speech).toBeGreaterThan(32);
		} finally {
			await session.release();
		}
	});

	it.each(['mnist-8', 'ultraface-rfb-320', 'minilm-l6-v2', 'ppocr-v4-rec', 'silero-vad', 'efficientnet-lite0'])(
		'makes up inputs that %s runs on',
		async (model) => {
			const engine = await createNodeEngine();
			const bytes = bytesOf(`models/${model}.onnx`);
			const session = await engine.load({ model: bytes });
			try {
				const limits = idLimits(await readModel(memorySource(bytes)));
				if (model === 'minilm-l6-v2') expect(limits).toEqual({ input_ids: 30_522, token_type_ids: 2 });
				const dataset = await syntheticDataset(
					{ inputs: session.inputs, outputs: session.outputs, idLimits: limits },
					{ n: 2, trial: (feeds) => session.run(feeds) },
				);
				await session.run((await dataset.example(1)).feeds);
			} finally {
				await session.release();
			}
		},
	);

	it('survives damaged JPEGs and decodes good ones after them', async () => {
		const entries = await readZip(memorySource(bytesOf('data/imagenet-eval-400.zip')), 'set');
		const jpeg = (await entries.find(({ name }) => name.endsWith('.JPEG'))?.bytes()) as Uint8Array;
		const random = seededRandom(3);
		const before = await decodePicture(jpeg, 'a.jpg');
		let refused = 0;
		for (let i = 0; i < 150; i++) {
			const damaged = jpeg.slice(0, random.below(3) === 0 ? random.below(jpeg.length) : jpeg.length);
			for (let hits = 1 + random.below(20); hits > 0; hits--) damaged[random.below(damaged.length)] = random.below(256);
			try {
				await decodePicture(damaged, 'b.jpg');
			} catch (error) {
				if (!(error instanceof DataError)) throw error;
				refused += 1;
			}
		}
		const after = await decodePicture(jpeg, 'a.jpg');
		expect(after).toEqual(before);
		expect(refused).toBeGreaterThan(0);
	});
});

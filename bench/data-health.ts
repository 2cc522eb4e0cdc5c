/**
 * What data health finds of planted faults: 20 copies (5 exact, 5 encoded again, 10 encoded again in another size), 20 wrong labels and 20
 * pictures of another kind (noise, gradients, flat shapes) among 400 examples, by seed. Precision counts what was planted as right and
 * everything else as wrong, although a set may hold faults of its own.
 *
 *     node scripts/run-ts.mjs bench/data-health.ts [--seeds N, default 3] [mnist-8] [efficientnet-lite0]
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import encodeJpeg, { init } from '@jsquash/jpeg/encode.js';
import { modelFeatures } from '../src/core/data-health/features.ts';
import { duplicates, mislabelled, outliers, signature } from '../src/core/data-health/health.ts';
import type { TensorData } from '../src/core/ir/tensor-data.ts';
import { type SeededRandom, seededRandom } from '../src/core/numeric/random.ts';
import type { CalibrationSet } from '../src/core/pass/calibration.ts';
import type { Example } from '../src/core/study/examples.ts';
import { decodePicture } from '../src/data/node/codecs.ts';
import type { Picture } from '../src/data/picture.ts';
import { fitPicture, type Preprocessing, toTensor } from '../src/data/preprocessing.ts';
import { resize } from '../src/data/resize.ts';
import { engineCompute } from '../src/engine/compute.ts';
import { openSubject, type Subject } from './subjects.ts';

const args = process.argv.slice(2);
const at = args.indexOf('--seeds');
const seeds = at < 0 ? 3 : Number(args.splice(at, 2)[1]);
const names = (args.length > 0 ? args : ['mnist-8', 'efficientnet-lite0']) as ('mnist-8' | 'efficientnet-lite0')[];
const total = 400;
const each = 20;

await (init as (module: WebAssembly.Module) => Promise<void>)(
	await WebAssembly.compile(readFileSync(createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm'))),
);

/** What the model was fed, as a picture of eight bits, and back. */
interface Style {
	readonly scale: number;
	readonly mean: number;
	readonly std: number;
	readonly grey: boolean;
}
const styles: Readonly<Record<string, Style>> = {
	'mnist-8': { scale: 1 / 255, mean: 0, std: 1, grey: true },
	'efficientnet-lite0': { scale: 1, mean: 127, std: 128, grey: false },
};

for (const name of names) {
	const subject = await openSubject(name);
	if (!subject) continue;
	for (let seed = 1; seed <= seeds; seed++) await run(subject, name, seed);
	await subject.close();
}

async function run(subject: Subject, name: string, seed: number): Promise<void> {
	const random = seededRandom(seed);
	const order = shuffled(subject.evaluation.n, random).slice(0, total - each);
	const examples: Example[] = [];
	for (const index of order) examples.push(await subject.evaluation.example(index));
	const classes = name === 'mnist-8' ? 10 : 1000;
	const planted = { copies: new Set<number>(), labels: new Set<number>(), others: new Set<number>() };
	const spots = shuffled(examples.length, random);
	for (const spot of spots.slice(0, each)) {
		const example = examples[spot] as Example;
		const wrong = (Number(example.label) + 1 + random.below(classes - 1)) % classes;
		examples[spot] = { ...example, label: wrong };
		planted.labels.add(spot);
	}
	for (const [i, spot] of spots.slice(each, 2 * each).entries()) {
		const example = examples[spot] as Example;
		examples[spot] = { ...example, feeds: await feedsOf(example, () => otherPicture(i, random)) };
		planted.others.add(spot);
	}
	for (const [i, spot] of spots.slice(2 * each, 3 * each).entries()) {
		const example = examples[spot] as Example;
		planted.copies.add(examples.length);
		examples.push(
			i < 5 ? example : { ...example, feeds: await feedsOf(example, (picture) => again(picture, i >= 10 ? random : undefined)) },
		);
	}
	const set: CalibrationSet = {
		n: examples.length,
		hash: `planted ${seed}`,
		synthetic: false,
		example: async (index) => examples[index] as Example,
	};
	const { features, outputs, from } = await modelFeatures(await subject.model(), { compute: engineCompute(subject.engine), examples: set });
	const signatures = examples.map(({ feeds }) => {
		const tensor = Object.values(feeds)[0] as TensorData;
		return signature(tensor.data as Float32Array, tensor.dims);
	});
	const hashes = examples.map(({ feeds }) =>
		createHash('sha256')
			.update(Float32Array.from((Object.values(feeds)[0] as TensorData).data as Float32Array))
			.digest('hex'),
	);
	const far = outliers(features, outputs);
	const originalOf = (index: number): number => spots[2 * each + index - (examples.length - each)] as number;
	// A planted copy counts as found where it is said to be a copy of its own original.
	const copies = duplicates(hashes, signatures, features).map((copy) =>
		planted.copies.has(copy.index) && copy.of !== originalOf(copy.index) ? { ...copy, index: -1 } : copy,
	);
	if (process.env.PARE_DETAILS) {
		console.log(JSON.stringify([...planted.others].map((i) => [i % 3, far.find(({ index }) => index === i)?.score.toFixed(1)])));
		for (const index of planted.copies) {
			if (copies.some((copy) => copy.index === index)) continue;
			const of = originalOf(index);
			const [a, b] = [signatures[index], signatures[of]];
			let likeness = 0;
			if (a && b) for (let i = 0; i < a.length; i++) likeness += (a[i] as number) * (b[i] as number);
			console.log(`  missed copy ${index} of ${of}: pictures alike to ${likeness.toFixed(4)}`);
		}
	}
	const labels = outputs
		? mislabelled(
				outputs,
				examples.map(({ label }) => label),
			)
		: [];
	console.log(
		`${name}, seed ${seed} (features of ${from}, ${features.width}): copies ${score(copies, planted.copies, planted)}; labels ${score(labels, planted.labels, planted)}; outliers ${score(far, planted.others, planted)}`,
	);
}

/** What was planted as something else is neither right nor wrong: a picture of another kind has a wrong label too. */
function score(
	all: readonly { readonly index: number }[],
	planted: ReadonlySet<number>,
	others: Readonly<Record<string, ReadonlySet<number>>>,
): string {
	const found = all.filter(({ index }) => planted.has(index) || !Object.values(others).some((set) => set.has(index)));
	const right = found.filter(({ index }) => planted.has(index)).length;
	return `${right} of ${planted.size} found, precision ${found.length === 0 ? '-' : `${Math.round((100 * right) / found.length)} %`} (${found.length} listed)`;
}

function shuffled(n: number, random: SeededRandom): number[] {
	const list = Array.from({ length: n }, (_, i) => i);
	for (let i = n - 1; i > 0; i--) {
		const j = random.below(i + 1);
		[list[i], list[j]] = [list[j] as number, list[i] as number];
	}
	return list;
}

/** The example with another picture, through the same preprocessing. */
async function feedsOf(example: Example, change: (picture: Picture) => Picture | Promise<Picture>): Promise<Example['feeds']> {
	const [[name, tensor]] = Object.entries(example.feeds) as [[string, TensorData]];
	const style = tensor.dims[1] === 1 ? styles['mnist-8'] : styles['efficientnet-lite0'];
	const { scale, mean, std, grey } = style as Style;
	const [, channels, height, width] = tensor.dims as [number, number, number, number];
	const data = new Uint8ClampedArray(4 * width * height).fill(255);
	for (let i = 0; i < width * height; i++) {
		for (let c = 0; c < 3; c++) {
			const value = tensor.data[(grey ? 0 : c) * width * height + i] as number;
			data[4 * i + c] = Math.round((value * std + mean) / scale);
		}
	}
	const made = await change({ width, height, data });
	const preprocessing: Preprocessing = {
		colour: grey ? 'grey' : 'rgb',
		scale,
		mean: new Array<number>(channels).fill(mean),
		std: new Array<number>(channels).fill(std),
		resize: { mode: 'exact' },
		width,
		height,
		layout: 'nchw',
		dtype: 'float32',
	};
	return { [name]: toTensor(fitPicture(made, preprocessing), preprocessing) };
}

/** Encoded again, in another size where `random` is given. */
async function again(picture: Picture, random: SeededRandom | undefined): Promise<Picture> {
	const factor = random ? 0.6 + 0.3 * random.next() : 1;
	const small = factor === 1 ? picture : resize(picture, Math.round(picture.width * factor), Math.round(picture.height * factor));
	const bytes = await encodeJpeg({ width: small.width, height: small.height, data: small.data } as ImageData, { quality: 70 });
	return decodePicture(new Uint8Array(bytes), 'again.jpg');
}

/** Noise, gradients and flat shapes by turns. */
function otherPicture(kind: number, random: SeededRandom): Picture {
	const side = 224;
	const data = new Uint8ClampedArray(4 * side * side).fill(255);
	const [a, b, c] = [random.below(256), random.below(256), random.below(256)];
	for (let y = 0; y < side; y++) {
		for (let x = 0; x < side; x++) {
			for (let channel = 0; channel < 3; channel++) {
				const tone = [a, b, c][channel] as number;
				data[4 * (y * side + x) + channel] =
					kind % 3 === 0
						? random.below(256)
						: kind % 3 === 1
							? (tone + ((x + y) * 255) / (2 * side)) % 256
							: x > 60 && y > 90
								? tone
								: 255 - tone;
			}
		}
	}
	return { width: side, height: side, data };
}

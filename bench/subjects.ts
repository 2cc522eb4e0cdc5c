/**
 * The shared models with the data that they are calibrated and judged on, halves as in ../shared/reference/peers.md: what a bench program
 * opens, runs a recipe on, and scores. Calibration and evaluation never share an example, except mnist-8, for which there is one set
 * (100 of its 10,000 calibrate).
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { memorySource } from '../src/core/bytes/source.ts';
import type { Model } from '../src/core/ir/model.ts';
import type { Feeds, TensorData } from '../src/core/ir/tensor-data.ts';
import { FidelityAccumulator } from '../src/core/numeric/statistics.ts';
import { readModel } from '../src/core/onnx/read.ts';
import { serialize } from '../src/core/onnx/write.ts';
import type { CalibrationSet } from '../src/core/pass/calibration.ts';
import type { PassReport } from '../src/core/pass/pass.ts';
import { runRecipe } from '../src/core/pass/pipeline.ts';
import type { Recipe } from '../src/core/pass/recipe.ts';
import { interleave, ratioInterval } from '../src/core/search/timing.ts';
import type { Examples } from '../src/core/study/examples.ts';
import { decodePicture } from '../src/data/node/codecs.ts';
import { openDataFile } from '../src/data/node/files.ts';
import { openDataset } from '../src/data/open.ts';
import { conventions, type Preprocessing } from '../src/data/preprocessing.ts';
import { engineCompute } from '../src/engine/compute.ts';
import { createNodeEngine } from '../src/engine/node/index.ts';
import type { Engine, Session } from '../src/engine/port.ts';
import { passes } from '../src/passes/registry.ts';

export type SubjectName = 'mnist-8' | 'ultraface-rfb-320' | 'efficientnet-lite0' | 'minilm-l6-v2' | 'ppocr-v4-rec' | 'silero-vad';

interface Part {
	readonly files: readonly string[];
	readonly first?: number;
	/** default all */
	readonly count?: number;
	/** Every so many examples, so that a few stand for all. default 1 */
	readonly stride?: number;
}

interface Definition {
	readonly calibration: Part;
	readonly evaluation: Part;
	/** Width and height of pictures, (x - 127)/128. */
	readonly size?: readonly [number, number];
	readonly measure: 'embedding' | 'classes' | 'steps' | 'signal';
}

const definitions: Readonly<Record<SubjectName, Definition>> = {
	'mnist-8': {
		calibration: { files: ['t10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz'], count: 100, stride: 100 },
		evaluation: { files: ['t10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz'] },
		measure: 'classes',
	},
	'ultraface-rfb-320': {
		calibration: { files: ['imagenet-calibration-100.zip'] },
		evaluation: { files: ['imagenet-eval-400.zip'], count: 100, stride: 4 },
		size: [320, 240],
		measure: 'signal',
	},
	'efficientnet-lite0': {
		calibration: { files: ['imagenet-calibration-100.zip'] },
		evaluation: { files: ['imagenet-eval-400.zip'] },
		size: [224, 224],
		measure: 'classes',
	},
	'minilm-l6-v2': {
		calibration: { files: ['minilm-sentences-600.npz'], first: 300 },
		evaluation: { files: ['minilm-sentences-600.npz'], count: 300 },
		measure: 'embedding',
	},
	'ppocr-v4-rec': {
		calibration: { files: ['ppocr-lines-64.npz'], count: 32 },
		evaluation: { files: ['ppocr-lines-64.npz'], first: 32 },
		measure: 'steps',
	},
	'silero-vad': {
		// The frames of one sound, in order: its first half calibrates.
		calibration: { files: ['silero-speech.npz'], count: 40 },
		evaluation: { files: ['silero-speech.npz'], first: 40 },
		measure: 'signal',
	},
};

export const subjectNames = Object.keys(definitions) as SubjectName[];

export interface Subject {
	readonly name: SubjectName;
	readonly bytes: Uint8Array;
	readonly engine: Engine;
	readonly calibration: CalibrationSet;
	readonly evaluation: Examples;
	/** A fresh graph of the model. */
	model(): Promise<Model>;
	/** Runs a recipe on a fresh graph with the calibration half, and gives the file. */
	compress(recipe: Recipe): Promise<{ readonly file: Uint8Array; readonly reports: readonly PassReport[]; readonly durationMs: number }>;
	/** Figures of a file on the evaluation half, beside the original's outputs (computed once). */
	score(file: Uint8Array, limit?: number): Promise<Score>;
	/** Median latency of a file over the original's, runs interleaved, one thread. */
	latencyRatio(file: Uint8Array, rounds?: number): Promise<number>;
	/** The same as the median of paired ratios with its 95 % interval. */
	latencyInterval(file: Uint8Array, rounds?: number): Promise<{ readonly ratio: number; readonly low: number; readonly high: number }>;
	close(): Promise<void>;
}

export interface Score {
	/** Share of examples with the right class (measure: classes). */
	readonly top1?: number;
	readonly originalTop1?: number;
	readonly agreement?: number;
	readonly cosineMean?: number;
	readonly cosineWorst?: number;
	readonly sameNeighbour?: number;
	readonly sameSteps?: number;
	readonly sameLines?: number;
	/** Signal to quantization noise of each output, dB. */
	readonly sqnrDb: Readonly<Record<string, number>>;
	readonly text: string;
	/** One figure for each example, more is better: right or not, cosine, share of same steps, or dB of all outputs together (99 at most). */
	readonly each: readonly number[];
}

/** Opens a shared model; undefined, said on the console, where ../shared is absent. */
export async function openSubject(name: SubjectName): Promise<Subject | undefined> {
	const shared = resolve(process.cwd(), '../shared');
	const path = join(shared, 'models', `${name}.onnx`);
	if (!existsSync(path)) {
		console.log(`${name}: skipped, the shared models are not there`);
		return undefined;
	}
	const definition = definitions[name];
	const bytes = new Uint8Array(readFileSync(path));
	const engine = await createNodeEngine();
	const reference = await engine.load({ model: bytes });
	const closing: (() => Promise<void>)[] = [];
	const open = async (part: Part): Promise<CalibrationSet> => {
		const files = await Promise.all(part.files.map((file) => openDataFile(join(shared, 'data', file), file)));
		for (const file of files) closing.push(() => file.close());
		const preprocessing = definition.size && picturePreprocessing(definition.size);
		const dataset = await openDataset(files, reference, { decode: decodePicture, ...(preprocessing && { preprocessing }) });
		const { first = 0, stride = 1 } = part;
		const n = Math.min(part.count ?? Number.POSITIVE_INFINITY, Math.ceil((dataset.n - first) / stride));
		return {
			n,
			hash: `${dataset.facts.hash}:${first}+${n}x${stride}`,
			synthetic: false,
			...(dataset.batchAxes && { batchAxes: dataset.batchAxes }),
			...(dataset.classNames && { classNames: dataset.classNames }),
			example: (index, signal) => dataset.example(first + index * stride, signal),
		};
	};
	const calibration = await open(definition.calibration);
	const evaluation = await open(definition.evaluation);
	let original: Promise<Judged> | undefined;
	const judge = async (session: Session, limit: number): Promise<Judged> => {
		const outputs: Outputs[] = [];
		const labels: (number | undefined)[] = [];
		let classes = 1;
		for (let i = 0; i < Math.min(evaluation.n, limit); i += 1) {
			const { feeds, label } = await evaluation.example(i);
			const result = await session.run(feeds);
			if (i === 0) classes = Object.values(result)[0]?.dims.at(-1) ?? 1;
			outputs.push(Object.fromEntries(Object.entries(result).map(([key, tensor]) => [key, floatsOf(tensor)])));
			labels.push(label);
		}
		return { outputs, labels, classes };
	};
	const model = () => readModel(memorySource(bytes));
	return {
		name,
		bytes,
		engine,
		calibration,
		evaluation,
		model,
		async compress(recipe) {
			const began = performance.now();
			const graph = await model();
			const reports = await runRecipe(graph, recipe, passes, { compute: engineCompute(engine), calibration });
			const file = await serialize(graph);
			return { file, reports, durationMs: performance.now() - began };
		},
		async score(file, limit = Number.POSITIVE_INFINITY) {
			original ??= judge(reference, Number.POSITIVE_INFINITY);
			const session = await engine.load({ model: file });
			try {
				return describe(definition, await original, await judge(session, limit));
			} finally {
				await session.release();
			}
		},
		async latencyRatio(file, rounds = 15) {
			const session = await engine.load({ model: file });
			try {
				return await ratio(reference, session, (await evaluation.example(0)).feeds, rounds);
			} finally {
				await session.release();
			}
		},
		async latencyInterval(file, rounds = 25) {
			const session = await engine.load({ model: file });
			try {
				const { feeds } = await evaluation.example(0);
				const runs = [reference, session].map((each) => () => each.run(feeds));
				const { times } = await interleave(runs, { leastRounds: rounds, mostRounds: rounds });
				return ratioInterval(times[0] ?? [], times[1] ?? []);
			} finally {
				await session.release();
			}
		},
		async close() {
			await reference.release();
			for (const end of closing) await end();
		},
	};
}

function picturePreprocessing([width, height]: readonly [number, number]): Preprocessing {
	return {
		...(conventions['(x - 127)/128 RGB'] as Preprocessing),
		resize: width === height ? { mode: 'short', side: 256 } : { mode: 'exact' },
		width,
		height,
		layout: 'nchw',
		dtype: 'float32',
	};
}

type Outputs = Readonly<Record<string, Float32Array>>;

interface Judged {
	readonly outputs: readonly Outputs[];
	readonly labels: readonly (number | undefined)[];
	/** Last dimension of the first output. */
	readonly classes: number;
}

const floatsOf = (tensor: TensorData): Float32Array =>
	tensor.data instanceof Float32Array ? tensor.data.slice() : Float32Array.from(tensor.data as ArrayLike<number>, Number);

function largest(values: Float32Array, from = 0, to = values.length): number {
	let best = from;
	for (let i = from; i < to; i++) if ((values[i] as number) > (values[best] as number)) best = i;
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
			for (let k = 0; k < a.length; k++) dot += (a[k] as number) * (b[k] as number);
			if (dot > score) [best, score] = [j, dot];
		}
		return best;
	});
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function describe(definition: Definition, before: Judged, after: Judged): Score {
	const names = Object.keys(before.outputs[0] ?? {});
	const main = names[0] ?? '';
	const variant = after.outputs;
	const original = before.outputs.slice(0, variant.length);
	const pairs = original.map((outputs, i) => [outputs[main], variant[i]?.[main]] as [Float32Array, Float32Array]);
	const sqnrDb: Record<string, number> = {};
	for (const name of names) {
		const total = new FidelityAccumulator();
		for (const [i, outputs] of original.entries()) total.add(outputs[name] as Float32Array, variant[i]?.[name] as Float32Array);
		sqnrDb[name] = total.result().sqnrDb;
	}
	const each = original.map((outputs, i) => {
		const one = new FidelityAccumulator();
		for (const name of names) one.add(outputs[name] as Float32Array, variant[i]?.[name] as Float32Array);
		return Math.min(99, one.result().sqnrDb);
	});
	const score = { each, ...compare(definition, pairs, after), sqnrDb };
	const parts: string[] = [];
	if (score.cosineMean !== undefined) parts.push(`cosine ${score.cosineMean.toFixed(5)}, worst ${score.cosineWorst?.toFixed(5)}`);
	if (score.sameNeighbour !== undefined) parts.push(`same neighbour ${percent(score.sameNeighbour)}`);
	if (score.top1 !== undefined) parts.push(`top-1 ${percent(score.top1)} (fp32 ${percent(score.originalTop1 ?? 0)}) of ${variant.length}`);
	if (score.agreement !== undefined) parts.push(`agreement ${percent(score.agreement)}`);
	if (score.sameSteps !== undefined) parts.push(`same step ${percent(score.sameSteps)}, same line ${percent(score.sameLines ?? 0)}`);
	for (const [name, db] of Object.entries(sqnrDb)) parts.push(`${name} ${db.toFixed(1)} dB`);
	return { ...score, text: parts.join(', ') };
}

function compare(
	{ measure }: Definition,
	pairs: readonly (readonly [Float32Array, Float32Array])[],
	{ labels, classes }: Judged,
): Omit<Score, 'sqnrDb' | 'text' | 'each'> & Partial<Pick<Score, 'each'>> {
	if (measure === 'embedding') {
		const cosines = pairs.map(([a, b]) => {
			const one = new FidelityAccumulator();
			one.add(a, b);
			return one.result().cosine;
		});
		const before = neighbours(pairs.map(([a]) => a));
		const after = neighbours(pairs.map(([, b]) => b));
		return {
			each: cosines,
			cosineMean: cosines.reduce((a, b) => a + b, 0) / cosines.length,
			cosineWorst: Math.min(...cosines),
			sameNeighbour: before.filter((n, i) => n === after[i]).length / before.length,
		};
	}
	if (measure === 'classes') {
		const share = (right: (pair: readonly [Float32Array, Float32Array], i: number) => boolean): number =>
			pairs.filter(right).length / pairs.length;
		return {
			each: pairs.map(([, b], i) => (largest(b) === labels[i] ? 1 : 0)),
			top1: share(([, b], i) => largest(b) === labels[i]),
			originalTop1: share(([a], i) => largest(a) === labels[i]),
			agreement: share(([a, b]) => largest(a) === largest(b)),
		};
	}
	if (measure === 'steps') {
		let same = 0;
		let all = 0;
		let lines = 0;
		const each: number[] = [];
		for (const [a, b] of pairs) {
			const steps = a.length / classes;
			let equal = 0;
			for (let t = 0; t < steps; t++) {
				if (largest(a, t * classes, (t + 1) * classes) === largest(b, t * classes, (t + 1) * classes)) equal += 1;
			}
			same += equal;
			all += steps;
			each.push(equal / steps);
			if (equal === steps) lines += 1;
		}
		return { each, sameSteps: same / all, sameLines: lines / pairs.length };
	}
	return {};
}

async function ratio(original: Session, variant: Session, feeds: Feeds, rounds: number): Promise<number> {
	const times: [number[], number[]] = [[], []];
	for (let round = 0; round < rounds; round++) {
		for (const [k, session] of [original, variant].entries()) {
			const began = performance.now();
			await session.run(feeds);
			times[k as 0 | 1].push(performance.now() - began);
		}
	}
	const [x, y] = times.map((list) => list.sort((p, q) => p - q)[rounds >> 1]) as [number, number];
	return y / x;
}

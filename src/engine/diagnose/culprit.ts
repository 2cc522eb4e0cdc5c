import type { Feeds } from '../../core/ir/tensor-data.ts';
import { OutputErrors, type PlainOutputs } from '../../core/search/sensitivity.ts';
import { spreadIndices } from '../../core/study/examples.ts';
import type { NodeKey } from '../../core/study/node-figures.ts';
import type { LayerPair } from './align.ts';
import { type Compared, compareGraphs, type Subjects } from './comparable.ts';
import { classesOf, noiseDb } from './errors.ts';
import { ExposedModel, floatsOf } from './exposed.ts';
import type { CulpritReport, LayerSensitivity, SensitivityReport } from './report.ts';
import { RestoringBoard } from './restoring.ts';

export interface CulpritOptions extends Subjects {
	/** Examples to run at most, spread over the set. default 8 */
	readonly limit?: number;
	/** Share of the noise that the set is to explain, 0..1. default 0.8 */
	readonly share?: number;
	/** Layers by what they do alone, the most sensitive first, where that was measured: the search begins with it. */
	readonly ranking?: readonly NodeKey[];
}

/**
 * The smallest set of layers that, computed as in the original, takes away most of the noise at the worst output: layers in order of what each does,
 * bisection over how many of them are needed, then each member tried for whether the rest explains as much without it. Every set is measured
 * on the whole variant. `variant` of the subjects is changed: give a graph of its own.
 */
export async function findCulprit(options: CulpritOptions): Promise<CulpritReport> {
	const began = performance.now();
	const share = options.share ?? 0.8;
	const bench = await RestoringBench.open(options, options.limit ?? 8);
	try {
		const { layers } = bench;
		const before = await bench.noise(new Set());
		const best = await bench.noise(new Set(layers));
		// Steps: the ranking where it is missing, the bisection, the members.
		const expected = (options.ranking ? 0 : layers.length) + Math.ceil(Math.log2(layers.length + 1)) + 12;
		let trials = 2;
		const noiseOf = async (set: ReadonlySet<LayerPair>): Promise<number> => {
			trials += 1;
			options.onProgress?.(Math.min(0.99, 0.15 + (0.85 * trials) / expected), 'Trying sets of layers');
			return bench.noise(set);
		};
		const tolerated = before - share * (before - best);
		let order = ranked(layers, options.ranking);
		if (!options.ranking && before > best) {
			const gains = new Map<LayerPair, number>();
			for (const layer of layers) gains.set(layer, before - (await noiseOf(new Set([layer]))));
			order = [...layers].sort((a, b) => (gains.get(b) ?? 0) - (gains.get(a) ?? 0));
		}
		let set: LayerPair[] = [];
		let after = before;
		if (before > best) {
			let low = 0;
			let high = order.length;
			after = best;
			while (high - low > 1) {
				const middle = (low + high) >> 1;
				const noise = await noiseOf(new Set(order.slice(0, middle)));
				if (noise <= tolerated) {
					high = middle;
					after = noise;
				} else low = middle;
			}
			set = order.slice(0, high);
			// The last to come in is the least of them; beyond a few dozen the answer is "everywhere" and not worth more runs.
			for (const layer of set.length <= 32 ? set.toReversed() : []) {
				if (set.length === 1) break;
				const without = set.filter((other) => other !== layer);
				const noise = await noiseOf(new Set(without));
				if (noise > tolerated) continue;
				set = without;
				after = noise;
			}
		}
		return {
			layers: set.map((layer) => ({ node: layer.node, label: layer.originalNode.label })),
			explained: before > best ? Math.min(1, (before - after) / (before - best)) : 0,
			before: noiseDb(before),
			after: noiseDb(after),
			best: noiseDb(best),
			trials,
			examples: bench.examples,
			synthetic: options.synthetic,
			durationMs: performance.now() - began,
		};
	} finally {
		await bench.release();
	}
}

/** What restoring one layer alone gives, for every layer. `variant` of the subjects is changed: give a graph of its own. */
export async function restoredSensitivity(options: Subjects & { readonly limit?: number }): Promise<SensitivityReport> {
	const began = performance.now();
	const bench = await RestoringBench.open(options, options.limit ?? 8);
	try {
		const layers: LayerSensitivity[] = [];
		const whole = await bench.errors(new Set());
		for (const [at, layer] of bench.layers.entries()) {
			options.onProgress?.(0.15 + (0.85 * at) / bench.layers.length, 'Restoring layer by layer');
			const { noise, kl } = await bench.errors(new Set([layer]));
			layers.push({ node: layer.node, label: layer.originalNode.label, sqnrDb: noiseDb(noise), ...(kl !== undefined && { kl }) });
		}
		layers.sort((a, b) => (b.sqnrDb ?? 1e9) - (a.sqnrDb ?? 1e9));
		return {
			way: 'restored',
			layers,
			whole: noiseDb(whole.noise),
			examples: bench.examples,
			synthetic: options.synthetic,
			durationMs: performance.now() - began,
		};
	} finally {
		await bench.release();
	}
}

function ranked(layers: readonly LayerPair[], ranking: readonly NodeKey[] = []): LayerPair[] {
	const place = new Map(ranking.map((node, at) => [node, at]));
	return [...layers].sort((a, b) => (place.get(a.node) ?? 1e9) - (place.get(b.node) ?? 1e9));
}

/** The board with examples and the original's outputs to them. */
class RestoringBench {
	readonly layers: readonly LayerPair[];
	readonly #board: RestoringBoard;
	readonly #references: readonly { readonly feeds: Feeds; readonly outputs: PlainOutputs }[];
	readonly #classes: number | undefined;
	readonly #signal: AbortSignal | undefined;

	private constructor(
		layers: readonly LayerPair[],
		board: RestoringBoard,
		references: readonly { feeds: Feeds; outputs: PlainOutputs }[],
		classes: number | undefined,
		signal: AbortSignal | undefined,
	) {
		this.layers = layers;
		this.#board = board;
		this.#references = references;
		this.#classes = classes;
		this.#signal = signal;
	}

	static async open(options: Subjects, limit: number): Promise<RestoringBench> {
		const { original, variant, compute, examples, signal } = options;
		const compared: Compared = await compareGraphs({
			...options,
			onProgress: (fraction, stage) => options.onProgress?.(0.1 * fraction, stage),
		});
		const values = original.graph.outputs.filter((value) => value.producer !== undefined);
		const plain = await ExposedModel.load(original, values, compared.originalTypes, compute);
		const references: { feeds: Feeds; outputs: PlainOutputs }[] = [];
		try {
			for (const index of spreadIndices(examples.n, limit)) {
				signal?.throwIfAborted();
				const { feeds } = await examples.example(index, signal);
				const shown = await plain.run(feeds, values);
				const outputs = new Map<string, Float32Array>();
				for (const [value, tensor] of shown) {
					const floats = floatsOf(tensor);
					if (floats) outputs.set(value.name, floats.slice());
				}
				references.push({ feeds, outputs });
			}
		} finally {
			await plain.release();
		}
		const board = await RestoringBoard.load(original, variant, compared.layers, compared, compute);
		return new RestoringBench(compared.layers, board, references, classesOf(options, compared), signal);
	}

	get examples(): number {
		return this.#references.length;
	}

	async errors(restored: ReadonlySet<LayerPair>): Promise<{ readonly noise: number; readonly kl?: number }> {
		const errors = new OutputErrors();
		for (const { feeds, outputs } of this.#references) {
			this.#signal?.throwIfAborted();
			const got = await this.#board.run(feeds, restored);
			errors.add(new Map([...outputs].filter(([name]) => got.has(name))), got, this.#classes);
		}
		return errors.result();
	}

	async noise(restored: ReadonlySet<LayerPair>): Promise<number> {
		return (await this.errors(restored)).noise;
	}

	async release(): Promise<void> {
		await this.#board.release();
	}
}

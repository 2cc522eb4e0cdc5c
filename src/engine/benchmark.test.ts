import { describe, expect, it } from 'vitest';
import type { Run } from '../core/study/study.ts';
import { type BenchmarkModel, benchmark, referenceOutputs } from './benchmark.ts';
import { build, float32, linearClassifier, normal } from './models.testkit.ts';
import { createNodeEngine } from './node/index.ts';
import { type Engine, EngineError, type Feeds, type ModelBytes, type Session } from './port.ts';

const feeds: Feeds = { x: float32(normal(8), [1, 8]) };

function model(id: string, bytes: Uint8Array, more: Partial<BenchmarkModel> = {}): BenchmarkModel {
	return { id, model: () => ({ model: bytes }), byteLength: bytes.length, ...more };
}

/** Runs what it is told to, in the order that is recorded. Bytes hold the model's name. */
class FakeEngine implements Engine {
	readonly target = { backend: 'wasm', threads: 1 } as const;
	readonly runtime = 'fake 1';
	readonly threadsUsed = 1;
	readonly order: string[] = [];
	live = 0;
	mostLive = 0;
	broken = false;

	constructor(private readonly behaviour: (name: string, run: number) => number) {}

	async load({ model: bytes }: ModelBytes): Promise<Session> {
		if (this.broken) throw new EngineError('unavailable', 'broken');
		const name = new TextDecoder().decode(bytes);
		if (name === 'unloadable') throw new EngineError('unsupported', 'no kernel');
		this.live += 1;
		this.mostLive = Math.max(this.mostLive, this.live);
		let runs = 0;
		let open = true;
		return {
			inputs: [],
			outputs: [],
			loadMs: 1,
			notes: [],
			run: async () => {
				if (this.broken) throw new EngineError('unavailable', 'broken');
				this.order.push(name);
				const value = this.behaviour(name, runs++);
				if (value === Number.NEGATIVE_INFINITY) {
					this.broken = true;
					throw new EngineError('memory', 'out of memory');
				}
				if (Number.isNaN(value)) throw new EngineError('run', 'it failed');
				return { y: float32([value, 1, 2]) };
			},
			endProfile: async () => [],
			release: async () => {
				if (open) this.live -= 1;
				open = false;
			},
		};
	}
}

const named = (id: string, name = id, byteLength = 10): BenchmarkModel => ({
	id,
	model: () => ({ model: new TextEncoder().encode(name) }),
	byteLength,
});

describe('benchmark', () => {
	it('measures through the real runtime: paired samples, ratio, profile, agreement', async () => {
		const engine = await createNodeEngine();
		const bytes = await linearClassifier();
		const reference = await referenceOutputs(engine, { model: bytes }, feeds);
		const seen: Run[] = [];
		const { runs, unfinished } = await benchmark({
			engine,
			original: model('original', bytes, { reference }),
			variants: [model('same', bytes, { reference }), model('noisy', await linearClassifier({ noise: 2 }), { reference })],
			feeds,
			rounds: 12,
			budgetMs: 500,
			onRun: (run) => seen.push(run),
		});
		expect(unfinished).toEqual([]);
		expect(runs.map(({ variant }) => variant)).toEqual(['original', 'same', 'noisy']);
		expect(seen).toHaveLength(3);
		const [original, same, noisy] = runs as [Run, Run, Run];
		expect(original.samplesMs.length).toBeGreaterThanOrEqual(10);
		expect(original).not.toHaveProperty('ratio');
		expect(original.profile?.map(({ op }) => op)).toEqual(['MatMul']);
		expect(original.placement).toEqual([{ provider: 'cpu', nodes: 1, ops: [] }]);
		expect(same.referenceMs).toEqual(original.samplesMs);
		expect(same.ratio?.interval[0]).toBeLessThanOrEqual(same.ratio?.value ?? 0);
		expect(same.agreement).toEqual({ cosine: 1, maxAbs: 0, ok: true });
		// A backend that answers something else is caught whatever its times are.
		expect(noisy.agreement?.ok).toBe(false);
		expect(runs.every((run) => JSON.stringify(JSON.parse(JSON.stringify(run))) === JSON.stringify(run))).toBe(true);
	});

	it('interleaves: every model once in each round, in an order that changes and that the seed gives', async () => {
		const order = async (seed: number): Promise<string[][]> => {
			// Long enough for the clock, so that a sample is one run.
			const engine = new FakeEngine(() => {
				const until = performance.now() + 0.5;
				while (performance.now() < until);
				return 1;
			});
			const variants = [named('a'), named('b')];
			await benchmark({ engine, original: named('original', 'o'), variants, feeds, rounds: 10, budgetMs: 1e9, seed, profile: false });
			const timed = engine.order.slice(-30);
			return Array.from({ length: 10 }, (_, round) => timed.slice(3 * round, 3 * round + 3));
		};
		const rounds = await order(3);
		for (const round of rounds) expect([...round].sort()).toEqual(['a', 'b', 'o']);
		expect(new Set(rounds.map(String)).size).toBeGreaterThan(2);
		expect(await order(3)).toEqual(rounds);
		expect(await order(4)).not.toEqual(rounds);
	});

	it('gives a model that fails a run that says why, and measures the rest', async () => {
		const engine = new FakeEngine((name, run) => (name === 'late' && run > 8 ? Number.NaN : name === 'first' ? Number.NaN : 1));
		const { runs, unfinished } = await benchmark({
			engine,
			original: named('original', 'o'),
			variants: [named('unloadable'), named('first'), named('late'), named('good')],
			feeds,
			rounds: 10,
			budgetMs: 50,
		});
		expect(unfinished).toEqual([]);
		const of = (id: string): Run | undefined => runs.find(({ variant }) => variant === id);
		expect(of('unloadable')?.failure).toMatchObject({ code: 'unsupported', message: 'no kernel' });
		expect(of('first')?.failure).toMatchObject({ code: 'run' });
		expect(of('late')?.failure).toMatchObject({ code: 'run' });
		expect(of('late')?.samplesMs).toEqual([]);
		expect(of('good')?.samplesMs).toHaveLength(10);
		expect(of('good')?.failure).toBeUndefined();
		expect(engine.live).toBe(0);
	});

	it('throws where the original does not run', async () => {
		const engine = new FakeEngine(() => Number.NaN);
		await expect(benchmark({ engine, original: named('original', 'o'), variants: [named('a')], feeds })).rejects.toThrow('it failed');
		expect(engine.live).toBe(0);
	});

	it('names what is left when the runtime breaks down, and blames only the culprit', async () => {
		const engine = new FakeEngine((name, run) => (name === 'bomb' && run > 3 ? Number.NEGATIVE_INFINITY : 1));
		const { runs, unfinished } = await benchmark({
			engine,
			original: named('original', 'o'),
			variants: [named('a'), named('bomb'), named('c')],
			feeds,
			rounds: 10,
		});
		expect(runs.map(({ variant, failure }) => [variant, failure?.code])).toEqual([['bomb', 'memory']]);
		expect(unfinished).toEqual(['original', 'a', 'c']);
		expect(engine.live).toBe(0);
	});

	it('holds no more models than the memory allows, always with the original', async () => {
		const engine = new FakeEngine(() => 1);
		const { runs } = await benchmark({
			engine,
			original: named('original', 'o', 100),
			variants: [named('a', 'a', 100), named('b', 'b', 100), named('c', 'c', 500)],
			feeds,
			rounds: 10,
			budgetMs: 30,
			memoryBudgetBytes: 300,
			profile: false,
		});
		expect(engine.mostLive).toBe(3);
		expect(engine.live).toBe(0);
		expect(runs.map(({ variant }) => variant)).toEqual(['original', 'a', 'b', 'c']);
		// The original's own figures gather both groups.
		const [original, , , c] = runs as [Run, Run, Run, Run];
		expect(original.samplesMs).toHaveLength(20);
		expect(c.referenceMs).toEqual(original.samplesMs.slice(10));
	});

	it('says when outputs wander, the tab was hidden, the page is not isolated', async () => {
		const engine = new FakeEngine((name, run) => (name === 'zeros' && run > 5 ? -50 : 1));
		let looks = 0;
		const { runs } = await benchmark({
			engine,
			original: named('original', 'o'),
			variants: [named('zeros')],
			feeds,
			rounds: 20,
			budgetMs: 1e9,
			isHidden: () => ++looks > 30,
			isolated: false,
			profile: false,
		});
		const caveats = runs[1]?.caveats.join('\n') ?? '';
		expect(caveats).toContain('Its outputs changed from run to run');
		expect(caveats).toContain('The tab was hidden in 5 rounds; they are left out.');
		expect(caveats).toContain('The page is not isolated');
		expect(runs[1]?.samplesMs).toHaveLength(15);
		expect(runs[0]?.caveats.join()).not.toContain('Its outputs changed');
	});

	it('stops when asked to and releases everything', async () => {
		const engine = new FakeEngine(() => 1);
		const controller = new AbortController();
		const work = benchmark({
			engine,
			original: named('original', 'o'),
			variants: [named('a')],
			feeds,
			signal: controller.signal,
			onProgress: (_, stage) => stage.startsWith('round') && controller.abort(),
		});
		await expect(work).rejects.toMatchObject({ name: 'AbortError' });
		expect(engine.live).toBe(0);
	});

	it('tells the truth about a model measured against itself', async () => {
		const engine = await createNodeEngine();
		const bytes = await build((b) => {
			const x = b.input('x', 'float32', [1, 8]);
			b.output(b.op('MatMul', [x, b.constant('w', 'float32', [8, 64], normal(512))], 'y'), 'float32', [1, 64]);
		});
		let held = 0;
		for (let study = 0; study < 10; study++) {
			const { runs } = await benchmark({
				engine,
				original: model('original', bytes),
				variants: [model('same', bytes)],
				feeds,
				rounds: 15,
				budgetMs: 100,
				seed: study,
				profile: false,
			});
			const [low, high] = runs[1]?.ratio?.interval ?? [0, 0];
			if (low <= 1 && 1 <= high) held += 1;
		}
		// Expected 9.5 of 10; fewer than 6 would come up once in 10,000 times.
		expect(held).toBeGreaterThanOrEqual(6);
	});
});

import { type SeededRandom, seededRandom } from '../core/numeric/random.ts';
import { median, pairedRatio, quantile } from '../core/study/intervals.ts';
import type { Failure, Hash, Run } from '../core/study/study.ts';
import type { BenchmarkModel, BenchmarkOptions } from './benchmark.ts';
import { feedsOf } from './changed-ports.ts';
import { isFlat, runsPerSample, timerStepMs } from './clock.ts';
import { type Agreement, agreement, type Outputs } from './outputs.ts';
import { EngineError, type Feeds, type Session } from './port.ts';
import { profileByOperator } from './runtime-log.ts';

const minRounds = 10;
const fewestRounds = 3;
const mostWarmUpRuns = 40;
/** Profiled runs whose times are averaged, after a cold one; a slow model has one. */
const profiledRuns = 3;
const slowMs = 500;
/** Profiles may take this many times the time of the rounds. */
const profileShare = 1.5;

interface Entry {
	readonly model: BenchmarkModel;
	readonly session: Session;
	readonly firstMs: number;
	readonly first: Outputs;
	readonly feeds: Feeds;
	runsPerSample: number;
	/** One per round; all entries that did not fail have the same length. */
	readonly samplesMs: number[];
	/** Worst agreement with the reference so far. */
	agreement: Agreement | undefined;
	/** Outputs stayed those of the first run. */
	steady: boolean;
}

/** Models that are held in memory together and timed in the same rounds, the original first. */
export class GroupMeasurement {
	readonly #models: readonly BenchmarkModel[];
	readonly #options: BenchmarkOptions;
	readonly #budgetMs: number;
	readonly #random: SeededRandom;
	readonly #entries: Entry[] = [];
	readonly #failed: Run[] = [];
	/** Per round, whether the page could be seen all through it. */
	readonly #visible: boolean[] = [];
	/** The runtime cannot be used any more. */
	broken = false;

	constructor(models: readonly BenchmarkModel[], options: BenchmarkOptions) {
		this.#models = models;
		this.#options = options;
		this.#budgetMs = options.budgetMs ?? 6000;
		this.#random = seededRandom(options.seed ?? 1);
	}

	/** Runs of this group; where the runtime broke, only those that say why. */
	async measure(): Promise<Run[]> {
		try {
			await this.#loadAll();
			await this.#timeRounds();
			const runs = this.broken ? [] : this.#finished();
			await this.#releaseAll();
			if (!this.broken && (this.#options.profile ?? true)) await this.#addProfiles(runs);
			return [...runs, ...this.#failed];
		} finally {
			await this.#releaseAll();
		}
	}

	/** The original's figures over several groups: all samples together, load and first run of the first. */
	joined(known: Run, run: Run): Run {
		const samplesMs = [...known.samplesMs, ...run.samplesMs];
		return {
			...known,
			samplesMs,
			referenceMs: samplesMs,
			medianMs: median(samplesMs),
			p95Ms: quantile(samplesMs, 0.95),
			caveats: [...new Set([...known.caveats, ...run.caveats])],
		};
	}

	async #loadAll(): Promise<void> {
		for (const [index, model] of this.#models.entries()) {
			this.#options.signal?.throwIfAborted();
			this.#options.onProgress?.((0.3 * index) / this.#models.length, 'loading');
			await this.#attempt(model.id, async () => {
				const session = await this.#options.engine.load(await model.model());
				try {
					const feeds = feedsOf(session, this.#options.feeds, model.ports);
					const start = performance.now();
					const first = await session.run(feeds);
					const firstMs = performance.now() - start;
					const { reference } = model;
					this.#entries.push({
						model,
						session,
						firstMs,
						first,
						feeds,
						runsPerSample: 1,
						samplesMs: [],
						agreement: reference && agreement(reference, first),
						steady: true,
					});
				} catch (error) {
					await session.release();
					throw error;
				}
			});
			if (this.broken) return;
		}
	}

	/** Does part of the work for one model; a failure of the runtime becomes that model's figure. */
	async #attempt(id: Hash | 'original', work: () => Promise<void>): Promise<void> {
		try {
			await work();
		} catch (error) {
			if (!(error instanceof EngineError)) throw error;
			if (error.code === 'unavailable') {
				// The engine refuses because of an earlier model: that is no finding about this one.
				this.broken = true;
				return;
			}
			if (id === 'original') throw error;
			if (error.code === 'lost-device') this.broken = true;
			this.#failed.push(failedRun(id, this.#options, error));
			const at = this.#entries.findIndex((entry) => entry.model.id === id);
			if (at >= 0) {
				const [entry] = this.#entries.splice(at, 1);
				await entry?.session.release();
			}
		}
	}

	/** ms per run over `count` runs in a row; the outputs of the last are compared, outside the time taken. */
	async #sample(entry: Entry, count: number): Promise<number> {
		let outputs: Outputs = entry.first;
		const start = performance.now();
		for (let i = 0; i < count; i++) outputs = await entry.session.run(entry.feeds);
		const elapsed = performance.now() - start;
		const { reference } = entry.model;
		if (reference) {
			const found = agreement(reference, outputs);
			const known = entry.agreement;
			entry.agreement = known
				? { cosine: Math.min(known.cosine, found.cosine), maxAbs: Math.max(known.maxAbs, found.maxAbs), ok: known.ok && found.ok }
				: found;
		}
		entry.steady &&= agreement(entry.first, outputs).ok;
		return elapsed / count;
	}

	async #timeRounds(): Promise<void> {
		const { signal, onProgress, isHidden = () => false } = this.#options;
		const stepMs = timerStepMs();
		const start = performance.now();
		let roundMs = 0;
		const warmUpMs = (0.3 * this.#budgetMs) / Math.max(1, this.#entries.length);
		for (const [index, entry] of [...this.#entries].entries()) {
			onProgress?.(0.3 + (0.15 * index) / this.#entries.length, 'warming up');
			await this.#attempt(entry.model.id, async () => {
				const times: number[] = [];
				const from = performance.now();
				do {
					signal?.throwIfAborted();
					times.push(await this.#sample(entry, 1));
				} while (!isFlat(times) && times.length < mostWarmUpRuns && performance.now() - from < warmUpMs);
				const settled = median(times.slice(-6));
				entry.runsPerSample = runsPerSample(settled, stepMs);
				roundMs += settled * entry.runsPerSample;
			});
			if (this.broken) return;
		}
		const rounds = this.#options.rounds ?? 40;
		const leastMs = 4 * this.#budgetMs;
		const least = Math.min(rounds, roundMs * minRounds <= leastMs ? minRounds : Math.max(fewestRounds, Math.floor(leastMs / roundMs)));
		for (let round = 0; round < rounds; round++) {
			if (round >= least && performance.now() - start + roundMs > this.#budgetMs) break;
			let visible = !isHidden();
			for (const entry of this.#shuffled()) {
				signal?.throwIfAborted();
				await this.#attempt(entry.model.id, async () => {
					entry.samplesMs.push(await this.#sample(entry, entry.runsPerSample));
				});
				if (this.broken) return;
			}
			visible &&= !isHidden();
			this.#visible.push(visible);
			onProgress?.(0.45 + (0.45 * (round + 1)) / rounds, `round ${round + 1}`);
			// Lets messages in: progress out, and the page's word that the tab was hidden.
			await new Promise((resolve) => setTimeout(resolve, 0));
		}
	}

	#shuffled(): Entry[] {
		const order = [...this.#entries];
		for (let i = order.length - 1; i > 0; i--) {
			const j = this.#random.below(i + 1);
			[order[i], order[j]] = [order[j] as Entry, order[i] as Entry];
		}
		return order;
	}

	#finished(): Run[] {
		const { engine } = this.#options;
		const original = this.#entries[0];
		if (!original) return [];
		const shared: string[] = [];
		const seen = this.#visible.filter(Boolean).length;
		// Rounds of a hidden tab are left out where enough others are there.
		const keep = seen < this.#visible.length && seen >= minRounds ? this.#visible : this.#visible.map(() => true);
		if (seen < this.#visible.length) {
			shared.push(
				seen >= minRounds
					? `The tab was hidden in ${this.#visible.length - seen} rounds; they are left out.`
					: 'The tab was hidden while this was measured: the browser may have slowed it down.',
			);
		}
		if (!(this.#options.isolated ?? isIsolated())) shared.push('The page is not isolated: the clock is coarse and WASM has one thread.');
		if (engine.target.backend === 'wasm' && engine.threadsUsed < engine.target.threads) {
			shared.push(`${engine.threadsUsed} of ${engine.target.threads} threads in use.`);
		}
		const kept = (entry: Entry): number[] => entry.samplesMs.filter((_, round) => keep[round]);
		const referenceMs = kept(original);
		if (referenceMs.length < minRounds) shared.push(`Only ${referenceMs.length} samples: one run takes long.`);
		return this.#entries.map((entry) => {
			const samplesMs = kept(entry);
			const caveats = [...shared];
			if (entry.runsPerSample > 1)
				caveats.push(`Each sample is the mean of ${entry.runsPerSample} runs in a row: one is too short for the clock.`);
			if (!entry.steady) caveats.push('Its outputs changed from run to run for the same inputs.');
			caveats.push(...entry.session.notes);
			const ratio = pairedRatio(samplesMs, referenceMs);
			return {
				variant: entry.model.id,
				target: engine.target,
				threadsUsed: engine.threadsUsed,
				loadMs: entry.session.loadMs,
				firstMs: entry.firstMs,
				samplesMs,
				referenceMs,
				medianMs: median(samplesMs),
				p95Ms: quantile(samplesMs, 0.95),
				...(entry !== original && Number.isFinite(ratio.interval[1]) && { ratio: { value: ratio.value, interval: ratio.interval } }),
				...(entry.agreement && { agreement: entry.agreement }),
				caveats,
				measuredAt: new Date().toISOString(),
			};
		});
	}

	/** Loads each model once more, with logging on, so that logging cannot slow what was timed. */
	async #addProfiles(runs: Run[]): Promise<void> {
		const { engine, feeds, signal, onProgress } = this.#options;
		const start = performance.now();
		for (const [index, run] of runs.entries()) {
			signal?.throwIfAborted();
			// On a slow backend loading alone takes long: figures come first, a profile can be had by measuring again.
			if (index > 0 && performance.now() - start > profileShare * this.#budgetMs) return;
			onProgress?.(0.9 + (0.1 * index) / runs.length, 'profiling');
			const model = this.#models.find(({ id }) => id === run.variant);
			if (!model) continue;
			try {
				const session = await engine.load(await model.model(), { profile: true, placement: true });
				try {
					const own = feedsOf(session, feeds, model.ports);
					for (let i = 0; i < 1 + (run.medianMs > slowMs ? 1 : profiledRuns); i++) {
						signal?.throwIfAborted();
						await session.run(own);
					}
					const profile = profileByOperator(await session.endProfile());
					runs[index] = {
						...run,
						...(session.placement && session.placement.length > 0 && { placement: session.placement }),
						...(profile.length > 0 && { profile }),
					};
				} finally {
					await session.release();
				}
			} catch (error) {
				if (!(error instanceof EngineError)) throw error;
				runs[index] = { ...run, caveats: [...run.caveats, `It could not be profiled: ${error.message}`] };
				if (error.code === 'unavailable' || error.code === 'lost-device') {
					this.broken = true;
					return;
				}
			}
		}
	}

	async #releaseAll(): Promise<void> {
		for (const entry of this.#entries.splice(0)) await entry.session.release();
	}
}

function isIsolated(): boolean {
	return (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated ?? true;
}

/** A failure of the runtime as it stands in a study. */
export function failureOf(error: EngineError): Failure {
	return {
		code: error.code,
		message: error.message,
		...(error.advice && { advice: error.advice }),
		...(error.detail && { detail: error.detail }),
	};
}

function failedRun(id: Hash | 'original', { engine }: BenchmarkOptions, error: EngineError): Run {
	return {
		variant: id,
		target: engine.target,
		threadsUsed: engine.threadsUsed,
		loadMs: 0,
		firstMs: 0,
		samplesMs: [],
		referenceMs: [],
		medianMs: 0,
		p95Ms: 0,
		caveats: [],
		failure: failureOf(error),
		measuredAt: new Date().toISOString(),
	};
}

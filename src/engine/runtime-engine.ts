import type { InferenceSession, OnnxValue } from 'onnxruntime-web';
import { giveBack } from '../core/bytes/give-back.ts';
import type { Target } from '../core/study/study.ts';
import { engineError, isFatal } from './failures.ts';
import { sessionHints } from './hints.ts';
import { type Engine, EngineError, type Feeds, type LoadOptions, type ModelBytes, type Session, type TensorData } from './port.ts';
import { fromRuntimeTensor, portsOf, type Runtime, toRuntimeTensor } from './runtime.ts';
import { parsePlacement, parseProfile, type RuntimeLog } from './runtime-log.ts';

/** Bytes of weights from which the runtime's packed copies no longer fit its 4 GiB heap (1.26 GB fails with them, loads without). */
const prepackLimitBytes = 600_000_000;
/** A model file longer than this is refused by the runtime as bytes; external data is not bound by it. */
const modelLimitBytes = 1_800_000_000;

export interface RuntimeHost {
	readonly runtime: Runtime;
	readonly target: Target;
	readonly threadsUsed: number;
	readonly device?: string;
	readonly log: RuntimeLog;
	readonly providers: readonly InferenceSession.ExecutionProviderConfig[];
	/** Refuses a model before it reaches the runtime; throws EngineError. */
	readonly admit?: (model: ModelBytes) => Promise<void>;
	/** Settles, with the browser's reason, when the device is lost. */
	readonly lost?: Promise<string>;
}

/** The engine over one instance of onnxruntime-web. */
export class RuntimeEngine implements Engine {
	readonly #host: RuntimeHost;
	readonly target: Target;
	readonly runtime: string;
	readonly threadsUsed: number;
	readonly device?: string;
	#broken: EngineError | undefined;

	constructor(host: RuntimeHost) {
		this.#host = host;
		this.target = host.target;
		this.threadsUsed = host.threadsUsed;
		this.runtime = `onnxruntime-web ${host.runtime.env.versions.web ?? host.runtime.env.versions.common}`;
		if (host.device !== undefined) this.device = host.device;
		host.lost?.then((reason) => {
			this.#broken ??= new EngineError(
				'lost-device',
				'The graphics device was lost while models were running. Figures of this run are not kept.',
				reason,
				'Try again. If it is lost again, the model asks more of this device than it gives: measure on WASM.',
			);
		});
	}

	async load(model: ModelBytes, options: LoadOptions = {}): Promise<Session> {
		const { runtime, log, providers, admit } = this.#host;
		this.#check();
		await admit?.(model);
		if (model.model.byteLength > modelLimitBytes) {
			throw new EngineError(
				'memory',
				`The model file has ${(model.model.byteLength / 1e9).toFixed(2)} GB; the runtime takes at most ${(modelLimitBytes / 1e9).toFixed(1)} GB in one file.`,
				'',
				'Store its weights as external data.',
			);
		}
		const notes: string[] = [];
		const config = sessionConfig(model, options, notes);
		const sessionOptions: InferenceSession.SessionOptions = {
			executionProviders: [...providers],
			graphOptimizationLevel: options.graphOptimization ?? 'all',
			// What goes wrong comes as an exception; printing it too would only fill the console.
			logSeverityLevel: options.placement ? 0 : 4,
			enableProfiling: options.profile ?? false,
			extra: config,
			...(model.externalData && model.externalData.length > 0 && { externalData: [...model.externalData] }),
		};
		const captured = { lines: [] as readonly string[] };
		const start = performance.now();
		let session: InferenceSession;
		let loadMs: number;
		try {
			const create = async (): Promise<InferenceSession> => {
				const created = await runtime.InferenceSession.create(model.model, sessionOptions);
				loadMs = performance.now() - start;
				return created;
			};
			if (options.placement) {
				const { result, lines } = await log.capture(create);
				session = result;
				captured.lines = lines;
			} else session = await create();
		} catch (error) {
			throw this.#failed(error, 'load', captured.lines);
		}
		if (model.given) for (const bytes of [model.model, ...(model.externalData ?? []).map(({ data }) => data)]) giveBack(bytes);
		try {
			return new RuntimeSession(runtime, session, {
				loadMs: loadMs!,
				notes,
				log,
				profile: options.profile ?? false,
				placement: options.placement ? parsePlacement(captured.lines) : undefined,
				failed: (error) => this.#failed(error, 'run'),
				check: () => this.#check(),
				lost: () => (this.#broken?.code === 'lost-device' ? this.#broken : undefined),
				losing: this.#host.lost,
			});
		} catch (error) {
			await session.release();
			throw this.#failed(error, 'load');
		}
	}

	#check(): void {
		if (this.#broken) {
			throw new EngineError(
				'unavailable',
				'The runtime broke down earlier and cannot be used again.',
				this.#broken.detail,
				'Start a new engine.',
			);
		}
	}

	#failed(error: unknown, stage: 'load' | 'run', lines: readonly string[] = []): EngineError {
		const typed = engineError(error, stage, lines);
		if (isFatal(error) || typed.code === 'lost-device') this.#broken = typed;
		return typed;
	}
}

/** Own entries first, then what the model asks for, then what its size asks for. */
function sessionConfig(model: ModelBytes, options: LoadOptions, notes: string[]): Record<string, string> {
	const { config: hinted, ignored } = sessionHints(model.model);
	const hints = Object.entries(hinted);
	if (hints.length > 0) notes.push(`The model asks for ${hints.map(([key, value]) => `${key} = ${value}`).join(', ')}; applied.`);
	if (ignored.length > 0) notes.push(`The model asks for session entries that are not applied: ${ignored.join(', ')}.`);
	const config: Record<string, string> = { ...hinted, ...options.config };
	const externalBytes = (model.externalData ?? []).reduce(
		(sum, { data }) => sum + (data instanceof Uint8Array ? data.byteLength : data.size),
		0,
	);
	if (model.model.byteLength + externalBytes > prepackLimitBytes && config['session.disable_prepacking'] === undefined) {
		config['session.disable_prepacking'] = '1';
		notes.push('Weights are not packed for speed (session.disable_prepacking): the model is too large for a second copy.');
	}
	return config;
}

interface SessionFacts {
	readonly loadMs: number;
	readonly notes: readonly string[];
	readonly log: RuntimeLog;
	readonly profile: boolean;
	readonly placement: Session['placement'] | undefined;
	readonly failed: (error: unknown) => EngineError;
	readonly check: () => void;
	/** The loss of the device, where it has happened. */
	readonly lost: () => EngineError | undefined;
	readonly losing: Promise<string> | undefined;
}

class RuntimeSession implements Session {
	readonly inputs: Session['inputs'];
	readonly outputs: Session['outputs'];
	readonly loadMs: number;
	readonly notes: readonly string[];
	readonly placement?: NonNullable<Session['placement']>;
	readonly #runtime: Runtime;
	readonly #session: InferenceSession;
	readonly #facts: SessionFacts;
	#profiling: boolean;
	#released = false;

	constructor(runtime: Runtime, session: InferenceSession, facts: SessionFacts) {
		this.#runtime = runtime;
		this.#session = session;
		this.#facts = facts;
		this.#profiling = facts.profile;
		this.loadMs = facts.loadMs;
		this.notes = facts.notes;
		if (facts.placement) this.placement = facts.placement;
		this.inputs = portsOf(session.inputMetadata, 'input');
		this.outputs = portsOf(session.outputMetadata, 'output');
	}

	async run(feeds: Feeds, fetches?: readonly string[]): Promise<Record<string, TensorData>> {
		this.#facts.check();
		if (this.#released) throw new EngineError('run', 'The session was released.');
		const given: Record<string, OnnxValue> = {};
		for (const { name } of this.inputs) {
			const feed = feeds[name];
			if (!feed) throw new EngineError('run', `The inputs give nothing for "${name}".`, '', 'Give an array with that name.');
			given[name] = toRuntimeTensor(this.#runtime, feed, name);
		}
		const names = fetches ?? this.outputs.map((port) => port.name);
		try {
			const results = await this.#quiet(() => this.#orLoss(this.#session.run(given, names)));
			const data: Record<string, TensorData> = {};
			for (const name of names) {
				const tensor = results[name];
				if (!tensor) throw new EngineError('run', `The model gave no output "${name}".`);
				data[name] = await fromRuntimeTensor(tensor);
				tensor.dispose();
			}
			// A lost device can answer with zeros before it says so.
			const lost = this.#facts.lost();
			if (lost) throw lost;
			return data;
		} catch (error) {
			throw this.#facts.failed(error);
		}
	}

	/** A run on a lost device may never settle. */
	async #orLoss<T>(run: Promise<T>): Promise<T> {
		const { losing } = this.#facts;
		if (!losing) return run;
		return Promise.race([
			run,
			losing.then((): never => {
				throw this.#facts.lost() ?? new EngineError('lost-device', 'The graphics device was lost.');
			}),
		]);
	}

	/** A session made for its placement log keeps logging: what it says later is dropped. */
	async #quiet<T>(work: () => Promise<T>): Promise<T> {
		return this.#facts.placement ? (await this.#facts.log.capture(work)).result : work();
	}

	async endProfile(): ReturnType<Session['endProfile']> {
		if (!this.#profiling) return [];
		this.#profiling = false;
		const { lines } = await this.#facts.log.capture(() => this.#session.endProfiling());
		return parseProfile(lines);
	}

	async release(): Promise<void> {
		if (this.#released) return;
		this.#released = true;
		try {
			if (this.#profiling) await this.endProfile();
			await this.#quiet(() => this.#session.release());
		} catch (error) {
			// A broken instance cannot release anything; ending its worker does. Other failures leave a leak that must be seen.
			if (!isFatal(error)) throw this.#facts.failed(error);
		}
	}
}

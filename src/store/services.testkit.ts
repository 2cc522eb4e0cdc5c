import type { DatasetFacts, Environment, Evaluation, ModelFacts, Run, Study } from '../core/study/study.ts';
import { dropVariantFiles, missingVariants, variantFileName } from '../platform/artifacts.ts';
import { compactStudy, deleteStudy, listStudies, loadStudy, writeSnapshot } from '../platform/documents.ts';
import type { Folder } from '../platform/folder.ts';
import type { Claim } from '../platform/locks.ts';
import { MemoryFolder } from '../platform/memory-folder.testkit.ts';
import { CallFailed } from '../workers/failure.ts';
import type { CallOptions, Host } from '../workers/host/index.ts';
import type { AppStore } from './index.ts';
import type { Services } from './services.ts';
import type { Capabilities } from './state.ts';

const at = '2026-01-01T00:00:00.000Z';

export const testEnvironment: Environment = {
	browser: 'Test 1',
	platform: 'Test',
	cores: 2,
	isolated: true,
	runtime: 'runtime 1',
	pare: '0',
};
const capabilities: Capabilities = {
	isolated: true,
	threads: 1,
	webgpu: { available: false, f16: false },
	webnn: { available: false },
	opfs: true,
	notes: [],
};
export const testFacts: ModelFacts = {
	fileName: 'm.onnx',
	byteLength: 100,
	irVersion: 8,
	opsets: [],
	producer: '',
	parameters: 10,
	weightBytes: 40,
	nodeCount: 1,
	inputs: [],
	outputs: [],
	operators: [],
	layers: [],
	missingData: [],
	warnings: [],
	metadata: {},
};

export function testHash(text: string): string {
	return [...text]
		.map((char) => char.charCodeAt(0).toString(16))
		.join('')
		.padEnd(64, '0')
		.slice(0, 64);
}

type Handler = (args: never, options: CallOptions) => unknown;

/** A browser in memory: a storage that may be shared by several visits, workers that answer at once, a clock that only goes when asked. */
export function testServices(
	overrides: {
		root?: MemoryFolder | undefined;
		handlers?: Record<string, Handler>;
		claims?: Map<string, () => void>;
		tab?: string;
		openId?: string;
	} = {},
) {
	const root = 'root' in overrides ? overrides.root : new MemoryFolder();
	const claims = overrides.claims ?? new Map<string, () => void>();
	const calls: string[] = [];
	const saved: { name: string; blob: Blob }[] = [];
	let clock = Date.parse(at);
	let names = 0;
	let openId = overrides.openId;
	let visible = true;
	const watchers = new Set<(visible: boolean) => void>();
	const storage = root as MemoryFolder;
	const dataset = (files: boolean): DatasetFacts => ({
		hash: testHash(files ? 'files' : 'synthetic'),
		name: files ? 'own' : 'synthetic',
		kind: files ? 'arrays' : 'synthetic',
		n: 4,
		labelled: false,
		preprocessing: '',
		skipped: [],
	});
	const handlers: Record<string, Handler> = {
		sniff: ({ files }: { files: { name: string }[] }) =>
			({
				value: files.map(({ name }) => {
					if (name.endsWith('.onnx')) return { kind: 'model' };
					if (name.endsWith('.npz')) return { kind: 'inputs' };
					if (name.endsWith('.recipe.json')) return { kind: 'recipe' };
					if (name.endsWith('.data')) return { kind: 'external', message: 'weights' };
					return { kind: 'wrong', message: `${name} is not a model.` };
				}),
			}).value,
		hashModel: async ({ files }: { files: { name: string; model: Blob } }) => ({
			name: files.name,
			hash: testHash(await files.model.text()),
			byteLength: files.model.size,
		}),
		inspect: ({ files }: { files: { name: string } }) => ({ ...testFacts, fileName: files.name }),
		keepModel: async ({ hash, files }: { hash: string; files: { name: string; model: Blob } }) => {
			const folder = storage.folder('models').folder(hash);
			await folder.write('0', files.model);
			await folder.write('files.json', JSON.stringify([{ name: files.name, byteLength: files.model.size, stored: '0' }]));
			return null;
		},
		keepInputs: () => null,
		weigh: () => ({ gzip: 10, nonZeros: 5 }),
		saveStudy: async ({ study }: { study: Study }) => {
			await writeSnapshot(storage, study, 0);
			return null;
		},
		loadStudy: async ({ id }: { id: string }) => {
			const loaded = await loadStudy(storage, id);
			return loaded ? { ...loaded, missing: await missingVariants(storage, loaded.study) } : null;
		},
		compact: async ({ id }: { id: string }) => {
			await compactStudy(storage, id);
			return null;
		},
		list: () => listStudies(storage),
		remove: async ({ id }: { id: string }) => {
			await deleteStudy(storage, id);
			return null;
		},
		dropFiles: async ({ hashes }: { hashes: string[] }) => dropVariantFiles(storage, hashes),
		sweep: () => ({ removed: 0 }),
		describeInputs: ({ inputs }: { inputs: { kind: string; files?: readonly { name: string }[] } }) => ({
			...dataset(inputs.kind === 'files'),
			labelled: inputs.files?.some(({ name }) => name.startsWith('labelled')) ?? false,
		}),
		splitInputs: ({ facts, split }: { facts: DatasetFacts; split: { seed: number; calibration: number } }) => ({
			...facts,
			hash: testHash(`half of ${facts.hash}`),
			n: facts.n - split.calibration,
			split: { seed: split.seed, of: facts.n, calibration: Array.from({ length: split.calibration }, (_, i) => i), notes: [] },
		}),
		resolve: ({ recipe }: { recipe: unknown }) => ({ recipe, notes: [] }),
		reference: () => null,
		feeds: () => ({}),
		compress: async ({ recipe }: { recipe: { name?: string } }) => {
			const file = testHash(`file ${recipe.name}`);
			await storage.folder('variants').write(variantFileName(file), 'x'.repeat(50));
			return { file, bytes: 50, parameters: 10, operators: [], layers: [], report: [] };
		},
		evaluate: ({ variant, dataset: { hash } }: { variant: { id: string }; dataset: DatasetFacts }): { evaluation: Evaluation } => ({
			evaluation: {
				variant: variant.id,
				dataset: hash,
				synthetic: true,
				target: { backend: 'wasm', threads: 1 },
				outputs: [{ output: 'y', n: 4, cosine: 0.999, worstCosine: 0.99, sqnrDb: 40, maxAbs: 0.1 }],
				metrics: [],
				disagreements: [],
				measuredAt: at,
			},
		}),
		benchmark: ({ variants, target }: { variants: { id: string }[]; target: Run['target'] }): { runs: Run[]; unfinished: string[] } => ({
			unfinished: [],
			runs: variants.map(({ id }) => ({
				variant: id,
				target,
				threadsUsed: 1,
				loadMs: 1,
				firstMs: 1,
				samplesMs: [1],
				referenceMs: [1],
				medianMs: 1,
				p95Ms: 1,
				caveats: [],
				measuredAt: at,
			})),
		}),
		...overrides.handlers,
	};
	const host: Host = {
		call: (async (_kind: string, method: string, args: never, options: CallOptions = {}) => {
			calls.push(method);
			options.signal?.throwIfAborted();
			const handler = handlers[method];
			if (!handler) throw new CallFailed({ code: 'bug', message: `no ${method}` });
			const work = Promise.resolve(handler(args, options));
			if (!options.signal) return work;
			return Promise.race([
				work,
				new Promise((_, reject) => options.signal?.addEventListener('abort', () => reject(options.signal?.reason), { once: true })),
			]);
		}) as Host['call'],
		end: () => {},
		endIdle: () => {},
		count: () => 0,
		killForTest: () => 0,
	};
	const services: Services = {
		settingsStore: undefined,
		nowMs: () => ++clock,
		later: () => {},
		uniqueName: () => `${overrides.tab ?? 'tab'}${++names}`,
		host,
		storage: async () => root as Folder | undefined,
		usage: async () => ({ usedBytes: 1, quotaBytes: 100 }),
		persist: async () => true,
		detect: async () => ({ capabilities, environment: testEnvironment }),
		visible: () => visible,
		onVisibility: (callback) => {
			watchers.add(callback);
			return () => watchers.delete(callback);
		},
		isolated: () => true,
		async claim(id, { steal } = {}): Promise<Claim | undefined> {
			const holder = claims.get(id);
			if (holder && !steal) return undefined;
			holder?.();
			let lose = (): void => {};
			const lost = new Promise<void>((resolve) => {
				lose = resolve;
			});
			claims.set(id, lose);
			return {
				lost,
				release: () => {
					if (claims.get(id) === lose) claims.delete(id);
				},
			};
		},
		joinTabs: (sweep) => sweep(),
		channel: undefined,
		openStudyOfTab: {
			get: () => openId,
			set: (id) => {
				openId = id;
			},
		},
		startPwa: () => ({ applyUpdate() {}, checkForUpdate: async () => {} }),
		saveFile: (blob, name) => void saved.push({ name, blob }),
		copyText: async () => {},
		fetchFile: async (path) => new Blob([path]),
		pageAddress: () => 'https://example.test/',
	};
	return {
		services,
		calls,
		saved,
		claims,
		root: storage,
		openId: () => openId,
		show(next: boolean) {
			visible = next;
			for (const watcher of watchers) watcher(next);
		},
	};
}

/** Waits until the queue is empty and the model is kept. */
export async function settled(store: AppStore): Promise<void> {
	for (let turn = 0; turn < 500; turn += 1) {
		await new Promise((resolve) => setTimeout(resolve, 0));
		const { jobs, study, kept } = store.getState();
		if (study && kept.model !== 'copying' && turn > 5 && jobs.every((job) => job.state !== 'queued' && job.state !== 'running')) return;
	}
	throw new Error(`still busy: ${JSON.stringify(store.getState().jobs)}`);
}

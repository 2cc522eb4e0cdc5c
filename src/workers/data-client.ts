import { giveBack } from '../core/bytes/give-back.ts';
import type { DataSettings, Preprocessing } from '../core/study/data-settings.ts';
import type { Example, ExampleFacts, ExampleSource } from '../core/study/examples.ts';
import type { Failure } from '../core/study/study.ts';
import type { Dataset, DataTarget, Trial } from '../data/dataset.ts';
import { DataError } from '../data/errors.ts';
import type { Picture } from '../data/picture.ts';
import type { DataReply, DataRequest, OpenedData, SentExample } from './data-protocol.ts';
import { CallFailed, toFailure } from './failure.ts';
import type { NamedBlob } from './protocol.ts';

export interface RemoteDataset extends Dataset {
	/** False once its worker has ended: open the files again. */
	alive(): boolean;
	/** Ends the worker that reads it, and gives its memory back; what is still asked fails. */
	close(): void;
}

export interface RemoteOptions {
	readonly files: readonly NamedBlob[];
	readonly target: DataTarget;
	readonly limit: number;
	readonly sample: boolean;
	readonly settings?: DataSettings | undefined;
	/** See OpenOptions. */
	readonly readable: boolean;
	readonly trial: Trial;
	readonly onProgress: (fraction: number) => void;
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type Question = DistributiveOmit<Exclude<DataRequest, { ask: 'tried' | 'reuse' }>, 'id'>;

/**
 * Opens files as examples in a worker of their own: reading and decoding go on while the model runs here. Throws DataError as the readers
 * do, and CallFailed `worker-died` where that worker ends (out of memory).
 */
export async function openRemotely(options: RemoteOptions): Promise<RemoteDataset> {
	const worker = new Worker(new URL('./data.worker.ts', import.meta.url), { type: 'module', name: 'data' });
	const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
	let next = 1;
	let dead: Error | undefined;
	const die = (detail: string): void => {
		const failure: Failure = {
			code: 'worker-died',
			message: 'Reading the data ended without a word: most likely its memory ran out.',
			advice: 'Try fewer examples, or a smaller file.',
			detail,
		};
		dead = new CallFailed(failure);
		for (const { reject } of waiting.values()) reject(dead);
		waiting.clear();
		worker.terminate();
	};
	const send = (request: DataRequest): void => worker.postMessage(request);
	const ask = (question: Question): Promise<unknown> =>
		new Promise((resolve, reject) => {
			if (dead) {
				reject(dead);
				return;
			}
			const id = next;
			next += 1;
			waiting.set(id, { resolve, reject });
			send({ ...question, id });
		});
	const reuse = ({ feeds }: Example): void => {
		const buffers = Object.values(feeds).flatMap(({ data }) => (ArrayBuffer.isView(data) ? [data.buffer as ArrayBuffer] : []));
		// It may be released more than once: empty memory is no use to anyone.
		if (!dead && buffers.every(({ byteLength }) => byteLength > 0))
			worker.postMessage({ id: 0, ask: 'reuse', buffers } satisfies DataRequest, buffers);
	};
	const tryIt = async (id: number, feeds: Parameters<Trial>[0]): Promise<void> => {
		try {
			send({ id, ask: 'tried', outputs: await options.trial(feeds) });
			for (const { data } of Object.values(feeds)) giveBack(data);
		} catch (error) {
			send({ id, ask: 'tried', failure: toFailure(error) });
		}
	};
	worker.addEventListener('message', ({ data }: MessageEvent<DataReply>) => {
		if (data.kind === 'lock') void navigator.locks?.request(data.name, () => dead ?? die('its lock came free'));
		else if (data.kind === 'progress') options.onProgress(data.fraction);
		else if (data.kind === 'try') void tryIt(data.id, data.feeds as Parameters<Trial>[0]);
		else {
			const call = waiting.get(data.id);
			waiting.delete(data.id);
			if (data.kind === 'value') call?.resolve(data.value);
			else {
				const { failure } = data;
				// Readers refuse by throwing; whoever opened the set tells their errors from others.
				const code = failure.code as DataError['code'];
				call?.reject(data.dataError ? new DataError(code, failure.message, failure.where, failure.advice) : new CallFailed(failure));
			}
		}
	});
	worker.addEventListener('error', (event) => die(event.message));
	worker.addEventListener('messageerror', () => die('a message could not be read'));
	const { files, target, limit, sample, readable, settings = {} } = options;
	try {
		// Ports of a session may be live objects of the runtime; plain ones cross.
		const plain: DataTarget = {
			inputs: target.inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape: [...shape] })),
			outputs: target.outputs.map(({ name, dtype, shape }) => ({ name, dtype, shape: [...shape] })),
			...(target.idLimits && { idLimits: target.idLimits }),
		};
		const { previews, sources, ...opened } = (await ask({
			ask: 'open',
			files,
			target: plain,
			limit,
			sample,
			readable,
			settings,
		})) as OpenedData;
		let facts: Promise<readonly ExampleFacts[]> | undefined;
		return {
			...opened,
			example: async (index, signal) => {
				signal?.throwIfAborted();
				const { example, lent } = (await ask({ ask: 'example', index })) as SentExample;
				return lent ? { ...example, release: () => reuse(example) } : example;
			},
			...(previews && {
				preview: async (index: number, as?: Preprocessing) => (await ask({ ask: 'preview', index, as })) as Picture | undefined,
			}),
			...(sources && { source: async (index: number) => (await ask({ ask: 'source', index })) as ExampleSource }),
			exampleFacts: () => {
				facts ??= ask({ ask: 'facts' }) as Promise<readonly ExampleFacts[]>;
				return facts;
			},
			alive: () => dead === undefined,
			close: () => {
				dead ??= new Error('the data set was closed');
				for (const { reject } of waiting.values()) reject(dead);
				waiting.clear();
				worker.terminate();
			},
		};
	} catch (error) {
		worker.terminate();
		throw error;
	}
}

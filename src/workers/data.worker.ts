import { blobSource } from '../core/bytes/source.ts';
import type { Example } from '../core/study/examples.ts';
import type { Dataset, Trial } from '../data/dataset.ts';
import { DataError } from '../data/errors.ts';
import { openDataset } from '../data/open.ts';
import { spareMemory } from '../data/spare-memory.ts';
import { decodePicture } from '../data/web/codecs.ts';
import type { DataReply, DataRequest, OpenedData, SentExample } from './data-protocol.ts';
import { toFailure } from './failure.ts';

// Reads, unpacks, decodes and prepares examples beside the worker that runs the model: both go on at the same time.

let dataset: Dataset | undefined;
let nextTrial = 1;
const trials = new Map<number, { resolve(outputs: Awaited<ReturnType<Trial>>): void; reject(error: Error): void }>();
const progressMs = 100;

const reply = (message: DataReply): void => self.postMessage(message);

// A worker that runs out of memory may end without an event; its lock then comes free.
const lock = `pare:data:${crypto.randomUUID()}`;
void navigator.locks?.request(lock, () => {
	reply({ kind: 'lock', name: lock });
	return new Promise(() => {});
});

/** The model lives in the other worker. */
const trial: Trial = (feeds) =>
	new Promise((resolve, reject) => {
		const id = nextTrial;
		nextTrial += 1;
		trials.set(id, { resolve, reject });
		reply({ id, kind: 'try', feeds: { ...feeds } });
	});

function sent({ release, ...example }: Example): SentExample {
	return { example, lent: release !== undefined };
}

/** Memory that crosses without being copied, and comes back to be used again: that of an example that nobody keeps here. */
function buffersOf({ feeds }: Example): ArrayBuffer[] {
	return Object.values(feeds).flatMap(({ data }) =>
		ArrayBuffer.isView(data) && data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength ? [data.buffer] : [],
	);
}

function opened(): Dataset {
	if (!dataset) throw new Error('no data set is open');
	return dataset;
}

async function answer(request: Exclude<DataRequest, { ask: 'tried' | 'reuse' }>): Promise<unknown> {
	switch (request.ask) {
		case 'open': {
			let shownAt = 0;
			dataset = await openDataset(
				request.files.map(({ name, blob }) => ({ name, source: blobSource(blob) })),
				request.target,
				{
					decode: decodePicture,
					limit: request.limit,
					sample: request.sample,
					readable: request.readable,
					settings: request.settings,
					trial,
					onProgress: (fraction) => {
						const now = performance.now();
						if (now - shownAt < progressMs) return;
						shownAt = now;
						reply({ id: request.id, kind: 'progress', fraction });
					},
				},
			);
			const { n, facts, evidence, batchAxes, classNames, preview, source } = dataset;
			return {
				n,
				facts,
				evidence,
				...(batchAxes && { batchAxes }),
				...(classNames && { classNames }),
				previews: preview !== undefined,
				sources: source !== undefined,
			} satisfies OpenedData;
		}
		case 'example':
			return sent(await opened().example(request.index));
		case 'preview':
			return opened().preview?.(request.index, request.as);
		case 'source':
			return opened().source?.(request.index);
		default:
			return opened().exampleFacts();
	}
}

self.addEventListener('message', ({ data }: MessageEvent<DataRequest>) => {
	if (data.ask === 'tried') {
		const waiting = trials.get(data.id);
		trials.delete(data.id);
		if (data.failure) waiting?.reject(new Error(data.failure.message));
		else waiting?.resolve((data.outputs ?? {}) as Awaited<ReturnType<Trial>>);
		return;
	}
	if (data.ask === 'reuse') {
		for (const buffer of data.buffers) spareMemory.keep(buffer);
		return;
	}
	const { id } = data;
	answer(data).then(
		(value) => {
			const transfer = data.ask === 'example' && (value as SentExample).lent ? buffersOf((value as SentExample).example) : [];
			self.postMessage({ id, kind: 'value', value } satisfies DataReply, transfer);
		},
		(error: unknown) => reply({ id, kind: 'failure', failure: toFailure(error), dataError: error instanceof DataError }),
	);
});

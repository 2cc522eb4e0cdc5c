import { type ByteSink, type ByteSource, FixedSink } from '../bytes/source.ts';
import { allGraphs, type Model } from '../ir/model.ts';
import { isSparse, type TensorRef } from '../ir/tensor.ts';
import { encodeModel } from './encode-graph.ts';
import type { TensorLayout } from './encode-tensor.ts';
import { Encoder, type Payload, type PlacedPayload } from './encoder.ts';
import { LimitExceeded, MissingData } from './errors.ts';
import { allTensors, externalLocations, missingExternalData } from './external.ts';
import { StoredTensor } from './stored-tensor.ts';

/** Largest protobuf message: 2 GiB less one byte. */
export const maxModelBytes = 2 ** 31 - 1;

/** External offsets are multiples of the page size, so that runtimes can map the file (onnx.proto3, external_data). */
const PAGE = 4096;
/** Smaller initializers stay in the model file: runtimes want shapes and scales at hand. */
const EXTERNAL_FROM = 4096;
const CHUNK = 8 * 1024 * 1024;

export interface WriteOptions {
	/** auto: weights go to an external file where the model would pass 2 GiB. */
	readonly externalData?: 'auto' | 'never' | 'always' | undefined;
	/** With external data, weights of If, Loop and Scan bodies stay in the model file all the same. default false */
	readonly bodiesInside?: boolean | undefined;
	/** File name without ending; the files are `<baseName>.onnx` and, where needed, `<baseName>.data`. */
	readonly baseName?: string | undefined;
	/** false: write every message anew, also those that could be copied from the file the model came from. */
	readonly verbatim?: boolean | undefined;
}

export interface WriteRun {
	/** Where the external file goes; must be given where the plan has two files. */
	readonly externalSink?: ByteSink | undefined;
	readonly signal?: AbortSignal | undefined;
	/** Share of all bytes written, 0..1. */
	readonly onProgress?: ((fraction: number) => void) | undefined;
}

export interface PlannedFile {
	readonly name: string;
	readonly byteLength: number;
}

interface ExternalPart {
	readonly tensor: TensorRef;
	readonly offset: number;
}

/** A laid out model: every byte has its place, no tensor data has been read. Valid until the model changes. */
export interface WritePlan {
	/** The model file, then the external data file where there is one. */
	readonly files: readonly PlannedFile[];
	/** Bytes of all files. */
	readonly byteLength: number;
	/** External files of the original that the written model still refers to: only an untouched model keeps them. */
	readonly keptExternal: readonly string[];
	/** Whether the model is untouched and copied byte for byte. */
	readonly identical: boolean;
	/** @internal */
	readonly structure: Uint8Array;
	/** @internal */
	readonly payloads: readonly PlacedPayload[];
	/** @internal */
	readonly external: readonly ExternalPart[];
}

/**
 * First phase of writing. A model that nothing changed is copied from its file. A changed one is laid out anew: messages that
 * did not change are copied, weights that lay in external files are gathered, unknown fields are kept.
 * Throws MissingData where weights are not here, LimitExceeded where the model cannot be one file and external data is 'never'.
 */
export async function planWrite(model: Model, options: WriteOptions = {}): Promise<WritePlan> {
	const baseName = options.baseName ?? 'model';
	const name = `${baseName}.onnx`;
	const verbatim = options.verbatim ?? true;
	const { source } = model;
	const mode = options.externalData ?? 'auto';
	if (verbatim && source && !model.touched && mode !== 'always') return copyPlan(model, source, name);
	const missing = missingExternalData(model);
	if (missing.length > 0) {
		throw new MissingData(
			`Weights are in ${missing.map((file) => `"${file}"`).join(', ')}, which is not here. Add it and open the model again.`,
			missing,
		);
	}
	const strings = await readStrings(model);
	const inline: TensorLayout = { verbatim, strings, place: () => undefined };
	if (mode !== 'always') {
		const encoder = new Encoder();
		encodeModel(encoder, model, inline);
		if (encoder.byteLength <= maxModelBytes) return planOf(encoder, name, []);
		if (mode === 'never') {
			throw new LimitExceeded(
				`The model takes ${(encoder.byteLength / 1e9).toFixed(2)} GB, and one ONNX file holds at most 2.14 GB. Allow external data.`,
			);
		}
	}
	const dataName = `${baseName}.data`;
	const parts = externalParts(model, options.bodiesInside ?? false);
	const encoder = new Encoder();
	encodeModel(encoder, model, {
		verbatim,
		strings,
		place: (tensor) => {
			const offset = parts.get(tensor);
			return offset === undefined ? undefined : { location: dataName, offset };
		},
	});
	if (encoder.byteLength > maxModelBytes) {
		throw new LimitExceeded(
			`Even with external data the model file takes ${(encoder.byteLength / 1e9).toFixed(2)} GB, and ONNX allows 2.14 GB.`,
		);
	}
	return planOf(
		encoder,
		name,
		[...parts].map(([tensor, offset]) => ({ tensor, offset })),
		dataName,
	);
}

function copyPlan(model: Model, source: ByteSource, name: string): WritePlan {
	return {
		files: [{ name, byteLength: source.size }],
		byteLength: source.size,
		keptExternal: externalLocations(model),
		identical: true,
		structure: new Uint8Array(0),
		payloads: source.size === 0 ? [] : [{ index: 0, payload: { kind: 'copy', source, at: 0, byteLength: source.size } }],
		external: [],
	};
}

function planOf(encoder: Encoder, name: string, external: readonly ExternalPart[], dataName = ''): WritePlan {
	const files: PlannedFile[] = [{ name, byteLength: encoder.byteLength }];
	const last = external.at(-1);
	if (last) files.push({ name: dataName, byteLength: last.offset + last.tensor.byteLength });
	return {
		files,
		byteLength: files.reduce((sum, file) => sum + file.byteLength, 0),
		keptExternal: [],
		identical: false,
		structure: encoder.bytes,
		payloads: encoder.payloads,
		external,
	};
}

/** Dense initializers of all graphs from EXTERNAL_FROM bytes on, one after the other, each at the start of a page. */
function externalParts(model: Model, bodiesInside: boolean): Map<TensorRef, number> {
	const graphs = [...allGraphs(model)];
	const inside = new Set<unknown>();
	if (bodiesInside) {
		for (const graph of graphs) if (graph !== model.graph) for (const { initializer } of graph.initializers) inside.add(initializer);
	}
	const parts = new Map<TensorRef, number>();
	let offset = 0;
	for (const graph of graphs) {
		for (const { initializer } of graph.initializers) {
			if (!initializer || isSparse(initializer) || initializer.byteLength < EXTERNAL_FROM) continue;
			if (parts.has(initializer) || inside.has(initializer)) continue;
			parts.set(initializer, offset);
			offset = Math.ceil((offset + initializer.byteLength) / PAGE) * PAGE;
		}
	}
	return parts;
}

async function readStrings(model: Model): Promise<Map<TensorRef, readonly Uint8Array[]>> {
	const strings = new Map<TensorRef, readonly Uint8Array[]>();
	for (const tensor of allTensors(model)) if (tensor.dtype === 'string') strings.set(tensor, (await tensor.strings?.()) ?? []);
	return strings;
}

/**
 * Writes a model into `sink`, tensor by tensor: at most one computed tensor is in memory at a time, stored ones pass in
 * chunks. The same model graph always gives the same bytes. Resolves to the plan that was carried out.
 * Throws what planWrite throws, what the sinks throw, and the signal's reason.
 */
export async function writeModel(model: Model, sink: ByteSink, options: WriteOptions & WriteRun = {}): Promise<WritePlan> {
	const plan = await planWrite(model, options);
	await writePlan(plan, sink, options);
	return plan;
}

/** Second phase of writing. */
export async function writePlan(plan: WritePlan, sink: ByteSink, run: WriteRun = {}): Promise<void> {
	const { externalSink } = run;
	if (plan.external.length > 0 && !externalSink) {
		throw new Error(`The plan has an external data file ${plan.files[1]?.name ?? ''}, but no sink for it was given.`);
	}
	const output = new Output(run, plan.byteLength);
	let written = 0;
	for (const { index, payload } of plan.payloads) {
		if (index > written) await output.write(sink, plan.structure.subarray(written, index));
		written = index;
		await output.payload(sink, payload);
	}
	if (written < plan.structure.byteLength) await output.write(sink, plan.structure.subarray(written));
	if (!externalSink) return;
	let at = 0;
	for (const { tensor, offset } of plan.external) {
		if (offset > at) await output.write(externalSink, new Uint8Array(offset - at));
		await output.payload(externalSink, { kind: 'tensor', tensor, byteLength: tensor.byteLength });
		at = offset + tensor.byteLength;
	}
}

/** Passes bytes on, with progress, abort and a window for small copies. */
class Output {
	readonly #run: WriteRun;
	readonly #total: number;
	#done = 0;
	#window: { readonly source: ByteSource; readonly at: number; readonly bytes: Uint8Array } | undefined;

	constructor(run: WriteRun, total: number) {
		this.#run = run;
		this.#total = total;
	}

	async write(sink: ByteSink, bytes: Uint8Array): Promise<void> {
		this.#run.signal?.throwIfAborted();
		await sink.write(bytes);
		this.#done += bytes.byteLength;
		this.#run.onProgress?.(this.#done / this.#total);
	}

	async payload(sink: ByteSink, payload: Payload): Promise<void> {
		if (payload.kind === 'copy') {
			if (payload.byteLength < CHUNK / 8) await this.write(sink, await this.#smallRead(payload.source, payload.at, payload.byteLength));
			else await this.#chunks(sink, payload.byteLength, (at, length, room) => payload.source.read(payload.at + at, length, room));
			return;
		}
		const { tensor } = payload;
		const { signal } = this.#run;
		if (tensor instanceof StoredTensor && tensor.sliceable && (payload.byteLength > CHUNK || sink instanceof FixedSink)) {
			await this.#chunks(sink, payload.byteLength, (at, length, room) => tensor.read(at, length, signal, room));
			return;
		}
		const bytes = await tensor.bytes(signal);
		if (bytes.byteLength !== payload.byteLength) {
			throw new Error(`A tensor promised ${payload.byteLength} bytes and gave ${bytes.byteLength}.`);
		}
		await this.write(sink, bytes);
	}

	/** `room`: where the bytes go in the end, where that is memory; read right into it they leave no garbage behind. */
	async #chunks(
		sink: ByteSink,
		byteLength: number,
		read: (at: number, length: number, room: Uint8Array | undefined) => Promise<Uint8Array>,
	): Promise<void> {
		for (let at = 0; at < byteLength; at += CHUNK) {
			this.#run.signal?.throwIfAborted();
			const length = Math.min(CHUNK, byteLength - at);
			await this.write(sink, await read(at, length, sink instanceof FixedSink ? sink.room(length) : undefined));
		}
	}

	/** Neighbouring small tensors are read together: a Blob takes about a millisecond per read, whatever its size. */
	async #smallRead(source: ByteSource, at: number, length: number): Promise<Uint8Array> {
		const known = this.#window;
		if (known && known.source === source && at >= known.at && at + length <= known.at + known.bytes.byteLength) {
			return known.bytes.subarray(at - known.at, at - known.at + length);
		}
		const bytes = await source.read(at, Math.min(CHUNK / 8, source.size - at));
		this.#window = { source, at, bytes };
		return bytes.subarray(0, length);
	}
}

/** A model as one run of bytes: for tests and small models. */
export async function serialize(model: Model, options: Pick<WriteOptions, 'verbatim'> = {}): Promise<Uint8Array<ArrayBuffer>> {
	const plan = await planWrite(model, { ...options, externalData: 'never' });
	const sink = new FixedSink(plan.byteLength);
	await writePlan(plan, sink);
	return sink.bytes;
}

/**
 * A model as two runs of bytes, large weights of its main graph apart: a runtime then takes them as they are, without a copy inside its own
 * model. (ONNX Runtime 1.30 finds weights that are handed over beside the model for the main graph only.)
 */
export async function serializeApart(model: Model): Promise<{
	readonly model: Uint8Array<ArrayBuffer>;
	readonly external?: { readonly path: string; readonly data: Uint8Array<ArrayBuffer> };
}> {
	const plan = await planWrite(model, { externalData: 'always', bodiesInside: true });
	const [main, data] = plan.files;
	const sink = new FixedSink(main?.byteLength ?? 0);
	if (!data) {
		await writePlan(plan, sink);
		return { model: sink.bytes };
	}
	const externalSink = new FixedSink(data.byteLength);
	await writePlan(plan, sink, { externalSink });
	return { model: sink.bytes, external: { path: data.name, data: externalSink.bytes } };
}

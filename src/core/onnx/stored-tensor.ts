import type { ByteSource } from '../bytes/source.ts';
import type { DType } from '../ir/dtype.ts';
import type { SparseTensorRef, TensorRef } from '../ir/tensor.ts';
import type { Region } from './cursor.ts';
import { MissingData } from './errors.ts';
import { type Chunk, decodeVarints, fixedWidth, joinChunks, type TypedField } from './payload.ts';

/** Where a stored tensor's elements lie. */
export type Storage =
	/** As raw_data packs them, in one run of `source` (raw_data, a packed float_data or double_data, or external data). */
	| { readonly kind: 'run'; readonly source: ByteSource; readonly at: number; readonly bytes: Uint8Array | undefined }
	/** In a typed field: varints, or fixed-width entries that were not written as one run. */
	| { readonly kind: 'typed'; readonly source: ByteSource; readonly field: TypedField; readonly chunks: readonly Chunk[] }
	| { readonly kind: 'strings'; readonly source: ByteSource; readonly chunks: readonly Chunk[] }
	/** In a file that was not given. */
	| { readonly kind: 'missing'; readonly location: string };

/** What external_data said; the values are those of the file. */
export interface ExternalReference {
	readonly location: string;
	readonly offset: number;
	readonly length: number;
}

export interface StoredTensorInit {
	readonly dtype: DType;
	readonly dims: readonly number[];
	readonly byteLength: number;
	readonly name: string;
	readonly storage: Storage;
	/** The model file, in which `message` lies. */
	readonly modelSource: ByteSource;
	readonly message: Region | undefined;
	readonly external: ExternalReference | undefined;
	readonly docString: string;
	readonly unknown: Uint8Array | undefined;
	readonly where: string;
}

/** A tensor whose data stays in the file it was read from until it is asked for. */
export class StoredTensor implements TensorRef {
	readonly dtype: DType;
	readonly dims: readonly number[];
	readonly byteLength: number;
	/** Name in its TensorProto. The writer copies the message verbatim only while the value has this name. */
	readonly name: string;
	readonly storage: Storage;
	readonly modelSource: ByteSource;
	/** Content of its TensorProto in the model file, where it stands there in one piece. */
	readonly message: Region | undefined;
	readonly external: ExternalReference | undefined;
	readonly docString: string;
	/** metadata_props and unknown fields, kept as read. */
	readonly unknown: Uint8Array | undefined;
	readonly #where: string;
	#decoded: WeakRef<Uint8Array> | undefined;

	constructor(init: StoredTensorInit) {
		this.dtype = init.dtype;
		this.dims = init.dims;
		this.byteLength = init.byteLength;
		this.name = init.name;
		this.storage = init.storage;
		this.modelSource = init.modelSource;
		this.message = init.message;
		this.external = init.external;
		this.docString = init.docString;
		this.unknown = init.unknown;
		this.#where = init.where;
	}

	/** Whether `read` gives a part without reading the whole. */
	get sliceable(): boolean {
		return this.storage.kind === 'run';
	}

	async bytes(signal?: AbortSignal): Promise<Uint8Array> {
		signal?.throwIfAborted();
		const storage = this.storage;
		switch (storage.kind) {
			case 'run':
				return storage.bytes ?? storage.source.read(storage.at, this.byteLength);
			case 'typed': {
				const known = this.#decoded?.deref();
				if (known) return known;
				const decoded =
					fixedWidth(storage.field) === undefined
						? await decodeVarints(storage.source, storage.chunks, this.dtype, this.dims, this.byteLength, this.#where, signal)
						: await joinChunks(storage.source, storage.chunks, this.byteLength, signal);
				this.#decoded = new WeakRef(decoded);
				return decoded;
			}
			case 'strings':
				return new Uint8Array(0);
			case 'missing':
				throw new MissingData(
					`The weights of ${this.name || 'a tensor'} are in the file "${storage.location}", which is not here. Add that file and open the model again.`,
					[storage.location],
					this.#where,
				);
		}
	}

	async read(at: number, length: number, signal?: AbortSignal, scratch?: Uint8Array): Promise<Uint8Array> {
		if (!(at >= 0 && length >= 0 && at + length <= this.byteLength)) {
			throw new RangeError(`bytes ${at}..${at + length} lie outside 0..${this.byteLength} of tensor ${this.name}`);
		}
		const storage = this.storage;
		if (storage.kind !== 'run') return (await this.bytes(signal)).subarray(at, at + length);
		signal?.throwIfAborted();
		return storage.bytes ? storage.bytes.subarray(at, at + length) : storage.source.read(storage.at + at, length, scratch);
	}

	async strings(): Promise<readonly Uint8Array[]> {
		const storage = this.storage;
		if (storage.kind !== 'strings') return [];
		const parts: Uint8Array[] = [];
		for (const chunk of storage.chunks) parts.push(chunk.bytes ?? (await storage.source.read(chunk.at, chunk.length)));
		return parts;
	}
}

/** A sparse initializer of a file. */
export class StoredSparseTensor implements SparseTensorRef {
	readonly sparse = true;
	constructor(
		readonly values: TensorRef,
		readonly indices: TensorRef,
		readonly dims: readonly number[],
		/** Name of its values tensor, which names the initializer. */
		readonly name: string,
		readonly message: Region | undefined,
		readonly unknown: Uint8Array | undefined,
	) {}

	get dtype(): DType {
		return this.values.dtype;
	}

	get byteLength(): number {
		return this.values.byteLength + this.indices.byteLength;
	}
}

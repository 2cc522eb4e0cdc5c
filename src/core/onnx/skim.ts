import type { ByteSource } from '../bytes/source.ts';
import { LimitExceeded, Malformed } from './errors.ts';
import { AttributeField, FunctionField, GraphField, ModelField, NodeField, SparseField, TensorField, WireType } from './fields.ts';
import type { Limits } from './limits.ts';

/** A run of the file that was left out of the skeleton. */
export interface Hole {
	/** Where it would stand in the skeleton's bytes. */
	readonly index: number;
	/** Where it stands in the file. */
	readonly at: number;
	readonly length: number;
}

/**
 * The file without its tensor data: every byte of structure, in file order, with the payloads of tensor data fields cut
 * out. Lengths inside still count the cut bytes; `holes` tells where they belong.
 */
export interface Skeleton {
	readonly bytes: Uint8Array;
	readonly holes: readonly Hole[];
	/** Bytes of the file. */
	readonly size: number;
}

type Kind = 'ModelProto' | 'GraphProto' | 'NodeProto' | 'AttributeProto' | 'TensorProto' | 'SparseTensorProto' | 'FunctionProto' | 'group';

/** Fields that may lead to tensor data. Everything else is kept whole. */
const CHILDREN: Readonly<Record<Kind, ReadonlyMap<number, Kind>>> = {
	ModelProto: new Map([
		[ModelField.graph, 'GraphProto'],
		[ModelField.functions, 'FunctionProto'],
	]),
	GraphProto: new Map([
		[GraphField.node, 'NodeProto'],
		[GraphField.initializer, 'TensorProto'],
		[GraphField.sparse_initializer, 'SparseTensorProto'],
	]),
	NodeProto: new Map([[NodeField.attribute, 'AttributeProto']]),
	AttributeProto: new Map([
		[AttributeField.t, 'TensorProto'],
		[AttributeField.g, 'GraphProto'],
		[AttributeField.tensors, 'TensorProto'],
		[AttributeField.graphs, 'GraphProto'],
		[AttributeField.sparse_tensor, 'SparseTensorProto'],
		[AttributeField.sparse_tensors, 'SparseTensorProto'],
	]),
	TensorProto: new Map(),
	SparseTensorProto: new Map([
		[SparseField.values, 'TensorProto'],
		[SparseField.indices, 'TensorProto'],
	]),
	FunctionProto: new Map([
		[FunctionField.node, 'NodeProto'],
		[FunctionField.attribute_proto, 'AttributeProto'],
	]),
	group: new Map(),
};

/** Fields of TensorProto whose bytes are data. */
const PAYLOADS: ReadonlySet<number> = new Set([
	TensorField.float_data,
	TensorField.int32_data,
	TensorField.string_data,
	TensorField.int64_data,
	TensorField.raw_data,
	TensorField.double_data,
	TensorField.uint64_data,
]);

/** Payloads up to this many bytes stay in the skeleton: shapes, axes and scales are read all the time. */
const INLINE_BYTES = 1024;
const FIRST_WINDOW = 64 * 1024;
const LARGEST_WINDOW = 4 * 1024 * 1024;
/** Longest tag and length together. */
const HEADER_BYTES = 20;

interface Frame {
	readonly kind: Kind;
	readonly end: number;
	/** Field number of a group, 0 elsewhere. */
	readonly group: number;
}

/**
 * Walks the wire structure of a model without reading tensor data. Windows start small after a jump and grow while
 * reading is sequential, so that a file of few large tensors costs few small reads and a file of many nodes few large ones.
 * Throws Malformed or LimitExceeded.
 */
export async function skim(
	source: ByteSource,
	limits: Limits,
	signal?: AbortSignal,
	onProgress?: (fraction: number) => void,
): Promise<Skeleton> {
	const skimmer = new Skimmer(source, limits, signal, onProgress);
	return skimmer.run();
}

class Skimmer {
	readonly #source: ByteSource;
	readonly #limits: Limits;
	readonly #signal: AbortSignal | undefined;
	readonly #onProgress: ((fraction: number) => void) | undefined;
	readonly #size: number;
	#window: Uint8Array = new Uint8Array(0);
	/** File offset of the window's first byte. */
	#windowAt = 0;
	#windowBytes = FIRST_WINDOW;
	#position = 0;
	/** Start of bytes that belong to the skeleton and are not copied yet; always inside the window. */
	#keepFrom = 0;
	#out = new Uint8Array(FIRST_WINDOW);
	#outLength = 0;
	readonly #holes: Hole[] = [];
	readonly #stack: Frame[] = [];

	constructor(source: ByteSource, limits: Limits, signal?: AbortSignal, onProgress?: (fraction: number) => void) {
		this.#source = source;
		this.#limits = limits;
		this.#signal = signal;
		this.#onProgress = onProgress;
		this.#size = source.size;
	}

	async run(): Promise<Skeleton> {
		const stack = this.#stack;
		let messages = 0;
		stack.push({ kind: 'ModelProto', end: this.#size, group: 0 });
		for (;;) {
			const top = stack.at(-1);
			if (!top) break;
			if (this.#position === top.end) {
				if (top.group) throw this.#malformed('A group does not end inside its message');
				stack.pop();
				continue;
			}
			if (this.#windowEnd - this.#position < HEADER_BYTES && this.#windowEnd < this.#size) await this.#refill();
			const tag = this.#varint(top.end);
			const field = Math.floor(tag / 8);
			if (field === 0 || field > 0x1fffffff) throw this.#malformed(`Field number ${field} does not exist in protobuf`);
			switch (tag % 8) {
				case WireType.varint:
					this.#varint(top.end);
					break;
				case WireType.fixed64:
					await this.#advance(8, top.end);
					break;
				case WireType.fixed32:
					await this.#advance(4, top.end);
					break;
				case WireType.bytes: {
					const length = this.#varint(top.end);
					const child = CHILDREN[top.kind].get(field);
					if (this.#position + length > top.end) {
						throw this.#malformed(
							`A field of ${length} bytes does not fit into the ${top.end - this.#position} bytes that are left; the file is cut short or damaged, fetch it again`,
						);
					}
					if (child) {
						messages += 1;
						if (messages > this.#limits.messages) throw this.#limit(`It has more than ${this.#limits.messages} parts`);
						this.#push({ kind: child, end: this.#position + length, group: 0 });
					} else if (top.kind === 'TensorProto' && length > INLINE_BYTES && PAYLOADS.has(field)) {
						this.#cut(length);
					} else {
						await this.#advance(length, top.end);
					}
					break;
				}
				case WireType.startGroup:
					this.#push({ kind: 'group', end: top.end, group: field });
					break;
				case WireType.endGroup:
					if (top.group !== field) throw this.#malformed('A group ends that did not begin');
					stack.pop();
					break;
				default:
					throw this.#malformed(`Wire type ${tag % 8} does not exist in protobuf`);
			}
		}
		this.#keep();
		this.#onProgress?.(1);
		return { bytes: this.#out.subarray(0, this.#outLength), holes: this.#holes, size: this.#size };
	}

	get #windowEnd(): number {
		return this.#windowAt + this.#window.byteLength;
	}

	#push(frame: Frame): void {
		if (this.#stack.length > this.#limits.nesting) throw this.#limit(`It is nested more than ${this.#limits.nesting} levels deep`);
		this.#stack.push(frame);
	}

	/** Copies what has been walked over into the skeleton. */
	#keep(): void {
		const from = this.#keepFrom - this.#windowAt;
		const to = Math.min(this.#position, this.#windowEnd) - this.#windowAt;
		if (to <= from) return;
		const length = this.#outLength + to - from;
		if (length > this.#limits.structureBytes) {
			throw this.#limit(`Its structure, without tensor data, is larger than ${Math.round(this.#limits.structureBytes / 1e6)} MB`);
		}
		if (length > this.#out.byteLength) {
			const grown = new Uint8Array(Math.max(length, Math.min(this.#out.byteLength * 2, this.#limits.structureBytes)));
			grown.set(this.#out.subarray(0, this.#outLength));
			this.#out = grown;
		}
		this.#out.set(this.#window.subarray(from, to), this.#outLength);
		this.#outLength = length;
		this.#keepFrom = this.#windowAt + to;
	}

	async #refill(): Promise<void> {
		this.#keep();
		this.#signal?.throwIfAborted();
		const sequential = this.#position <= this.#windowEnd;
		this.#windowBytes = sequential ? Math.min(this.#windowBytes * 2, LARGEST_WINDOW) : FIRST_WINDOW;
		this.#window = await this.#source.read(this.#position, Math.min(this.#windowBytes, this.#size - this.#position));
		this.#windowAt = this.#position;
		this.#keepFrom = this.#position;
		this.#onProgress?.(this.#position / this.#size);
	}

	/** Walks over bytes that stay in the skeleton. */
	async #advance(length: number, end: number): Promise<void> {
		const target = this.#position + length;
		if (target > end) throw this.#malformed('A number is cut short');
		while (target > this.#windowEnd) {
			this.#position = this.#windowEnd;
			await this.#refill();
		}
		this.#position = target;
	}

	/** Jumps over bytes that do not. */
	#cut(length: number): void {
		this.#keep();
		this.#holes.push({ index: this.#outLength, at: this.#position, length });
		this.#position += length;
		this.#keepFrom = this.#position;
	}

	/** An unsigned varint; beyond 2^53 the value is only known to be too large, which is all that lengths need. */
	#varint(end: number): number {
		let value = 0;
		let scale = 1;
		for (let count = 0; count < 10; count++) {
			if (this.#position >= end) throw this.#malformed('A number is cut short');
			const byte = this.#window[this.#position - this.#windowAt];
			if (byte === undefined) throw this.#malformed('A number is cut short');
			this.#position += 1;
			value += (byte & 0x7f) * scale;
			if (byte < 0x80) return value;
			scale *= 128;
		}
		throw this.#malformed('A number is longer than 10 bytes');
	}

	#where(): string {
		return `byte ${this.#position}, in ${this.#stack.map((frame) => frame.kind).join('.')}`;
	}

	#malformed(what: string): Malformed {
		return new Malformed(`Not a well-formed ONNX file: ${what}.`, this.#where());
	}

	#limit(what: string): LimitExceeded {
		return new LimitExceeded(`This model is beyond what can be read safely: ${what}.`, this.#where());
	}
}

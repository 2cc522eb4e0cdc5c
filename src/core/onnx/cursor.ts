import { LimitExceeded, Malformed } from './errors.ts';
import { WireType } from './fields.ts';
import type { Limits } from './limits.ts';
import type { Hole, Skeleton } from './skim.ts';

/** A run of the file; `bytes` is there where the run holds no cut payload. */
export interface Region {
	readonly at: number;
	readonly length: number;
	readonly bytes: Uint8Array | undefined;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads protobuf out of a skeleton. Positions are those of the file. Every read is checked against the message it is in, so
 * a wrong length cannot reach into a neighbour. Errors carry the path of the message, e.g. graph.node[12].attribute[3].
 */
export class Cursor {
	readonly #bytes: Uint8Array;
	readonly #holes: readonly Hole[];
	readonly #limits: Limits;
	#index = 0;
	/** File position minus skeleton index: bytes cut so far. */
	#shift = 0;
	#nextHole = 0;
	/** Where the current message ends, in the file. */
	#end: number;
	/** Skeleton index that reads must not pass: the message's end or the next hole. */
	#stop = 0;
	readonly #path: (string | number)[] = [];
	#messages = 0;
	#elements = 0;
	/** Skeleton index of the last tag. */
	#tagIndex = 0;
	/** Low and high half of the last varint. */
	#low = 0;
	#high = 0;

	constructor(skeleton: Skeleton, limits: Limits) {
		this.#bytes = skeleton.bytes;
		this.#holes = skeleton.holes;
		this.#limits = limits;
		this.#end = skeleton.size;
		this.#restop();
	}

	get position(): number {
		return this.#index + this.#shift;
	}

	/** Whether the current message has another field. */
	get more(): boolean {
		return this.#index + this.#shift < this.#end;
	}

	/** Path of the current message for messages to people. */
	get where(): string {
		let text = '';
		for (const step of this.#path) text += typeof step === 'number' ? (step >= 0 ? `[${step}]` : '') : text ? `.${step}` : step;
		return text || 'the model';
	}

	/** Field number times 8 plus wire type. */
	tag(): number {
		this.#tagIndex = this.#index;
		this.#varint();
		if (this.#high !== 0 || this.#low >>> 3 === 0) throw this.malformed('A field has no valid number');
		return this.#low;
	}

	/** Decodes a nested message whose length comes next. `index` is its place in a repeated field, -1 elsewhere. */
	message<T>(name: string, index: number, decode: (cursor: Cursor) => T): T {
		const length = this.#length();
		this.#messages += 1;
		if (this.#messages > this.#limits.messages) throw this.limit(`It has more than ${this.#limits.messages} parts`);
		if (this.#path.length >= this.#limits.nesting * 2) throw this.limit(`It is nested more than ${this.#limits.nesting} levels deep`);
		const outer = this.#end;
		this.#end = this.position + length;
		this.#path.push(name, index);
		this.#restop();
		const result = decode(this);
		if (this.position !== this.#end) throw this.malformed('A message is longer than its parts');
		this.#path.length -= 2;
		this.#end = outer;
		this.#restop();
		return result;
	}

	/** Unsigned 32 bits or fewer, as enums and booleans take. Larger values keep their low 32 bits, as protobuf does. */
	int32(): number {
		this.#varint();
		return this.#low | 0;
	}

	int64(): bigint {
		this.#varint();
		if (this.#high === 0) return BigInt(this.#low);
		return BigInt.asIntN(64, (BigInt(this.#high) << 32n) | BigInt(this.#low));
	}

	float32(): number {
		return this.#view(4).getFloat32(0, true);
	}

	/** A string of the model; Malformed where it is not UTF-8, LimitExceeded where it is longer than names may be. */
	name(): string {
		const length = this.#length();
		if (length > this.#limits.nameBytes) throw this.limit(`A name has ${length} bytes`);
		return this.#text(length);
	}

	/** A text that is no name (documentation, metadata); only the size of the structure bounds it. */
	text(): string {
		return this.#text(this.#length());
	}

	/** Bytes of a length-delimited field, which is not a payload. */
	bytes(): Uint8Array {
		return this.#take(this.#length());
	}

	/** The payload of a tensor's data field: a run of the file, with its bytes where they were kept. */
	payload(): Region {
		const length = this.#length();
		const at = this.position;
		const hole = this.#holes[this.#nextHole];
		if (hole && hole.index === this.#index && hole.at === at && length > 0) {
			if (hole.length !== length) throw this.malformed('A tensor was cut at another place');
			this.#shift += length;
			this.#nextHole += 1;
			this.#restop();
			return { at, length, bytes: undefined };
		}
		return { at, length, bytes: this.#take(length) };
	}

	/** One value of a payload field that is not packed, with its place. */
	scalar(wire: number): Region {
		const at = this.position;
		const start = this.#index;
		this.#skipValue(wire, 0);
		return { at, length: this.position - at, bytes: this.#bytes.subarray(start, this.#index) };
	}

	/** Decodes packed or single integers of a repeated field. */
	int64s(wire: number, into: bigint[]): void {
		if (wire === WireType.bytes) {
			this.#packed(() => into.push(this.int64()));
		} else {
			this.#count();
			into.push(this.int64());
		}
	}

	float32s(wire: number, into: number[]): void {
		if (wire === WireType.bytes) {
			this.#packed(() => into.push(this.float32()));
		} else {
			this.#count();
			into.push(this.float32());
		}
	}

	/** Skips the field that `tag` began, and gives it whole, tag included, for fields that are kept as read. */
	unknown(tag: number): Uint8Array {
		const start = this.#tagIndex;
		this.#skipValue(tag & 7, tag >>> 3);
		return this.#bytes.slice(start, this.#index);
	}

	/** Marks the start of the current message; `regionFrom` later gives the run up to here. */
	mark(): { readonly at: number; readonly index: number } {
		return { at: this.position, index: this.#index };
	}

	regionFrom(mark: { readonly at: number; readonly index: number }): Region {
		const length = this.position - mark.at;
		const whole = this.#index - mark.index === length;
		return { at: mark.at, length, bytes: whole ? this.#bytes.subarray(mark.index, this.#index) : undefined };
	}

	malformed(what: string): Malformed {
		return new Malformed(`Not a well-formed ONNX model: ${what}.`, `${this.where}, byte ${this.position}`);
	}

	limit(what: string): LimitExceeded {
		return new LimitExceeded(`This model is beyond what can be read safely: ${what}.`, this.where);
	}

	#restop(): void {
		const end = this.#end - this.#shift;
		const hole = this.#holes[this.#nextHole];
		this.#stop = Math.min(end, hole ? hole.index : this.#bytes.byteLength);
	}

	#length(): number {
		this.#varint();
		const length = this.#high * 4294967296 + this.#low;
		if (this.position + length > this.#end) {
			throw this.malformed(`a field of ${length} bytes does not fit into the ${this.#end - this.position} bytes that are left`);
		}
		return length;
	}

	#varint(): void {
		const bytes = this.#bytes;
		const first = this.#index < this.#stop ? (bytes[this.#index] ?? 0) : 0x80;
		if (first < 0x80) {
			this.#index += 1;
			this.#low = first;
			this.#high = 0;
			return;
		}
		let low = 0;
		let high = 0;
		for (let count = 0; count < 10; count++) {
			if (this.#index >= this.#stop) throw this.malformed('a number is cut short');
			const byte = bytes[this.#index++] ?? 0;
			const bits = byte & 0x7f;
			if (count < 4) low |= bits << (7 * count);
			else if (count === 4) {
				low |= bits << 28;
				high = bits >>> 4;
			} else high |= bits << (7 * count - 32);
			if (byte < 0x80) {
				this.#low = low >>> 0;
				this.#high = high >>> 0;
				return;
			}
		}
		throw this.malformed('a number is longer than 10 bytes');
	}

	#take(length: number): Uint8Array {
		if (this.#index + length > this.#stop) throw this.malformed('a field reaches into tensor data');
		const bytes = this.#bytes.subarray(this.#index, this.#index + length);
		this.#index += length;
		return bytes;
	}

	#view(length: number): DataView {
		if (this.#index + length > this.#stop) throw this.malformed('a number is cut short');
		const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.#index, length);
		this.#index += length;
		return view;
	}

	#text(length: number): string {
		const bytes = this.#take(length);
		// Short ASCII, which most names are, is quicker without the decoder.
		if (length <= 24) {
			let text = '';
			for (let i = 0; i < length; i++) {
				const byte = bytes[i] ?? 0;
				if (byte >= 0x80) return this.#utf8(bytes);
				text += String.fromCharCode(byte);
			}
			return text;
		}
		return this.#utf8(bytes);
	}

	#utf8(bytes: Uint8Array): string {
		try {
			return decoder.decode(bytes);
		} catch {
			throw this.malformed('a text is not UTF-8');
		}
	}

	#packed(read: () => void): void {
		const length = this.#length();
		const outer = this.#end;
		this.#end = this.position + length;
		this.#restop();
		while (this.more) {
			this.#count();
			read();
		}
		this.#end = outer;
		this.#restop();
	}

	#count(): void {
		this.#elements += 1;
		if (this.#elements > this.#limits.listElements)
			throw this.limit(`Its list attributes have more than ${this.#limits.listElements} elements`);
	}

	#skipValue(wire: number, field: number): void {
		switch (wire) {
			case WireType.varint:
				this.#varint();
				return;
			case WireType.fixed64:
				this.#take(8);
				return;
			case WireType.fixed32:
				this.#take(4);
				return;
			case WireType.bytes:
				this.#take(this.#length());
				return;
			case WireType.startGroup:
				this.#skipGroup(field);
				return;
			default:
				throw this.malformed(`wire type ${wire} cannot stand here`);
		}
	}

	#skipGroup(field: number): void {
		const open = [field];
		while (open.length > 0) {
			if (open.length > this.#limits.nesting) throw this.limit(`It is nested more than ${this.#limits.nesting} levels deep`);
			const tag = this.tag();
			if ((tag & 7) === WireType.startGroup) open.push(tag >>> 3);
			else if ((tag & 7) === WireType.endGroup) {
				if (open.pop() !== tag >>> 3) throw this.malformed('a group ends that did not begin');
			} else this.#skipValue(tag & 7, tag >>> 3);
		}
	}
}

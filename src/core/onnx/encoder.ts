import type { ByteSource } from '../bytes/source.ts';
import type { TensorRef } from '../ir/tensor.ts';
import { WireType } from './fields.ts';

/** Bytes that are not held while a model is laid out: a run of the file it came from, or a tensor's data. */
export type Payload =
	| { readonly kind: 'copy'; readonly source: ByteSource; readonly at: number; readonly byteLength: number }
	| { readonly kind: 'tensor'; readonly tensor: TensorRef; readonly byteLength: number };

export interface PlacedPayload {
	/** Where it belongs in the encoder's bytes. */
	readonly index: number;
	readonly payload: Payload;
}

const utf8 = new TextEncoder();

/**
 * Writes protobuf forwards into one buffer, with payloads left out: their length is known, so every length that encloses
 * them is too. The whole layout of a model is fixed before the first byte of tensor data is read.
 */
export class Encoder {
	#bytes = new Uint8Array(64 * 1024);
	#length = 0;
	readonly #payloads: { index: number; readonly payload: Payload }[] = [];
	#payloadBytes = 0;

	/** Bytes of the result, payloads included. */
	get byteLength(): number {
		return this.#length + this.#payloadBytes;
	}

	get bytes(): Uint8Array {
		return this.#bytes.subarray(0, this.#length);
	}

	get payloads(): readonly PlacedPayload[] {
		return this.#payloads;
	}

	/** An int64, int32 or enum field. Negative numbers take ten bytes, as protobuf has them. */
	int(field: number, value: number | bigint): void {
		this.#tag(field, WireType.varint);
		if (typeof value === 'number' && value >= 0) this.#varint(value);
		else this.#varint64(BigInt.asUintN(64, BigInt(value)));
	}

	float(field: number, value: number): void {
		this.#tag(field, WireType.fixed32);
		this.#reserve(4);
		new DataView(this.#bytes.buffer).setFloat32(this.#length, value, true);
		this.#length += 4;
	}

	string(field: number, text: string): void {
		this.bytesField(field, utf8.encode(text));
	}

	/** A string field that is left out where the string is empty. */
	text(field: number, text: string): void {
		if (text !== '') this.string(field, text);
	}

	bytesField(field: number, bytes: Uint8Array): void {
		this.#tag(field, WireType.bytes);
		this.#varint(bytes.byteLength);
		this.raw(bytes);
	}

	/** Bytes as they are: unknown fields, copied messages. */
	raw(bytes: Uint8Array | undefined): void {
		if (!bytes) return;
		this.#reserve(bytes.byteLength);
		this.#bytes.set(bytes, this.#length);
		this.#length += bytes.byteLength;
	}

	/** A length-delimited field whose content comes later. */
	payload(field: number, payload: Payload): void {
		this.#tag(field, WireType.bytes);
		this.#varint(payload.byteLength);
		if (payload.byteLength === 0) return;
		this.#payloads.push({ index: this.#length, payload });
		this.#payloadBytes += payload.byteLength;
	}

	/** A nested message; its length goes in front of it once it is known. */
	message(field: number, write: () => void): void {
		this.#tag(field, WireType.bytes);
		const start = this.#length;
		const firstPayload = this.#payloads.length;
		const payloadBytes = this.#payloadBytes;
		write();
		const contentEnd = this.#length;
		const length = contentEnd - start + this.#payloadBytes - payloadBytes;
		this.#varint(length);
		const header = this.#bytes.slice(contentEnd, this.#length);
		this.#bytes.copyWithin(start + header.byteLength, start, contentEnd);
		this.#bytes.set(header, start);
		for (let i = firstPayload; i < this.#payloads.length; i++) {
			const placed = this.#payloads[i];
			if (placed) placed.index += header.byteLength;
		}
	}

	#tag(field: number, wire: number): void {
		this.#varint(field * 8 + wire);
	}

	#varint(value: number): void {
		this.#reserve(10);
		let rest = value;
		while (rest >= 128) {
			this.#bytes[this.#length++] = (rest % 128) + 128;
			rest = Math.floor(rest / 128);
		}
		this.#bytes[this.#length++] = rest;
	}

	#varint64(value: bigint): void {
		this.#reserve(10);
		let rest = value;
		while (rest >= 128n) {
			this.#bytes[this.#length++] = Number(rest & 0x7fn) + 128;
			rest >>= 7n;
		}
		this.#bytes[this.#length++] = Number(rest);
	}

	#reserve(count: number): void {
		if (this.#length + count <= this.#bytes.byteLength) return;
		const grown = new Uint8Array(Math.max(this.#length + count, this.#bytes.byteLength * 2));
		grown.set(this.#bytes.subarray(0, this.#length));
		this.#bytes = grown;
	}
}

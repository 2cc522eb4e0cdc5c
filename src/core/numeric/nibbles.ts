/**
 * Packs 4-bit codes two to a byte, the first in the low half (onnx.proto3, raw_data of INT4 and UINT4). Codes are taken
 * modulo 16, so signed and unsigned pack alike. An odd count leaves the last high half 0.
 */
export function packNibbles(codes: Uint8Array | Int8Array, out = new Uint8Array(Math.ceil(codes.length / 2))): Uint8Array {
	const pairs = codes.length >> 1;
	for (let i = 0, k = 0; i < pairs; i++, k += 2) out[i] = (codes[k]! & 15) | ((codes[k + 1]! & 15) << 4);
	if (codes.length & 1) out[pairs] = codes[codes.length - 1]! & 15;
	return out;
}

/** Unpacks `count` unsigned 4-bit codes. */
export function unpackNibbles(packed: Uint8Array, count: number): Uint8Array {
	const codes = new Uint8Array(count);
	for (let i = 0; i < count; i++) codes[i] = (packed[i >> 1]! >> ((i & 1) << 2)) & 15;
	return codes;
}

/** Unpacks `count` signed 4-bit codes. */
export function unpackSignedNibbles(packed: Uint8Array, count: number): Int8Array {
	const codes = new Int8Array(count);
	for (let i = 0; i < count; i++) codes[i] = ((packed[i >> 1]! >> ((i & 1) << 2)) << 28) >> 28;
	return codes;
}

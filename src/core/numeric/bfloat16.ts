/** bfloat16: the upper half of a float32, as ONNX stores it (uint16 bit patterns). */

/** One float32 bit pattern to bfloat16 bits, round to nearest, ties to even. NaN stays a quiet NaN. */
export function bfloat16BitsOfFloat32Bits(bits: number): number {
	if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) | 0x40) & 0xffff;
	return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** float32 to bfloat16 bits, element by element; values that round beyond the largest finite one become infinity. */
export function encodeBfloat16(values: Float32Array, into = new Uint16Array(values.length)): Uint16Array {
	const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
	for (let i = 0; i < bits.length; i++) into[i] = bfloat16BitsOfFloat32Bits(bits[i] as number);
	return into;
}

/** Bits to float32, exactly. */
export function decodeBfloat16(halves: Uint16Array, into = new Float32Array(halves.length)): Float32Array {
	const bits = new Uint32Array(into.buffer, into.byteOffset, halves.length);
	for (let i = 0; i < halves.length; i++) bits[i] = (halves[i] as number) << 16;
	return into;
}

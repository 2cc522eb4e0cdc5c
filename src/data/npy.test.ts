import { describe, expect, it } from 'vitest';
import { memorySource } from '../core/bytes/source.ts';
import { DataError } from './errors.ts';
import { npy } from './npy.testkit.ts';
import { openNpy } from './npy.ts';

const open = (bytes: Uint8Array) => openNpy(memorySource(bytes), 'a.npy');

function bigEndian(data: Int32Array): Uint8Array {
	const view = new DataView(new ArrayBuffer(data.byteLength));
	data.forEach((value, i) => {
		view.setInt32(4 * i, value);
	});
	return new Uint8Array(view.buffer);
}

describe('npy', () => {
	it.each([
		['<f4', 'float32', Float32Array.of(1, -2, 3)],
		['<f8', 'float64', Float64Array.of(1, -2, 3)],
		['<f2', 'float16', Uint16Array.of(1, 2, 3)],
		['|u1', 'uint8', Uint8Array.of(1, 2, 3)],
		['|i1', 'int8', Int8Array.of(1, -2, 3)],
		['|b1', 'bool', Uint8Array.of(1, 0, 1)],
		['<i2', 'int16', Int16Array.of(1, -2, 3)],
		['<u2', 'uint16', Uint16Array.of(1, 2, 3)],
		['<i4', 'int32', Int32Array.of(1, -2, 3)],
		['<u4', 'uint32', Uint32Array.of(1, 2, 3)],
		['<i8', 'int64', BigInt64Array.of(1n, -2n, 3n)],
		['<u8', 'uint64', BigUint64Array.of(1n, 2n, 3n)],
	] as const)('reads %s', async (descr, dtype, data) => {
		for (const version of [1, 2, 3]) {
			const array = await open(npy(descr, [3], data, { version }));
			expect(array).toMatchObject({ dtype, shape: [3] });
			expect(await array.read(0, 3)).toEqual(data);
			expect(await array.read(1, 1)).toEqual(data.slice(1, 2));
		}
	});

	it('reads big-endian numbers, text, scalars and empty arrays', async () => {
		expect(await (await open(npy('>i4', [2], bigEndian(Int32Array.of(7, -9))))).read(0, 2)).toEqual(Int32Array.of(7, -9));
		expect(await (await open(npy('<U3', [2], Uint32Array.of(97, 0, 0, 0x1f600, 98, 99)))).read(0, 2)).toEqual(['a', '\u{1f600}bc']);
		expect(await (await open(npy('|S2', [2], Uint8Array.of(97, 0, 98, 99)))).read(0, 2)).toEqual(['a', 'bc']);
		const scalar = await open(npy('<i8', [], BigInt64Array.of(16_000n)));
		expect(scalar.shape).toEqual([]);
		expect(await scalar.read(0, 1)).toEqual(BigInt64Array.of(16_000n));
		expect(await (await open(npy('<f4', [0, 3], new Float32Array(0)))).read(0, 0)).toEqual(new Float32Array(0));
	});

	it('turns Fortran order', async () => {
		// numpy.asfortranarray([[1, 2, 3], [4, 5, 6]]) is stored 1 4 2 5 3 6.
		const array = await open(npy('<f4', [2, 3], Float32Array.of(1, 4, 2, 5, 3, 6), { fortran: true }));
		expect(await array.read(0, 6)).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
		expect(await array.read(3, 2)).toEqual(Float32Array.of(4, 5));
	});

	it.each([
		['an empty file', new Uint8Array(0), 'malformed'],
		['another file', new TextEncoder().encode('<!DOCTYPE html><html></html>'), 'malformed'],
		['Python objects', npy('|O', [1], new Uint8Array(8)), 'unsupported'],
		['complex numbers', npy('<c8', [1], new Uint8Array(8)), 'unsupported'],
		['missing data', npy('<f4', [100], new Float32Array(3)), 'malformed'],
		['a size beyond all bounds', npy('<f4', [1e15, 1e15], new Float32Array(0)), 'limit'],
		['a version of the future', npy('<f4', [1], new Float32Array(1), { version: 9 }), 'unsupported'],
	] as const)('refuses %s', async (_, bytes, code) => {
		await expect(open(bytes)).rejects.toMatchObject({ name: 'DataError', code, where: 'a.npy' });
	});

	it('refuses records with advice', async () => {
		const bytes = npy('<f4', [1], new Float32Array(1));
		const text = new TextDecoder('latin1').decode(bytes).replace("'<f4'", "[('a')");
		await expect(open(Uint8Array.from(text, (c) => c.charCodeAt(0)))).rejects.toMatchObject({ code: 'unsupported' });
	});

	it('turns down what is out of range', async () => {
		const array = await open(npy('<f4', [3], new Float32Array(3)));
		await expect(array.read(2, 2)).rejects.toBeInstanceOf(RangeError);
		expect(new DataError('limit', 'x').where).toBe('');
	});
});

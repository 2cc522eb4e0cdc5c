import { describe, expect, it } from 'vitest';
import { type BlobLike, blobSource } from './source.ts';

/** A blob of bytes 0, 1, 2, …, 250, 0, … that counts its reads and may fail one. */
function counted(size: number): BlobLike & { reads: number; broken: boolean } {
	return {
		size,
		reads: 0,
		broken: false,
		slice(start, end) {
			this.reads += 1;
			const { broken } = this;
			return {
				arrayBuffer: async () => {
					if (broken) throw new Error('the file is gone');
					return Uint8Array.from({ length: end - start }, (_, i) => (start + i) % 251).buffer;
				},
			};
		},
	};
}

const right = (bytes: Uint8Array, at: number): boolean => bytes.every((byte, i) => byte === (at + i) % 251);

describe('bytes of a blob', () => {
	it('come the same whether they are few or many, at borders and at the end', async () => {
		const blob = counted(1_300_000);
		const source = blobSource(blob);
		for (const [at, length] of [
			[0, 30],
			[524_280, 30],
			[524_288, 1],
			[1_299_990, 10],
			[1_300_000, 0],
			[400_000, 131_072],
			[500_000, 131_072],
			[100, 900_000],
			[0, 1_300_000],
		] as const) {
			const bytes = await source.read(at, length);
			expect(bytes.byteLength).toBe(length);
			expect(right(bytes, at), `${at} ${length}`).toBe(true);
		}
		await expect(source.read(1_299_999, 2)).rejects.toThrow(RangeError);
	});

	it('are fetched together where reads are small', async () => {
		const blob = counted(1 << 20);
		const source = blobSource(blob);
		for (let at = 0; at + 30_000 <= 1 << 20; at += 10_000) await source.read(at, 30_000);
		expect(blob.reads).toBe(2);
	});

	it('do not hold more than was asked for', async () => {
		const bytes = await blobSource(counted(1 << 20)).read(5, 10);
		expect(bytes.buffer.byteLength).toBe(10);
	});

	it('are asked for again after a read that failed', async () => {
		const blob = counted(1000);
		const source = blobSource(blob);
		blob.broken = true;
		await expect(source.read(0, 10)).rejects.toThrow('gone');
		blob.broken = false;
		expect(right(await source.read(0, 10), 0)).toBe(true);
	});
});

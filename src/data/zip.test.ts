import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../core/bytes/source.ts';
import { seededRandom } from '../core/numeric/random.ts';
import { crc32, readZip } from './zip.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const read = (bytes: Uint8Array, limits?: Parameters<typeof readZip>[2]) => readZip(memorySource(bytes), 'a.zip', limits);

describe('zip', () => {
	it.each([0, 6] as const)('lists and unpacks entries (level %i)', async (level) => {
		const long = new Uint8Array(300_000).map((_, i) => (i * i) % 251);
		const entries = await read(zipSync({ 'ordner/größe.txt': text('hallo'), long, empty: new Uint8Array(0) }, { level }));
		expect(entries.map(({ name, byteLength }) => [name, byteLength])).toEqual([
			['ordner/größe.txt', 5],
			['long', 300_000],
			['empty', 0],
		]);
		expect(await entries[0]?.bytes()).toEqual(text('hallo'));
		expect(Buffer.compare((await entries[1]?.bytes()) ?? long.subarray(1), long)).toBe(0);
		expect(await entries[1]?.head(10)).toEqual(long.subarray(0, 10));
		expect(await entries[2]?.bytes()).toHaveLength(0);
		expect(await entries[2]?.head(8)).toHaveLength(0);
		const source = await entries[1]?.source();
		expect(await source?.read(1000, 4)).toEqual(long.slice(1000, 1004));
	});

	it('leaves folders out and finds the table behind a comment', async () => {
		const bytes = zipSync({ 'a/': new Uint8Array(0), 'a/b': text('x') });
		const commented = new Uint8Array(bytes.length + 5);
		commented.set(bytes);
		commented.set(text('hello'), bytes.length);
		commented[bytes.length - 2] = 5;
		expect((await read(commented)).map(({ name }) => name)).toEqual(['a/b']);
	});

	it('refuses bombs and liars', async () => {
		const bomb = zipSync({ zeros: new Uint8Array(20_000_000) }, { level: 9 });
		const [zeros] = await read(bomb);
		for (const ask of [() => zeros?.bytes(), () => zeros?.head(4), () => zeros?.source()]) {
			await expect((async () => ask())()).rejects.toMatchObject({
				code: 'limit',
				where: 'zeros',
				message: expect.stringContaining('zip bomb'),
			});
		}
		const small = zipSync({ a: text('a'), b: text('b') });
		await expect(read(small, { entries: 1 })).rejects.toMatchObject({ code: 'limit' });
		await expect(read(small, { totalBytes: 1 })).rejects.toMatchObject({ code: 'limit' });
		await expect((await read(small, { entryBytes: 0 }))[0]?.bytes()).rejects.toMatchObject({ code: 'limit' });
		// Two entries that claim the same bytes.
		const overlapping = zipSync({ a: text('aaaaaaaaaa'), b: text('bbbbbbbbbb') }, { level: 0 });
		const table = new DataView(overlapping.buffer);
		const second = overlapping.findLastIndex((_, i) => i + 4 <= overlapping.length && table.getUint32(i, true) === 0x02014b50);
		table.setUint32(second + 42, 0, true);
		await expect((await read(overlapping))[0]?.bytes()).rejects.toMatchObject({
			code: 'malformed',
			message: expect.stringContaining('overlap'),
		});
		await expect(read(text('PK'))).rejects.toMatchObject({ code: 'malformed' });
		// An entry that unpacks to more than it says.
		const liar = zipSync({ a: new Uint8Array(5000).fill(7) });
		const view = new DataView(liar.buffer);
		const central = liar.findIndex((_, i) => i + 4 <= liar.length && view.getUint32(i, true) === 0x02014b50);
		view.setUint32(central + 24, 100, true);
		const [entry] = await read(liar);
		await expect(entry?.bytes()).rejects.toMatchObject({ code: 'malformed' });
	});

	it('gives the start of what was packed without shrinking', async () => {
		const random = seededRandom(4);
		for (const count of [4000, 60_000, 200_000]) {
			const noise = Uint8Array.from({ length: count }, () => random.below(256));
			const [entry] = await read(zipSync({ 'a.bin': noise }, { level: 6 }));
			expect(await entry?.head(64)).toEqual(noise.subarray(0, 64));
		}
	});

	it('checks the checksum', async () => {
		expect(crc32(text('123456789'))).toBe(0xcbf43926);
		const bytes = zipSync({ a: text('hello there') }, { level: 0 });
		bytes[35] = (bytes[35] ?? 0) ^ 1;
		const [entry] = await read(bytes);
		await expect(entry?.bytes()).rejects.toMatchObject({ code: 'malformed', message: 'The entry is damaged: its checksum is wrong.' });
	});
});

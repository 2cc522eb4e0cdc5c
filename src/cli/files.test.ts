import { mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeModel } from '../core/onnx/describe.testkit.ts';
import { readModel } from '../core/onnx/read.ts';
import { smallModel } from '../core/onnx/seeds.testkit.ts';
import { serialize, writeModel } from '../core/onnx/write.ts';
import { fileSink, fileSource } from './files.ts';

let folder = '';
beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'pare-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('writes a model to a file and reads it from there, with the bytes of memory', async () => {
	const path = join(folder, 'model.onnx');
	const sink = await fileSink(path);
	await writeModel(smallModel(), sink);
	await sink.close();
	expect(new Uint8Array(await readFile(path))).toEqual(new Uint8Array(await serialize(smallModel())));
	expect(sink.size).toBe((await readFile(path)).byteLength);
	const source = await fileSource(path);
	expect(await describeModel(await readModel(source))).toBe(await describeModel(smallModel()));
	await source.close();
});

it('refuses ranges outside the file, and notices when the file became shorter', async () => {
	const path = join(folder, 'bytes');
	const sink = await fileSink(path);
	await sink.write(new Uint8Array(100));
	await sink.close();
	const source = await fileSource(path);
	await expect(source.read(90, 11)).rejects.toThrow(RangeError);
	await truncate(path, 50);
	await expect(source.read(0, 100)).rejects.toThrow(/became shorter/);
	await source.close();
});

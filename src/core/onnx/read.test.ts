import { describe, expect, it } from 'vitest';
import { type ByteSource, memorySource } from '../bytes/source.ts';
import type { Graph } from '../ir/graph.ts';
import { allGraphs, type Model } from '../ir/model.ts';
import { isSparse, type TensorRef } from '../ir/tensor.ts';
import { printType } from '../ir/type.ts';
import { describeModel } from './describe.testkit.ts';
import { encodeEntry } from './encode-tensor.ts';
import type { Encoder } from './encoder.ts';
import { LimitExceeded, Malformed, MissingData, UnsupportedFile } from './errors.ts';
import { externalFiles, missingExternalData } from './external.ts';
import { constantOfShapeBomb, endlessLoop, nestedGraphs, rawModel } from './hostile.testkit.ts';
import { type ReadOptions, readModel } from './read.ts';
import { smallModel, typedFieldsModel, typesModel } from './seeds.testkit.ts';
import { serialize } from './write.ts';

const read = (bytes: Uint8Array, options?: ReadOptions): Promise<Model> => readModel(memorySource(bytes), options);

function tensorOf(graph: Graph, name: string): TensorRef {
	for (const value of graph.initializers)
		if (value.name === name && value.initializer && !isSparse(value.initializer)) return value.initializer;
	throw new Error(`no initializer ${name}`);
}

/** A model with one initializer, whose fields `fill` writes. */
function withTensor(fill: (encoder: Encoder) => void): Uint8Array {
	return rawModel((graph) => {
		graph.message(5, () => {
			fill(graph);
			graph.string(8, 'w');
		});
	});
}

describe('reading structure', () => {
	it('gives back what was written', async () => {
		for (const model of [smallModel(), typesModel()]) {
			const again = await read(await serialize(model));
			expect(await describeModel(again)).toBe(await describeModel(model));
			expect(again.touched).toBe(false);
			expect(again.readProblems).toEqual([]);
		}
	});

	it('links values of outer graphs as the same object', async () => {
		const model = await read(await serialize(smallModel()));
		const [main, thenBranch, elseBranch] = [...allGraphs(model)];
		const product = [...(main?.nodes() ?? [])][0]?.output();
		expect([...(thenBranch?.nodes() ?? [])][0]?.input(0)).toBe(product);
		expect([...(elseBranch?.nodes() ?? [])][0]?.input(0)).toBe(product);
		expect(product?.uses.size).toBe(2);
		expect(thenBranch?.outer).toBe(main);
	});

	it('makes an initializer that is listed as input one value', async () => {
		const model = await read(
			rawModel((graph) => {
				graph.message(5, () => {
					graph.int(2, 1);
					graph.string(8, 'w');
					graph.bytesField(9, new Uint8Array(4));
				});
				graph.message(11, () => graph.string(1, 'w'));
			}),
		);
		expect(model.graph.inputs).toHaveLength(1);
		expect(model.graph.inputs[0]?.initializer?.dtype).toBe('float32');
		expect(model.graph.inputs[0]?.isGraphInput).toBe(true);
	});

	it('tolerates nodes out of order, dangling names and names given twice, and says so', async () => {
		const model = await read(
			rawModel((graph) => {
				const node = (inputs: string[], output: string): void =>
					graph.message(1, () => {
						for (const input of inputs) graph.string(1, input);
						graph.string(2, output);
						graph.string(4, 'Op');
					});
				node(['later'], 'first');
				node(['nowhere'], 'later');
				node([], 'later');
			}),
		);
		const [first, second] = [...model.graph.nodes()];
		expect(first?.input(0)).toBe(second?.output());
		expect(second?.input(0)?.producer).toBeUndefined();
		expect(model.readProblems).toEqual([{ message: 'The value "later" is given more than once', where: 'graph.node[2]' }]);
	});

	it('merges a graph that comes in two parts, as protobuf does', async () => {
		const part = (name: string): Uint8Array => rawModel((graph) => graph.message(11, () => graph.string(1, name)));
		const model = await read(Uint8Array.from([...part('a'), ...part('b')]));
		expect(model.graph.inputs.map((value) => value.name)).toEqual(['a', 'b']);
		expect(model.readProblems).toHaveLength(1);
	});

	it('keeps unknown fields, unknown types and denotations', async () => {
		const bytes = rawModel((graph) => {
			graph.message(11, () => {
				graph.string(1, 'x');
				graph.message(2, () => {
					graph.message(1, () => {
						graph.int(1, 1);
						graph.message(2, () =>
							graph.message(1, () => {
								graph.int(1, 3);
								graph.string(3, 'DATA_BATCH');
							}),
						);
					});
					graph.string(6, 'IMAGE');
				});
			});
			graph.message(11, () => {
				graph.string(1, 'odd');
				graph.message(2, () => graph.message(7, () => graph.string(1, 'domain')));
			});
			graph.message(13, () => graph.string(1, 'no such value'));
			graph.string(99, 'from the future');
		});
		const model = await read(bytes);
		expect(printType(model.graph.inputs[0]?.type)).toBe('float32[3]');
		expect(model.graph.inputs[1]?.type?.kind).toBe('opaque');
		model.graph.touch();
		const again = await serialize(model, { verbatim: false });
		for (const text of ['DATA_BATCH', 'IMAGE', 'domain', 'no such value', 'from the future']) {
			expect(Buffer.from(again).includes(text), text).toBe(true);
		}
		expect(await describeModel(await read(again))).toBe(await describeModel(model));
	});
});

describe('reading tensors', () => {
	it('decodes every typed field, packed and one by one', async () => {
		const { graph } = await read(typedFieldsModel());
		const numbers = async (name: string): Promise<number[] | bigint[]> => {
			const tensor = tensorOf(graph, name);
			const bytes = (await tensor.bytes()).slice();
			if (tensor.dtype === 'float32') return [...new Float32Array(bytes.buffer)];
			if (tensor.dtype === 'int32') return [...new Int32Array(bytes.buffer)];
			if (tensor.dtype === 'float16') return [...new Uint16Array(bytes.buffer)];
			return [...new BigInt64Array(bytes.buffer)];
		};
		expect(await numbers('floats')).toEqual([1, 2, 3]);
		expect(await numbers('unpacked')).toEqual([1, 2, 3]);
		expect(await numbers('ints')).toEqual([1, 300, 3]);
		expect(await numbers('halves')).toEqual([0x3c00, 0x4000, 0x4200]);
		expect(await numbers('longs')).toEqual([1n, -1n, 2n ** 62n]);
		const texts = await tensorOf(graph, 'texts').strings?.();
		expect(texts?.map((text) => Buffer.from(text).toString())).toEqual(['a', '', 'bc']);
		const sparse = [...graph.initializers].find((value) => value.name === 'sparse')?.initializer;
		expect(sparse?.dims).toEqual([8]);
		expect(await tensorOf(graph, 'longs').read(8, 8)).toEqual(new Uint8Array(8).fill(0xff));
	});

	it('takes the low bits of int32_data for narrow types', async () => {
		const cases: [code: number, dims: number, entries: (number | bigint)[], expected: number[]][] = [
			[3, 3, [1, -1n, -128n], [1, 255, 128]],
			[9, 2, [1, 0], [1, 0]],
			[5, 2, [-2n, 258], [254, 255, 2, 1]],
			[16, 1, [0x3f80], [0x80, 0x3f]],
			[17, 2, [0x38, 0xb8], [0x38, 0xb8]],
			[22, 3, [0x21, 0x03], [0x21, 0x03]],
			[26, 5, [0xe4, 0x01], [0xe4, 0x01]],
			// Four 6-bit elements share three bytes, low bits first.
			[27, 5, [1, 2, 3, 63, 5], [0x81, 0x30, 0xfc, 0x05]],
		];
		for (const [code, dims, entries, expected] of cases) {
			const bytes = withTensor((encoder) => {
				encoder.int(1, dims);
				encoder.int(2, code);
				for (const entry of entries) encoder.int(5, entry);
			});
			const tensor = tensorOf((await read(bytes)).graph, 'w');
			expect([...(await tensor.bytes())], `type ${code}`).toEqual(expected);
			expect(tensor.byteLength).toBe(expected.length);
		}
	});

	it('reads large payloads only when asked', async () => {
		const payload = new Uint8Array(1_000_000).fill(5);
		const bytes = withTensor((encoder) => {
			encoder.int(1, 1_000_000);
			encoder.int(2, 2);
			encoder.bytesField(9, payload);
		});
		let bytesRead = 0;
		const source: ByteSource = {
			size: bytes.byteLength,
			read: async (at, length) => {
				bytesRead += length;
				return bytes.subarray(at, at + length);
			},
		};
		const tensor = tensorOf((await readModel(source)).graph, 'w');
		expect(bytesRead).toBeLessThan(300_000);
		expect(await tensor.read(999_990, 10)).toEqual(payload.subarray(0, 10));
		await expect(tensor.read(999_990, 11)).rejects.toThrow(RangeError);
	});

	it('refuses data that do not fit type and shape, whatever they claim', async () => {
		const claim = (dims: (number | bigint)[], type: number, data: Uint8Array): Uint8Array =>
			withTensor((encoder) => {
				for (const dim of dims) encoder.int(1, dim);
				encoder.int(2, type);
				encoder.bytesField(9, data);
			});
		const four = new Uint8Array(4);
		await expect(read(claim([2 ** 40], 1, four))).rejects.toThrow(/takes 4398046511104 bytes, but 4 bytes/);
		await expect(read(claim([2 ** 40, 2 ** 40], 1, four))).rejects.toThrow(LimitExceeded);
		await expect(read(claim([2n ** 62n], 1, four))).rejects.toThrow(LimitExceeded);
		await expect(read(claim([-1], 1, four))).rejects.toThrow(/dimension -1/);
		await expect(read(claim([1], 0, four))).rejects.toThrow(Malformed);
		await expect(read(claim([1], 77, four))).rejects.toThrow(UnsupportedFile);
		await expect(read(claim([1], 1, four))).resolves.toBeDefined();
	});

	it('counts entries of typed fields when they are decoded', async () => {
		const bytes = withTensor((encoder) => {
			encoder.int(1, 2);
			encoder.int(2, 7);
			encoder.bytesField(7, Uint8Array.of(1, 2, 3));
		});
		const tensor = tensorOf((await read(bytes)).graph, 'w');
		await expect(tensor.bytes()).rejects.toThrow(/more than the 2 entries/);
	});
});

describe('external data', () => {
	const model = (entries: [string, string][]): Uint8Array =>
		withTensor((encoder) => {
			encoder.int(1, 2);
			encoder.int(2, 1);
			for (const [key, value] of entries) encodeEntry(encoder, 13, key, value);
			encoder.int(14, 1);
		});
	const place: [string, string][] = [
		['location', 'weights/model.data'],
		['offset', '4'],
		['length', '8'],
	];
	const data = memorySource(Uint8Array.of(0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8));

	it('finds the file by its name or the last part of it', async () => {
		for (const name of ['weights/model.data', 'model.data', 'somewhere/else/model.data']) {
			const opened = await read(model(place), { external: externalFiles([{ name, source: data }]) });
			expect([...(await tensorOf(opened.graph, 'w').bytes())]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
			expect(missingExternalData(opened)).toEqual([]);
		}
	});

	it('names missing files, and opens the model without them', async () => {
		const opened = await read(model(place));
		expect(missingExternalData(opened)).toEqual(['weights/model.data']);
		await expect(tensorOf(opened.graph, 'w').bytes()).rejects.toThrow(MissingData);
		const ambiguous = externalFiles([
			{ name: 'a/model.data', source: data },
			{ name: 'b/model.data', source: data },
		]);
		expect(missingExternalData(await read(model(place), { external: ambiguous }))).toEqual(['weights/model.data']);
	});

	it('never follows a path', async () => {
		const opened = await read(model([['location', '../../etc/passwd']]), { external: externalFiles([{ name: 'x', source: data }]) });
		expect(missingExternalData(opened)).toEqual(['../../etc/passwd']);
	});

	it('refuses keys, numbers and ranges that make no sense', async () => {
		const external = externalFiles([{ name: 'model.data', source: data }]);
		const open = (entries: [string, string][]): Promise<Model> => read(model(entries), { external });
		await expect(
			open([
				['location', 'model.data'],
				['evil', '1'],
			]),
		).rejects.toThrow(/key "evil"/);
		await expect(open([['offset', '4']])).rejects.toThrow(/does not name a file/);
		for (const offset of ['-1', '1e3', '0x10', '99999999999999999', '']) {
			await expect(
				open([
					['location', 'model.data'],
					['offset', offset],
				]),
			).rejects.toThrow(Malformed);
		}
		await expect(
			open([
				['location', 'model.data'],
				['length', '4'],
			]),
		).rejects.toThrow(/takes 8 bytes/);
		await expect(
			open([
				['location', 'model.data'],
				['offset', '8'],
			]),
		).rejects.toThrow(MissingData);
		await expect(open([['location', 'model.data']])).resolves.toBeDefined();
	});
});

describe('limits', () => {
	it('reads the hostile but valid models without running into them', async () => {
		expect((await read(await endlessLoop())).graph.nodeCount).toBe(1);
		expect((await read(await constantOfShapeBomb())).graph.nodeCount).toBe(1);
		expect((await constantOfShapeBomb()).byteLength).toBeLessThan(200);
	});

	it('refuses deep nesting, many parts, long names and large structures', async () => {
		await expect(read(nestedGraphs(20))).resolves.toBeDefined();
		await expect(read(nestedGraphs(3000))).rejects.toThrow(/nested more than 100 levels/);
		const bytes = await serialize(smallModel());
		await expect(read(bytes, { limits: { messages: 5 } })).rejects.toThrow(LimitExceeded);
		await expect(read(bytes, { limits: { structureBytes: 100 } })).rejects.toThrow(LimitExceeded);
		await expect(read(bytes, { limits: { nameBytes: 3 } })).rejects.toThrow(/A name has/);
		await expect(read(bytes, { limits: { fileBytes: 100 } })).rejects.toThrow(LimitExceeded);
	});

	it('says where a file is damaged', async () => {
		const bytes = await serialize(smallModel());
		await expect(read(bytes.slice(0, 300))).rejects.toThrow(/cut short or damaged.*byte \d+/s);
		await expect(read(new Uint8Array(0))).rejects.toThrow(/holds no graph/);
		await expect(read(rawModel(() => undefined, 99))).rejects.toThrow(UnsupportedFile);
		const badText = rawModel((graph) =>
			graph.message(1, () => {
				graph.string(4, 'Op');
				graph.message(5, () => graph.bytesField(1, Uint8Array.of(0xff, 0xfe)));
			}),
		);
		await expect(read(badText)).rejects.toThrow(/not UTF-8.*graph\.node\[0\]\.attribute\[0\]/);
	});

	it('stops when asked', async () => {
		const controller = new AbortController();
		controller.abort();
		await expect(read(await serialize(smallModel()), { signal: controller.signal })).rejects.toThrow(/abort/i);
	});
});

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../bytes/source.ts';
import { backendModels, sharedModels } from './corpus.testkit.ts';
import { Encoder } from './encoder.ts';
import { WrongFile } from './errors.ts';
import { smallModel } from './seeds.testkit.ts';
import { assertOnnx, type FileKind, type FileRole, sniff } from './sniff.ts';
import { kinds } from './sniff-kinds.ts';
import { serialize } from './write.ts';

type Case = readonly [kind: FileKind, name: string, bytes: Uint8Array];

const text = (value: string): Uint8Array => strToU8(value);

function binary(...parts: (string | readonly number[] | number)[]): Uint8Array {
	const bytes = parts.flatMap((part) =>
		typeof part === 'number' ? new Array<number>(part).fill(7) : typeof part === 'string' ? [...Buffer.from(part, 'latin1')] : [...part],
	);
	return Uint8Array.from(bytes);
}

function proto(fill: (encoder: Encoder) => void): Uint8Array {
	const encoder = new Encoder();
	fill(encoder);
	return encoder.bytes.slice();
}

function zip(...names: string[]): Uint8Array {
	return zipSync(Object.fromEntries(names.map((name) => [name, text('content')])));
}

function tar(): Uint8Array {
	const bytes = new Uint8Array(1024);
	bytes.set(text('model.onnx'));
	bytes.set(text('ustar'), 257);
	return bytes;
}

const model = await serialize(smallModel());
const header = '{"weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';

const cases: readonly Case[] = [
	['onnx', 'model.onnx', model],
	['onnx', 'renamed.bin', model],
	['empty', 'model.onnx', new Uint8Array(0)],
	['zeros', 'model.onnx', new Uint8Array(5000)],
	['onnx-truncated', 'model.onnx', model.slice(0, model.byteLength - 40)],
	['damaged', 'model.onnx', binary([0xff, 0xfe, 0x17, 0x88], 300)],
	['weights', 'model.onnx_data', binary([0x3f, 0x9d, 0xf2, 0xbc, 0xff], 300)],
	['weights', 'weights.bin', binary([0x3f, 0x9d, 0xf2, 0xbc, 0xff], 300)],
	[
		'onnx-tensor',
		'input_0.pb',
		proto((e) => {
			e.int(1, 1);
			e.int(1, 3);
			e.int(2, 1);
			e.bytesField(9, new Uint8Array(12).fill(65));
		}),
	],
	[
		'onnx-text',
		'model.onnxtxt',
		text('<\n  ir_version: 7,\n  opset_import: ["" : 10]\n>\nagraph (float[N] x) => (float[N] y)\n{\n y = Relu(x)\n}\n'),
	],
	['textproto', 'model.textproto', text('ir_version: 8\ngraph {\n  node {\n    op_type: "Relu"\n  }\n}\n')],
	['lfs-pointer', 'model.onnx', text('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 90387630\n')],
	['html', 'model.onnx', text('<!DOCTYPE html>\n<html><head><title>404</title></head></html>')],
	['xml', 'data.xml', text('<?xml version="1.0"?>\n<annotations><object/></annotations>')],
	['svg', 'drawing.svg', text('<svg width="1" height="1"></svg>')],
	['json', 'other.json', text('{"hello": [1, 2, 3]}')],
	['document', 'recipe.json', text('{"v": 1, "seed": 0, "steps": [{"pass": "float16", "options": {}}]}')],
	['tokenizer', 'minilm.tokenizer.json', text('{"version":"1.0","truncation":null,"added_tokens":[]}')],
	['hf-config', 'config.json', text('{"architectures": ["BertModel"], "model_type": "bert"}')],
	['tfjs', 'model.json', text('{"format": "graph-model", "modelTopology": {}, "weightsManifest": []}')],
	['pytorch', 'model.pt', zip('archive/data.pkl', 'archive/version', 'archive/data/0')],
	['torchscript', 'model.pt', zip('archive/data.pkl', 'archive/constants.pkl', 'archive/code/__torch__.py')],
	['pickle', 'model.pth', binary([0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9], 100)],
	['safetensors', 'model.safetensors', binary([header.length, 0, 0, 0, 0, 0, 0, 0], header, [0, 0, 128, 63])],
	['gguf', 'model.gguf', binary('GGUF', [3, 0, 0, 0], 100)],
	['ggml', 'model.bin', binary('lmgg', 100)],
	['tflite', 'model.tflite', binary([28, 0, 0, 0], 'TFL3', 100)],
	[
		'savedmodel',
		'saved_model.pb',
		proto((e) => {
			e.int(1, 1);
			e.bytesField(2, new Uint8Array(80).fill(10));
		}),
	],
	['savedmodel-zip', 'model.zip', zip('model/saved_model.pb', 'model/variables/variables.index')],
	[
		'graphdef',
		'frozen.pb',
		proto((e) => {
			e.message(1, () => {
				e.string(1, 'input');
				e.string(2, 'Placeholder');
			});
			e.message(4, () => e.int(1, 27));
		}),
	],
	['hdf5', 'model.h5', binary([0x89], 'HDF\r\n\x1a\n', 100)],
	['keras', 'model.keras', zip('metadata.json', 'config.json', 'model.weights.h5')],
	[
		'coreml',
		'model.mlmodel',
		proto((e) => {
			e.int(1, 4);
			e.message(2, () => e.string(100, 'meta'));
			e.message(500, () => e.string(1, 'layer'));
		}),
	],
	['mlpackage', 'model.mlpackage.zip', zip('model.mlpackage/Manifest.json', 'model.mlpackage/Data/com.apple.CoreML/model.mlmodel')],
	['openvino-xml', 'model.xml', text('<?xml version="1.0"?>\n<net name="model" version="11">\n<layers></layers></net>')],
	['ncnn-param', 'model.param', text('7767517\n75 83\nInput data 0 1 data\n')],
	['ncnn-bin', 'model.bin', binary([0x47, 0x6b, 0x30, 0x01], 100)],
	['ort', 'model.ort', binary([32, 0, 0, 0], 'ORTM', 100)],
	['tensorrt', 'model.engine', binary('ptrt', [0, 0, 0, 0], 100)],
	['onnx-zip', 'model.zip', zip('export/model.onnx', 'export/config.json')],
	['zip', 'pictures.zip', zip('a/1.png', 'a/2.png')],
	['zip-other', 'sources.zip', zip('main.c', 'Makefile')],
	['office', 'report.docx', zip('[Content_Types].xml', 'word/document.xml')],
	['jar', 'tool.jar', zip('META-INF/MANIFEST.MF', 'Main.class')],
	['gzip', 'model.onnx.gz', gzipSync(model)],
	['tar', 'model.tar', tar()],
	['seven-zip', 'model.7z', binary([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], 100)],
	['rar', 'model.rar', binary('Rar!\x1a\x07\x01\x00', 100)],
	['zstd', 'model.onnx.zst', binary([0x28, 0xb5, 0x2f, 0xfd], 100)],
	['png', 'cat.png', binary([0x89], 'PNG\r\n\x1a\n', 100)],
	['jpeg', 'cat.jpg', binary([0xff, 0xd8, 0xff, 0xe0], 100)],
	['gif', 'cat.gif', binary('GIF89a', 100)],
	['webp', 'cat.webp', binary('RIFF', [100, 0, 0, 0], 'WEBPVP8 ', 100)],
	['wav', 'speech.wav', binary('RIFF', [100, 0, 0, 0], 'WAVEfmt ', 100)],
	['npy', 'x.npy', binary([0x93], 'NUMPY', [1, 0], 100)],
	['npz', 'x.npz', zip('input.npy', 'label.npy')],
	['idx', 't10k-labels-idx1-ubyte', binary([0, 0, 8, 1, 0, 0, 0, 5], [1, 2, 3, 4, 5])],
	['csv', 'labels.csv', text('file,label\na.png,3\n')],
	['text', 'names.txt', text('tench\ngoldfish\ngrösse\n')],
	['python', 'export.py', text('import torch\n\nmodel = torch.nn.Linear(2, 2)\n')],
	['pdf', 'paper.pdf', binary('%PDF-1.7\n', [0xe2, 0xe3], 100)],
	['elf', 'libmodel.so', binary([0x7f], 'ELF', [2, 1, 1, 0], 100)],
	['unknown', 'thing.xyz', binary([0xff, 0xfe, 0x17, 0x88], 300)],
];

describe('sniff', () => {
	it.each(cases)('tells %s from %s', async (kind, name, bytes) => {
		const result = await sniff(memorySource(bytes), name);
		expect(result.kind).toBe(kind);
		expect(result.message.startsWith(name)).toBe(true);
	});

	it('has a fixture for every kind and a sentence of its own for each', () => {
		expect(new Set(cases.map(([kind]) => kind))).toEqual(new Set(Object.keys(kinds)));
		const sentences = Object.values(kinds).map((facts) => facts.advice);
		expect(new Set(sentences).size).toBe(sentences.length);
	});

	it('sorts files by what the studio does with them', async () => {
		const roles: [string, FileRole][] = [];
		for (const [, name, bytes] of cases) roles.push([name, (await sniff(memorySource(bytes), name)).role]);
		const of = (name: string): FileRole | undefined => roles.find(([known]) => known === name)?.[1];
		expect(of('renamed.bin')).toBe('model');
		expect(of('weights.bin')).toBe('external-data');
		expect(of('recipe.json')).toBe('document');
		for (const name of ['cat.png', 'x.npz', 'x.npy', 'pictures.zip', 'labels.csv', 'names.txt']) expect(of(name)).toBe('data');
	});

	it('refuses a wrong file with its sentence', async () => {
		const refused = assertOnnx(memorySource(text('<html></html>')), 'model.onnx');
		await expect(refused).rejects.toThrow(WrongFile);
		await expect(refused).rejects.toThrow('model.onnx is a web page');
		await expect(assertOnnx(memorySource(model), 'model.onnx')).resolves.toBeUndefined();
	});

	const files = [...sharedModels(), ...backendModels()];
	it.skipIf(files.length === 0)('knows every model of the corpus', async () => {
		for (const file of files) {
			const result = await sniff(memorySource(new Uint8Array(readFileSync(file.path))), 'x');
			expect(result.kind, file.path).toBe('onnx');
		}
	});
});

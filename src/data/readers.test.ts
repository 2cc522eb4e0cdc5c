import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import type { Port } from '../core/ir/tensor-data.ts';
import type { DataFile } from './dataset.ts';
import { decodePicture } from './node/codecs.ts';
import { dataFile } from './npy.testkit.ts';
import { type OpenOptions, openDataset } from './open.ts';
import { png } from './pictures.testkit.ts';
import { tone, wav } from './wav.testkit.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const csv = (name: string, ...lines: string[]): DataFile => dataFile(name, text(lines.join('\n')));
const float = (name: string, ...shape: Port['shape'][number][]): Port => ({ name, dtype: 'float32', shape });
const ids = (name: string, ...shape: Port['shape'][number][]): Port => ({ name, dtype: 'int64', shape });

const classifier = { inputs: [float('x', 'N', 3)], outputs: [float('y', 'N', 3)] };
const regression = { inputs: [float('x', 'N', 3)], outputs: [float('y', 'N', 1)] };
const pictures = { inputs: [float('x', 'N', 3, 8, 8)], outputs: [float('y', 'N', 3)] };
const open = (files: readonly DataFile[], target: Parameters<typeof openDataset>[1], options: OpenOptions = {}) =>
	openDataset(files, target, { decode: decodePicture, ...options });
const labelsOf = async (dataset: Awaited<ReturnType<typeof open>>) =>
	Promise.all(
		Array.from({ length: dataset.n }, async (_, i) => {
			const { label, labels, targets } = await dataset.example(i);
			return label ?? labels ?? targets;
		}),
	);

describe('tables', () => {
	it('reads features and a label column, and names bad rows', async () => {
		const table = csv(
			'iris.csv',
			'a,b,c,species',
			'1,2,3,setosa',
			'4,5,,virginica',
			'"7","8",9,versicolor',
			'1,2,3',
			'1,2,x,setosa',
			'3,2,1,',
			'5,5,5,virginica',
		);
		const dataset = await open([table], classifier);
		expect(dataset.facts).toMatchObject({ kind: 'table', n: 3, labelled: true, labelKind: 'class', classes: 3 });
		expect(dataset.facts.mapping).toEqual({
			origin: 'order',
			classes: [
				{ name: 'setosa', index: 0 },
				{ name: 'versicolor', index: 1 },
				{ name: 'virginica', index: 2 },
			],
		});
		expect(dataset.facts.skipped).toEqual([
			{ name: 'iris.csv, line 3', reason: 'Column "c" is empty.' },
			{ name: 'iris.csv, line 5', reason: 'It has 3 fields, the table 4.' },
			{ name: 'iris.csv, line 6', reason: 'Column "c" holds "x", which is no number.' },
			{ name: 'iris.csv, line 7', reason: 'It has no label: column "species" is empty.' },
		]);
		expect(await labelsOf(dataset)).toEqual([0, 1, 2]);
		expect((await dataset.example(1)).feeds.x).toEqual({ dtype: 'float32', dims: [1, 3], data: Float32Array.of(7, 8, 9) });
	});

	it('takes the mapping that a person gives instead', async () => {
		const table = csv('a.csv', 'a,b,c,label', '1,2,3,cat', '1,2,4,dog', '1,2,5,cow');
		const classMapping = [
			{ name: 'cat', index: 2 },
			{ name: 'dog', index: 0 },
		];
		const dataset = await open([table], classifier, { settings: { classMapping } });
		expect(await labelsOf(dataset)).toEqual([2, 0]);
		expect(dataset.facts.mapping?.origin).toBe('given');
		expect(dataset.facts.skipped).toEqual([{ name: 'a.csv, line 4', reason: 'Its label "cow" stands for no output.' }]);
	});

	it('reads values to be met, several labels, and classes from 1', async () => {
		expect(await labelsOf(await open([csv('r.csv', 'a;b;c;target', '1;2;3;0.5', '1;2;3;7')], regression))).toEqual([[0.5], [7]]);
		const many = await open([csv('m.csv', 'a,b,c,label_x,label_y,label_z', '1,2,3,1,0,1', '1,2,3,0,0,0')], classifier);
		expect(many.facts).toMatchObject({ labelKind: 'classes', classes: 3 });
		expect(await labelsOf(many)).toEqual([
			[1, 0, 1],
			[0, 0, 0],
		]);
		const one = await open([csv('o.csv', 'a,b,c,y', '1,2,3,1', '1,2,3,3')], classifier);
		expect(await labelsOf(one)).toEqual([0, 2]);
		expect(one.facts.preprocessing).toContain('classes assumed: labels 1 to 3 are outputs 0 to 2');
		expect(await labelsOf(await open([csv('b.csv', 'a,b,c,y', '1,2,3,1', '1,2,3,0')], regression))).toEqual([1, 0]);
	});

	it('finds its way without a header, with an index column, and over inputs by name', async () => {
		const bare = await open([csv('n.csv', '1,2,3,2', '4,5,6,0')], classifier);
		expect(bare.facts.preprocessing).toContain('the last column taken as the label');
		expect(await labelsOf(bare)).toEqual([2, 0]);
		const frame = await open([csv('f.csv', ',a,b,c,label', '0,1,2,3,1', '1,4,5,6,2')], classifier);
		expect((await frame.example(1)).feeds.x?.data).toEqual(Float32Array.of(4, 5, 6));
		const named = await open([csv('i.csv', 'age,Height', '30,1.5', '40,1.7')], {
			inputs: [ids('age', 'N', 1), float('height', 'N', 1)],
			outputs: [],
		});
		expect((await named.example(1)).feeds).toMatchObject({ age: { data: BigInt64Array.of(40n) }, height: { data: Float32Array.of(1.7) } });
		const picture = await open([csv('p.csv', 'label,p0,p1,p2,p3', '1,1,2,3,4', '0,5,6,7,8')], {
			inputs: [float('x', 1, 1, 2, 2)],
			outputs: [float('y', 1, 2)],
		});
		expect((await picture.example(0)).feeds.x?.dims).toEqual([1, 1, 2, 2]);
	});

	it('says what does not fit', async () => {
		await expect(open([csv('a.csv', 'a,b,label', '1,2,0')], classifier)).rejects.toMatchObject({
			code: 'mismatch',
			message: expect.stringContaining('2 columns'),
		});
		await expect(open([dataFile('a.csv', Uint8Array.of(0xff, 0xfe, 0x61, 0))], classifier)).rejects.toMatchObject({ code: 'unsupported' });
		await expect(open([csv('a.csv', 'a,b,c,label')], classifier)).rejects.toMatchObject({ code: 'empty' });
	});
});

describe('labels of pictures', () => {
	const three = { 'a.png': png(8, 8, 1), 'sub/b.png': png(8, 8, 2), 'c.png': png(8, 8, 3) };
	const zip = (extra: Record<string, Uint8Array>): DataFile => dataFile('set.zip', zipSync({ ...three, ...extra }));

	it.each([
		['CSV', { 'labels.csv': text('filename,label\na.png,cat\nsub/b.png,dog\nc.png,cow\n') }],
		['CSV without a header', { 'list.csv': text('a.png,cat\nb.png,dog\nc.png,cow\n') }],
		['JSON by file', { 'labels.json': text('{"a.png": "cat", "b": "dog", "c.png": "cow"}') }],
		['JSON by class', { 'labels.json': text('{"labels": {"cat": ["a.png"], "dog": ["b.png"], "cow": ["c.png"]}}') }],
		[
			'JSON lines',
			{ 'labels.jsonl': text('{"file": "a.png", "label": "cat"}\n{"file": "b.png", "label": "dog"}\n{"file": "c.png", "label": "cow"}') },
		],
		['lines', { 'labels.txt': text('a.png cat\nb.png dog\nc.png cow\n') }],
	])('come from %s', async (_, extra) => {
		const dataset = await open([zip(extra)], pictures);
		expect(dataset.facts).toMatchObject({ kind: 'pictures', n: 3, labelKind: 'class', skipped: [] });
		expect(await labelsOf(dataset)).toEqual([0, 1, 2]);
		expect(dataset.facts.mapping?.origin).toBe('order');
	});

	it('are missing, unknown, or of pictures that are not there: each by name', async () => {
		const extra = {
			'labels.csv': text('file,label\na.png,cat\nb.png,zebra\nmissing.png,cat\nd.png,\n'),
			'classes.txt': text('cat\ndog\ncow'),
		};
		const dataset = await open([zip(extra)], pictures);
		expect(dataset.n).toBe(1);
		expect(dataset.facts.skipped).toEqual([
			{ name: 'labels.csv, line 5', reason: 'The line gives "d.png" no label.' },
			{ name: 'c.png', reason: 'labels.csv gives it no label.' },
			{ name: 'sub/b.png', reason: 'Its label "zebra" stands for no output.' },
			{ name: 'missing.png', reason: 'labels.csv names it, and it is not there.' },
		]);
	});

	it('may be several for each, or none at all', async () => {
		const many = await open([zip({ 'labels.csv': text('file,cat,dog,cow\na.png,1,0,1\nb.png,0,0,0\nc.png,0,1,0') })], pictures);
		expect(many.facts).toMatchObject({ labelKind: 'classes', n: 3 });
		expect(await labelsOf(many)).toEqual([
			[1, 0, 1],
			[0, 1, 0],
			[0, 0, 0],
		]);
		const flat = await open([zip({})], pictures);
		expect(flat.facts).toMatchObject({ n: 3, labelled: false });
		expect((await flat.exampleFacts()).map(({ name }) => name)).toEqual(['a.png', 'c.png', 'sub/b.png']);
	});

	it('come from a dropped folder, and the mapping is proposed', async () => {
		const files = [
			dataFile('set/cow/1.png', png(9, 9, 1)),
			dataFile('set/cat/2.png', png(9, 9, 2)),
			dataFile('set/dog/3.png', png(9, 9, 3)),
			dataFile('set/dog/copy.png', png(9, 9, 3)),
			dataFile('set/dog/.DS_Store', new Uint8Array(10)),
		];
		const dataset = await open(files, pictures);
		expect(await labelsOf(dataset)).toEqual([0, 1, 2, 2]);
		expect(dataset.facts).toMatchObject({ mapping: { origin: 'order' }, skipped: [] });
		const facts = await dataset.exampleFacts();
		expect(facts[2]?.contentHash).toBe(facts[3]?.contentHash);
		expect(new Set(facts.map(({ contentHash }) => contentHash)).size).toBe(3);
	});
});

describe('hostile archives', () => {
	it('have their entries refused by name, and the rest is read', async () => {
		const bytes = zipSync({
			'../../etc/passwd.png': png(8, 8, 1),
			'/root/x.png': png(8, 8, 1),
			'C:\\x.png': png(8, 8, 1),
			'a\u202egnp.exe': png(8, 8, 1),
			'inner.zip': zipSync({ 'x.png': png(8, 8, 1) }),
			'zeros.png': [new Uint8Array(30_000_000), { level: 9 }],
			'good.png': png(8, 8, 1),
		});
		const dataset = await open([dataFile('a.zip', bytes)], pictures);
		expect(dataset.n).toBe(2);
		expect(dataset.facts.skipped.map(({ name, reason }) => `${name}: ${reason}`).sort()).toEqual([
			'../../etc/passwd.png: Its name leads out of the archive.',
			'/root/x.png: Its name is an absolute path.',
			'C:\\x.png: Its name is an absolute path.',
			'inner.zip: An archive inside of an archive is not opened.',
			'zeros.png: The entry unpacks to more than 200 times its size: it looks like a zip bomb.',
		]);
	});
});

describe('sound', () => {
	const vad = {
		inputs: [float('input', null, null), float('state', 2, null, 4), ids('sr')],
		outputs: [float('output', null, 1), float('stateN', null, null, null)],
	};
	const words = { inputs: [float('audio', 1, 1000)], outputs: [float('y', 1, 2)] };

	it('is cut into frames, with a state that the original carries on', async () => {
		const state = (value: number) => ({ dtype: 'float32' as const, dims: [2, 1, 4], data: new Float32Array(8).fill(value) });
		const trial: OpenOptions['trial'] = async ({ input, state: before }) => {
			if (input?.dims[1] !== 512) throw new Error('wants 512');
			return { output: state(0), stateN: state((before?.data[0] as number) + 1) };
		};
		const dataset = await open([dataFile('a.wav', wav(tone(440, 16_000, 512 * 5 + 100), 16_000))], vad, { trial });
		expect(dataset.facts).toMatchObject({ kind: 'sound', n: 5, labelled: false });
		expect(dataset.batchAxes).toEqual({ input: 0, state: 1, sr: null });
		const { feeds, name } = await dataset.example(3);
		expect(feeds.state?.data[0]).toBe(3);
		expect(feeds.sr).toEqual({ dtype: 'int64', dims: [], data: BigInt64Array.of(16_000n) });
		expect(name).toBe('a.wav, 0.096 s');
		const zero = await open([dataFile('a.wav', wav(tone(440, 16_000, 2000), 16_000))], vad, { trial, settings: { soundState: 'zero' } });
		expect((await zero.example(2)).feeds.state?.data[0]).toBe(0);
		expect(zero.facts.preprocessing).toContain('state zero in each frame');
	});

	it('is resampled, and says so: a tone stays the tone', async () => {
		const at = async (rate: number, channels: number) => {
			const dataset = await open([dataFile('a.wav', wav(tone(1000, rate, rate / 2), rate, channels))], vad, {
				settings: { soundState: 'zero' },
			});
			return { samples: (await dataset.example(5)).feeds.input?.data as Float32Array, text: dataset.facts.preprocessing };
		};
		const expected = tone(1000, 16_000, 8000).subarray(5 * 512, 6 * 512);
		for (const [rate, channels] of [
			[44_100, 2],
			[8000, 1],
			[48_000, 1],
		] as const) {
			const { samples, text: said } = await at(rate, channels);
			expect(said).toContain(`resampled from ${rate} Hz`);
			expect(Math.max(...samples.map((x, i) => Math.abs(x - (expected[i] as number))))).toBeLessThan(2e-3);
		}
	});

	it('of one word each has the folder as label, cut or filled', async () => {
		const bytes = zipSync({
			'no/a.wav': wav(tone(300, 16_000, 500), 16_000),
			'yes/b.wav': wav(tone(300, 16_000, 3000), 16_000),
			'yes/c.wav': wav(tone(300, 16_000, 3000), 16_000).slice(0, 900),
		});
		const dataset = await open([dataFile('w.zip', bytes)], words);
		expect(await labelsOf(dataset)).toEqual([0, 1]);
		expect((await dataset.example(0)).feeds.audio?.dims).toEqual([1, 1000]);
		expect(dataset.facts.skipped).toEqual([{ name: 'yes/c.wav', reason: expect.stringContaining('cut short') }]);
	});

	it('in other codings is refused with its name', async () => {
		const mu = wav(tone(300, 8000, 100), 8000);
		mu[20] = 7;
		await expect(open([dataFile('a.wav', mu)], vad)).rejects.toMatchObject({ code: 'empty', advice: expect.stringContaining('mu-law') });
	});
});

describe('text', () => {
	const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'good', 'bad', 'film', 'very', '##ly'];
	const tokenizer = dataFile(
		'tokenizer.json',
		text(
			JSON.stringify({
				version: '1.0',
				truncation: { max_length: 6, strategy: 'LongestFirst', stride: 0 },
				padding: null,
				added_tokens: [0, 1, 2, 3].map((id) => ({
					id,
					content: vocabulary[id],
					special: true,
					single_word: false,
					lstrip: false,
					rstrip: false,
					normalized: false,
				})),
				normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
				pre_tokenizer: { type: 'BertPreTokenizer' },
				post_processor: {
					type: 'TemplateProcessing',
					single: [
						{ SpecialToken: { id: '[CLS]', type_id: 0 } },
						{ Sequence: { id: 'A', type_id: 0 } },
						{ SpecialToken: { id: '[SEP]', type_id: 0 } },
					],
					pair: [],
					special_tokens: { '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] }, '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] } },
				},
				decoder: null,
				model: {
					type: 'WordPiece',
					unk_token: '[UNK]',
					continuing_subword_prefix: '##',
					max_input_chars_per_word: 100,
					vocab: Object.fromEntries(vocabulary.map((word, i) => [word, i])),
				},
			}),
		),
	);
	const encoder = {
		inputs: [ids('input_ids', 'b', 's'), ids('attention_mask', 'b', 's'), ids('token_type_ids', 'b', 's')],
		outputs: [float('logits', 'b', 2)],
	};
	const numbers = (tensor: { readonly data: unknown } | undefined): number[] => Array.from(tensor?.data as BigInt64Array, Number);

	it('is tokenized line by line, padded and cut', async () => {
		const dataset = await open([csv('a.txt', 'Good film', '', 'very very very very very film', 'badly'), tokenizer], encoder);
		expect(dataset.facts).toMatchObject({
			kind: 'text',
			n: 3,
			labelled: false,
			preprocessing: 'tokenized, padded to 6; 1 longer than 6 cut',
		});
		expect(numbers((await dataset.example(0)).feeds.input_ids)).toEqual([2, 4, 6, 3, 0, 0]);
		expect(numbers((await dataset.example(0)).feeds.attention_mask)).toEqual([1, 1, 1, 1, 0, 0]);
		expect(numbers((await dataset.example(1)).feeds.input_ids)).toEqual([2, 7, 7, 7, 7, 3]);
		expect(numbers((await dataset.example(2)).feeds.input_ids)).toEqual([2, 5, 8, 3, 0, 0]);
		expect(dataset.batchAxes).toEqual({ input_ids: 0, attention_mask: 0, token_type_ids: 0 });
	});

	it.each([
		['a table', csv('a.csv', 'sentence,label', '"good, film",pos', 'bad film,neg', 'good,')],
		['tabs', csv('a.txt', 'good film\tpos', 'bad film\tneg', 'good\t')],
		['JSON lines', csv('a.jsonl', '{"text": "good film", "label": "pos"}', '{"text": "bad film", "label": "neg"}', '{"text": "good"}')],
		['JSON', csv('a.json', '[{"text": "good film", "label": "pos"}, {"text": "bad film", "label": "neg"}, {"text": "good"}]')],
	])('has labels in %s', async (_, file) => {
		const dataset = await open([file, tokenizer], encoder);
		expect(await labelsOf(dataset)).toEqual([1, 0]);
		expect(dataset.facts.skipped).toHaveLength(1);
		expect(dataset.facts.skipped[0]?.reason).toBe('It has no label.');
	});

	it('has a file each in a folder for each class', async () => {
		const dataset = await open([csv('r/pos/1.txt', 'good'), csv('r/neg/2.txt', 'bad'), tokenizer], encoder);
		expect(await labelsOf(dataset)).toEqual([0, 1]);
	});

	it('needs its tokenizer, and the right one', async () => {
		await expect(open([csv('a.txt', 'Good film')], encoder)).rejects.toMatchObject({
			code: 'mismatch',
			advice: expect.stringContaining('tokenizer.json'),
		});
		await expect(open([csv('a.txt', 'Good film'), tokenizer], { ...encoder, idLimits: { input_ids: 5 } })).rejects.toMatchObject({
			message: "The tokenizer has 9 ids, the model's table only 5: they do not belong together.",
		});
		await expect(open([csv('a.txt', 'x'), dataFile('tokenizer.json', text('{"model": 3}'))], encoder)).rejects.toMatchObject({
			code: 'malformed',
		});
	});
});

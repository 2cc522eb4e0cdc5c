import { describe, expect, it } from 'vitest';
import { certificateOf, certificateText, NotCertifiable } from './certificate.ts';
import { generatedStudy } from './link.testkit.ts';
import { reproduce } from './reproduce.ts';
import { tableCsv, tableJson, tableTsv, variantTable } from './table.ts';

const study = generatedStudy({ variants: 8, seed: 5 });
const variant = study.variants[2];
if (!variant) throw new Error('the generated study is too small');

describe('the certificate beside a download', () => {
	it('names file, original, data, recipe, figures and the backends that ran it', () => {
		const certificate = certificateOf(study, variant.id, 'minilm.int4.onnx');
		expect(certificate.file).toEqual({ name: 'minilm.int4.onnx', sha256: variant.file, bytes: variant.sizes?.bytes });
		expect(certificate.original.sha256).toBe(study.model.hash);
		expect(certificate.data).toEqual({ name: 'sentences.npz', sha256: study.dataset?.hash, examples: 400, synthetic: false });
		expect(certificate.recipe).toEqual(variant.recipe);
		expect(certificate.backends).toHaveLength(2);
		const text = certificateText(certificate);
		expect(text).toBe(certificateText(JSON.parse(text)));
		expect(text).not.toContain('samplesMs');
	});

	it('is not made for a file that nothing has run, or that is not there', () => {
		expect(() => certificateOf({ ...study, runs: [], evaluations: [] }, variant.id, 'a.onnx')).toThrow(NotCertifiable);
		const { file: _, ...unwritten } = variant;
		expect(() => certificateOf({ ...study, variants: [unwritten] }, variant.id, 'a.onnx')).toThrow(NotCertifiable);
	});
});

describe('the table of variants as text', () => {
	it('has one row per variant and the same columns in all forms', () => {
		const table = variantTable(study);
		expect(table.rows).toHaveLength(8);
		expect(table.rows.every((row) => row.length === table.columns.length)).toBe(true);
		expect(tableCsv(table).split('\r\n')[0]).toBe(table.columns.join(','));
		expect(tableTsv(table).split('\n')).toHaveLength(10);
		expect(JSON.parse(tableJson(table))[2].bytes).toBe(variant.sizes?.bytes);
	});

	it('lets no name become a formula', () => {
		const names = ['=HYPERLINK("x")', '+1', '-1', '@a', '\tb', 'a,"b"\nc'];
		const csv = tableCsv({ columns: ['name', 'n'], rows: names.map((name) => [name, -1]) });
		expect(csv).toBe(`name,n\r\n"'=HYPERLINK(""x"")",-1\r\n'+1,-1\r\n'-1,-1\r\n'@a,-1\r\n'\tb,-1\r\n"a,""b""\nc",-1\r\n`);
		expect(tableTsv({ columns: ['name'], rows: [['=1\t2']] })).toBe("name\n'=1 2\n");
	});
});

describe('the same recipe elsewhere', () => {
	const snippet = (title: string, ...steps: { pass: string; options: Record<string, unknown> }[]) =>
		reproduce("it's.onnx", { v: 1, seed: 0, steps }).find((entry) => entry.title === title);

	it('is a preset on the command line where it is one, else a recipe file', () => {
		const recipe = { v: 1, seed: 0, steps: [{ pass: 'float16', options: {} }] } as const;
		const [learning] = reproduce('m.onnx', recipe, [{ id: 'float16', recipe }], { name: 'my set.npz', synthetic: false });
		expect(learning?.text).toContain("--data 'my set.npz'");
		expect(learning?.note).toContain('With the same examples');
		expect(reproduce('m.onnx', recipe, [{ id: 'float16', recipe }])[0]?.text).toBe(
			'npx pare compress m.onnx --recipe float16 -o m.pare.onnx',
		);
		expect(snippet('Command line', { pass: 'float16', options: {} })?.text).toContain(`compress 'it'\\''s.onnx' --recipe recipe.json`);
	});

	it('is Python where there is a counterpart, and says so where there is none', () => {
		expect(snippet('ONNX Runtime, Python', { pass: 'int8-dynamic', options: { perChannel: true, operators: ['MatMul'] } })?.text).toContain(
			'per_channel=True, reduce_range=False',
		);
		const pruned = snippet('ONNX Runtime, Python', { pass: 'prune-magnitude', options: { ratio: 0.5 } });
		expect(pruned).toEqual({ title: 'ONNX Runtime, Python', text: '', note: 'ONNX Runtime has no pruning tool.' });
	});

	it('is a file name of Transformers.js where one fits', () => {
		expect(snippet('Transformers.js', { pass: 'float16', options: {} })?.text).toContain('model_fp16.onnx');
		expect(snippet('Transformers.js', { pass: 'int8-dynamic', options: {} })?.text).toContain('model_quantized.onnx');
		expect(snippet('Transformers.js', { pass: 'weight-only', options: { bits: 4 } })?.text).toContain('model_q4.onnx');
		expect(snippet('Transformers.js', { pass: 'prune-magnitude', options: {} })?.text).toBe('');
	});
});

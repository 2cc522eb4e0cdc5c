import { describe, expect, it } from 'vitest';
import { applyEvent, type StudyEvent } from '../core/study/events.ts';
import { testEvaluation, testRun, testVariant } from '../core/study/study.testkit.ts';
import type { Study } from '../core/study/study.ts';
import { dropVariantFiles, sweep, variantFileName } from './artifacts.ts';
import { appendEvent, compactStudy, deleteStudy, listStudies, loadStudy, writeSnapshot } from './documents.ts';
import { StorageFull } from './folder.ts';
import { MemoryFolder } from './memory-folder.testkit.ts';

const hash = (digit: string) => digit.repeat(64);
const at = '2026-02-02T00:00:00.000Z';

function emptyStudy(id = 's1'): Study {
	return {
		v: 1,
		id,
		model: { name: 'm.onnx', hash: hash('a'), byteLength: 1000 },
		facts: {
			fileName: 'm.onnx',
			byteLength: 1000,
			irVersion: 8,
			opsets: [{ domain: '', version: 17 }],
			producer: '',
			parameters: 10,
			weightBytes: 40,
			nodeCount: 1,
			inputs: [],
			outputs: [],
			operators: [],
			layers: [],
			missingData: [],
			warnings: [],
			metadata: {},
		},
		environment: { browser: 'b', platform: 'p', cores: 2, isolated: true, runtime: 'r', pare: '0' },
		variants: [testVariant('original', 1000)],
		runs: [],
		evaluations: [],
		createdAt: at,
		updatedAt: at,
	};
}

const events: readonly StudyEvent[] = [
	{ type: 'variant', variant: testVariant(hash('b'), 500, { file: hash('c') }) },
	{ type: 'run', run: testRun(hash('b'), 1.5, { medianMs: Number.NaN, failure: { code: 'run', message: 'no' } }) },
	{ type: 'evaluation', evaluation: testEvaluation(hash('b'), 40, { dataset: hash('d') }) },
	{ type: 'renamed', variant: hash('b'), name: 'smaller' },
];

function folded(study: Study): Study {
	return events.reduce((state, event) => applyEvent(state, event, at), study);
}

async function journalled(root: MemoryFolder): Promise<void> {
	await writeSnapshot(root, emptyStudy(), 0);
	for (const [index, event] of events.entries()) await appendEvent(root, 's1', index + 1, 'tab', event, at);
}

describe('studies at rest', () => {
	it('come back as snapshot plus journal, figures that are not numbers included', async () => {
		const root = new MemoryFolder();
		await journalled(root);
		const loaded = await loadStudy(root, 's1');
		expect(loaded?.damaged).toEqual([]);
		expect(loaded?.study).toEqual(folded(emptyStudy()));
		expect(loaded?.next).toBe(5);
	});

	it('are the same after compaction, and after a crash in the middle of one', async () => {
		const root = new MemoryFolder();
		await journalled(root);
		await compactStudy(root, 's1');
		expect(await root.folder('studies').folder('s1').folder('journal').files()).toEqual([]);
		expect((await loadStudy(root, 's1'))?.study).toEqual(folded(emptyStudy()));
		// Snapshot written, entries not yet removed.
		await appendEvent(root, 's1', 3, 'tab', { type: 'removed', variants: [hash('b')] }, at);
		expect((await loadStudy(root, 's1'))?.study).toEqual(folded(emptyStudy()));
	});

	it('lose nothing but a damaged entry, and say so', async () => {
		const root = new MemoryFolder();
		await journalled(root);
		await root.folder('studies').folder('s1').folder('journal').write('0000000004-tab.json', '{"at":"x","event":{"type":"ren');
		const loaded = await loadStudy(root, 's1');
		expect(loaded?.damaged).toHaveLength(1);
		expect(loaded?.study.runs).toHaveLength(1);
		await compactStudy(root, 's1');
		expect(await root.folder('studies').folder('s1').folder('journal').files()).toHaveLength(4);
	});

	it('are listed newest first and can be deleted', async () => {
		const root = new MemoryFolder();
		await writeSnapshot(root, emptyStudy('old'), 0);
		await writeSnapshot(root, { ...emptyStudy('new'), updatedAt: '2026-03-03T00:00:00.000Z' }, 0);
		expect((await listStudies(root)).map(({ id }) => id)).toEqual(['new', 'old']);
		await deleteStudy(root, 'old');
		expect((await listStudies(root)).map(({ id }) => id)).toEqual(['new']);
		expect(await loadStudy(root, 'old')).toBeUndefined();
	});

	it('survive a full storage at every write', async () => {
		for (let bytes = 0; bytes < 12_000; bytes += 371) {
			const root = new MemoryFolder({ bytes });
			let written = 0;
			try {
				await writeSnapshot(root, emptyStudy(), 0);
				for (const [index, event] of events.entries()) {
					await appendEvent(root, 's1', index + 1, 'tab', event, at);
					written = index + 1;
				}
				await compactStudy(root, 's1');
			} catch (error) {
				expect(error).toBeInstanceOf(StorageFull);
			}
			const loaded = await loadStudy(root, 's1');
			const expected = events.slice(0, written).reduce((state, event) => applyEvent(state, event, at), emptyStudy());
			if (written > 0) expect(loaded?.study).toEqual(expected);
		}
	});
});

describe('sweep', () => {
	it('removes what no study names and keeps the rest', async () => {
		const root = new MemoryFolder();
		await journalled(root);
		const variants = root.folder('variants');
		for (const digit of ['c', 'e']) await variants.write(variantFileName(hash(digit)), 'weights');
		await root.folder('models').folder(hash('a')).write('0', 'model');
		await root.folder('models').folder(hash('f')).write('0', 'model');
		await root.folder('tmp').folder('job').write('half', 'x');
		await sweep(root);
		expect(await variants.files()).toEqual([variantFileName(hash('c'))]);
		expect(await root.folder('models').folders()).toEqual([hash('a')]);
		expect(await root.folders()).not.toContain('tmp');
	});

	it('removes nothing while a study cannot be read', async () => {
		const root = new MemoryFolder();
		await journalled(root);
		await root.folder('studies').folder('s1').write('study.json', '{"v":2,"upTo":0,"study":{}}');
		await root.folder('variants').write(variantFileName(hash('e')), 'weights');
		await sweep(root);
		expect(await root.folder('variants').files()).toHaveLength(1);
	});

	it('drops the files of removed variants unless a study names them', async () => {
		const root = new MemoryFolder();
		await journalled(root);
		for (const digit of ['c', 'e']) await root.folder('variants').write(variantFileName(hash(digit)), 'weights');
		expect(await dropVariantFiles(root, [hash('c'), hash('e')])).toEqual({ removed: 1 });
		expect(await root.folder('variants').files()).toEqual([variantFileName(hash('c'))]);
	});
});

import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../bytes/source.ts';
import { backendModels, type CorpusFile, sharedModels } from './corpus.testkit.ts';
import { describeModel } from './describe.testkit.ts';
import { readModel } from './read.ts';
import { serialize } from './write.ts';

interface Tally {
	models: number;
	untouched: number;
	touched: number;
	reencoded: number;
	equal: number;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
	return Buffer.compare(a, b) === 0;
}

async function roundTrip(file: CorpusFile, tally: Tally): Promise<void> {
	const bytes = new Uint8Array(readFileSync(file.path));
	const model = await readModel(memorySource(bytes));
	tally.models += 1;
	if (same(await serialize(model), bytes)) tally.untouched += 1;
	// A change that changes nothing: the model counts as touched and is laid out anew, tensors copied.
	model.graph.touch();
	const touched = await serialize(model);
	if (same(touched, bytes)) tally.touched += 1;
	const reencoded = await serialize(model, { verbatim: false });
	if (same(reencoded, bytes)) tally.reencoded += 1;
	const expected = await describeModel(model);
	const again = await describeModel(await readModel(memorySource(touched)));
	const anew = await describeModel(await readModel(memorySource(reencoded)));
	expect(again, `laid out anew: ${file.path}`).toBe(expected);
	expect(anew, `written anew: ${file.path}`).toBe(expected);
	tally.equal += 1;
}

function table(tallies: ReadonlyMap<string, Tally>): string {
	const head = ['collection', 'models', 'untouched =', 'laid out =', 'all anew =', 'equal'];
	const rows = [...tallies].map(([group, t]) => [group, t.models, t.untouched, t.touched, t.reencoded, t.equal].map(String));
	const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
	return [head, ...rows].map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}

describe('round trip', () => {
	const files = [...sharedModels(), ...backendModels()];
	if (files.length === 0) {
		console.log('Round trip skipped: neither ../shared/models nor the ONNX backend test data (libonnx-testdata, ONNX_TESTDATA) is here.');
	}
	it.skipIf(files.length === 0)(
		'writes untouched models back byte for byte, and changed layouts structurally equal',
		async () => {
			const tallies = new Map<string, Tally>();
			for (const file of files) {
				const tally = tallies.get(file.group) ?? { models: 0, untouched: 0, touched: 0, reencoded: 0, equal: 0 };
				tallies.set(file.group, tally);
				await roundTrip(file, tally).catch((error: unknown) => {
					throw new Error(`${relative(process.cwd(), file.path)}: ${String(error)}`, { cause: error });
				});
			}
			console.log(`Byte-identical models (=) by way of writing:\n${table(tallies)}`);
			for (const tally of tallies.values()) {
				expect(tally.untouched).toBe(tally.models);
				expect(tally.equal).toBe(tally.models);
			}
		},
		300_000,
	);
});

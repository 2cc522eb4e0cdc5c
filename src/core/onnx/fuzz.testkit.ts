import { memorySource } from '../bytes/source.ts';
import type { SeededRandom } from '../numeric/random.ts';
import { checkModel } from './check.ts';
import { ModelError } from './errors.ts';
import { allTensors } from './external.ts';
import { mutate } from './mutate.testkit.ts';
import { readModel } from './read.ts';
import { summarize } from './summary.ts';
import { serialize } from './write.ts';

/** What became of a number of damaged files. */
export interface FuzzTally {
	mutants: number;
	/** Read, checked, written and read again. */
	read: number;
	/** Of those, how many the checker found fault with. */
	faulty: number;
	/** Refused, by error code. */
	readonly refused: Map<string, number>;
	slowestMs: number;
	slowest: string;
	/** Errors that are no ModelError, and models that did not survive writing: each is a bug. */
	readonly bugs: string[];
}

export interface FuzzSeed {
	readonly name: string;
	readonly bytes: Uint8Array;
}

export function newTally(): FuzzTally {
	return { mutants: 0, read: 0, faulty: 0, refused: new Map(), slowestMs: 0, slowest: '', bugs: [] };
}

/** Damages one seed and takes the result through read, check, facts (types and shapes included), tensor data and write. */
export async function fuzzOnce(seed: FuzzSeed, random: SeededRandom, tally: FuzzTally, label: string): Promise<void> {
	const { bytes, applied } = mutate(seed.bytes, random);
	const began = performance.now();
	tally.mutants += 1;
	try {
		const model = await readModel(memorySource(bytes));
		const problems = checkModel(model);
		await summarize(model, { fileName: seed.name, byteLength: bytes.byteLength });
		tally.read += 1;
		if (problems.length > 0 || model.readProblems.length > 0) tally.faulty += 1;
		for (const tensor of allTensors(model)) await tensor.bytes();
		model.graph.touch();
		const written = await serialize(model);
		const again = await readModel(memorySource(written));
		if (again.graph.nodeCount !== model.graph.nodeCount) throw new Error('written model has another number of nodes');
		const anew = await serialize(model, { verbatim: false });
		await readModel(memorySource(anew));
	} catch (error) {
		if (error instanceof ModelError) tally.refused.set(error.code, (tally.refused.get(error.code) ?? 0) + 1);
		else
			tally.bugs.push(
				`${label} ${seed.name} (${applied.join(', ')}): ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
			);
	}
	const durationMs = performance.now() - began;
	if (durationMs > tally.slowestMs) {
		tally.slowestMs = durationMs;
		tally.slowest = `${label} ${seed.name} (${applied.join(', ')})`;
	}
}

import { memorySource } from '../src/core/bytes/source.ts';
import type { Feeds } from '../src/core/ir/tensor-data.ts';
import { readModel } from '../src/core/onnx/read.ts';
import { serialize } from '../src/core/onnx/write.ts';
import { compareModels } from '../src/core/pass/equivalence.ts';
import { parseOptions } from '../src/core/pass/options.ts';
import { pairedRatio } from '../src/core/study/intervals.ts';
import { engineCompute } from '../src/engine/compute.ts';
import { findCulprit } from '../src/passes/optimize/bisect.ts';
import { optimizeOptions } from '../src/passes/optimize/options.ts';
import { applyRules, countNodes } from '../src/passes/optimize/run.ts';
import { openSubject, type SubjectName, subjectNames } from './subjects.ts';

/**
 * The shared models before and after `optimize` on real inputs: differences of every output, and the ratio of latencies with its
 * interval (runs in turn, one thread).
 *
 *     node scripts/run-ts.mjs bench/optimize-equal.ts [--examples N] [--rounds N] [--options JSON] [NAME...]
 */
const args = process.argv.slice(2);
const take = (flag: string, fallback: string): string => {
	const at = args.indexOf(flag);
	return at < 0 ? fallback : (args.splice(at, 2)[1] ?? fallback);
};
const examples = Number(take('--examples', '8'));
const rounds = Number(take('--rounds', '31'));
const options = parseOptions(optimizeOptions, JSON.parse(take('--options', '{}')));
for (const name of args.length > 0 ? (args as SubjectName[]) : subjectNames) {
	const subject = await openSubject(name);
	if (!subject) continue;
	const compute = engineCompute(subject.engine);
	const inputs: Feeds[] = [];
	for (let index = 0; index < Math.min(examples, subject.evaluation.n); index++)
		inputs.push((await subject.evaluation.example(index)).feeds);
	const before = await subject.model();
	const after = await subject.model();
	await applyRules(after, options, { signal: undefined, compute });
	const file = await serialize(after);
	const written = await readModel(memorySource(file));
	const same = await compareModels(compute, before, written, inputs);
	console.log(
		`${name}: ${countNodes(before)} -> ${countNodes(after)} nodes, ${subject.bytes.byteLength} -> ${file.byteLength} bytes; on ${same.runs} inputs ${same.equal ? 'equal' : 'DIFFERENT'}`,
	);
	for (const problem of same.problems) console.log(`  ${problem}`);
	for (const { output, maxAbs, relative, sqnrDb } of same.outputs) {
		console.log(`  ${output}: max abs ${maxAbs.toExponential(2)}, relative ${relative.toExponential(2)}, ${sqnrDb.toFixed(1)} dB`);
	}
	if (!same.equal) {
		const culprit = await findCulprit({ compute, open: () => subject.model(), options, inputs: inputs.slice(0, 2) });
		if (culprit) console.log(`  from ${culprit.rule} at ${culprit.node} on (${culprit.application} of ${culprit.applications})`);
	}
	if (rounds > 0) {
		const [a, b] = [await subject.engine.load({ model: subject.bytes }), await subject.engine.load({ model: file })];
		const times: [number[], number[]] = [[], []];
		for (let round = 0; round < rounds + 3; round++) {
			// Each goes first in every second round.
			for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
				const began = performance.now();
				await (which === 0 ? a : b).run(inputs[0] as Feeds);
				if (round >= 3) times[which as 0 | 1].push(performance.now() - began);
			}
		}
		const { value, interval } = pairedRatio(times[1], times[0]);
		console.log(`  latency ratio ${value.toFixed(3)} [${interval?.[0].toFixed(3)}, ${interval?.[1].toFixed(3)}]`);
		await a.release();
		await b.release();
	}
	await subject.close();
}

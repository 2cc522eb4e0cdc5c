import { backendModels } from '../src/core/onnx/corpus.testkit.ts';
import { engineCompute } from '../src/engine/compute.ts';
import { createNodeEngine } from '../src/engine/node/index.ts';
import { backendCase } from '../src/passes/optimize/backend-case.testkit.ts';
import { judge, type Verdict } from '../src/passes/optimize/judge-case.testkit.ts';

/**
 * Optimizes every model of the ONNX backend tests and compares what it gives with what is recorded, and with the original.
 *
 *     node scripts/run-ts.mjs bench/backend-corpus.ts [--verbose] [PART-OF-A-NAME]
 *
 * ONNX_TESTDATA names a folder with the collections (node, simple, light …); default: the Debian package libonnx-testdata.
 */
const only = process.argv.slice(2).find((arg) => !arg.startsWith('--')) ?? '';
const verbose = process.argv.includes('--verbose');
const compute = engineCompute(await createNodeEngine());
const verdicts: { name: string; group: string; verdict: Verdict }[] = [];
for (const { path, group } of backendModels()) {
	if (!path.includes(only)) continue;
	const test = await backendCase(path);
	let verdict: Verdict;
	try {
		verdict = await judge(test, compute, { runtimeFolding: true });
	} catch (error) {
		verdict = { kind: 'wrong', reason: `threw: ${error instanceof Error ? error.message : String(error)}`, nodesBefore: 0, nodesAfter: 0 };
	}
	verdicts.push({ name: path.split('/').slice(-2).join('/'), group, verdict });
	if (verdict.kind === 'wrong' || verbose) console.log(`${verdict.kind} ${verdicts.at(-1)?.name}: ${verdict.reason}`);
}
const count = (kind: Verdict['kind']): number => verdicts.filter(({ verdict }) => verdict.kind === kind).length;
const reasons = new Map<string, number>();
for (const { verdict } of verdicts) {
	const reason = verdict.reason.replace(/ \(node .*|:.*/s, '');
	if (verdict.kind !== 'wrong') reasons.set(`${verdict.kind}: ${reason}`, (reasons.get(`${verdict.kind}: ${reason}`) ?? 0) + 1);
}
for (const [reason, times] of [...reasons].sort((a, b) => b[1] - a[1]).slice(0, 30)) console.log(`${times} x ${reason}`);
const smaller = verdicts.filter(({ verdict }) => verdict.nodesAfter < verdict.nodesBefore).length;
console.log(
	`${verdicts.length} models: ${count('equal')} equal, ${count('refused')} refused, ${count('wrong')} wrong; ${smaller} became smaller`,
);
process.exitCode = count('wrong') > 0 ? 1 : 0;

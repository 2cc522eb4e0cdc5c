import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { memorySource } from '../src/core/bytes/source.ts';
import { allNodes } from '../src/core/ir/model.ts';
import { sharedModels } from '../src/core/onnx/corpus.testkit.ts';
import { readModel } from '../src/core/onnx/read.ts';
import { serialize } from '../src/core/onnx/write.ts';
import { runRecipe } from '../src/core/pass/pipeline.ts';
import { countNodes } from '../src/passes/optimize/run.ts';
import { passes } from '../src/passes/registry.ts';

/**
 * Optimizes the shared models, or the files named, and tells nodes, bytes, time and what is left by operator.
 *
 *     node scripts/run-ts.mjs bench/optimize-models.ts [--out FOLDER] [--options JSON] [FILE...]
 */
const args = process.argv.slice(2);
const take = (flag: string): string | undefined => {
	const at = args.indexOf(flag);
	return at < 0 ? undefined : args.splice(at, 2)[1];
};
const folder = take('--out');
const options = JSON.parse(take('--options') ?? '{}') as Record<string, unknown>;
const verbose = args.includes('--notes');
const files = args.filter((arg) => !arg.startsWith('--'));
for (const path of files.length > 0 ? files : sharedModels().map((file) => file.path)) {
	const model = await readModel(memorySource(readFileSync(path)));
	const nodes = countNodes(model);
	const before = readFileSync(path).byteLength;
	const began = performance.now();
	const [report] = await runRecipe(model, { v: 1, seed: 0, steps: [{ pass: 'optimize', options }] }, passes);
	const milliseconds = performance.now() - began;
	const bytes = await serialize(model);
	if (folder) writeFileSync(join(folder, basename(path)), bytes);
	const counts = new Map<string, number>();
	for (const node of allNodes(model)) counts.set(node.qualifiedOp, (counts.get(node.qualifiedOp) ?? 0) + 1);
	console.log(
		`${basename(path)}: ${nodes} nodes -> ${countNodes(model)} (main graph ${model.graph.nodeCount}), ${before} -> ${bytes.byteLength} bytes, ${milliseconds.toFixed(0)} ms`,
	);
	console.log(
		`  ${[...counts]
			.sort((a, b) => b[1] - a[1])
			.map(([op, count]) => `${op} ${count}`)
			.join(', ')}`,
	);
	for (const note of report?.notes ?? [])
		if (verbose || note.level === 'info') console.log(`  ${note.level} ${note.node ?? ''} ${note.reason}`);
}

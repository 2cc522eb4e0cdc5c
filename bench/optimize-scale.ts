import { performance } from 'node:perf_hooks';
import { parseOptions } from '../src/core/pass/options.ts';
import { generatedGraph } from '../src/passes/optimize/generated-graph.testkit.ts';
import { optimizeOptions } from '../src/passes/optimize/options.ts';
import { applyRules, countNodes } from '../src/passes/optimize/run.ts';

/**
 * Time to optimize generated graphs of 5,000, 10,000 and 20,000 nodes (or the sizes given), to see that it grows with their size.
 *
 *     node scripts/run-ts.mjs bench/optimize-scale.ts [NODES...]
 */
const sizes = process.argv.slice(2).map(Number);
const options = parseOptions(optimizeOptions, {});
await applyRules(generatedGraph(500, 1), options, { signal: undefined });
for (const nodes of sizes.length > 0 ? sizes : [5000, 10_000, 20_000]) {
	const model = generatedGraph(nodes, 1);
	const before = countNodes(model);
	const began = performance.now();
	const result = await applyRules(model, options, { signal: undefined });
	const seconds = (performance.now() - began) / 1000;
	console.log(
		`${before} nodes -> ${countNodes(model)}: ${seconds.toFixed(2)} s, ${((seconds * 1e6) / before).toFixed(0)} us a node, settled ${result.settled}`,
	);
}

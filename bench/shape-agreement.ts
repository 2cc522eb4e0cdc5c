import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { memorySource } from '../src/core/bytes/source.ts';
import type { Value } from '../src/core/ir/graph.ts';
import type { Dim } from '../src/core/ir/type.ts';
import { backendModels, sharedModels } from '../src/core/onnx/corpus.testkit.ts';
import { inferTypes } from '../src/core/onnx/infer.ts';
import { readModel } from '../src/core/onnx/read.ts';

/**
 * Compares inferred types with those of onnx.shape_inference over the backend tests and the shared models, value by value. Needs Python
 * with onnx; PYTHON names the interpreter.
 *
 *     PYTHON=python3 node scripts/run-ts.mjs bench/shape-agreement.ts [--verbose]
 */
const NAMES: Readonly<Record<string, string>> = { float: 'float32', double: 'float64' };
const verbose = process.argv.includes('--verbose');
const paths = [...backendModels(), ...sharedModels()].map(({ path }) => path);
const counts = { models: 0, values: 0, equal: 0, more: 0, less: 0, contradictions: 0 };
const less = new Map<string, number>();
for (let at = 0; at < paths.length; at += 100) {
	const { stdout, error } = spawnSync(process.env.PYTHON ?? 'python3', ['bench/shape-agreement.py', ...paths.slice(at, at + 100)], {
		encoding: 'utf8',
		maxBuffer: 1 << 28,
	});
	if (error) throw error;
	for (const line of stdout.trim().split('\n')) {
		const { path, rows } = JSON.parse(line) as { path: string; rows: Record<string, [string, Dim[] | null]> };
		await compare(path, rows);
	}
}

async function compare(path: string, rows: Readonly<Record<string, readonly [string, readonly Dim[] | null]>>): Promise<void> {
	const model = await readModel(memorySource(new Uint8Array(readFileSync(path))));
	const values = new Map<string, Value>();
	for (const node of model.graph.nodes()) {
		for (const output of node.outputs) {
			if (!output) continue;
			output.type = undefined;
			values.set(output.name, output);
		}
	}
	const types = await inferTypes(model);
	counts.models += 1;
	for (const [name, [element, shape]] of Object.entries(rows)) {
		const value = values.get(name);
		if (!value) continue;
		counts.values += 1;
		const type = types.typeOf(value);
		const own = type?.kind === 'tensor' ? type : undefined;
		const dtype = NAMES[element] ?? element;
		const verdict = judge(own?.dtype === undefined || own.dtype === dtype, own?.shape ?? null, shape);
		counts[verdict] += 1;
		const op = value.producer?.qualifiedOp ?? '';
		if (verdict === 'less') less.set(op, (less.get(op) ?? 0) + 1);
		if (verdict === 'contradictions' || (verbose && verdict === 'less')) {
			console.log(
				`${verdict} ${path.split('/').slice(-2).join('/')} ${op} ${name}: ${own?.dtype} ${JSON.stringify(own?.shape)} but ${dtype} ${JSON.stringify(shape)}`,
			);
		}
	}
}

function judge(sameType: boolean, own: readonly Dim[] | null, theirs: readonly Dim[] | null): 'equal' | 'more' | 'less' | 'contradictions' {
	if (!sameType) return 'contradictions';
	if (!theirs) return own ? 'more' : 'equal';
	if (!own) return 'less';
	if (own.length !== theirs.length) return 'contradictions';
	let [more, fewer] = [false, false];
	for (const [axis, dim] of theirs.entries()) {
		const mine = own[axis] ?? null;
		if (mine === dim) continue;
		if (typeof mine === 'number' && typeof dim === 'number') return 'contradictions';
		if (typeof mine === 'number' || dim === null) more = true;
		else if (mine === null || typeof dim === 'number') fewer = true;
	}
	return fewer ? 'less' : more ? 'more' : 'equal';
}

for (const [op, times] of [...less].sort((a, b) => b[1] - a[1]).slice(0, 25)) console.log(`  less: ${times} x ${op}`);
console.log(
	`${counts.models} models, ${counts.values} values that onnx.shape_inference has a type for: ${counts.equal} equal, ${counts.more} known better here, ${counts.less} known less, ${counts.contradictions} contradictions`,
);

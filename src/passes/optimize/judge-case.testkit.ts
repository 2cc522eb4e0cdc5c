import type { Model } from '../../core/ir/model.ts';
import type { TensorData } from '../../core/ir/tensor-data.ts';
import { checkModel } from '../../core/onnx/check.ts';
import type { Compute, ComputeSession } from '../../core/pass/calibration.ts';
import { compareResults } from '../../core/pass/equivalence.ts';
import { parseOptions } from '../../core/pass/options.ts';
import { type BackendCase, feedsOf, openModelFile } from './backend-case.testkit.ts';
import { optimizeOptions } from './options.ts';
import { applyRules, countNodes } from './run.ts';

/**
 * equal: ran, and gave what is recorded, or what the original gives here. refused: nothing could be compared, with the reason.
 * wrong: it differs, breaks a rule of ONNX, or does not run where the original does.
 */
export interface Verdict {
	readonly kind: 'equal' | 'refused' | 'wrong';
	readonly reason: string;
	readonly nodesBefore: number;
	readonly nodesAfter: number;
}

/** The tolerance of the backend tests: |a - b| <= 1e-7 + 1e-3 |b|, element by element (onnx/backend/test/runner). */
const [ABSOLUTE, RELATIVE] = [1e-7, 1e-3];

const RANDOM = new Set(['RandomNormal', 'RandomUniform', 'RandomNormalLike', 'RandomUniformLike', 'Multinomial', 'Bernoulli']);

/** Optimizes the model of a test and compares it with what is recorded and with the original, in the runtime. */
export async function judge(test: BackendCase, compute: Compute, options: object = {}): Promise<Verdict> {
	const original = await openModelFile(test.path);
	const optimized = await openModelFile(test.path);
	const faults = new Set(checkModel(original).map((problem) => problem.message));
	const nodesBefore = countNodes(original);
	await applyRules(optimized, parseOptions(optimizeOptions, options), { signal: undefined, compute });
	const nodesAfter = countNodes(optimized);
	const verdict = (kind: Verdict['kind'], reason: string): Verdict => ({ kind, reason, nodesBefore, nodesAfter });
	const broken = checkModel(optimized).find((problem) => !faults.has(problem.message));
	if (broken) return verdict('wrong', `it breaks a rule: ${broken.message}`);
	const feeds = feedsOf(original, test);
	if (!feeds) return verdict('refused', 'its inputs are no tensors that can be fed');
	let expected: Record<string, TensorData>;
	try {
		expected = await run(compute, original, feeds);
	} catch (error) {
		return verdict('refused', `the original does not run here: ${firstLine(error)}`);
	}
	let actual: Record<string, TensorData>;
	try {
		actual = await run(compute, optimized, feeds);
	} catch (error) {
		return verdict('wrong', `it does not run where the original does: ${firstLine(error)}`);
	}
	const recorded = recordedOutputs(original, test);
	if (recorded && matches(recorded, expected)) {
		return matches(recorded, actual) ? verdict('equal', 'as recorded') : verdict('wrong', 'it differs from what is recorded');
	}
	for (const node of original.graph.nodes()) if (RANDOM.has(node.op)) return verdict('refused', 'it draws random numbers');
	const { equal, problems, outputs } = compareResults([expected], [actual]);
	const worst = Math.max(0, ...outputs.map((output) => output.relative));
	return equal ? verdict('equal', 'as the original') : verdict('wrong', problems[0] ?? `it differs from the original by ${worst}`);
}

async function run(compute: Compute, model: Model, feeds: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>> {
	const session: ComputeSession = await compute.load(model, { graphOptimization: 'disabled' });
	try {
		const names = new Set(session.inputs.map((input) => input.name));
		return await session.run(Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name))));
	} finally {
		await session.release();
	}
}

function recordedOutputs(model: Model, test: BackendCase): Record<string, TensorData> | undefined {
	const outputs: Record<string, TensorData> = {};
	for (const [index, output] of model.graph.outputs.entries()) {
		const recorded = test.outputs[index];
		if (!recorded) return undefined;
		outputs[output.name] = recorded;
	}
	return outputs;
}

function matches(recorded: Readonly<Record<string, TensorData>>, actual: Readonly<Record<string, TensorData>>): boolean {
	return Object.entries(recorded).every(([name, expected]) => {
		const test = actual[name];
		if (!test || test.dims.join() !== expected.dims.join() || test.data.length !== expected.data.length) return false;
		for (let index = 0; index < expected.data.length; index++) {
			const [a, b] = [expected.data[index], test.data[index]];
			if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
			if (typeof a !== 'number' || typeof b !== 'number') return false;
			if (!(Math.abs(a - b) <= ABSOLUTE + RELATIVE * Math.abs(a))) return false;
		}
		return true;
	});
}

function firstLine(error: unknown): string {
	const detail = typeof error === 'object' && error !== null && 'detail' in error ? String(error.detail) : '';
	return (detail || (error instanceof Error ? error.message : String(error))).split('\n')[0]?.slice(0, 160) ?? '';
}

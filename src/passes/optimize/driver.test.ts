import { describe, expect, it } from 'vitest';
import { allNodes, Model } from '../../core/ir/model.ts';
import { printModel } from '../../core/ir/print.ts';
import { tensorType } from '../../core/ir/type.ts';
import { seededRandom } from '../../core/numeric/random.ts';
import { serialize } from '../../core/onnx/write.ts';
import { compareModels } from '../../core/pass/equivalence.ts';
import { parseOptions } from '../../core/pass/options.ts';
import { engineCompute } from '../../engine/compute.ts';
import { createNodeEngine } from '../../engine/node/index.ts';
import { OptimizeContext } from './context.ts';
import { optimizeGraph, RuleFailed } from './driver.ts';
import { generatedGraph } from './generated-graph.testkit.ts';
import { optimizeOptions } from './options.ts';
import type { Rule } from './rule.ts';
import { applyRules, countNodes, ruleIds } from './run.ts';

const defaults = parseOptions(optimizeOptions, {});

function chain(length: number): Model {
	const model = new Model(undefined, 'chain');
	model.setOpset('', 17);
	let x = model.graph.addInput('x', tensorType('float32', [2]));
	for (let index = 0; index < length; index++)
		x = model.graph.append(model.graph.createNode({ op: 'Relu', inputs: [x], outputs: 1 })).output();
	model.graph.setOutputs([x]);
	return model;
}

function drive(model: Model, rules: readonly Rule[]) {
	const context = new OptimizeContext(model, { allowContrib: false, sizeBudget: 0, compute: undefined, signal: undefined });
	return optimizeGraph(model, context, { phases: [{ sweeps: [], rules }] });
}

describe('the driver of rules', () => {
	it('offers what a rule touched again, until nothing applies', async () => {
		const merge: Rule = {
			id: 'merge',
			title: 'Relu of Relu is Relu.',
			anchors: ['Relu'],
			apply(node, context) {
				const before = node.input(0)?.producer;
				if (before?.op !== 'Relu') return undefined;
				node.setInput(0, before.input(0));
				context.removeDead(before);
				return { kind: 'changed', touched: [node] };
			},
		};
		const model = chain(50);
		const { applied, settled } = await drive(model, [merge]);
		expect(model.graph.nodeCount).toBe(1);
		expect(applied.get('merge')).toBe(49);
		expect(settled).toBe(true);
	});

	it('ends where two rules undo each other, and says that it did not settle', async () => {
		const turn = (from: string, to: string): Rule => ({
			id: `${from} to ${to}`,
			title: 'Turns.',
			anchors: [from],
			apply(node) {
				node.setOp(to);
				return { kind: 'changed', touched: [node] };
			},
		});
		const { settled } = await drive(chain(3), [turn('Relu', 'Neg'), turn('Neg', 'Relu')]);
		expect(settled).toBe(false);
	});

	it('tells refusals that still hold, once a node and rule', async () => {
		const refuse: Rule = { id: 'no', title: 'Never.', anchors: ['*'], apply: () => ({ kind: 'refused', reason: 'it may not' }) };
		const { notes } = await drive(chain(2), [refuse]);
		expect(notes.map(({ level, reason }) => `${level} ${reason}`)).toEqual(['skip no: it may not', 'skip no: it may not']);
	});

	it('names a rule that throws, and the node', async () => {
		const broken: Rule = {
			id: 'broken',
			title: 'Throws.',
			anchors: ['Relu'],
			apply() {
				throw new Error('out of luck');
			},
		};
		await expect(drive(chain(1), [broken])).rejects.toThrow(RuleFailed);
		await expect(drive(chain(1), [broken])).rejects.toThrow(/rule broken failed at .*: out of luck/);
	});

	it('leaves nodes alone whose attributes are parameters of a function', async () => {
		const model = chain(1);
		for (const node of model.graph.nodes()) node.setAttribute('axis', { kind: 'ref', type: 2, value: 'axis' });
		const { applied } = await drive(model, [{ id: 'any', title: 'Any.', anchors: ['*'], apply: () => ({ kind: 'changed', touched: [] }) }]);
		expect(applied.size).toBe(0);
	});
});

describe('optimize as a whole', () => {
	it('rules have names of their own', () => {
		const ids = ruleIds();
		expect(new Set(ids).size).toBe(ids.length);
	});

	it('gives equal models for equal models, and nothing is left to do in a second go', async () => {
		const texts: string[] = [];
		for (let time = 0; time < 2; time++) {
			const model = generatedGraph(300, 3);
			const { settled } = await applyRules(model, defaults, { signal: undefined });
			expect(settled).toBe(true);
			texts.push(printModel(model));
			if (time === 1) {
				const again = await applyRules(model, defaults, { signal: undefined });
				expect([...again.applied]).toEqual([]);
			}
		}
		expect(texts[0]).toBe(texts[1]);
	});

	it('computes the same with fewer nodes, in any number of rows', async () => {
		const compute = engineCompute(await createNodeEngine());
		const random = seededRandom(5);
		for (const seed of [1, 2, 3]) {
			const before = generatedGraph(150, seed);
			const after = generatedGraph(150, seed);
			await applyRules(after, defaults, { signal: undefined });
			expect(countNodes(after)).toBeLessThan(countNodes(before) * 0.6);
			const inputs = [1, 3].map((rows) => ({
				x: { dtype: 'float32' as const, dims: [rows, 8, 6, 6], data: Float32Array.from({ length: rows * 288 }, () => random.normal()) },
			}));
			const { equal, outputs, problems } = await compareModels(compute, before, after, inputs, { tolerance: 1e-4 });
			expect({ equal, problems, outputs }).toMatchObject({ equal: true, problems: [] });
			expect((await serialize(after)).byteLength).toBeLessThanOrEqual((await serialize(before)).byteLength);
		}
	});

	it('looks at each node a bounded number of times: ten times the nodes, about ten times the looks', async () => {
		const looks = async (nodes: number): Promise<number> => {
			let count = 0;
			const counting: Rule = {
				id: 'count',
				title: 'Counts.',
				anchors: ['*'],
				apply() {
					count += 1;
					return undefined;
				},
			};
			const model = generatedGraph(nodes, 1);
			const context = new OptimizeContext(model, { allowContrib: false, sizeBudget: 0, compute: undefined, signal: undefined });
			const { cleanRules, foldRules, fusionRules, foldSweeps, cleanSweeps } = await import('./rules/index.ts');
			await optimizeGraph(model, context, {
				phases: [{ sweeps: [...foldSweeps, ...cleanSweeps], rules: [counting, ...cleanRules, ...foldRules, ...fusionRules] }],
			});
			return count;
		};
		expect(await looks(3000)).toBeLessThan(14 * (await looks(300)));
	});

	it('switches and single rules can be left out', async () => {
		const off = parseOptions(optimizeOptions, { fold: false, fuse: false, inline: false, rulesOff: ['identity'] });
		const model = generatedGraph(120, 2);
		const { applied } = await applyRules(model, off, { signal: undefined });
		expect([...applied.keys()].filter((id) => id.startsWith('fuse') || id.startsWith('fold') || id === 'identity')).toEqual([]);
		expect([...allNodes(model)].some((node) => node.op === 'Identity')).toBe(true);
	});
});

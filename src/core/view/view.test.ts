import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attribute } from '../ir/attribute.ts';
import { Graph } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { float32Tensor, memoryTensor } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { inferTypes } from '../onnx/infer.ts';
import { diffGraphs } from './diff.ts';
import { drawGraph, type GraphDrawing } from './drawing.ts';
import { groupsIn, groupsToClose, pictureOf } from './groups.ts';
import { layeredLayout } from './layers.ts';
import { tensorFacts } from './tensor-facts.ts';

interface Step {
	readonly op: string;
	readonly name?: string;
	readonly weight?: readonly number[];
	readonly attributes?: Record<string, ReturnType<typeof attribute.int>>;
	readonly output?: string;
}

/** x -> steps in a row -> y. */
function chain(steps: readonly Step[]): Model {
	const model = new Model(undefined, 'main');
	model.setOpset('', 17);
	const { graph } = model;
	let value = graph.addInput('x', tensorType('float32', ['N', 4]));
	for (const [i, { op, name, weight, attributes, output }] of steps.entries()) {
		const stored = weight && graph.addInitializer(`w${i}`, float32Tensor(weight, [weight.length]));
		const node = graph.createNode({
			op,
			name: name ?? `${op}${i}`,
			inputs: [value, ...(stored ? [stored] : [])],
			outputs: [output ?? `v${i}`],
			attributes: attributes ?? {},
		});
		graph.append(node);
		value = node.output();
	}
	graph.setOutputs([value]);
	return model;
}

async function drawn(model: Model, scope = ''): Promise<GraphDrawing> {
	return drawGraph(model, await inferTypes(model), scope);
}

const opOf = ({ nodes }: GraphDrawing, id: number): string => nodes[id]?.op ?? '';

describe('drawing', () => {
	it('has inputs, operators, outputs and their values with types', async () => {
		const drawing = await drawn(chain([{ op: 'Relu' }, { op: 'Mul', weight: [1, 2, 3, 4] }]));
		expect(drawing.nodes.map(({ kind, op }) => `${kind} ${op}`)).toEqual(['input x', 'operator Relu', 'operator Mul', 'output v1']);
		expect(drawing.edges.map(({ from, to, name, type }) => `${opOf(drawing, from)} ${name} ${opOf(drawing, to)} ${type}`)).toEqual([
			'x x Relu float32[N, 4]',
			'Relu v0 Mul float32[N, 4]',
			'Mul v1 v1 float32[N, 4]',
		]);
		expect(drawing.nodes[2]).toMatchObject({
			key: 'v1',
			bytes: 16,
			inputs: [{ name: 'v0' }, { name: 'w1', stored: { byteLength: 16, dims: [4] } }],
		});
	});

	it('enters bodies by their scope, and shows what they read from around them', async () => {
		const model = chain([{ op: 'Relu' }]);
		const { graph } = model;
		const relu = [...graph.nodes()][0];
		const condition = graph.addInput('c', tensorType('bool', []));
		const branch = (name: string) => {
			const body = new Graph(model.ledger, name);
			const value = relu?.output();
			if (!value) throw new Error('no value');
			const node = body.createNode({ op: 'Neg', inputs: [value], outputs: [`${name}_out`] });
			body.append(node);
			body.setOutputs([node.output()]);
			return body;
		};
		const conditional = graph.createNode({
			op: 'If',
			inputs: [condition],
			outputs: ['picked'],
			attributes: { then_branch: attribute.graph(branch('then')), else_branch: attribute.graph(branch('else')) },
		});
		graph.append(conditional);
		graph.setOutputs([conditional.output()]);
		const outside = await drawn(model);
		const node = outside.nodes.find(({ op }) => op === 'If');
		expect(node?.bodies.map(({ scope }) => scope)).toEqual(['picked/then_branch', 'picked/else_branch']);
		expect(outside.edges.some(({ from, to }) => opOf(outside, from) === 'Relu' && to === node?.id)).toBe(true);
		const inside = await drawn(model, 'picked/else_branch');
		expect(inside.nodes.map(({ op, key }) => [op, key])).toEqual([
			['Neg', 'picked/else_branch/else_out'],
			['else_out', undefined],
		]);
		expect(inside.path.map(({ title }) => title)).toEqual(['main graph', 'If else_branch']);
		await expect(drawn(model, 'nowhere')).rejects.toThrow('no graph nowhere');
	});
});

describe('groups', () => {
	it('close into one box, edges included, and open again', async () => {
		const drawing = await drawn(
			chain([
				{ op: 'Relu', name: '/a/0/Relu' },
				{ op: 'Neg', name: '/a/0/Neg' },
				{ op: 'Abs', name: '/a/1/Abs' },
				{ op: 'Exp', name: '/b/Exp' },
			]),
		);
		expect(groupsIn(drawing).map(({ path, count }) => `${path} ${count}`)).toEqual(['a 3', 'a/0 2']);
		const picture = pictureOf(drawing, new Set(['a']));
		expect(picture.items.map(({ id }) => id)).toEqual(['n0', 'g/a', 'n4', 'n5']);
		expect(picture.links.map(({ from, to }) => `${from}>${to}`)).toEqual(['n0>g/a', 'g/a>n4', 'n4>n5']);
		expect(pictureOf(drawing, new Set()).items).toHaveLength(6);
		expect([...groupsToClose(drawing, 5)]).toEqual(['a/0']);
		expect([...groupsToClose(drawing, 4)]).toEqual(['a/0', 'a']);
		expect([...groupsToClose(drawing, 100)]).toEqual([]);
	});
});

describe('differences', () => {
	const states = (diff: ReturnType<typeof diffGraphs>): string[] => diff.drawing.nodes.map((node) => `${node.op} ${diff.states[node.id]}`);

	it('finds nothing between a graph and itself', async () => {
		const drawing = await drawn(chain([{ op: 'Relu' }, { op: 'Mul', weight: [1] }]));
		expect(diffGraphs(drawing, drawing).counts).toEqual({ same: 4, changed: 0, added: 0, removed: 0 });
	});

	it('tells added, removed and changed nodes, and what changed', async () => {
		const before = await drawn(
			chain([
				{ op: 'Relu', output: 'a' },
				{ op: 'Softmax', output: 'b', attributes: { axis: attribute.int(1n) } },
				{ op: 'Neg', output: 'c' },
			]),
		);
		const after = await drawn(
			chain([
				{ op: 'Softmax', output: 'b', attributes: { axis: attribute.int(0n) } },
				{ op: 'Abs', output: 'new' },
				{ op: 'Neg', output: 'c' },
			]),
		);
		const diff = diffGraphs(before, after);
		expect(states(diff)).toEqual(['x same', 'Softmax changed', 'Abs added', 'Neg same', 'c same', 'Relu removed']);
		expect([...diff.changes.values()].flat()).toEqual(['attribute axis from 1 to 0']);
		const removed = diff.drawing.nodes.findIndex(({ op }) => op === 'Relu');
		expect(diff.drawing.edges.filter(({ from, to }) => from === removed || to === removed)).toHaveLength(2);
	});

	it('matches layers that were renamed, by their neighbours, through pairs of quantization', async () => {
		const before = await drawn(
			chain([
				{ op: 'Relu', output: 'a' },
				{ op: 'Exp', output: 'b' },
				{ op: 'Neg', output: 'c' },
			]),
		);
		const after = await drawn(
			chain([
				{ op: 'Relu', output: 'a' },
				{ op: 'Cast', output: 'q' },
				{ op: 'Exp', name: 'other', output: 'renamed' },
				{ op: 'Neg', output: 'c' },
			]),
		);
		expect(states(diffGraphs(before, after))).toEqual(['x same', 'Relu same', 'Cast added', 'Exp same', 'Neg same', 'c same']);
	});

	it('sees an operator that took the place of another, and weights of another type', async () => {
		const before = await drawn(chain([{ op: 'Mul', weight: [1, 2], output: 'a' }]));
		const model = chain([{ op: 'Div', weight: [1, 2], output: 'a' }]);
		const diff = diffGraphs(before, await drawn(model));
		expect(diff.changes.get(1)).toEqual(['operator Mul to Div']);
		const wider = await drawn(chain([{ op: 'Mul', weight: [1, 2, 3], output: 'a' }]));
		expect(diffGraphs(before, wider).changes.get(1)).toEqual(['input 1 from float32[2] to float32[3]']);
	});
});

describe('quick layout', () => {
	it('puts every box below those that point to it, without overlap in a layer (property)', () => {
		const graphs = fc
			.integer({ min: 1, max: 60 })
			.chain((n) => fc.record({ n: fc.constant(n), links: fc.array(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), { maxLength: 120 }) }));
		fc.assert(
			fc.property(graphs, ({ n, links }) => {
				const boxes = Array.from({ length: n }, (_, i) => ({ id: `b${i}`, width: 40 + (i % 5) * 10, height: 20 }));
				const forward = links.filter(([a, b]) => a < b).map(([a, b]) => ({ from: `b${a}`, to: `b${b}` }));
				const result = layeredLayout({ boxes, links: forward });
				const at = (id: string) => result.boxes[Number(id.slice(1))] ?? { x: 0, y: 0 };
				for (const { from, to } of forward) expect(at(from).y).toBeLessThan(at(to).y);
				for (let i = 0; i < n; i++) {
					for (let j = 0; j < i; j++) {
						const [a, b] = [at(`b${i}`), at(`b${j}`)];
						const apart = Math.abs(a.x - b.x) >= ((boxes[i]?.width ?? 0) + (boxes[j]?.width ?? 0)) / 2 || Math.abs(a.y - b.y) >= 20;
						expect(apart).toBe(true);
					}
				}
			}),
			{ seed: 5, numRuns: 60 },
		);
	});

	it('ends on cycles', () => {
		const boxes = ['a', 'b', 'c'].map((id) => ({ id, width: 10, height: 10 }));
		const links = [
			{ from: 'a', to: 'b' },
			{ from: 'b', to: 'c' },
			{ from: 'c', to: 'a' },
		];
		expect(layeredLayout({ boxes, links }).boxes).toHaveLength(3);
	});
});

describe('statistics of tensors', () => {
	it('count zeros, extremes and what is not finite', async () => {
		const facts = await tensorFacts(float32Tensor([0, -1, 3, Number.NaN, 0], [5]));
		expect(facts).toMatchObject({ n: 5, least: -1, most: 3, zeros: 2, nonFinite: 1, mean: 0.5 });
		expect(facts?.histogram.reduce((sum, count) => sum + count, 0)).toBe(4);
	});

	it('read packed codes of four bits', async () => {
		const codes = memoryTensor('int4', [3], Uint8Array.of(0xf1, 0x07));
		expect(await tensorFacts(codes)).toMatchObject({ n: 3, least: -1, most: 7, zeros: 0 });
	});
});

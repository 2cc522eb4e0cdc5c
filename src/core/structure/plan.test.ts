import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../bytes/source.ts';
import { attribute } from '../ir/attribute.ts';
import { elementCount } from '../ir/dtype.ts';
import { Model } from '../ir/model.ts';
import { storedBytes } from '../ir/stored-bytes.ts';
import { memoryTensor } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { type SeededRandom, seededRandom } from '../numeric/random.ts';
import { inferTypes } from '../onnx/infer.ts';
import { countMacs } from '../onnx/macs.ts';
import { readModel } from '../onnx/read.ts';
import { cutModel } from './cut.ts';
import { findStructure } from './groups.ts';
import { estimatePlan, leftOfTensor, type PruningPlan, planOf, shareGone } from './plan.ts';
import { randomGraph } from './random-graph.testkit.ts';
import { leastLeft, stepFor, unitsFor } from './rounding.ts';

function shuffled(units: readonly number[], random: SeededRandom): number[] {
	const keys = units.map(() => random.below(1 << 30));
	return units
		.map((unit, i) => ({ unit, key: keys[i] as number }))
		.sort((a, b) => a.key - b.key)
		.map(({ unit }) => unit);
}

/** Cuts random numbers of units out of a model and gives what the plan said beside what is there. */
async function cutAtRandom(model: Model, seed: number): Promise<{ plan: PruningPlan; gone: number[]; even: boolean }> {
	const random = seededRandom(seed);
	const structure = await findStructure(model);
	const plan = planOf(structure);
	const gone = structure.groups.map((group) => random.below(group.units.length));
	const roots = new Set(structure.groups.flatMap((group, i) => shuffled(group.units, random).slice(0, gone[i])));
	cutModel(structure.trace, roots);
	return { plan, gone, even: plan.groups.every((group, i) => group.even || gone[i] === 0) };
}

function shapeBytes(model: Model): number {
	let bytes = 0;
	for (const { initializer } of model.graph.initializers) if (initializer?.dtype === 'int64') bytes += initializer.byteLength;
	return bytes;
}

async function expectExact(model: Model, seed: number): Promise<boolean> {
	const shapes = shapeBytes(model);
	const { plan, gone, even } = await cutAtRandom(model, seed);
	const estimate = estimatePlan(plan, gone);
	if (!even) return false;
	expect(estimate.macs, `macs, seed ${seed}`).toBe(await countMacs(model, await inferTypes(model)));
	// Shapes that Reshape and its like read are written anew beside the old ones where others read these too.
	expect(storedBytes(model) - estimate.bytes, `bytes, seed ${seed}`).toBe(shapeBytes(model) - shapes);
	const dims = new Map([...model.graph.initializers].map((value) => [value.name, value.initializer?.dims]));
	for (const tensor of plan.tensors) {
		const now = dims.get(tensor.name);
		if (now) expect(leftOfTensor(tensor, gone), tensor.name).toEqual([...now]);
	}
	return gone.some((count) => count > 0);
}

describe('planOf', () => {
	it('says exactly what cutting leaves of random graphs', async () => {
		let cut = 0;
		for (let seed = 0; seed < 60; seed++) if (await expectExact(randomGraph(seed), seed)) cut += 1;
		expect(cut).toBeGreaterThan(30);
	}, 60_000);

	it.each(['efficientnet-lite0.onnx', 'mnist-8.onnx', 'minilm-l6-v2.onnx', 'ppocr-v4-rec.onnx', 'ultraface-rfb-320.onnx'])(
		'says exactly what cutting leaves of %s',
		async (name) => {
			const path = `../shared/models/${name}`;
			if (!existsSync(path)) {
				console.log(`skipped: ${path} is not there`);
				return;
			}
			const { readFile } = await import('node:fs/promises');
			const model = await readModel(memorySource(new Uint8Array(await readFile(path))));
			const plan = planOf(await findStructure(model));
			expect(new Set(plan.groups.map(({ id }) => id)).size).toBe(plan.groups.length);
			expect(estimatePlan(plan, [])).toMatchObject({ macs: plan.macs, bytes: plan.bytes, parameters: plan.parameters });
			if (name.startsWith('minilm')) expect(plan.groups.map(({ kind }) => kind).filter((kind) => kind === 'heads')).toHaveLength(6);
			await expectExact(model, 5);
		},
		60_000,
	);

	it('names groups by what their layers put out, and tells those of one layer apart', async () => {
		const model = new Model();
		model.setOpset('', 17);
		const { graph } = model;
		const weight = (dims: readonly number[]) =>
			graph.addInitializer(`w${graph.initializers.size}`, memoryTensor('float32', dims, new Float32Array(elementCount(dims)).fill(0.5)));
		const x = graph.addInput('x', tensorType('float32', ['N', 3, 4, 4]));
		const first = graph
			.append(graph.createNode({ op: 'Conv', name: '', inputs: [x, weight([8, 3, 1, 1])], outputs: ['features'] }))
			.output();
		const halves = graph.append(
			graph.createNode({
				op: 'Split',
				name: '',
				inputs: [first, graph.addInitializer('sizes', memoryTensor('int64', [2], BigInt64Array.from([3n, 5n])))],
				outputs: ['a', 'b'],
				attributes: { axis: attribute.int(1) },
			}),
		);
		const outs = [3, 5].map((channels, i) =>
			graph
				.append(graph.createNode({ op: 'Conv', name: '', inputs: [halves.output(i), weight([2, channels, 1, 1])], outputs: [`y${i}`] }))
				.output(),
		);
		graph.setOutputs(outs);
		const plan = planOf(await findStructure(model));
		expect(plan.groups.map(({ id, units, kind }) => ({ id, units, kind }))).toEqual([
			{ id: 'features', units: 3, kind: 'channels' },
			{ id: 'features#2', units: 5, kind: 'channels' },
		]);
		const node = plan.nodes.find(({ key }) => key === 'features');
		expect(node && shareGone(node, [1, 2])).toBeCloseTo(3 / 8);
		expect(plan.kept.map(({ reason }) => reason)).toContain('it is an output of the model');
	});
});

describe('rounding', () => {
	it('every multiple of the step is met by its own share', () => {
		const rounding = { roundTo: 4, leastShare: 0.1 };
		for (const units of [1, 2, 3, 10, 63, 64, 66, 70, 96, 672, 1152]) {
			const step = stepFor(units, rounding);
			const least = leastLeft(units, rounding);
			expect(unitsFor(units, 0, rounding)).toBe(0);
			for (let left = Math.floor((units - 1) / step) * step; left >= least; left -= step) {
				const share = Number(((units - left) / units).toFixed(6));
				expect(unitsFor(units, share, rounding), `${left} of ${units}`).toBe(units - left);
			}
			expect(units - unitsFor(units, 1, rounding)).toBe(least);
		}
	});
});

import { describe, expect, it } from 'vitest';
import { attribute } from '../../core/ir/attribute.ts';
import { Model } from '../../core/ir/model.ts';
import { tensorType } from '../../core/ir/type.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { raiseOpsetPass } from './index.ts';

async function raised(op: string, attributes: Record<string, ReturnType<typeof attribute.int>>, opset: number) {
	const model = new Model(undefined, 'main');
	model.setOpset('', opset);
	const x = model.graph.addInput('x', tensorType('float32', [2, 3]));
	const node = model.graph.append(model.graph.createNode({ op, inputs: [x], outputs: ['y'], attributes }));
	model.graph.setOutputs([node.output()]);
	const recipe = { v: 1, seed: 0, steps: [{ pass: 'raise-opset', options: {} }] } as const;
	const [report] = await runRecipe(model, recipe, new Map([['raise-opset', raiseOpsetPass]]));
	return { model, report };
}

describe('raise-opset', () => {
	it('raises where every operator follows', async () => {
		const { model, report } = await raised('Squeeze', { axes: attribute.ints([0]) }, 11);
		expect(model.opset).toBe(21);
		expect(report?.headline).toBe('Raised from opset 11 to 21, IR version 10.');
	});

	it('leaves a model alone where one cannot, and says which', async () => {
		const { model, report } = await raised('Scan', { num_scan_inputs: attribute.int(1) }, 8);
		expect(model.opset).toBe(8);
		expect(report?.headline).toContain('Stays at opset 8: Scan changed in opset 9');
	});

	it('says that nothing is to be done', async () => {
		const { report } = await raised('Relu', {}, 21);
		expect(report?.headline).toBe('Changed nothing: it has opset 21 already.');
	});
});

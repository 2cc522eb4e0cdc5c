import { describe, expect, it } from 'vitest';
import { memorySource } from '../core/bytes/source.ts';
import { readModel } from '../core/onnx/read.ts';
import { noiseExamples } from './examples.testkit.ts';
import { build, normal } from './models.testkit.ts';
import { createNodeEngine } from './node/index.ts';
import type { TensorData } from './port.ts';
import { engineProbe } from './probe.ts';

describe('engineProbe', () => {
	it('finds the largest magnitudes of intermediates over all examples and leaves the model as it was', async () => {
		const engine = await createNodeEngine();
		const bytes = await build((b) => {
			const x = b.input('x', 'float32', ['N', 8]);
			const h = b.op('MatMul', [x, b.constant('w', 'float32', [8, 4], normal(32, 3))], 'h');
			const big = b.op('Mul', [h, b.constant('scale', 'float32', [], Float32Array.of(1e6))], 'big');
			b.output(b.op('Tanh', [big], 'y'), 'float32', ['N', 4]);
		});
		const model = await readModel(memorySource(bytes));
		const examples = noiseExamples(5);
		const probe = engineProbe(model, { engine, examples, valuesPerRun: 1 });
		const measured = await probe.absMax(['h', 'big', 'nowhere']);
		const session = await engine.load({
			model: await build((b) => {
				const x = b.input('x', 'float32', ['N', 8]);
				b.output(b.op('MatMul', [x, b.constant('w', 'float32', [8, 4], normal(32, 3))], 'h'), 'float32', ['N', 4]);
			}),
		});
		let largest = 0;
		for (let i = 0; i < 5; i++) {
			const { h } = await session.run((await examples.example(i)).feeds);
			for (const x of (h as TensorData).data as Float32Array) largest = Math.max(largest, Math.abs(x));
		}
		await session.release();
		expect([...measured.keys()].sort()).toEqual(['big', 'h']);
		expect(measured.get('h')).toEqual({ absMax: largest, hasNaN: false });
		expect(measured.get('big')?.absMax).toBeCloseTo(Math.fround(largest * 1e6), 0);
		expect(model.graph.outputs.map(({ name }) => name)).toEqual(['y']);
	});
});

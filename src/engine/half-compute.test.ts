import { describe, expect, it } from 'vitest';
import { attribute } from '../core/ir/attribute.ts';
import { halfCompute } from './half-compute.ts';
import { build, linearClassifier } from './models.testkit.ts';

describe('halfCompute', () => {
	const weights = new Uint16Array(16);

	it('lets models pass that only store float16', async () => {
		expect(await halfCompute(await linearClassifier())).toBeUndefined();
		const stored = await build((b) => {
			const w = b.op('Cast', [b.constant('w', 'float16', [4, 4], weights)], 'wide', { to: attribute.int(1) });
			b.output(b.op('MatMul', [b.input('x', 'float32', [1, 4]), w], 'y'), 'float32', [1, 4]);
		});
		expect(await halfCompute(stored)).toBeUndefined();
		expect(await halfCompute(new Uint8Array([1, 2, 3]))).toBeUndefined();
	});

	it('names where a model computes in float16', async () => {
		const whole = await build((b) => {
			const x = b.op('Cast', [b.input('x', 'float32', [1, 4])], 'narrow', { to: attribute.int(10) });
			const y = b.op('MatMul', [x, b.constant('w', 'float16', [4, 4], weights)], 'y');
			b.output(b.op('Cast', [y], 'z', { to: attribute.int(1) }), 'float32', [1, 4]);
		});
		expect(await halfCompute(whole)).toBe('narrow');
		const input = await build((b) => b.output(b.op('Neg', [b.input('x', 'float16', [1])], 'y'), 'float16', [1]));
		expect(await halfCompute(input)).toBe('input "x"');
	});
});

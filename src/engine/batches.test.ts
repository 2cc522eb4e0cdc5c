import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinTensors, splitTensor } from './batches.ts';
import type { TensorData } from './port.ts';

describe('joining and splitting', () => {
	it('joins along a later axis', () => {
		const a: TensorData = { dtype: 'int32', dims: [2, 1, 2], data: Int32Array.of(1, 2, 3, 4) };
		const b: TensorData = { dtype: 'int32', dims: [2, 1, 2], data: Int32Array.of(5, 6, 7, 8) };
		expect(joinTensors([a, b], 1)).toEqual({ dtype: 'int32', dims: [2, 2, 2], data: Int32Array.of(1, 2, 5, 6, 3, 4, 7, 8) });
	});

	it('splits what it joined (property)', () => {
		const shape = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
		fc.assert(
			fc.property(shape, fc.nat(), fc.integer({ min: 1, max: 4 }), fc.boolean(), (dims, axisAt, count, text) => {
				const axis = axisAt % dims.length;
				const size = dims.reduce((product, dim) => product * dim, 1);
				const tensors = Array.from(
					{ length: count },
					(_, i): TensorData =>
						text
							? { dtype: 'string', dims, data: Array.from({ length: size }, (__, j) => `${i}.${j}`) }
							: { dtype: 'int64', dims, data: BigInt64Array.from({ length: size }, (__, j) => BigInt(100 * i + j)) },
				);
				const joined = joinTensors(tensors, axis);
				expect(joined.dims[axis]).toBe((dims[axis] as number) * count);
				expect(splitTensor(joined, axis, count)).toEqual(tensors);
			}),
			{ seed: 4 },
		);
	});
});

import { attribute } from '../../src/core/ir/attribute.ts';
import { build, normal } from '../../src/engine/models.testkit.ts';

/** Doubles the sides of a picture [1, 3, side, side]: two convolutions around the identity, then depth to space. Sigmoid keeps it in 0..1. */
export function upscaler(side: number): Promise<Uint8Array> {
	return build((b) => {
		const x = b.input('x', 'float32', [1, 3, side, side]);
		// Each of the four output pixels starts as the input's: channel k of 12 reads channel k mod 3 (DCR order), amplified for the sigmoid.
		const identity = normal(12 * 3 * 9, 7, 0.15);
		for (let k = 0; k < 12; k++) identity[(k * 3 + (k % 3)) * 9 + 4] = 6;
		const bias = new Float32Array(12).fill(-3);
		const first = b.op('Conv', [x, b.constant('w', 'float32', [12, 3, 3, 3], identity), b.constant('bias', 'float32', [12], bias)], 'raw', {
			pads: attribute.ints([1, 1, 1, 1]),
		});
		const mix = normal(12 * 12, 9, 0.05);
		for (let k = 0; k < 12; k++) mix[k * 12 + k] = 1;
		const second = b.op('Conv', [first, b.constant('mix', 'float32', [12, 12, 1, 1], mix)], 'mixed');
		const large = b.op('DepthToSpace', [second], 'large', { blocksize: attribute.int(2), mode: attribute.string('DCR') });
		b.output(b.op('Sigmoid', [large], 'picture'), 'float32', [1, 3, 2 * side, 2 * side]);
	});
}

/** A classifier of series [1, 2, length] by the share of them that is above zero. */
export function seriesModel(length: number): Promise<Uint8Array> {
	return build((b) => {
		const x = b.input('series', 'float32', [1, 2, length]);
		const w = b.constant('w', 'float32', [length, 3], normal(length * 3, 3, 0.05));
		const y = b.op('MatMul', [x, w], 'scores');
		b.output(b.op('ReduceMean', [y], 'means', { axes: attribute.ints([1]), keepdims: attribute.int(0) }), 'float32', [1, 3]);
	});
}

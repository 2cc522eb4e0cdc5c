import { giveBack } from '../bytes/give-back.ts';
import { addMoments, type Moments, type RowProducts } from './moments.ts';
import { type Affine, biasFor, HeldRows, RidgeTowards } from './ridge.ts';

/** Strengths of the regularization that are tried, weakest first. */
export const STRENGTHS = [0.001, 0.004, 0.016, 0.06, 0.25, 1, 4, 16, 64];

/**
 * The strength that is best on held-out rows, then fitted on all rows; no affine map where what was there is best. The moments held out are
 * added to those fitted on.
 */
export async function bestFit(
	fit: Moments,
	held: Moments,
	start: Affine,
	withBias: boolean,
	products: RowProducts,
): Promise<{ before: number; after: number; strength: number; affine?: Affine }> {
	const judge = new HeldRows(held, start, products);
	const before = await judge.before();
	let [after, strength] = [before, 0];
	if (withBias) {
		const shifted = await judge.error({ weights: start.weights, bias: biasFor(fit, start.weights) });
		if (shifted < after) [after, strength] = [shifted, Number.POSITIVE_INFINITY];
	}
	const ridge = await RidgeTowards.prepare(fit, start.weights, withBias, products);
	const tried = new Map<number, number>();
	const errorAt = async (step: number): Promise<number> => {
		const known = tried.get(step);
		const value = STRENGTHS[step];
		if (known !== undefined || value === undefined) return known ?? Number.POSITIVE_INFINITY;
		const affine = await ridge.solve(value);
		const error = affine ? await judge.error(withBias ? affine : { weights: affine.weights, bias: start.bias }) : Number.POSITIVE_INFINITY;
		giveBack(affine?.weights);
		tried.set(step, error);
		if (error < after) [after, strength] = [error, value];
		return error;
	};
	// Downhill from the middle: the error over the strength has one valley.
	let at = STRENGTHS.length >> 1;
	for (;;) {
		const here = await errorAt(at);
		if ((await errorAt(at + 1)) < here) at += 1;
		else if ((await errorAt(at - 1)) < here) at -= 1;
		else break;
	}
	judge.release();
	ridge.release();
	if (strength === 0) return { before, after, strength };
	const all = addMoments(fit, held);
	if (strength === Number.POSITIVE_INFINITY) {
		return { before, after, strength, affine: { weights: start.weights, bias: biasFor(all, start.weights) } };
	}
	const last = await RidgeTowards.prepare(all, start.weights, withBias, products);
	const affine = await last.solve(strength);
	last.release();
	return affine ? { before, after, strength, affine } : { before, after: before, strength: 0 };
}

/** Mean over rows of the variance of the outputs. */
export function varianceOf(moments: Moments): number {
	let square = 0;
	for (const sum of moments.y) square += (sum * sum) / Math.max(1, moments.rows);
	return Math.max((moments.yy - square) / Math.max(1, moments.rows), 1e-30);
}

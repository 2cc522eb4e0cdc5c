import * as z from 'zod/mini';
import type { Preprocessing } from './data-settings.ts';

const size = z.int().check(z.gte(1), z.lte(16_384));
const finite = z.number();
const perChannel = z.array(finite).check(z.minLength(1), z.maxLength(3));

/** Preprocessing of pictures as studies and files hold it. */
export const preprocessingSchema = z.strictObject({
	colour: z.enum(['rgb', 'bgr', 'grey']),
	scale: finite,
	mean: perChannel,
	std: z.array(finite.check(z.refine((x) => x !== 0))).check(z.minLength(1), z.maxLength(3)),
	resize: z.discriminatedUnion('mode', [
		z.strictObject({ mode: z.literal('short'), side: size }),
		z.strictObject({ mode: z.literal('exact') }),
		z.strictObject({ mode: z.literal('pad'), fill: z.number().check(z.gte(0), z.lte(255)) }),
	]),
	width: size,
	height: size,
	layout: z.enum(['nchw', 'nhwc']),
	dtype: z.enum(['float32', 'float16', 'uint8']),
});

/** What is wrong with preprocessing from outside. */
export class InvalidPreprocessing extends Error {
	override readonly name = 'InvalidPreprocessing';
	readonly code = 'preprocessing';
}

/** Preprocessing out of foreign data; a report of `pare evaluate` has it in the field `picture`. Throws InvalidPreprocessing. */
export function parsePreprocessing(input: unknown): Preprocessing {
	const first: unknown = Array.isArray(input) ? input[0] : input;
	const inner = pick(pick(first, 'preprocessing'), 'picture');
	const result = preprocessingSchema.safeParse(inner);
	if (!result.success) {
		const issue = result.error.issues[0];
		throw new InvalidPreprocessing(
			`Not a preprocessing of pictures: ${issue?.path.length ? `${issue.path.join('.')}: ` : ''}${issue?.message ?? 'wrong shape'}.`,
		);
	}
	const { colour, mean, std } = result.data;
	const channels = colour === 'grey' ? 1 : 3;
	if (mean.length !== channels || std.length !== channels) {
		throw new InvalidPreprocessing(
			`Not a preprocessing of pictures: ${colour} has ${channels} channels, mean ${mean.length} and std ${std.length} values.`,
		);
	}
	return result.data as Preprocessing;
}

function pick(input: unknown, key: string): unknown {
	if (typeof input !== 'object' || input === null || Array.isArray(input) || !Object.hasOwn(input, key)) return input;
	return (input as Record<string, unknown>)[key];
}

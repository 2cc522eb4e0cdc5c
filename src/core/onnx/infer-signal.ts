import type { Dim } from '../ir/type.ts';
import { counted, fromFront } from './infer-dims.ts';
import { type InferRule, shaped } from './infer-rules.ts';

/** Transforms of signals, and text. */

const dft: InferRule = (context) => {
	const shape = context.shape(0);
	if (!shape) return [];
	const axis = context.opset < 20 ? context.int('axis', 1) : context.has(2) ? context.elements(2)?.[0] : -2;
	const rank = shape.length;
	if (typeof axis !== 'number') return shaped([...shape.slice(0, -1).map(() => null), null]);
	const at = fromFront(axis, rank);
	const length = context.has(1) ? (context.elements(1)?.[0] ?? null) : (shape[at] ?? null);
	const oneSided = context.int('onesided', 0) === 1;
	const inverse = context.int('inverse', 0) === 1;
	const out: Dim[] = [...shape];
	out[rank - 1] = oneSided && inverse ? 1 : 2;
	if (!oneSided) out[at] = length;
	else if (!inverse) out[at] = typeof length === 'number' ? counted(Math.floor(length / 2) + 1) : null;
	else out[at] = context.has(1) || typeof length !== 'number' ? length : counted((length - 1) * 2);
	return shaped(out);
};

const stft: InferRule = (context) => {
	const [batch = null, samples = null] = context.shape(0) ?? [];
	const step = context.elements(1)?.[0];
	const frame = context.has(3) ? context.elements(3)?.[0] : context.shape(2)?.[0];
	const known = typeof frame === 'number';
	const frames = known && typeof samples === 'number' && typeof step === 'number' && step > 0;
	return shaped([
		batch,
		frames ? counted(Math.floor((samples - frame) / step) + 1) : null,
		known ? counted(context.int('onesided', 1) === 1 ? Math.floor(frame / 2) + 1 : frame) : null,
		2,
	]);
};

const tfIdf: InferRule = (context) => {
	const indexes = context.ints('ngram_indexes');
	const shape = context.shape(0);
	if (!indexes || !shape) return [];
	const width = indexes.reduce((most, index) => Math.max(most, index), -1) + 1;
	return shaped(shape.length === 2 ? [shape[0] ?? null, width] : [width]);
};

export const signalRules: Readonly<Record<string, InferRule>> = {
	DFT: dft,
	STFT: stft,
	TfIdfVectorizer: tfIdf,
	StringNormalizer: (context) => {
		const shape = context.shape(0);
		return shaped(shape && (shape.length === 2 ? [1, null] : [null]));
	},
	StringSplit: (context) => {
		const shape = context.shape(0);
		return [{ shape: shape && [...shape, null] }, { shape }];
	},
};

import type { Feeds } from '../core/ir/tensor-data.ts';
import type { ExampleSource } from '../core/study/examples.ts';
import { drawAnswer, type Pixels, pictureShape } from './output-picture.ts';
import { numbersOf } from './outputs.ts';

/** An input of a model, made small enough to be drawn. */
export type Drawing =
	| { readonly kind: 'text'; readonly text: string; readonly tokens: readonly string[] }
	| {
			readonly kind: 'sound';
			/** Least and most of each stretch, one after the other, in -1..1. */
			readonly peaks: Float32Array<ArrayBuffer>;
			/** What of it the model is fed, as shares of its length. */
			readonly from: number;
			readonly to: number;
			readonly startSeconds: number;
			readonly seconds: number;
			readonly rate: number;
			/** To be heard; only where asked for. */
			readonly samples?: Float32Array<ArrayBuffer>;
	  }
	| { readonly kind: 'picture'; readonly name: string; readonly picture: Pixels; readonly least: number; readonly most: number }
	| {
			readonly kind: 'lines';
			readonly name: string;
			/** A line for each row: least and most of each stretch, one after the other. The first few rows. */
			readonly rows: readonly Float32Array<ArrayBuffer>[];
			readonly rowCount: number;
			/** Values in a row. */
			readonly length: number;
			readonly least: number;
			readonly most: number;
	  }
	| {
			readonly kind: 'numbers';
			readonly name: string;
			readonly dims: readonly number[];
			/** The first few, as text. */
			readonly values: readonly string[];
			readonly count: number;
	  };

const stretches = 300;
const mostLines = 4;
const mostNumbers = 48;
const mostTokens = 600;
const mostText = 4000;
/** Fewer values in a row are read rather than drawn. */
const fewestDrawn = 25;

/** What the inputs of an example look like: its text or sound where there is one, else each input as a picture, lines or numbers. */
export function drawingsOf(feeds: Feeds, source?: ExampleSource, audible = false): readonly Drawing[] {
	if (source?.kind === 'text') {
		return [{ kind: 'text', text: source.text.slice(0, mostText), tokens: source.tokens.slice(0, mostTokens) }];
	}
	if (source?.kind === 'sound') {
		const { samples, rate, from, to, startSeconds } = source;
		const n = Math.max(1, samples.length);
		return [
			{
				kind: 'sound',
				peaks: peaksOf(samples, 0, samples.length),
				from: from / n,
				to: to / n,
				startSeconds,
				seconds: samples.length / rate,
				rate,
				...(audible && { samples }),
			},
		];
	}
	return Object.entries(feeds).map(([name, tensor]): Drawing => {
		const { dims, data } = tensor;
		const values = numbersOf(tensor);
		const numbers = (): Drawing => ({
			kind: 'numbers',
			name,
			dims,
			values: Array.from({ length: Math.min(mostNumbers, data.length) }, (_, i) => wordsOf(values ? values[i] : data[i])),
			count: data.length,
		});
		if (!values || !/^(float|uint8)/.test(tensor.dtype)) return numbers();
		const shape = pictureShape(tensor, 'any');
		const drawn = shape?.kind === 'values' && drawAnswer(name, shape, tensor)?.original;
		if (drawn) return { kind: 'picture', name, ...drawn };
		const length = dims.at(-1) ?? 1;
		if (length < fewestDrawn) return numbers();
		const rowCount = values.length / length;
		let least = Number.POSITIVE_INFINITY;
		let most = Number.NEGATIVE_INFINITY;
		const rows = Array.from({ length: Math.min(mostLines, rowCount) }, (_, row) => peaksOf(values, row * length, length));
		for (const value of rows.flatMap((row) => [...row])) {
			if (value < least) least = value;
			if (value > most) most = value;
		}
		return { kind: 'lines', name, rows, rowCount, length, least, most };
	});
}

/** Least and most of each of at most 300 stretches; values that are not finite are left out. */
function peaksOf(values: ArrayLike<number>, start: number, length: number): Float32Array<ArrayBuffer> {
	const count = Math.min(stretches, length);
	const peaks = new Float32Array(2 * count);
	for (let i = 0; i < count; i++) {
		const from = start + Math.floor((i * length) / count);
		const to = start + Math.floor(((i + 1) * length) / count);
		let least = Number.POSITIVE_INFINITY;
		let most = Number.NEGATIVE_INFINITY;
		for (let at = from; at < to; at++) {
			const value = values[at] as number;
			if (!Number.isFinite(value)) continue;
			if (value < least) least = value;
			if (value > most) most = value;
		}
		peaks[2 * i] = least <= most ? least : 0;
		peaks[2 * i + 1] = least <= most ? most : 0;
	}
	return peaks;
}

function wordsOf(value: unknown): string {
	if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
	return String(value);
}

import { giveBack } from '../bytes/give-back.ts';
import type { Model } from '../ir/model.ts';
import type { TensorData } from '../ir/tensor-data.ts';
import type { Compute } from '../pass/calibration.ts';
import { releaseExample } from '../study/examples.ts';
import type { Reference } from './reference.ts';
import type { Samples } from './samples.ts';

/** What a share of kept answers counts. */
export type AnswerKind = 'right answers' | 'same class' | 'cosine';

export interface KeptAnswers {
	/** 0..1 */
	readonly share: number;
	readonly kind: AnswerKind;
	/** Examples, or rows of them, that were counted. */
	readonly of: number;
}

/**
 * How much of what a model answers on the held-out examples is still there in a variant. Classes with labels: of the right answers of the
 * original, those that stay right. Classes without labels: rows whose largest score stays where it was. Other outputs: mean cosine.
 */
export async function keptAnswers(
	variant: Model,
	reference: Reference,
	{ calibration, held }: Samples,
	compute: Compute,
	signal?: AbortSignal,
): Promise<KeptAnswers> {
	const session = await compute.load(variant, { graphOptimization: 'all' });
	const right = { same: 0, all: 0 };
	const rows = { same: 0, all: 0 };
	const cosines = { sum: 0, all: 0 };
	try {
		for (const [i, index] of held.entries()) {
			const example = await calibration.example(index, signal);
			const { label } = example;
			const outputs = await session.run(example.feeds);
			releaseExample(example);
			const before = reference.outputs[i] ?? {};
			const classes = [...reference.kinds].filter(([, kind]) => kind !== 'numbers').map(([name]) => name);
			for (const name of classes) {
				const [a, b] = [peaks(before[name]), peaks(outputs[name])];
				for (const [r, peak] of a.entries()) {
					rows.all += 1;
					if (peak === b[r]) rows.same += 1;
				}
				if (classes.length === 1 && a.length === 1 && typeof label === 'number' && a[0] === label) {
					right.all += 1;
					if (b[0] === label) right.same += 1;
				}
			}
			for (const name of reference.kinds.keys()) {
				const cosine = cosineOf(before[name]?.data, outputs[name]?.data);
				if (cosine === undefined) continue;
				cosines.sum += cosine;
				cosines.all += 1;
			}
			for (const { data } of Object.values(outputs)) giveBack(data);
		}
	} finally {
		await session.release();
	}
	if (right.all > 0) return { share: right.same / right.all, kind: 'right answers', of: right.all };
	if (rows.all > 0) return { share: rows.same / rows.all, kind: 'same class', of: rows.all };
	return { share: cosines.all > 0 ? cosines.sum / cosines.all : 0, kind: 'cosine', of: cosines.all };
}

/** Where each row is largest. */
function peaks(tensor: TensorData | undefined): number[] {
	const data = tensor?.data;
	const width = tensor?.dims.at(-1) ?? 0;
	if (!(data instanceof Float32Array) || width === 0) return [];
	return Array.from({ length: data.length / width }, (_, r) => {
		let best = 0;
		for (let i = 1; i < width; i++) if ((data[r * width + i] as number) > (data[r * width + best] as number)) best = i;
		return best;
	});
}

function cosineOf(a: unknown, b: unknown): number | undefined {
	if (!(a instanceof Float32Array) || !(b instanceof Float32Array) || a.length !== b.length) return undefined;
	let [dot, x, y] = [0, 0, 0];
	for (let i = 0; i < a.length; i++) {
		dot += (a[i] as number) * (b[i] as number);
		x += (a[i] as number) ** 2;
		y += (b[i] as number) ** 2;
	}
	const norm = Math.sqrt(x * y);
	return norm > 0 && Number.isFinite(dot) ? dot / norm : x === y ? 1 : 0;
}

import { attribute } from '../ir/attribute.ts';
import { dtypeBits, elementCount } from '../ir/dtype.ts';
import type { TensorRef } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { wholeTensor } from '../numeric/derived-tensor.ts';
import type { Labels } from './atoms.ts';
import type { Remaining, Trace } from './trace.ts';

/** Counts of what stays when the classes in `gone` (roots of atoms) go. */
export function remainingAfter(trace: Trace, gone: ReadonlySet<number>): Remaining {
	const stays = (atom: number): boolean => !gone.has(trace.atoms.find(atom));
	return {
		stays,
		kept: (labels) => {
			let count = 0;
			for (let i = 0; i < labels.length; i++) if (stays(labels[i] as number)) count += 1;
			return count;
		},
	};
}

/** Positions along an axis that stay; undefined where all do. */
export function keptIndices(labels: Labels | undefined, remaining: Remaining): number[] | undefined {
	if (!labels) return undefined;
	const kept: number[] = [];
	for (let i = 0; i < labels.length; i++) if (remaining.stays(labels[i] as number)) kept.push(i);
	return kept.length === labels.length ? undefined : kept;
}

/** The entries of a tensor at the given positions of each axis (undefined: all of that axis). Nothing is read before it is asked for. */
export function selectTensor(tensor: TensorRef, keeps: readonly (readonly number[] | undefined)[]): TensorRef {
	const { dtype, dims } = tensor;
	const bytesEach = dtypeBits(dtype) / 8;
	const outDims = dims.map((size, axis) => keeps[axis]?.length ?? size);
	return wholeTensor(
		dtype,
		outDims,
		async (signal) => {
			let bytes = await tensor.bytes(signal);
			let current = [...dims];
			for (const [axis, keep] of keeps.entries()) {
				if (!keep) continue;
				const outer = elementCount(current.slice(0, axis));
				const inner = elementCount(current.slice(axis + 1)) * bytesEach;
				const size = current[axis] as number;
				const next = new Uint8Array(outer * keep.length * inner);
				let at = 0;
				for (let o = 0; o < outer; o++) {
					for (const index of keep) {
						const from = (o * size + index) * inner;
						next.set(bytes.subarray(from, from + inner), at);
						at += inner;
					}
				}
				bytes = next;
				current = current.with(axis, keep.length);
			}
			return bytes;
		},
		elementCount(outDims) * bytesEach,
	);
}

/** A stored tensor that shrank. */
export interface CutShape {
	readonly tensor: string;
	readonly before: readonly number[];
	readonly after: readonly number[];
}

/**
 * Takes the classes in `gone` out of the model: stored tensors shrink, constants that hold sizes are rewritten, declared types follow.
 * Gives the stored tensors that changed and their bytes before. The trace describes the model as it was: it is spent.
 */
export function cutModel(
	trace: Trace,
	gone: ReadonlySet<number>,
): { readonly tensors: number; readonly bytes: number; readonly shapes: readonly CutShape[] } {
	const remaining = remainingAfter(trace, gone);
	const shapes: CutShape[] = [];
	let bytes = 0;
	for (const [value, axes] of trace.axes) {
		const keeps = axes.map((labels) => keptIndices(labels, remaining));
		if (keeps.every((keep) => keep === undefined)) continue;
		const stored = trace.tensorOf(value);
		if (stored) {
			const cut = selectTensor(stored, keeps);
			if (value.initializer) value.initializer = cut;
			else {
				const { producer } = value;
				for (const name of [...(producer?.attributes.keys() ?? [])]) producer?.removeAttribute(name);
				producer?.setAttribute('value', attribute.tensor(cut));
			}
			shapes.push({ tensor: value.name, before: stored.dims, after: cut.dims });
			bytes += stored.byteLength;
		}
		const { type } = value;
		if (type?.kind === 'tensor' && type.shape?.length === axes.length) {
			value.type = tensorType(
				type.dtype,
				type.shape.map((dim, axis) => keeps[axis]?.length ?? dim),
			);
		}
	}
	for (const edit of trace.edits) {
		if (edit.axes.some((labels) => remaining.kept(labels) < labels.length)) edit.apply(remaining);
	}
	return { tensors: shapes.length, bytes, shapes };
}

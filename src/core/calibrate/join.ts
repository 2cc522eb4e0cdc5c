import type { Feeds, TensorData } from '../ir/tensor-data.ts';

type TypedArray = Exclude<TensorData['data'], readonly string[]>;

/** Whether the inputs of two examples have the same shapes and types, so that they can be joined. */
export function sameShapes(a: Feeds, b: Feeds): boolean {
	const names = Object.keys(a);
	if (names.length !== Object.keys(b).length) return false;
	return names.every((name) => {
		const [x, y] = [a[name], b[name]];
		return (
			x !== undefined &&
			y !== undefined &&
			x.dtype === y.dtype &&
			x.dims.length === y.dims.length &&
			x.dims.every((dim, i) => dim === y.dims[i])
		);
	});
}

/** Bytes of the inputs of one run; strings count as nothing. */
export function feedBytes(feeds: Feeds): number {
	let bytes = 0;
	for (const { data } of Object.values(feeds)) if (ArrayBuffer.isView(data)) bytes += data.byteLength;
	return bytes;
}

/**
 * The inputs of several examples as one run. Each input is joined along its batch axis; those without one are the same for all
 * examples and taken from the first. undefined where an input cannot be joined (strings, an axis that it does not have).
 */
export function joinFeeds(feeds: readonly Feeds[], batchAxes: Readonly<Record<string, number | null>>): Feeds | undefined {
	const joined: Record<string, TensorData> = {};
	for (const [name, first] of Object.entries(feeds[0] ?? {})) {
		const axis = batchAxes[name];
		if (axis === null || axis === undefined) {
			joined[name] = first;
			continue;
		}
		const size = first.dims[axis];
		if (size === undefined || !ArrayBuffer.isView(first.data)) return undefined;
		const outer = first.dims.slice(0, axis).reduce((product, dim) => product * dim, 1);
		const block = outer === 0 ? 0 : first.data.length / outer;
		const data = new (first.data.constructor as new (length: number) => TypedArray)(first.data.length * feeds.length);
		for (let o = 0; o < outer; o++) {
			for (const [i, entry] of feeds.entries()) {
				const tensor = entry[name];
				if (!tensor) return undefined;
				const part = (tensor.data as Float32Array).subarray(o * block, (o + 1) * block);
				(data as Float32Array).set(part, (o * feeds.length + i) * block);
			}
		}
		joined[name] = { dtype: first.dtype, dims: first.dims.with(axis, size * feeds.length), data };
	}
	return joined;
}

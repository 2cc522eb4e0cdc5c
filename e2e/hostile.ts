/** Small hostile models, written byte by byte: protobuf fields of ONNX's onnx.proto. */
function varint(value: bigint | number): number[] {
	const bytes: number[] = [];
	let rest = BigInt.asUintN(64, BigInt(value));
	do {
		const byte = Number(rest & 0x7fn);
		rest >>= 7n;
		bytes.push(rest > 0n ? byte | 0x80 : byte);
	} while (rest > 0n);
	return bytes;
}
const number = (field: number, value: bigint | number): number[] => [...varint(field << 3), ...varint(value)];
const bytes = (field: number, content: readonly number[]): number[] => [...varint((field << 3) | 2), ...varint(content.length), ...content];
const text = (field: number, value: string): number[] => bytes(field, [...Buffer.from(value)]);

const FLOAT = 1;
const INT64 = 7;
const BOOL = 9;

/** TypeProto of a tensor with these dims. */
const type = (element: number, dims: readonly number[]): number[] =>
	bytes(1, [
		...number(1, element),
		...bytes(
			2,
			dims.flatMap((dim) => bytes(1, number(1, dim))),
		),
	]);
const value = (field: number, name: string, element: number, dims: readonly number[]): number[] =>
	bytes(field, [...text(1, name), ...bytes(2, type(element, dims))]);
const node = (op: string, inputs: readonly string[], outputs: readonly string[], ...attributes: number[][]): number[] =>
	bytes(1, [
		...inputs.flatMap((name) => text(1, name)),
		...outputs.flatMap((name) => text(2, name)),
		...text(3, `${op}_${outputs[0]}`),
		...text(4, op),
		...attributes.flatMap((attribute) => bytes(5, attribute)),
	]);
const int64 = (name: string, data: bigint, dims: readonly number[] = []): number[] => {
	const raw = Buffer.alloc(8);
	raw.writeBigInt64LE(data);
	return bytes(5, [...dims.flatMap((dim) => number(1, dim)), ...number(2, INT64), ...text(8, name), ...bytes(9, [...raw])]);
};
const bool = (name: string): number[] => bytes(5, [...number(2, BOOL), ...text(8, name), ...bytes(9, [1])]);

/** A model whose Loop asks for 2 ** 60 rounds: it never ends by itself. */
export function endlessLoop(): Uint8Array {
	const body = [
		...node('Identity', ['go_in'], ['go_out']),
		...node('Add', ['state_in', 'state_in'], ['state_out']),
		...text(2, 'body'),
		...value(11, 'round', INT64, []),
		...value(11, 'go_in', BOOL, []),
		...value(11, 'state_in', FLOAT, [1]),
		...value(12, 'go_out', BOOL, []),
		...value(12, 'state_out', FLOAT, [1]),
	];
	const attribute = [...text(1, 'body'), ...bytes(6, body), ...number(20, 5)];
	const graph = [
		...node('Loop', ['rounds', 'go', 'x'], ['y'], attribute),
		...text(2, 'endless'),
		...int64('rounds', 1n << 60n),
		...bool('go'),
		...value(11, 'x', FLOAT, [1]),
		...value(12, 'y', FLOAT, [1]),
	];
	return Uint8Array.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, [...text(1, ''), ...number(2, 17)])]);
}

/** A file of some 200 bytes whose one run asks for a tensor of 3 GB. */
export function threeGigabytes(): Uint8Array {
	const graph = [
		...node('ConstantOfShape', ['size'], ['huge']),
		...node('Add', ['huge', 'x'], ['y']),
		...text(2, 'huge'),
		...int64('size', 750_000_000n, [1]),
		...value(11, 'x', FLOAT, [1]),
		...value(12, 'y', FLOAT, [750_000_000]),
	];
	return Uint8Array.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, [...text(1, ''), ...number(2, 17)])]);
}

/** A model of operators without weights, one after the other; the first may be a Cast of whole numbers to float32. */
export function chain(
	input: { readonly whole: boolean; readonly dims: readonly number[] },
	operators: readonly string[],
	outputDims: readonly number[],
): Uint8Array {
	const all = input.whole ? ['Cast', ...operators] : operators;
	const name = (i: number): string => (i === 0 ? (input.whole ? 'input_ids' : 'x') : i === all.length ? 'y' : `v${i}`);
	const to = [...text(1, 'to'), ...number(3, FLOAT), ...number(20, 2)];
	const graph = [
		...all.flatMap((op, i) => node(op, [name(i)], [name(i + 1)], ...(op === 'Cast' ? [to] : []))),
		...text(2, 'chain'),
		...value(11, name(0), input.whole ? INT64 : FLOAT, input.dims),
		...value(12, 'y', FLOAT, outputDims),
	];
	return Uint8Array.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, [...text(1, ''), ...number(2, 17)])]);
}

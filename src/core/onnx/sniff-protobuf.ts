/** A look at the first kilobytes of what may be a protobuf message. */

interface Field {
	readonly field: number;
	readonly wire: number;
	/** Where its value starts, and how long it says it is. */
	readonly at: number;
	readonly length: number;
}

/** Fields of a message as far as `head` shows them; undefined where the bytes cannot be one. */
function walk(head: Uint8Array): Field[] | undefined {
	const fields: Field[] = [];
	let at = 0;
	const varint = (): number => {
		let value = 0;
		let scale = 1;
		for (let count = 0; count < 10; count++) {
			const byte = head[at++];
			if (byte === undefined) return Number.NaN;
			value += (byte & 0x7f) * scale;
			if (byte < 0x80) return value;
			scale *= 128;
		}
		return Number.POSITIVE_INFINITY;
	};
	while (at < head.byteLength) {
		const tag = varint();
		if (Number.isNaN(tag)) break;
		const wire = tag % 8;
		const field = Math.floor(tag / 8);
		if (field === 0 || field > 100_000 || wire > 5) return undefined;
		let start = at;
		let length: number;
		if (wire === 0) {
			const value = varint();
			if (value === Number.POSITIVE_INFINITY) return undefined;
			if (Number.isNaN(value)) break;
			length = at - start;
		} else if (wire === 1 || wire === 5) length = wire === 1 ? 8 : 4;
		else if (wire === 2) {
			length = varint();
			if (length === Number.POSITIVE_INFINITY) return undefined;
			if (Number.isNaN(length)) break;
			start = at;
		} else length = 0;
		fields.push({ field, wire, at: start, length });
		at = start + length;
	}
	return fields;
}

/** Field number to wire type of the fields that can be seen; undefined where the file is no message of its size. */
export function messageFields(head: Uint8Array, size: number): ReadonlyMap<number, number> | undefined {
	const fields = walk(head);
	if (!fields || fields.length === 0 || fields.some((field) => field.at + field.length > size)) return undefined;
	return new Map(fields.map(({ field, wire }) => [field, wire]));
}

/** Wire types of ModelProto's fields. */
const MODEL_WIRES: ReadonlyMap<number, number> = new Map([
	[1, 0],
	[2, 2],
	[3, 2],
	[4, 2],
	[5, 0],
	[6, 2],
	[7, 2],
	[8, 2],
	[14, 2],
	[20, 2],
	[25, 2],
	[26, 2],
]);

/** Fields beyond are of a later version than this one. */
const LAST_MODEL_FIELD = 26;

/** Wire types of GraphProto's fields: all are length-delimited. */
const GRAPH_FIELDS: ReadonlySet<number> = new Set([1, 2, 5, 10, 11, 12, 13, 14, 15, 16]);

/**
 * Whether the bytes begin like a ModelProto: known fields with the right wire types, among them a graph whose own first
 * fields are those of a GraphProto. 'truncated': it begins like one, but says it is longer than the file.
 */
export function looksLikeModel(head: Uint8Array, size: number): 'model' | 'truncated' | undefined {
	const fields = walk(head);
	if (!fields || fields.length === 0) return undefined;
	const foreign = fields.some(({ field, wire }) => field <= LAST_MODEL_FIELD && MODEL_WIRES.get(field) !== wire);
	if (foreign) return undefined;
	const version = fields.find(({ field }) => field === 1);
	if (version && (head[version.at] ?? 0) > 127) return undefined;
	const overlong = fields.some((field) => field.at + field.length > size);
	const graph = fields.find(({ field }) => field === 7);
	if (!graph) {
		const plausible = version !== undefined && fields.length > 1 && fields.every(({ field }) => field <= LAST_MODEL_FIELD);
		return plausible && overlong ? 'truncated' : undefined;
	}
	if (!version && !fields.some(({ field }) => field === 8)) return undefined;
	if (graph.length > 0 && graph.at < head.byteLength) {
		const first = walk(head.subarray(graph.at))?.[0];
		if (first?.wire !== 2 || !GRAPH_FIELDS.has(first.field)) return undefined;
	}
	return overlong ? 'truncated' : 'model';
}

const TENSOR_WIRES: ReadonlyMap<number, readonly number[]> = new Map([
	[1, [0, 2]],
	[2, [0]],
	[4, [2, 5]],
	[5, [2, 0]],
	[6, [2]],
	[7, [2, 0]],
	[8, [2]],
	[9, [2]],
	[10, [2, 1]],
	[11, [2, 0]],
	[12, [2]],
	[13, [2]],
	[14, [0]],
	[16, [2]],
]);

/** Whether these are fields of a TensorProto: a data type, some data, and nothing foreign. */
export function looksLikeTensor(fields: ReadonlyMap<number, number>): boolean {
	for (const [field, wire] of fields) if (!TENSOR_WIRES.get(field)?.includes(wire)) return false;
	return fields.has(2) && [4, 5, 6, 7, 9, 10, 11].some((field) => fields.has(field));
}

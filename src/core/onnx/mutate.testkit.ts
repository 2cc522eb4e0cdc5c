import type { SeededRandom } from '../numeric/random.ts';

/** Ways to damage a file. */
export const mutations = [
	'bit flips',
	'byte sets',
	'truncation',
	'varint bomb',
	'duplicated span',
	'deleted span',
	'header damage',
	'length damage',
	'swapped spans',
	'field edit',
] as const;
export type Mutation = (typeof mutations)[number];

/**
 * A damaged copy of `seed`: mostly one mutation, at times up to three, drawn from `random`. Field edits keep the file well-formed
 * and so reach what lies behind the wire format. Never empty unless the seed is.
 */
export function mutate(seed: Uint8Array, random: SeededRandom): { bytes: Uint8Array; applied: Mutation[] } {
	let bytes: Uint8Array = seed.slice();
	const applied: Mutation[] = [];
	for (let round = random.below(4) === 0 ? 2 + random.below(2) : 1; round > 0 && bytes.byteLength > 0; round--) {
		const kind = random.below(3) === 0 ? 'field edit' : (mutations[random.below(mutations.length)] ?? 'bit flips');
		bytes = apply(kind, bytes, random);
		applied.push(kind);
	}
	return { bytes, applied };
}

function apply(kind: Mutation, bytes: Uint8Array, random: SeededRandom): Uint8Array {
	const size = bytes.byteLength;
	const at = random.below(size);
	const span = 1 + random.below(Math.min(64, size - at));
	switch (kind) {
		case 'bit flips':
			for (let count = few(random); count > 0; count--) {
				const place = random.below(size);
				bytes[place] = (bytes[place] ?? 0) ^ (1 << random.below(8));
			}
			return bytes;
		case 'byte sets':
			for (let count = few(random); count > 0; count--) bytes[random.below(size)] = random.below(256);
			return bytes;
		case 'truncation':
			return bytes.slice(0, Math.max(1, at));
		case 'varint bomb':
			return splice(bytes, at, 0, new Uint8Array(1 + random.below(12)).fill(0xff));
		case 'duplicated span':
			return splice(bytes, at, 0, bytes.slice(at, at + span));
		case 'deleted span':
			return splice(bytes, at, Math.min(span, size - 1), new Uint8Array(0));
		case 'header damage':
			for (let count = 1 + random.below(4); count > 0; count--) bytes[random.below(Math.min(16, size))] = random.below(256);
			return bytes;
		case 'length damage':
			return damageLength(bytes, random);
		case 'field edit':
			return editField(bytes, random);
		case 'swapped spans': {
			const other = random.below(size - span + 1);
			const first = bytes.slice(at, at + span);
			const second = bytes.slice(other, other + span);
			bytes.set(second.subarray(0, size - at), at);
			bytes.set(first.subarray(0, size - other), other);
			return bytes;
		}
	}
}

function few(random: SeededRandom): number {
	return random.below(3) === 0 ? 1 + random.below(8) : 1;
}

/** Changes a byte that follows the tag of a length-delimited field, or looks like one. */
function damageLength(bytes: Uint8Array, random: SeededRandom): Uint8Array {
	const start = random.below(bytes.byteLength);
	for (let step = 0; step < bytes.byteLength - 1; step++) {
		const place = (start + step) % (bytes.byteLength - 1);
		if (((bytes[place] ?? 0) & 7) === 2) {
			const choices = [0, 1, 0x7f, 0x80, 0xff, ((bytes[place + 1] ?? 0) + 1) & 0xff, ((bytes[place + 1] ?? 0) - 1) & 0xff];
			bytes[place + 1] = choices[random.below(choices.length)] ?? 0;
			return bytes;
		}
	}
	return bytes;
}

function splice(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
	const result = new Uint8Array(bytes.byteLength - remove + insert.byteLength);
	result.set(bytes.subarray(0, at));
	result.set(insert, at);
	result.set(bytes.subarray(at + remove), at + insert.byteLength);
	return result;
}

/** A field of a message; `children` where its bytes read as a message themselves. */
interface WireField {
	tag: number;
	/** Value as it stands on the wire, without length. */
	value: Uint8Array;
	children: WireField[] | undefined;
}

/** Deletes, doubles, moves, renumbers or changes one well-formed field somewhere in the tree; all lengths stay right. */
function editField(bytes: Uint8Array, random: SeededRandom): Uint8Array {
	const root = parse(bytes, 0);
	if (!root || root.length === 0) return bytes;
	let list = root;
	for (;;) {
		const inner = list.filter((field) => field.children && field.children.length > 0);
		const next = inner[random.below(Math.max(1, inner.length))]?.children;
		if (!next || random.below(4) === 0) break;
		list = next;
	}
	const at = random.below(list.length);
	const field = list[at];
	if (!field) return bytes;
	switch (random.below(6)) {
		case 0:
			list.splice(at, 1);
			break;
		case 1:
			list.splice(random.below(list.length), 0, field);
			break;
		case 2:
			list.splice(at, 1);
			list.splice(random.below(list.length + 1), 0, field);
			break;
		case 3:
			field.tag = (1 + random.below(26)) * 8 + (field.tag & 7);
			break;
		case 4:
			field.children = undefined;
			field.value = (field.tag & 7) === 2 ? field.value.slice(0, random.below(field.value.byteLength + 1)) : field.value;
			break;
		default:
			field.children = undefined;
			field.value = field.value.slice();
			if (field.value.byteLength > 0) {
				const last = field.value.byteLength - 1;
				// The last byte of a varint must stay below 128, or the field would not end where it should.
				field.value[(field.tag & 7) === 0 ? last : random.below(last + 1)] = random.below(128);
			}
	}
	return Uint8Array.from(emit(root));
}

/** The fields of `bytes`, or undefined where they do not read as a message. */
function parse(bytes: Uint8Array, depth: number): WireField[] | undefined {
	const fields: WireField[] = [];
	let at = 0;
	const varint = (): number => {
		let value = 0;
		for (let shift = 0; shift < 70; shift += 7) {
			const byte = bytes[at++];
			if (byte === undefined) return Number.NaN;
			value += (byte & 0x7f) * 2 ** shift;
			if (byte < 0x80) return value;
		}
		return Number.NaN;
	};
	while (at < bytes.byteLength) {
		const tag = varint();
		const wire = tag % 8;
		let start = at;
		let length = wire === 1 ? 8 : 4;
		if (wire === 0) {
			if (Number.isNaN(varint())) return undefined;
			length = at - start;
		} else if (wire === 2) {
			length = varint();
			start = at;
		} else if (wire !== 1 && wire !== 5) return undefined;
		if (!(tag >= 8 && start + length <= bytes.byteLength)) return undefined;
		const value = bytes.subarray(start, start + length);
		at = start + length;
		fields.push({ tag, value, children: wire === 2 && length > 1 && depth < 12 ? parse(value, depth + 1) : undefined });
	}
	return fields;
}

function emit(fields: readonly WireField[]): number[] {
	const out: number[] = [];
	const varint = (value: number): void => {
		let rest = value;
		for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
		out.push(rest);
	};
	for (const field of fields) {
		const value = field.children ? emit(field.children) : field.value;
		varint(field.tag);
		if ((field.tag & 7) === 2) varint(value.length);
		for (const byte of value) out.push(byte);
	}
	return out;
}

import { dtypeFromCode } from '../ir/dtype.ts';
import type { Dim, ValueType } from '../ir/type.ts';
import { tensorType } from '../ir/type.ts';
import { either, fromFront } from './infer-dims.ts';
import { type InferRule, shaped } from './infer-rules.ts';

/** Operators on sequences and optionals. */

/** What holds for a value of either type; undefined where they have nothing in common. */
export function commonType(a: ValueType | undefined, b: ValueType | undefined): ValueType | undefined {
	if (!a || !b || a.kind !== b.kind) return undefined;
	if (a.kind === 'tensor' && b.kind === 'tensor') {
		if (a.dtype !== b.dtype) return undefined;
		return tensorType(a.dtype, commonShape(a.shape, b.shape));
	}
	if ((a.kind === 'sequence' || a.kind === 'optional') && (b.kind === 'sequence' || b.kind === 'optional')) {
		return { kind: a.kind, element: commonType(a.element, b.element) };
	}
	return JSON.stringify(a) === JSON.stringify(b) ? a : undefined;
}

function commonShape(a: readonly Dim[] | null, b: readonly Dim[] | null): Dim[] | null {
	return a && b && a.length === b.length ? a.map((dim, axis) => either(dim, b[axis] ?? null)) : null;
}

/** The element of a sequence or optional; an optional operator that takes plain values passes them on. */
function elementOf(type: ValueType | undefined): ValueType | undefined {
	return type?.kind === 'sequence' || type?.kind === 'optional' ? type.element : undefined;
}

const sequenceOf = (element: ValueType | undefined): ValueType | undefined => element && { kind: 'sequence', element };

const construct: InferRule = (context) => {
	const [first, ...rest] = context.node.inputs.map((_, index) => context.type(index));
	return [{ type: sequenceOf(rest.reduce(commonType, first)) }];
};

const splitToSequence: InferRule = (context) => {
	const type = context.type(0);
	if (type?.kind !== 'tensor') return [];
	const axis = type.shape && fromFront(context.int('axis', 0), type.shape.length);
	const dropped = !context.has(1) && context.int('keepdims', 1) === 0;
	const size = context.has(1) ? (context.shape(1)?.length === 0 ? (context.elements(1)?.[0] ?? null) : null) : 1;
	const length = axis === null ? null : (type.shape?.[axis] ?? null);
	// The last part is smaller where the size does not divide the length.
	const even = typeof size === 'number' && typeof length === 'number' && size > 0 && length % size === 0 ? size : size === 1 ? 1 : null;
	const shape =
		type.shape && (dropped ? type.shape.filter((_, at) => at !== axis) : type.shape.map((dim, at) => (at === axis ? even : dim)));
	return [{ type: sequenceOf(tensorType(type.dtype, shape)) }];
};

const concatFromSequence: InferRule = (context) => {
	const element = elementOf(context.type(0));
	if (element?.kind !== 'tensor') return [];
	const { shape } = element;
	if (!shape) return [{ type: tensorType(element.dtype, null) }];
	const added = context.int('new_axis', 0) === 1;
	const axis = fromFront(context.int('axis', 0), shape.length + Number(added));
	const out = added ? [...shape.slice(0, axis), null, ...shape.slice(axis)] : shape.map((dim, at) => (at === axis ? null : dim));
	return [{ type: tensorType(element.dtype, out) }];
};

const optional: InferRule = (context) => {
	const attr = context.attribute('type');
	const element = context.has(0) ? context.type(0) : attr?.kind === 'type' ? attr.value : undefined;
	return [{ type: element && { kind: 'optional', element } }];
};

export const sequenceRules: Readonly<Record<string, InferRule>> = {
	SequenceConstruct: construct,
	SequenceEmpty: (context) => {
		const dtype = dtypeFromCode(context.int('dtype', 1));
		return [{ type: dtype && sequenceOf(tensorType(dtype, null)) }];
	},
	SequenceInsert: (context) => {
		const element = elementOf(context.type(0));
		const common = commonType(element, context.type(1));
		return [{ type: sequenceOf(common ?? element) }];
	},
	SequenceErase: (context) => [{ type: context.type(0) }],
	SequenceAt: (context) => [{ type: elementOf(context.type(0)) }],
	SequenceLength: () => shaped([]),
	SplitToSequence: splitToSequence,
	ConcatFromSequence: concatFromSequence,
	Optional: optional,
	OptionalGetElement: (context) => {
		const type = context.type(0);
		return [{ type: type?.kind === 'optional' ? type.element : type }];
	},
	OptionalHasElement: () => shaped([]),
};

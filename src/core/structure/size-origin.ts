import type { Node, Value } from '../ir/graph.ts';
import type { Trace } from './trace.ts';

/** Where one element of a vector of sizes comes from. */
export type SizeOrigin =
	| { readonly kind: 'constant'; readonly size: number }
	/** The size of an axis of a value: follows by itself when the axis shrinks. */
	| { readonly kind: 'axis'; readonly value: Value; readonly axis: number }
	| { readonly kind: 'unknown' };

const UNKNOWN: SizeOrigin = { kind: 'unknown' };

/** Operators that hand sizes on, element by element. */
const CARRIES = new Set(['Gather', 'Slice', 'Concat', 'Unsqueeze', 'Squeeze', 'Reshape', 'Cast', 'Identity']);
/** Which input of an operator is a vector of sizes that its rule accounts for. */
const SIZE_INPUT: Readonly<Record<string, readonly number[]>> = { Reshape: [1], Expand: [1], Resize: [3] };

/** Whether a node computes with sizes rather than data. */
export function readsSizes(node: Node, trace: Trace): boolean {
	if (node.domain !== '') return false;
	if (node.op === 'Shape') return true;
	const first = node.input(0);
	if (node.op === 'Concat') return node.inputs.some((input) => trace.sizes.has(input));
	return CARRIES.has(node.op) && trace.sizes.has(first);
}

/**
 * Follows sizes of axes through the small integer vectors that exporters compute shapes with. A size that goes into anything but a shape
 * (an average's divisor, a scale) makes its axis refuse to shrink, because numbers would change.
 */
export class SizeOrigins {
	readonly #origins = new Map<Value, readonly SizeOrigin[]>();
	readonly #trace: Trace;

	constructor(trace: Trace) {
		this.#trace = trace;
	}

	has(value: Value | null): boolean {
		return value !== null && this.#origins.has(value);
	}

	/** Origins of the elements of a shape input; undefined where nothing is known. */
	of(value: Value | null): readonly SizeOrigin[] | undefined {
		if (!value) return undefined;
		const known = this.#origins.get(value);
		if (known) return known;
		const elements = this.#trace.types.elementsOf(value) ?? undefined;
		if (!elements || !this.#trace.isConstant(value)) return undefined;
		return elements.map((size) => (typeof size === 'number' ? { kind: 'constant', size } : UNKNOWN));
	}

	follow(node: Node): void {
		const output = node.outputs[0];
		if (!output) return;
		const found = this.#result(node);
		if (found) this.#origins.set(output, found);
		else for (const input of node.inputs) this.escape(input);
	}

	#result(node: Node): readonly SizeOrigin[] | undefined {
		const first = this.of(node.input(0));
		const elements = (index: number): number[] | undefined => {
			const found = this.#trace.types.elementsOf(node.input(index));
			return found?.every((dim) => typeof dim === 'number') ? (found as number[]) : undefined;
		};
		switch (node.op) {
			case 'Shape': {
				const value = node.input(0);
				const rank = this.#trace.shapeOf(value)?.length;
				if (!value || rank === undefined) return undefined;
				const all = Array.from({ length: rank }, (_, axis): SizeOrigin => ({ kind: 'axis', value, axis }));
				const to = node.int('end', rank);
				return all.slice(node.int('start', 0), to);
			}
			case 'Gather': {
				const indices = elements(1);
				return first && indices?.map((index) => first.at(index) ?? UNKNOWN);
			}
			case 'Slice': {
				const attr = node.ints('starts');
				const [starts, ends, steps] = [attr ?? elements(1), node.ints('ends') ?? elements(2), attr || !node.input(4) ? [1] : elements(4)];
				if (!first || !starts || !ends || steps?.[0] !== 1 || starts.length !== 1) return undefined;
				return first.slice(starts[0], ends[0]);
			}
			case 'Concat': {
				const parts = node.inputs.map((input) => this.of(input));
				// A part that is computed otherwise: as many unknown elements as it has.
				const filled = parts.map((part, i) => part ?? this.#unknowns(node.input(i)));
				return filled.every((part) => part !== undefined) ? filled.flat() : undefined;
			}
			default:
				return first;
		}
	}

	#unknowns(value: Value | null): SizeOrigin[] | undefined {
		const shape = this.#trace.shapeOf(value);
		const count = shape?.length === 0 ? 1 : shape?.[0];
		return typeof count === 'number' && count <= 64 ? Array.from({ length: count }, () => UNKNOWN) : undefined;
	}

	/** Axes whose size went into this value do not shrink: what is done with it is not known to be a shape. */
	escape(value: Value | null): void {
		for (const origin of (value && this.#origins.get(value)) || []) {
			if (origin.kind !== 'axis') continue;
			const labels = this.#trace.axesOf(origin.value)?.[origin.axis];
			this.#trace.refuse(labels, { node: value?.producer?.label ?? '', reason: 'its size is computed with' });
		}
	}

	escapeUnless(value: Value | null, node: Node): void {
		if (!value || !this.#origins.has(value)) return;
		const accounted = node.domain === '' ? SIZE_INPUT[node.op] : undefined;
		if (accounted?.some((index) => node.input(index) === value)) return;
		this.escape(value);
	}
}

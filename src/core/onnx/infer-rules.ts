import type { Attribute } from '../ir/attribute.ts';
import type { DType } from '../ir/dtype.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { Dim, ValueType } from '../ir/type.ts';
import { numeric } from './infer-dims.ts';

/** Types and shapes of values: declared ones, and ones worked out from the operators. Kept apart from the graph. */
export interface InferredTypes {
	typeOf(value: Value | null | undefined): ValueType | undefined;
	/** Dimensions where the rank is known. */
	shapeOf(value: Value | null | undefined): readonly Dim[] | undefined;
	/** Elements of a small tensor where they can be told, row-major: what Shape, Gather, Concat and their kin compute. */
	elementsOf(value: Value | null | undefined): readonly Dim[] | undefined;
}

/** What a rule says about one output. Element types come from the operator's signature, not from rules. */
export interface Inferred {
	readonly shape?: readonly Dim[] | undefined;
	/** Elements of a small result: numbers (1 and 0 for booleans), symbols, null for unknown ones. */
	readonly elements?: readonly Dim[] | undefined;
	/** The whole type where it is no tensor, or where no signature tells its element type. */
	readonly type?: ValueType | undefined;
}

/** Shapes of the outputs of one operator; may leave outputs out and may throw, which counts as not knowing. */
export type InferRule = (context: InferContext) => readonly (Inferred | undefined)[];

/** An attribute that stands for a parameter of a function whose call is not known. */
export class UnboundAttribute extends Error {
	override readonly name = 'UnboundAttribute';
}

/** One node as rules see it: attributes of function bodies are looked up in the call. */
export class InferContext {
	readonly node: Node;
	/** Version of the node's operator set. */
	readonly opset: number;
	readonly #known: InferredTypes;
	/** Attributes of the function call around the node; undefined where the call is not known. */
	readonly #parameters: ReadonlyMap<string, Attribute> | undefined;

	constructor(node: Node, opset: number, known: InferredTypes, parameters: ReadonlyMap<string, Attribute> | undefined) {
		this.node = node;
		this.opset = opset;
		this.#known = known;
		this.#parameters = parameters;
	}

	/** Whether an optional input is there. */
	has(index: number): boolean {
		return this.node.input(index) !== null;
	}

	type(index: number): ValueType | undefined {
		return this.#known.typeOf(this.node.input(index));
	}

	dtype(index: number): DType | undefined {
		const type = this.type(index);
		return type?.kind === 'tensor' ? type.dtype : undefined;
	}

	shape(index: number): readonly Dim[] | undefined {
		return this.#known.shapeOf(this.node.input(index));
	}

	/** Shapes of all inputs. */
	shapes(): (readonly Dim[] | undefined)[] {
		return this.node.inputs.map((input) => this.#known.shapeOf(input));
	}

	elements(index: number): readonly Dim[] | undefined {
		return this.#known.elementsOf(this.node.input(index));
	}

	/** Elements that are all numbers. */
	numbers(index: number): number[] | undefined {
		return numeric(this.elements(index));
	}

	attribute(name: string): Attribute | undefined {
		const attr = this.node.attributes.get(name);
		if (attr?.kind !== 'ref') return attr;
		if (!this.#parameters) throw new UnboundAttribute(attr.value);
		return this.#parameters.get(attr.value);
	}

	int(name: string, fallback: number): number {
		const attr = this.attribute(name);
		return attr?.kind === 'int' ? toNumber(attr.value) : fallback;
	}

	ints(name: string): number[] | undefined {
		const attr = this.attribute(name);
		return attr?.kind === 'ints' ? attr.value.map(toNumber) : undefined;
	}

	string(name: string, fallback: string): string {
		const attr = this.attribute(name);
		return attr?.kind === 'string' ? new TextDecoder().decode(attr.value) : fallback;
	}

	/** Numbers that newer opsets give as an input and older ones as an attribute. */
	intsOr(attribute: string, input: number): number[] | undefined {
		return this.ints(attribute) ?? this.numbers(input);
	}
}

/** ONNX's integers as numbers; those beyond 2^53 are clamped: they mean "to the end". */
export function toNumber(value: bigint): number {
	if (value > 9007199254740991n) return Number.MAX_SAFE_INTEGER;
	if (value < -9007199254740991n) return Number.MIN_SAFE_INTEGER;
	return Number(value);
}

/** One output with a shape, and elements where the result is small and can be told. */
export function shaped(shape: readonly Dim[] | undefined, elements?: readonly Dim[] | undefined): Inferred[] {
	return [{ shape, elements }];
}

/** A table of rules for operators that share one. */
export function each(ops: string, rule: InferRule): Record<string, InferRule> {
	return Object.fromEntries(ops.split(' ').map((op) => [op, rule]));
}

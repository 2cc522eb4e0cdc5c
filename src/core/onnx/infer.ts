import { constantOf } from '../ir/constants.ts';
import { elementCount } from '../ir/dtype.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { type Dim, tensorType, type ValueType } from '../ir/type.ts';
import { type InferContext, rules } from './infer-rules.ts';

/** Types and shapes of values: declared ones, and ones worked out from the operators. Kept apart from the graph. */
export interface InferredTypes {
	typeOf(value: Value | null | undefined): ValueType | undefined;
	/** Dimensions where the rank is known. */
	shapeOf(value: Value | null | undefined): readonly Dim[] | undefined;
	/** Elements of a small integer tensor where they can be told: what Shape, Gather, Concat and their kin compute. */
	elementsOf(value: Value | null | undefined): readonly Dim[] | undefined;
}

/** Integer tensors up to this many elements are followed by value: shapes, axes, slices. */
const MOST_ELEMENTS = 64;

/**
 * Works through the graph once, in order, subgraphs and function bodies included. Operators without a rule give values of
 * unknown type; nothing throws on strange graphs. Declared shapes are kept where they say more.
 */
export async function inferTypes(model: Model): Promise<InferredTypes> {
	const types = new Map<Value, ValueType>();
	const elements = new Map<Value, readonly Dim[]>();
	const known: InferredTypes = {
		typeOf: (value) => (value ? (types.get(value) ?? statedType(value)) : undefined),
		shapeOf: (value) => {
			const type = known.typeOf(value);
			return type?.kind === 'tensor' ? (type.shape ?? undefined) : undefined;
		},
		elementsOf: (value) => (value ? elements.get(value) : undefined),
	};

	const readElements = async (value: Value | null): Promise<void> => {
		if (!value || elements.has(value)) return;
		const tensor = constantOf(value, 3);
		if (!tensor || (tensor.dtype !== 'int64' && tensor.dtype !== 'int32') || elementCount(tensor.dims) > MOST_ELEMENTS) return;
		try {
			const bytes = (await tensor.bytes()).slice();
			elements.set(
				value,
				tensor.dtype === 'int64' ? Array.from(new BigInt64Array(bytes.buffer), clamped) : Array.from(new Int32Array(bytes.buffer)),
			);
		} catch {
			// A weight file that is not there yet: the shape stays unknown.
		}
	};

	const visit = async (graph: Graph): Promise<void> => {
		for (const node of graph.nodes()) {
			for (const input of node.inputs) await readElements(input);
			for (const sub of node.subgraphs) await visit(sub);
			infer(node, await fillOf(node));
		}
	};

	const infer = (node: Node, fill: number | undefined): void => {
		const context: InferContext = { node, opset: model.opset, fill, ...known };
		let results: readonly (ReturnType<typeof rules.infer>[number] | undefined)[] = [];
		try {
			results = rules.infer(context);
		} catch {
			// A graph that breaks the operator's rules: the checker and the runtime say so in their own words.
		}
		node.outputs.forEach((output, index) => {
			if (!output) return;
			const result = results[index];
			const merged = merge(statedType(output), result?.type);
			if (merged) types.set(output, merged);
			if (result?.elements && result.elements.length <= MOST_ELEMENTS) elements.set(output, result.elements);
		});
	};

	await visit(model.graph);
	for (const fn of model.functions) await visit(fn.body);
	return known;
}

/** The integer that a ConstantOfShape node fills with, where it is one. */
async function fillOf(node: Node): Promise<number | undefined> {
	const attr = node.op === 'ConstantOfShape' ? node.attributes.get('value') : undefined;
	if (attr?.kind !== 'tensor' || attr.value.dtype !== 'int64' || attr.value.byteLength !== 8) return undefined;
	return clamped(new BigInt64Array((await attr.value.bytes()).slice().buffer)[0] ?? 0n);
}

function statedType(value: Value): ValueType | undefined {
	const tensor = value.initializer;
	if (tensor) return tensorType(tensor.dtype, tensor.dims);
	return value.type;
}

/** What both say together: a declared dimension wins over an inferred one unless only the inferred one is a number. */
function merge(declared: ValueType | undefined, inferred: ValueType | undefined): ValueType | undefined {
	if (declared?.kind !== 'tensor' || inferred?.kind !== 'tensor') return declared ?? inferred;
	if (!declared.shape || !inferred.shape || declared.shape.length !== inferred.shape.length) {
		return declared.shape ? declared : tensorType(declared.dtype, inferred.shape);
	}
	const { shape } = inferred;
	return tensorType(
		declared.dtype,
		declared.shape.map((dim, index) =>
			typeof dim === 'number' ? dim : typeof shape[index] === 'number' ? shape[index] : (dim ?? shape[index] ?? null),
		),
	);
}

function clamped(value: bigint): number {
	if (value > 9007199254740991n) return Number.MAX_SAFE_INTEGER;
	return value < -9007199254740991n ? Number.MIN_SAFE_INTEGER : Number(value);
}

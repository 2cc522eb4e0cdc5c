import type { Attribute } from '../ir/attribute.ts';
import { constantOf } from '../ir/constants.ts';
import { type DType, elementCount } from '../ir/dtype.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { graphsWithin, type Model, type ModelFunction } from '../ir/model.ts';
import type { TensorRef } from '../ir/tensor.ts';
import { type Dim, tensorType, type ValueType } from '../ir/type.ts';
import { outputDType } from './element-types.ts';
import { bindBodies, CONTROL_FLOW, controlOutputs } from './infer-control.ts';
import { unify } from './infer-dims.ts';
import { FOLLOWED } from './infer-elementwise.ts';
import { constantOfShape, MOST_ELEMENTS } from './infer-generators.ts';
import { InferContext, type Inferred, type InferredTypes, toNumber } from './infer-rules.ts';
import { commonType } from './infer-sequences.ts';
import { rules } from './infer-table.ts';
import { signatureOf } from './schema.ts';

export type { InferredTypes } from './infer-rules.ts';

/** Stored tensors read for their elements, over the whole model: a bound for files that hold nothing else. */
const MOST_READS = 100_000;
/** Nodes of function bodies walked over all calls: functions that call functions could take for ever. */
const MOST_CALLED_NODES = 200_000;
const DEEPEST_CALL = 32;
const HIGHEST_RANK = 256;

/**
 * Works through the graph once, in order: subgraphs of control flow with what their node gives them, bodies of model functions
 * once for each call. Element types come from the operators' signatures and attributes, shapes from rules by operator; a declared
 * type is kept, and a declared shape unless the inferred one says more. Reads small integer constants (shapes, axes, slices).
 * Operators without a rule give values of unknown shape; nothing throws on strange graphs. The model is not changed.
 */
export async function inferTypes(model: Model, options: InferOptions = {}): Promise<InferredTypes> {
	const inference = new Inference(model, options);
	await inference.run();
	return inference;
}

export interface InferOptions {
	/**
	 * Gives every dimension that nothing is known of a symbol of its own (`?1`, `?2` …), so that values which share it are seen to.
	 * default false: such dimensions are null.
	 */
	readonly nameUnknown?: boolean;
	/**
	 * What rewriting may rely on: types that the file states for computed values only fill in what operators leave open, and stored
	 * tensors that a caller may override are no constants. default false.
	 */
	readonly strict?: boolean;
}

/** Where a node stands: what its operators mean, and what the attributes of a function call are. */
interface Scope {
	readonly opsets: ReadonlyMap<string, number>;
	readonly parameters: ReadonlyMap<string, Attribute> | undefined;
	readonly depth: number;
}

type Results = readonly (Inferred | undefined)[];

class Inference implements InferredTypes {
	readonly #model: Model;
	readonly #types = new Map<Value, ValueType>();
	readonly #elements = new Map<Value, readonly Dim[]>();
	/** Values of function bodies: what holds in all calls so far, null where calls contradict each other. */
	readonly #overCalls = new Map<Value, ValueType | null>();
	readonly #functions = new Map<string, ModelFunction>();
	readonly #called = new Set<ModelFunction>();
	readonly #sizes = new Map<ModelFunction, number>();
	#reads = 0;
	#calledNodes = 0;
	readonly #nameUnknown: boolean;
	readonly #strict: boolean;
	#names = 0;

	constructor(model: Model, options: InferOptions) {
		this.#model = model;
		this.#nameUnknown = options.nameUnknown === true;
		this.#strict = options.strict === true;
		for (const fn of model.functions) this.#functions.set(`${fn.domain}:${fn.name}:${fn.overload}`, fn);
	}

	typeOf(value: Value | null | undefined): ValueType | undefined {
		return value ? (this.#types.get(value) ?? statedType(value)) : undefined;
	}

	shapeOf(value: Value | null | undefined): readonly Dim[] | undefined {
		const type = this.typeOf(value);
		return type?.kind === 'tensor' || type?.kind === 'sparse' ? (type.shape ?? undefined) : undefined;
	}

	elementsOf(value: Value | null | undefined): readonly Dim[] | undefined {
		return value ? this.#elements.get(value) : undefined;
	}

	async run(): Promise<void> {
		if (this.#nameUnknown) for (const input of this.#model.graph.inputs) this.#bind(input, undefined);
		await this.#graph(this.#model.graph, { opsets: this.#model.opsets, parameters: undefined, depth: 0 });
		for (const fn of this.#model.functions) {
			if (!this.#called.has(fn)) await this.#graph(fn.body, { opsets: fn.opsets, parameters: undefined, depth: DEEPEST_CALL });
		}
		for (const [value, type] of this.#overCalls) if (type) this.#types.set(value, type);
	}

	async #graph(graph: Graph, scope: Scope): Promise<void> {
		for (const node of graph.nodes()) {
			// Most nodes need nothing read: waiting for each of 100,000 would take longer than the work.
			const made = this.#node(node, scope);
			const results = made instanceof Promise ? await made : made;
			for (const [index, output] of node.outputs.entries()) {
				const result = results[index];
				if (!output) continue;
				const [stated, inferred] = [statedType(output), withinRank(result?.type)];
				const merged = this.#named(this.#strict ? merge(inferred, stated) : merge(stated, inferred));
				// A body that is walked again forgets what the call before said.
				if (merged) this.#types.set(output, merged);
				else this.#types.delete(output);
				if (result?.elements && result.elements.length <= MOST_ELEMENTS) this.#elements.set(output, result.elements);
				else this.#elements.delete(output);
			}
		}
	}

	#node(node: Node, scope: Scope): Results | Promise<Results> {
		const fn = this.#functions.get(`${node.domain}:${node.op}:${node.overload}`);
		if (fn) return this.#call(node, fn, scope);
		const context = new InferContext(node, scope.opsets.get(node.domain) ?? 1, this, scope.parameters);
		if (node.subgraphs.length > 0) return this.#bodies(context, scope);
		const reading = this.#constants(context);
		return reading.length > 0 || node.op === 'ConstantOfShape' ? this.#readThenApply(context, reading) : this.#apply(context, null);
	}

	async #bodies(context: InferContext, scope: Scope): Promise<Results> {
		const { node } = context;
		const control = node.domain === '' && CONTROL_FLOW.has(node.op);
		for (const value of this.#constants(context)) await this.#read(value);
		if (control) attempt(() => bindBodies(context, (value, type) => this.#bind(value, type)));
		for (const sub of node.subgraphs) await this.#graph(sub, scope);
		return (control ? attempt(() => controlOutputs(context, (value) => this.typeOf(value))) : undefined) ?? [];
	}

	async #readThenApply(context: InferContext, reading: readonly Value[]): Promise<Results> {
		for (const value of reading) await this.#read(value);
		return this.#apply(context, context.node.op === 'ConstantOfShape' ? await this.#fill(context) : null);
	}

	#apply(context: InferContext, fill: Dim): Results {
		const { node, opset } = context;
		const results = attempt(() => (fill === null ? rules.get(node.qualifiedOp)?.(context) : constantOfShape(context, fill))) ?? [];
		const signature = signatureOf(node.qualifiedOp, opset);
		return node.outputs.map((_, index): Inferred => {
			const result = results[index];
			if (result?.type) return result;
			const dtype = attempt(() => outputDType(node, index, signature, this.#dtypeOf, (name) => context.attribute(name)));
			return { type: dtype && tensorType(dtype, result?.shape ?? null), elements: result?.elements };
		});
	}

	readonly #dtypeOf = (value: Value | null): DType | undefined => {
		const type = this.typeOf(value);
		return type?.kind === 'tensor' || type?.kind === 'sparse' ? type.dtype : undefined;
	};

	#named(type: ValueType | undefined): ValueType | undefined {
		if (!this.#nameUnknown || type?.kind !== 'tensor' || !type.shape?.includes(null)) return type;
		return tensorType(
			type.dtype,
			type.shape.map((dim) => dim ?? `?${++this.#names}`),
		);
	}

	/** Gives an input of a body what its node passes in, as far as it is not declared. */
	#bind(value: Value, type: ValueType | undefined): void {
		const merged = this.#named(merge(statedType(value), type));
		if (merged) this.#types.set(value, merged);
		else this.#types.delete(value);
	}

	/** Walks the body of a function with the types and attributes of one call. */
	async #call(node: Node, fn: ModelFunction, scope: Scope): Promise<readonly Inferred[]> {
		this.#calledNodes += this.#sizeOf(fn);
		if (scope.depth >= DEEPEST_CALL || this.#calledNodes > MOST_CALLED_NODES) return [];
		this.#called.add(fn);
		const parameters = new Map(fn.defaults);
		for (const [name, attr] of node.attributes) {
			const given = attr.kind === 'ref' ? scope.parameters?.get(attr.value) : attr;
			if (given) parameters.set(name, given);
		}
		for (const value of this.#constants(new InferContext(node, 1, this, undefined))) await this.#read(value);
		for (const [index, value] of fn.body.inputs.entries()) {
			const given = node.input(index);
			this.#bind(value, this.typeOf(given));
			const elements = this.elementsOf(given);
			if (elements) this.#elements.set(value, elements);
		}
		await this.#graph(fn.body, { opsets: fn.opsets, parameters, depth: scope.depth + 1 });
		const results = fn.body.outputs.map((output): Inferred => ({ type: this.typeOf(output), elements: this.elementsOf(output) }));
		for (const value of fn.body.inputs) this.#leave(value);
		for (const inner of fn.body.nodes()) for (const value of inner.outputs) if (value) this.#leave(value);
		return results;
	}

	/** Takes back what one call said about a value of its body, keeping what all calls agree on. */
	#leave(value: Value): void {
		const type = this.#types.get(value);
		const before = this.#overCalls.get(value);
		this.#overCalls.set(value, before === undefined ? (type ?? null) : (commonType(before ?? undefined, type) ?? null));
		this.#types.delete(value);
		this.#elements.delete(value);
	}

	#sizeOf(fn: ModelFunction): number {
		let size = this.#sizes.get(fn);
		if (size === undefined) {
			size = 1;
			for (const graph of graphsWithin(fn.body)) size += graph.nodeCount;
			this.#sizes.set(fn, size);
		}
		return size;
	}

	/** Stored inputs that a rule may look at and that were not read yet: integers, and floats where sizes are worked out with them. */
	#constants({ node }: InferContext): Value[] {
		const found = node.inputs.filter((value) => this.#isReadable(value, false));
		const floats =
			node.domain === '' && (FLOAT_READERS.has(node.op) || (FOLLOWED.has(node.op) && node.inputs.some((value) => this.elementsOf(value))));
		if (floats) found.push(...node.inputs.filter((value) => this.#isReadable(value, true)));
		return found.filter((value) => value !== null);
	}

	#isReadable(value: Value | null, floats: boolean): boolean {
		if (!value || this.#elements.has(value)) return false;
		const dtype = this.#dtypeOf(value);
		if (floats ? dtype !== 'float32' : dtype !== 'int64' && dtype !== 'int32' && dtype !== 'bool') return false;
		const tensor = this.#stored(value);
		return tensor !== undefined && elementCount(tensor.dims) <= MOST_ELEMENTS;
	}

	/** Overridable weights count as constants unless asked otherwise: the shapes of the model as it stands are asked for. */
	#stored(value: Value): TensorRef | undefined {
		return constantOf(value, this.#strict ? this.#model.irVersion : 3);
	}

	async #read(value: Value): Promise<void> {
		const tensor = this.#stored(value);
		if (!tensor || this.#reads >= MOST_READS) return;
		this.#reads += 1;
		const elements = await readNumbers(tensor);
		if (elements) this.#elements.set(value, elements);
	}

	/** The number that a ConstantOfShape fills with; null where it is of another kind. */
	async #fill(context: InferContext): Promise<Dim> {
		const attr = attempt(() => context.attribute('value'));
		if (!attr) return 0;
		if (attr.kind !== 'tensor' || elementCount(attr.value.dims) !== 1 || this.#reads >= MOST_READS) return null;
		this.#reads += 1;
		return (await readNumbers(attr.value))?.[0] ?? null;
	}
}

/** Operators that work out sizes with floats. */
const FLOAT_READERS: ReadonlySet<string> = new Set(['Resize', 'Upsample', 'Range', 'OneHot']);

async function readNumbers(tensor: TensorRef): Promise<number[] | undefined> {
	let bytes: Uint8Array<ArrayBuffer>;
	try {
		bytes = new Uint8Array(await tensor.bytes());
	} catch {
		// A weight file that is not there yet, or is damaged: the shape stays unknown, and reading the weight says why.
		return undefined;
	}
	switch (tensor.dtype) {
		case 'int64':
			return Array.from(new BigInt64Array(bytes.buffer), toNumber);
		case 'int32':
			return Array.from(new Int32Array(bytes.buffer));
		case 'float32':
			return Array.from(new Float32Array(bytes.buffer));
		case 'bool':
			return Array.from(bytes, (byte) => Number(byte !== 0));
		default:
			return undefined;
	}
}

/** A rule on a graph that breaks the operator's own rules may throw: that is not knowing; the checker says what is wrong. */
function attempt<T>(work: () => T): T | undefined {
	try {
		return work();
	} catch {
		return undefined;
	}
}

function statedType(value: Value): ValueType | undefined {
	const tensor = value.initializer;
	if (tensor) return withinRank(tensorType(tensor.dtype, tensor.dims));
	// A declaration without a type says nothing.
	return value.type?.kind === 'opaque' ? undefined : withinRank(value.type);
}

/** A shape of absurd rank is not carried through the graph. */
function withinRank(type: ValueType | undefined): ValueType | undefined {
	return type?.kind === 'tensor' && type.shape && type.shape.length > HIGHEST_RANK ? tensorType(type.dtype, null) : type;
}

/** What both say together: what is declared wins, and is filled in where only the inferred type knows. */
function merge(declared: ValueType | undefined, inferred: ValueType | undefined): ValueType | undefined {
	if (!declared || !inferred) return declared ?? inferred;
	if (declared.kind === 'tensor' && inferred.kind === 'tensor') {
		const { shape } = inferred;
		if (!declared.shape || !shape) return tensorType(declared.dtype, declared.shape ?? shape);
		if (declared.shape.length !== shape.length) return declared;
		return tensorType(
			declared.dtype,
			declared.shape.map((dim, index) => unify(dim, shape[index] ?? null)),
		);
	}
	if ((declared.kind === 'sequence' || declared.kind === 'optional') && declared.kind === inferred.kind) {
		return { kind: declared.kind, element: merge(declared.element, inferred.element) };
	}
	return declared;
}

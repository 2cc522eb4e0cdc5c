import { type DType, elementCount, packedByteLength } from '../ir/dtype.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Model, ModelFunction } from '../ir/model.ts';
import { isSparse, type TensorRef } from '../ir/tensor.ts';
import { elementProblem, outputDType, statedType } from './element-types.ts';
import { arityProblem, signatureOf, versionProblem } from './schema.ts';

/** A broken rule of ONNX: what is wrong and where. */
export interface Problem {
	readonly message: string;
	readonly where: string;
}

/**
 * ONNX's structural rules (docs/IR.md): single assignment, topological order, names that exist, imported operator sets,
 * subgraphs that see only outer values, operators that exist in the imported opset with inputs and outputs in the number and of
 * the element types they take, tensors whose bytes fit their shape, model functions. Linear in the size of the graph; reads no
 * weights. Faults that the reader met come first.
 */
export function checkModel(model: Model): Problem[] {
	const problems: Problem[] = [...model.readProblems];
	const report = (message: string, where: string): void => {
		problems.push({ message, where });
	};
	if (model.opsets.size === 0) report('The model imports no operator set', 'opset_import');
	if (!model.graph.name) report('The main graph has no name', 'graph');
	const functions = new Set<string>();
	for (const fn of model.functions) {
		const id = `${fn.domain}:${fn.name}:${fn.overload}`;
		if (functions.has(id)) report(`The function ${fn.domain}.${fn.name} is defined twice`, 'functions');
		functions.add(id);
		functions.add(`${fn.domain}:${fn.name}`);
	}
	new GraphChecker(model.opsets, functions, report, undefined).check(model.graph);
	for (const fn of model.functions) checkFunction(fn, functions, report);
	return problems;
}

type Report = (message: string, where: string) => void;

function checkFunction(fn: ModelFunction, functions: ReadonlySet<string>, report: Report): void {
	const where = `function ${fn.domain ? `${fn.domain}.` : ''}${fn.name}`;
	if (!fn.name) report('A model function has no name', 'functions');
	if (fn.opsets.size === 0) report('The function imports no operator set', where);
	if (fn.body.initializers.size > 0) report('The body of a function holds initializers, which it may not', where);
	const parameters = new Set<string>();
	for (const name of [...fn.attributes, ...fn.defaults.keys()]) {
		if (parameters.has(name)) report(`The attribute "${name}" is listed twice`, where);
		parameters.add(name);
	}
	new GraphChecker(fn.opsets, functions, (message, place) => report(message, `${where}, ${place}`), parameters).check(fn.body);
}

/** Subgraphs that an operator cannot be without. */
const BODIES: Readonly<Record<string, readonly string[]>> = {
	If: ['then_branch', 'else_branch'],
	Loop: ['body'],
	Scan: ['body'],
	SequenceMap: ['body'],
};

/** Walks a graph with those inside it, once, keeping what is visible at each place. */
class GraphChecker {
	readonly #opsets: ReadonlyMap<string, number>;
	/** `domain:name` of the model's own functions. */
	readonly #functions: ReadonlySet<string>;
	readonly #report: Report;
	/** Attributes that a function body may refer to; undefined outside of functions. */
	readonly #parameters: ReadonlySet<string> | undefined;
	/** Values that may be read here: of outer graphs as far as they stand before the owner, then of this one. */
	readonly #visible = new Set<Value>();
	/** Names of all visible values and of those given before in this graph. */
	readonly #names = new Map<string, Value>();
	/** Element types that follow from operators and stored tensors. */
	readonly #dtypes = new Map<Value, DType>();
	readonly #dtypeOf = (value: Value | null): DType | undefined => (value ? (this.#dtypes.get(value) ?? statedType(value)) : undefined);

	constructor(
		opsets: ReadonlyMap<string, number>,
		functions: ReadonlySet<string>,
		report: Report,
		parameters: ReadonlySet<string> | undefined,
	) {
		this.#opsets = opsets;
		this.#functions = functions;
		this.#report = report;
		this.#parameters = parameters;
	}

	check(graph: Graph): void {
		const added: Value[] = [];
		for (const input of graph.inputs) this.#define(input, 'graph input', added);
		for (const value of graph.initializers) {
			this.#define(value, 'initializer', added);
			this.#checkInitializer(value);
		}
		for (const node of graph.nodes()) this.#checkNode(node, added);
		for (const output of graph.outputs) {
			if (!this.#visible.has(output)) this.#report(`The graph output "${output.name}" is given by nothing`, 'graph output');
			else if (output.graph !== graph) {
				this.#report(`The subgraph output "${output.name}" belongs to a graph around it`, 'graph output');
			}
		}
		for (const value of added) {
			this.#visible.delete(value);
			if (this.#names.get(value.name) === value) this.#names.delete(value.name);
		}
	}

	#define(value: Value, where: string, added: Value[]): void {
		if (!value.name) {
			this.#report('A value has no name', where);
		} else {
			const known = this.#names.get(value.name);
			if (known === undefined) this.#names.set(value.name, value);
			else if (known !== value) this.#report(`The value "${value.name}" is given more than once`, where);
		}
		this.#visible.add(value);
		added.push(value);
	}

	#checkNode(node: Node, added: Value[]): void {
		const where = `node ${node.label}`;
		for (const input of node.inputs) if (input && !this.#visible.has(input)) this.#report(unknownInput(input, node), where);
		this.#checkOperator(node, where);
		for (const [name, attr] of node.attributes) {
			if (!name) this.#report('An attribute has no name', where);
			if (attr.kind === 'tensor') this.#checkTensor(attr.value, `The attribute ${name}`, where);
			if (attr.kind === 'ref' && !this.#parameters?.has(attr.value)) {
				this.#report(`The attribute ${name} refers to "${attr.value}", which no function around it has`, where);
			}
		}
		for (const name of node.domain === '' ? (BODIES[node.op] ?? []) : []) {
			if (node.attributes.get(name)?.kind !== 'graph') this.#report(`${node.op} has no subgraph "${name}"`, where);
		}
		for (const sub of node.subgraphs) this.check(sub);
		for (const output of node.outputs) if (output) this.#define(output, where, added);
	}

	#checkOperator(node: Node, where: string): void {
		if (!node.op) {
			this.#report('A node has no operator', where);
			return;
		}
		const opset = this.#opsets.get(node.domain);
		const own = this.#functions.has(`${node.domain}:${node.op}`);
		if (opset === undefined && !own) {
			this.#report(`${node.qualifiedOp} belongs to operator set "${node.domain || 'ai.onnx'}", which is not imported`, where);
		}
		if (own || opset === undefined) return;
		if (node.domain === '') {
			const version = versionProblem(node.op, opset);
			if (version) this.#report(version, where);
		}
		const signature = signatureOf(node.qualifiedOp, opset);
		if (!signature) return;
		const arity = arityProblem(node.qualifiedOp, signature, node.inputs, node.outputs);
		if (arity) {
			this.#report(arity, where);
			return;
		}
		const element = elementProblem(node, signature, this.#dtypeOf);
		if (element) this.#report(element, where);
		const attributeOf = (name: string) => node.attributes.get(name);
		for (const [index, output] of node.outputs.entries()) {
			if (!output) continue;
			const dtype = outputDType(node, index, signature, this.#dtypeOf, attributeOf);
			if (!dtype) continue;
			const stated = output.type?.kind === 'tensor' ? output.type.dtype : undefined;
			if (stated && stated !== dtype) {
				this.#report(`"${output.name}" is declared as ${stated}, but ${node.qualifiedOp} gives ${dtype} here`, where);
			}
			this.#dtypes.set(output, dtype);
		}
	}

	#checkInitializer(value: Value): void {
		const tensor = value.initializer;
		if (!tensor) return;
		if (isSparse(tensor)) {
			if (tensor.dims.some((dim) => !Number.isInteger(dim) || dim < 0)) {
				this.#report(`The initializer "${value.name}" has the shape [${tensor.dims.join(', ')}]`, 'initializer');
			}
		} else this.#checkTensor(tensor, `The initializer "${value.name}"`, 'initializer');
		const { type } = value;
		if (type?.kind !== 'tensor') return;
		if (type.dtype !== tensor.dtype) {
			this.#report(`"${value.name}" is declared as ${type.dtype}, its tensor is ${tensor.dtype}`, 'initializer');
		}
		if (type.shape && !fits(type.shape, tensor.dims)) {
			this.#report(
				`"${value.name}" is declared as [${type.shape.map((dim) => dim ?? '?').join(', ')}], its tensor is [${tensor.dims.join(', ')}]`,
				'initializer',
			);
		}
	}

	#checkTensor(tensor: TensorRef, what: string, where: string): void {
		if (tensor.dims.some((dim) => !Number.isInteger(dim) || dim < 0)) {
			this.#report(`${what} has the shape [${tensor.dims.join(', ')}]`, where);
		} else if (tensor.dtype !== 'string' && tensor.byteLength !== packedByteLength(tensor.dtype, elementCount(tensor.dims))) {
			this.#report(`${what} has ${tensor.byteLength} bytes, which do not fit ${tensor.dtype} [${tensor.dims.join(', ')}]`, where);
		}
	}
}

function unknownInput(value: Value, reader: Node): string {
	const { producer } = value;
	if (producer?.placed && producer.graph === reader.graph) return `"${value.name}" is read before ${producer.label} gives it`;
	if (producer && !producer.placed) return `"${value.name}" is the output of a node that is not in the graph`;
	return `"${value.name}" is given by no input, initializer or earlier node`;
}

function fits(shape: readonly (number | string | null)[], dims: readonly number[]): boolean {
	return shape.length === dims.length && shape.every((dim, index) => typeof dim !== 'number' || dim === dims[index]);
}

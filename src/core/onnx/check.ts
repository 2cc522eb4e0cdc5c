import { elementCount, packedByteLength } from '../ir/dtype.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { isSparse } from '../ir/tensor.ts';
import { arityProblem } from './schema.ts';
import { elementProblem } from './schema-types.ts';

/** A broken rule of ONNX: what is wrong and where. */
export interface Problem {
	readonly message: string;
	readonly where: string;
}

/**
 * ONNX's structural rules (docs/IR.md): single assignment, topological order, names that exist, imported operator sets,
 * subgraphs that see only outer values, inputs and outputs in the number their operator takes, element types where they are
 * known. Linear in the size of the graph; reads no weights. Faults that the reader met come first.
 */
export function checkModel(model: Model): Problem[] {
	const problems: Problem[] = [...model.readProblems];
	const report = (message: string, where: string): void => {
		problems.push({ message, where });
	};
	if (model.opsets.size === 0) report('The model imports no operator set', 'opset_import');
	if (!model.graph.name) report('The main graph has no name', 'graph');
	const functions = new Set(model.functions.map((fn) => `${fn.domain}:${fn.name}`));
	checkGraph(model.graph, new Set(), { model, opsets: model.opsets, functions, report, names: new Map() });
	for (const fn of model.functions) {
		const where = `function ${fn.domain}.${fn.name}`;
		if (!fn.name) report('A model function has no name', 'functions');
		checkGraph(fn.body, new Set(), {
			model,
			opsets: fn.opsets,
			functions,
			report: (message, place) => report(message, `${where}, ${place}`),
			names: new Map(),
		});
	}
	return problems;
}

interface Scope {
	readonly model: Model;
	readonly opsets: ReadonlyMap<string, number>;
	/** `domain:name` of the model's own functions. */
	readonly functions: ReadonlySet<string>;
	readonly report: (message: string, where: string) => void;
	/** Names visible so far, this graph and those around it, with the value that has them. */
	readonly names: ReadonlyMap<string, Value>;
}

/** `visible` holds the values that nodes may read: of outer graphs as they stood at the owner, then of this one. */
function checkGraph(graph: Graph, outer: ReadonlySet<Value>, scope: Scope): void {
	const { report } = scope;
	const visible = new Set(outer);
	const names = new Map(scope.names);
	const define = (value: Value, where: string): void => {
		if (!value.name) {
			report('A value has no name', where);
			return;
		}
		const known = names.get(value.name);
		if (known !== undefined && known !== value) report(`The value "${value.name}" is given more than once`, where);
		names.set(value.name, value);
		visible.add(value);
	};
	for (const input of graph.inputs) define(input, 'graph input');
	for (const value of graph.initializers) {
		define(value, 'initializer');
		checkTensor(value, report);
	}
	const scopeHere = { ...scope, names };
	for (const node of graph.nodes()) {
		const where = `node ${node.label}`;
		if (!node.op) report('A node has no operator', where);
		if (!scope.opsets.has(node.domain) && !scope.functions.has(`${node.domain}:${node.op}`)) {
			report(`${node.qualifiedOp} belongs to operator set "${node.domain || 'ai.onnx'}", which the model does not import`, where);
		}
		for (const input of node.inputs) {
			if (input && !visible.has(input)) report(missing(input, node), where);
		}
		const arity = arityProblem(node, scope.opsets.get(node.domain) ?? 0);
		if (arity) report(arity, where);
		const element = elementProblem(node);
		if (element) report(element, where);
		for (const sub of node.subgraphs) checkGraph(sub, visible, scopeHere);
		for (const output of node.outputs) if (output) define(output, where);
	}
	for (const output of graph.outputs) {
		if (!visible.has(output)) report(`The graph output "${output.name}" is given by nothing`, 'graph output');
		else if (outer.has(output) && output.graph !== graph)
			report(`The subgraph output "${output.name}" belongs to a graph around it`, 'graph output');
	}
}

function missing(value: Value, reader: Node): string {
	const { producer } = value;
	if (producer?.placed && producer.graph === reader.graph) return `"${value.name}" is read before ${producer.label} gives it`;
	if (producer && !producer.placed) return `"${value.name}" is the output of a node that is not in the graph`;
	return `"${value.name}" is given by no input, initializer or earlier node`;
}

function checkTensor(value: Value, report: Scope['report']): void {
	const tensor = value.initializer;
	if (!tensor || isSparse(tensor)) return;
	if (tensor.dims.some((dim) => !Number.isInteger(dim) || dim < 0))
		report(`The initializer "${value.name}" has the shape [${tensor.dims.join(', ')}]`, 'initializer');
	if (tensor.dtype !== 'string' && tensor.byteLength !== packedByteLength(tensor.dtype, elementCount(tensor.dims))) {
		report(
			`The initializer "${value.name}" has ${tensor.byteLength} bytes, which do not fit ${tensor.dtype} [${tensor.dims.join(', ')}]`,
			'initializer',
		);
	}
	const { type } = value;
	if (type?.kind === 'tensor' && type.dtype !== tensor.dtype) {
		report(`"${value.name}" is declared as ${type.dtype}, its tensor is ${tensor.dtype}`, 'initializer');
	}
	if (type?.kind === 'tensor' && type.shape && !fits(type.shape, tensor.dims)) {
		report(
			`"${value.name}" is declared as [${type.shape.map((dim) => dim ?? '?').join(', ')}], its tensor is [${tensor.dims.join(', ')}]`,
			'initializer',
		);
	}
}

function fits(shape: readonly (number | string | null)[], dims: readonly number[]): boolean {
	return shape.length === dims.length && shape.every((dim, index) => typeof dim !== 'number' || dim === dims[index]);
}

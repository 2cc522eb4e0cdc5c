import type { Attribute } from '../ir/attribute.ts';
import { Graph, type Ledger, type Node, type Value } from '../ir/graph.ts';
import type { Model, ModelFunction, ReadProblem } from '../ir/model.ts';
import { printType } from '../ir/type.ts';
import { WireType } from './fields.ts';
import {
	type AttributeRecord,
	type FunctionRecord,
	type GraphRecord,
	joinUnknown,
	type NodeRecord,
	type ValueInfoRecord,
} from './records.ts';

/** A file that breaks a rule a million times is told so a hundred times. */
const MOST_PROBLEMS = 100;

/** Names in sight: those of a graph, then those of the graphs around it. */
class Scope {
	readonly #names = new Map<string, Value>();
	constructor(readonly outer: Scope | undefined) {}

	own(name: string): Value | undefined {
		return this.#names.get(name);
	}

	find(name: string): Value | undefined {
		return this.#names.get(name) ?? this.outer?.find(name);
	}

	define(name: string, value: Value): void {
		this.#names.set(name, value);
	}
}

/** Turns records into linked graphs. Broken rules become problems, never exceptions: the checker reports them. */
export class Linker {
	constructor(
		readonly ledger: Ledger,
		readonly problems: ReadProblem[],
	) {}

	mainGraph(model: Model, record: GraphRecord): void {
		this.#fill(model.graph, record, undefined, 'graph');
	}

	function(record: FunctionRecord, index: number): ModelFunction {
		const where = `functions[${index}]`;
		const body = new Graph(this.ledger, record.name);
		const named = (name: string): ValueInfoRecord => ({ name, type: undefined, docString: '', unknown: undefined, raw: new Uint8Array(0) });
		const content: GraphRecord = {
			name: record.name,
			docString: '',
			nodes: record.nodes,
			initializers: [],
			sparseInitializers: [],
			inputs: record.inputs.map(named),
			outputs: record.outputs.map(named),
			valueInfos: record.valueInfos,
			unknown: [],
		};
		this.#fill(body, content, undefined, where, 12);
		const opsets = new Map<string, number>();
		for (const { domain, version } of record.opsets) opsets.set(domain === 'ai.onnx' ? '' : domain, Number(version));
		return {
			name: record.name,
			domain: record.domain,
			overload: record.overload,
			docString: record.docString,
			body,
			attributes: record.attributes,
			defaults: this.#attributes(record.defaults, undefined, where),
			opsets,
			unknown: joinUnknown(record.unknown),
		};
	}

	/** `valueInfoField` is the field number under which stray value_info entries are kept among the unknown fields. */
	#fill(graph: Graph, record: GraphRecord, outer: Scope | undefined, where: string, valueInfoField = 13): void {
		const scope = new Scope(outer);
		graph.name = record.name;
		graph.docString = record.docString;
		this.#inputs(graph, record, scope, where);
		this.#initializers(graph, record, scope, where);
		const outputs = record.nodes.map((node, index) => this.#nodeOutputs(graph, node, scope, `${where}.node[${index}]`));
		const stray = this.#valueInfos(graph, record, scope, valueInfoField);
		this.#outputs(graph, record, scope, where);
		record.nodes.forEach((node, index) => {
			graph.append(this.#node(graph, node, outputs[index] ?? [], scope, `${where}.node[${index}]`));
		});
		graph.unknown = joinUnknown([...record.unknown, ...stray]);
	}

	#inputs(graph: Graph, record: GraphRecord, scope: Scope, where: string): void {
		record.inputs.forEach((info, index) => {
			const value = graph.addInput(info.name, info.type);
			value.docString = info.docString;
			value.unknown = info.unknown;
			if (scope.own(info.name)) this.#problem(`Two inputs are called "${info.name}"`, `${where}.input[${index}]`);
			else scope.define(info.name, value);
		});
	}

	#initializers(graph: Graph, record: GraphRecord, scope: Scope, where: string): void {
		const adopt = (tensor: GraphRecord['initializers'][number] | GraphRecord['sparseInitializers'][number], place: string): void => {
			const known = scope.own(tensor.name);
			if (known && !known.initializer) {
				graph.adoptInitializer(known, tensor);
				return;
			}
			const value = graph.createValue(tensor.name);
			graph.adoptInitializer(value, tensor);
			if (known) this.#problem(`Two initializers are called "${tensor.name}"`, place);
			else scope.define(tensor.name, value);
			if (tensor.name === '') this.#problem('An initializer has no name', place);
		};
		record.initializers.forEach((tensor, index) => {
			adopt(tensor, `${where}.initializer[${index}]`);
		});
		record.sparseInitializers.forEach((tensor, index) => {
			adopt(tensor, `${where}.sparse_initializer[${index}]`);
		});
	}

	#nodeOutputs(graph: Graph, node: NodeRecord, scope: Scope, where: string): (Value | null)[] {
		return node.outputs.map((name) => {
			if (name === '') return null;
			const value = graph.createValue(name);
			if (scope.own(name)) this.#problem(`The value "${name}" is given more than once`, where);
			else {
				if (scope.outer?.find(name)) this.#problem(`The value "${name}" hides a value of an outer graph`, where);
				scope.define(name, value);
			}
			return value;
		});
	}

	/** Gives declared types to values; entries for names that no value has are kept as they are. */
	#valueInfos(graph: Graph, record: GraphRecord, scope: Scope, field: number): Uint8Array[] {
		const stray: Uint8Array[] = [];
		for (const info of record.valueInfos) {
			const value = scope.own(info.name);
			if (!value) {
				this.ledger.take(info.name);
				stray.push(embed(field, info.raw));
				continue;
			}
			if (graph.declared.has(value)) {
				graph.repeated.push({ value, type: value.type, bytes: embed(field, info.raw) });
				continue;
			}
			graph.declared.add(value);
			if (value.isGraphInput) continue;
			value.type = info.type;
			value.docString = info.docString;
			value.unknown = info.unknown;
		}
		return stray;
	}

	#outputs(graph: Graph, record: GraphRecord, scope: Scope, where: string): void {
		const values = record.outputs.map((info, index) => {
			let value = scope.find(info.name);
			if (!value) {
				value = graph.createValue(info.name);
				scope.define(info.name, value);
			} else if (!scope.own(info.name)) {
				this.#problem(`The output "${info.name}" is a value of an outer graph`, `${where}.output[${index}]`);
				return value;
			}
			if (value.type && info.type && printType(value.type) !== printType(info.type) && value.isGraphInput) {
				this.#problem(`"${info.name}" is declared with two types`, `${where}.output[${index}]`);
				return value;
			}
			value.type = info.type ?? value.type;
			value.docString = info.docString || value.docString;
			value.unknown = info.unknown ?? value.unknown;
			return value;
		});
		graph.setOutputs(values);
	}

	#node(graph: Graph, record: NodeRecord, outputs: (Value | null)[], scope: Scope, where: string): Node {
		const inputs = record.inputs.map((name) => {
			if (name === '') return null;
			const known = scope.find(name);
			if (known) return known;
			// Nobody gives this name: the value hangs in the air, which the checker reports.
			const value = graph.createValue(name);
			scope.define(name, value);
			return value;
		});
		const unknown = joinUnknown(record.unknown);
		return graph.createNodeFor(
			{
				op: record.op,
				domain: record.domain,
				overload: record.overload,
				name: record.name,
				docString: record.docString,
				inputs,
				outputs: [],
				attributes: this.#attributes(record.attributes, scope, where),
				...(unknown && { unknown }),
			},
			outputs,
		);
	}

	#attributes(records: readonly AttributeRecord[], scope: Scope | undefined, where: string): Map<string, Attribute> {
		const attributes = new Map<string, Attribute>();
		records.forEach((record, index) => {
			const place = `${where}.attribute[${index}]`;
			if (attributes.has(record.name)) {
				this.#problem(`The attribute "${record.name}" is given twice; the first one is used`, place);
				return;
			}
			attributes.set(record.name, this.#attribute(record, scope, place));
		});
		return attributes;
	}

	#attribute(record: AttributeRecord, scope: Scope | undefined, where: string): Attribute {
		const common = { ...(record.docString && { docString: record.docString }), ...(record.unknown && { unknown: record.unknown }) };
		const { value } = record;
		if (value.kind === 'graph') return { kind: 'graph', value: this.#subgraph(value.value, scope, where), ...common };
		if (value.kind === 'graphs') {
			return {
				kind: 'graphs',
				value: value.value.map((graph, index) => this.#subgraph(graph, scope, `${where}.graphs[${index}]`)),
				...common,
			};
		}
		return { ...value, ...common };
	}

	#subgraph(record: GraphRecord, scope: Scope | undefined, where: string): Graph {
		const graph = new Graph(this.ledger, record.name);
		this.#fill(graph, record, scope, where);
		return graph;
	}

	#problem(message: string, where: string): void {
		if (this.problems.length < MOST_PROBLEMS) this.problems.push({ message, where });
	}
}

/** A length-delimited field around `content`. */
function embed(field: number, content: Uint8Array): Uint8Array {
	const header: number[] = [];
	for (let value of [field * 8 + WireType.bytes, content.byteLength]) {
		for (; value >= 128; value = Math.floor(value / 128)) header.push((value % 128) + 128);
		header.push(value);
	}
	const bytes = new Uint8Array(header.length + content.byteLength);
	bytes.set(header);
	bytes.set(content, header.length);
	return bytes;
}

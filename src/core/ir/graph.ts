import { type Attribute, attributeGraphs } from './attribute.ts';
import type { SparseTensorRef, TensorRef } from './tensor.ts';
import type { ValueType } from './type.ts';

/** One input slot of a node that reads a value. */
export interface Use {
	readonly node: Node;
	readonly index: number;
}

/**
 * A value of the graph: a graph input, an initializer, or the output of a node. Links, not names, carry the graph: a
 * subgraph that reads a value of an outer graph holds that very object.
 */
export class Value {
	#type: ValueType | undefined;
	#docString = '';
	/** Unknown fields and metadata of its ValueInfoProto, kept as read. */
	unknown: Uint8Array | undefined;
	/** @internal In how many input lists and graph output lists it stands; kept by Graph. */
	inputListings = 0;
	/** @internal */
	outputListings = 0;
	#name: string;
	#initializer: TensorRef | SparseTensorRef | undefined;
	readonly #uses = new Set<Use>();
	/** @internal set by Node */
	producerSlot: { readonly node: Node; readonly index: number } | undefined;

	constructor(
		/** The graph in whose scope the value stands. */
		readonly graph: Graph,
		name: string,
		type?: ValueType,
	) {
		this.#name = name;
		this.#type = type;
	}

	/** Declared type: from value_info, graph inputs or outputs. Inferred types are kept apart (see core/onnx). */
	get type(): ValueType | undefined {
		return this.#type;
	}

	set type(type: ValueType | undefined) {
		if (type === this.#type) return;
		this.#type = type;
		this.graph.touch();
	}

	get docString(): string {
		return this.#docString;
	}

	set docString(text: string) {
		if (text === this.#docString) return;
		this.#docString = text;
		this.graph.touch();
	}

	get name(): string {
		return this.#name;
	}

	set name(name: string) {
		this.#name = name;
		this.graph.touch();
	}

	/** The node that computes it; undefined for graph inputs and initializers. */
	get producer(): Node | undefined {
		return this.producerSlot?.node;
	}

	/** Which output of the producer it is; 0 where there is no producer. */
	get outputIndex(): number {
		return this.producerSlot?.index ?? 0;
	}

	/** Input slots that read it, in this graph and in subgraphs. Graph outputs are not uses: see isGraphOutput. */
	get uses(): ReadonlySet<Use> {
		return this.#uses;
	}

	get isGraphInput(): boolean {
		return this.inputListings > 0;
	}

	/** Whether it is an output of its graph (or, in a file that breaks the rules, of a subgraph that only sees it). */
	get isGraphOutput(): boolean {
		return this.outputListings > 0;
	}

	/** Its stored tensor where it is an initializer (dense or sparse). */
	get initializer(): TensorRef | SparseTensorRef | undefined {
		return this.#initializer;
	}

	/** Replaces the stored tensor. Give undefined only through Graph.removeInitializer. */
	set initializer(tensor: TensorRef | SparseTensorRef | undefined) {
		this.#initializer = tensor;
		this.graph.touch();
	}

	/** @internal */
	addUse(use: Use): void {
		this.#uses.add(use);
	}

	/** @internal */
	removeUse(use: Use): void {
		this.#uses.delete(use);
	}
}

export interface NodeInit {
	readonly op: string;
	readonly domain?: string;
	readonly overload?: string;
	readonly name?: string;
	/** null: an optional input left out. */
	readonly inputs: readonly (Value | null)[];
	/** Names of the outputs, or how many; null or '': an optional output left out. */
	readonly outputs: readonly (string | null)[] | number;
	readonly attributes?: Readonly<Record<string, Attribute>> | ReadonlyMap<string, Attribute>;
	readonly docString?: string;
	readonly unknown?: Uint8Array;
}

/** An operator call. Created by Graph.createNode, then put in place with append, insertBefore or insertAfter. */
export class Node {
	#op: string;
	#domain: string;
	#name: string;
	#docString: string;
	readonly overload: string;
	/** metadata_props, device configurations and unknown fields, kept as read. */
	unknown: Uint8Array | undefined;
	#inputs: (Value | null)[] = [];
	#inputUses: (Use | null)[] = [];
	readonly #outputs: (Value | null)[];
	readonly #attributes: Map<string, Attribute>;
	/** @internal linked list of the graph */
	previous: Node | undefined;
	/** @internal */
	next: Node | undefined;
	/** @internal */
	placed = false;

	constructor(
		readonly graph: Graph,
		init: NodeInit,
		outputs: (Value | null)[],
	) {
		this.#op = init.op;
		this.#domain = init.domain === 'ai.onnx' ? '' : (init.domain ?? '');
		this.#name = init.name ?? '';
		this.overload = init.overload ?? '';
		this.#docString = init.docString ?? '';
		this.unknown = init.unknown;
		this.#outputs = outputs;
		outputs.forEach((value, index) => {
			if (value) value.producerSlot = { node: this, index };
		});
		this.#attributes = new Map(init.attributes instanceof Map ? init.attributes : Object.entries(init.attributes ?? {}));
		for (const attr of this.#attributes.values()) for (const sub of attributeGraphs(attr)) sub.owner = this;
		this.setInputs(init.inputs);
	}

	get name(): string {
		return this.#name;
	}

	set name(name: string) {
		if (name === this.#name) return;
		this.#name = name;
		this.graph.touch();
	}

	get docString(): string {
		return this.#docString;
	}

	set docString(text: string) {
		if (text === this.#docString) return;
		this.#docString = text;
		this.graph.touch();
	}

	/** Operator name, e.g. `Conv`. */
	get op(): string {
		return this.#op;
	}

	/** Operator domain; '' is ai.onnx. */
	get domain(): string {
		return this.#domain;
	}

	/** Turns the node into another operator, keeping its place, name and links. */
	setOp(op: string, domain = ''): void {
		this.#op = op;
		this.#domain = domain === 'ai.onnx' ? '' : domain;
		this.graph.touch();
	}

	/** `Conv`, or `com.microsoft.MatMulNBits` outside the standard domain. */
	get qualifiedOp(): string {
		return this.#domain ? `${this.#domain}.${this.#op}` : this.#op;
	}

	/** How people are told about this node: its name, or its operator and first output. */
	get label(): string {
		return this.name || `${this.#op} → ${this.#outputs.find((value) => value)?.name ?? '(no output)'}`;
	}

	get inputs(): readonly (Value | null)[] {
		return this.#inputs;
	}

	get outputs(): readonly (Value | null)[] {
		return this.#outputs;
	}

	/** Input `index`, or null where it is absent. */
	input(index: number): Value | null {
		return this.#inputs[index] ?? null;
	}

	/** Output `index`; throws where it is absent, which no operator that is asked for it may do. */
	output(index = 0): Value {
		const value = this.#outputs[index];
		if (!value) throw new RangeError(`${this.label} has no output ${index}`);
		return value;
	}

	setInput(index: number, value: Value | null): void {
		while (this.#inputs.length <= index) {
			this.#inputs.push(null);
			this.#inputUses.push(null);
		}
		const old = this.#inputUses[index];
		if (old) this.#inputs[index]?.removeUse(old);
		this.#inputs[index] = value;
		const use = value ? { node: this, index } : null;
		this.#inputUses[index] = use;
		if (value && use) value.addUse(use);
		this.graph.touch();
	}

	/** Replaces all inputs. Trailing nulls are dropped by the writer. */
	setInputs(values: readonly (Value | null)[]): void {
		this.#inputUses.forEach((use, index) => {
			if (use) this.#inputs[index]?.removeUse(use);
		});
		this.#inputs = [];
		this.#inputUses = [];
		values.forEach((value, index) => {
			this.setInput(index, value);
		});
		this.graph.touch();
	}

	/** Adds an output at the end and gives its value. */
	addOutput(name: string, type?: ValueType): Value {
		const value = new Value(this.graph, name, type);
		value.producerSlot = { node: this, index: this.#outputs.length };
		this.#outputs.push(value);
		this.graph.touch();
		return value;
	}

	/** Leaves out optional output `index`. Throws where something reads it. */
	dropOutput(index: number): void {
		const value = this.#outputs[index];
		if (!value) return;
		if (value.uses.size > 0 || value.isGraphOutput) throw new Error(`output ${value.name} of ${this.label} is still used`);
		value.producerSlot = undefined;
		this.#outputs[index] = null;
		this.graph.touch();
	}

	/** Takes the last output off the list, as if addOutput had not been called. Throws where something reads it. */
	removeLastOutput(): void {
		this.dropOutput(this.#outputs.length - 1);
		this.#outputs.pop();
		this.graph.touch();
	}

	get attributes(): ReadonlyMap<string, Attribute> {
		return this.#attributes;
	}

	setAttribute(name: string, attr: Attribute): void {
		for (const sub of attributeGraphs(attr)) sub.owner = this;
		this.#attributes.set(name, attr);
		this.graph.touch();
	}

	removeAttribute(name: string): void {
		if (this.#attributes.delete(name)) this.graph.touch();
	}

	/** Integer attribute as a number. Values beyond 2^53 are clamped to the safe range: they mean "to the end". */
	int(name: string, fallback: number): number {
		const attr = this.#attributes.get(name);
		return attr?.kind === 'int' ? toNumber(attr.value) : fallback;
	}

	ints(name: string): number[] | undefined {
		const attr = this.#attributes.get(name);
		return attr?.kind === 'ints' ? attr.value.map(toNumber) : undefined;
	}

	float(name: string, fallback: number): number {
		const attr = this.#attributes.get(name);
		return attr?.kind === 'float' ? attr.value : fallback;
	}

	string(name: string, fallback: string): string {
		const attr = this.#attributes.get(name);
		return attr?.kind === 'string' ? new TextDecoder().decode(attr.value) : fallback;
	}

	/** Graphs of its attributes (If, Loop, Scan and their kin), in attribute order. */
	get subgraphs(): Graph[] {
		const graphs: Graph[] = [];
		for (const attr of this.#attributes.values()) graphs.push(...attributeGraphs(attr));
		return graphs;
	}
}

function toNumber(value: bigint): number {
	if (value > 9007199254740991n) return Number.MAX_SAFE_INTEGER;
	if (value < -9007199254740991n) return Number.MIN_SAFE_INTEGER;
	return Number(value);
}

/** Counts changes and hands out names; one per model, shared by all its graphs. */
export class Ledger {
	/** Grows with every change, so that an untouched model can be written back byte for byte. */
	revision = 0;
	readonly #taken = new Set<string>();
	readonly #counters = new Map<string, number>();

	/** Marks a name as used somewhere in the model. */
	take(name: string): void {
		if (name) this.#taken.add(name);
	}

	/** `base`, or `base_1`, `base_2` …: a value name used nowhere in the model. */
	fresh(base: string): string {
		if (!this.#taken.has(base)) {
			this.#taken.add(base);
			return base;
		}
		let count = this.#counters.get(base) ?? 0;
		let name: string;
		do {
			count += 1;
			name = `${base}_${count}`;
		} while (this.#taken.has(name));
		this.#counters.set(base, count);
		this.#taken.add(name);
		return name;
	}
}

export class Graph {
	#name: string;
	#docString = '';
	/** quantization_annotation, metadata_props and unknown fields, kept as read. */
	unknown: Uint8Array | undefined;
	/** The node whose attribute holds this graph; undefined for a model's main graph. */
	owner: Node | undefined;
	#inputs: Value[] = [];
	#outputs: Value[] = [];
	readonly #initializers = new Set<Value>();
	#first: Node | undefined;
	#last: Node | undefined;
	#nodeCount = 0;
	/**
	 * @internal Values that the file declares in value_info, in its order: the writer lists these first, so that an
	 * untouched list is written as it was read. Values with a type that are missing here are listed after them.
	 */
	readonly declared = new Set<Value>();
	/**
	 * @internal Further entries of value_info for values that it lists already, as they are stored: written again only while the value
	 * keeps the type that it had then, since they would contradict a new one.
	 */
	readonly repeated: { readonly value: Value; readonly type: ValueType | undefined; readonly bytes: Uint8Array }[] = [];

	constructor(
		readonly ledger: Ledger,
		name = '',
	) {
		this.#name = name;
	}

	get name(): string {
		return this.#name;
	}

	set name(name: string) {
		if (name === this.#name) return;
		this.#name = name;
		this.touch();
	}

	get docString(): string {
		return this.#docString;
	}

	set docString(text: string) {
		if (text === this.#docString) return;
		this.#docString = text;
		this.touch();
	}

	/** @internal */
	touch(): void {
		this.ledger.revision += 1;
	}

	get inputs(): readonly Value[] {
		return this.#inputs;
	}

	get outputs(): readonly Value[] {
		return this.#outputs;
	}

	/** Values with a stored tensor, in file order. */
	get initializers(): ReadonlySet<Value> {
		return this.#initializers;
	}

	get nodeCount(): number {
		return this.#nodeCount;
	}

	/** The graph around this one; undefined for a main graph or function body. */
	get outer(): Graph | undefined {
		return this.owner?.graph;
	}

	/** Nodes in order. Removing the current node, or inserting before or after it, is allowed while walking. */
	*nodes(): IterableIterator<Node> {
		let node = this.#first;
		while (node) {
			const next: Node | undefined = node.next;
			yield node;
			// A removed node keeps no links; what followed it at the start of the step is then next.
			node = node.placed ? node.next : next;
		}
	}

	addInput(name: string, type?: ValueType): Value {
		const value = new Value(this, name, type);
		this.ledger.take(name);
		this.#inputs.push(value);
		value.inputListings += 1;
		this.touch();
		return value;
	}

	/** Takes a value off the input list; for initializers that are inputs too this makes them constants. */
	removeInput(value: Value): void {
		this.#inputs = this.#inputs.filter((input) => input !== value);
		value.inputListings = 0;
		this.touch();
	}

	/** Makes an existing value (an initializer) an input too, as IR version 3 asks for. */
	listAsInput(value: Value): void {
		if (value.isGraphInput) return;
		this.#inputs.push(value);
		value.inputListings += 1;
		this.touch();
	}

	setOutputs(values: readonly Value[]): void {
		for (const value of this.#outputs) value.outputListings -= 1;
		this.#outputs = [...values];
		for (const value of this.#outputs) value.outputListings += 1;
		this.touch();
	}

	/** A value with no producer yet: for names that a reader meets before their definition. */
	createValue(name: string, type?: ValueType): Value {
		this.ledger.take(name);
		return new Value(this, name, type);
	}

	/** Adds a stored tensor under a fresh name made from `name`. */
	addInitializer(name: string, tensor: TensorRef | SparseTensorRef): Value {
		const value = new Value(this, this.ledger.fresh(name));
		return this.adoptInitializer(value, tensor);
	}

	/** Gives an existing value (an input, or one just created) a stored tensor. */
	adoptInitializer(value: Value, tensor: TensorRef | SparseTensorRef): Value {
		value.initializer = tensor;
		this.#initializers.add(value);
		return value;
	}

	/** Removes a stored tensor. Throws where a node still reads the value and it is no graph input. */
	removeInitializer(value: Value): void {
		if (!value.isGraphInput && (value.uses.size > 0 || value.isGraphOutput)) {
			throw new Error(`initializer ${value.name} is still used`);
		}
		this.#initializers.delete(value);
		value.initializer = undefined;
	}

	/**
	 * A node of this graph, not yet in the node list. Output names are taken as given when they are strings (a reader's
	 * case: they must be unique); a number makes that many outputs with fresh names from the node's name or operator.
	 */
	createNode(init: NodeInit): Node {
		const base = init.name || init.op;
		const names =
			typeof init.outputs === 'number' ? Array.from({ length: init.outputs }, () => this.ledger.fresh(`${base}_output`)) : init.outputs;
		const outputs = names.map((name) => (name ? this.createValue(name) : null));
		return new Node(this, init, outputs);
	}

	/** As createNode, for a reader that already holds the output values (forward references). */
	createNodeFor(init: NodeInit, outputs: (Value | null)[]): Node {
		return new Node(this, init, outputs);
	}

	append(node: Node): Node {
		this.#free(node);
		return this.#link(node, this.#last, undefined);
	}

	prepend(node: Node): Node {
		this.#free(node);
		return this.#link(node, undefined, this.#first);
	}

	insertBefore(reference: Node, node: Node): Node {
		if (reference === node) return node;
		this.#free(node);
		return this.#link(node, reference.previous, reference);
	}

	insertAfter(reference: Node, node: Node): Node {
		if (reference === node) return node;
		this.#free(node);
		return this.#link(node, reference, reference.next);
	}

	/** Takes a node that is to be placed anew out of the list, before its neighbours to be are looked up: it may be one of them. */
	#free(node: Node): void {
		if (node.graph !== this) throw new Error(`${node.label} was created for another graph`);
		if (node.placed) this.detach(node);
	}

	/** Takes a node out and unlinks its inputs. Throws where one of its outputs is still used. */
	remove(node: Node): void {
		for (const output of node.outputs) {
			if (output && (output.uses.size > 0 || output.isGraphOutput)) {
				throw new Error(`output ${output.name} of ${node.label} is still used`);
			}
		}
		this.detach(node);
		node.setInputs([]);
	}

	/** Takes a node out of the list, links kept, so that it can be placed elsewhere. */
	detach(node: Node): void {
		if (!node.placed) return;
		if (node.previous) node.previous.next = node.next;
		else this.#first = node.next;
		if (node.next) node.next.previous = node.previous;
		else this.#last = node.previous;
		node.previous = undefined;
		node.next = undefined;
		node.placed = false;
		this.#nodeCount -= 1;
		this.touch();
	}

	/**
	 * Lets every reader of `old` read `replacement` instead, graph outputs included. A graph output keeps its name: the
	 * replacement takes it over, or, where it cannot (it is an input, an initializer or an output itself, or stands in an
	 * outer graph), an Identity node gives the name. `except` names nodes that keep reading `old`.
	 */
	replaceUses(old: Value, replacement: Value, except: ReadonlySet<Node> = new Set()): void {
		if (old === replacement) return;
		for (const { node, index } of [...old.uses]) if (!except.has(node)) node.setInput(index, replacement);
		const graph = old.graph;
		if (!graph.outputs.includes(old)) return;
		const renamable =
			replacement.graph === graph &&
			replacement.producer !== undefined &&
			!graph.outputs.includes(replacement) &&
			replacement.initializer === undefined;
		const outputName = old.name;
		old.name = graph.ledger.fresh(`${outputName}_replaced`);
		let result = replacement;
		if (renamable) {
			replacement.name = outputName;
			replacement.type = old.type ?? replacement.type;
		} else {
			const identity = graph.createNode({ op: 'Identity', inputs: [replacement], outputs: [outputName] });
			graph.append(identity);
			result = identity.output();
			result.type = old.type;
		}
		graph.setOutputs(graph.outputs.map((value) => (value === old ? result : value)));
	}

	#link(node: Node, previous: Node | undefined, next: Node | undefined): Node {
		node.previous = previous;
		node.next = next;
		if (previous) previous.next = node;
		else this.#first = node;
		if (next) next.previous = node;
		else this.#last = node;
		node.placed = true;
		this.#nodeCount += 1;
		this.touch();
		return node;
	}
}

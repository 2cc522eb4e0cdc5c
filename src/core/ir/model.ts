import type { ByteSource } from '../bytes/source.ts';
import type { Attribute } from './attribute.ts';
import { Graph, Ledger, type Node } from './graph.ts';

/** A model-local function (onnx.proto3, FunctionProto): its body is a graph whose inputs and outputs are the parameters. */
export interface ModelFunction {
	readonly name: string;
	readonly domain: string;
	readonly overload: string;
	readonly docString: string;
	readonly body: Graph;
	/** Attribute parameters without a default. */
	readonly attributes: readonly string[];
	/** Attribute parameters with a default. */
	readonly defaults: ReadonlyMap<string, Attribute>;
	readonly opsets: ReadonlyMap<string, number>;
	readonly unknown: Uint8Array | undefined;
}

/** Something in a file that breaks ONNX's rules but could be read; the checker reports it with its own findings. */
export interface ReadProblem {
	readonly message: string;
	readonly where: string;
}

/** An ONNX model: main graph, functions and what the file says about itself. */
export class Model {
	#irVersion = 8;
	#producerName = '';
	#producerVersion = '';
	#domain = '';
	#modelVersion = 0n;
	#docString = '';
	/** metadata_props in file order. */
	readonly metadata = new Map<string, string>();
	readonly functions: ModelFunction[] = [];
	/** Unknown fields, kept as read. */
	unknown: Uint8Array | undefined;
	readonly graph: Graph;
	readonly #opsets = new Map<string, number>();
	#saved: SavedState | undefined;
	/** The file it was read from; an untouched model is copied from it byte for byte. */
	source: ByteSource | undefined;
	/** What the reader found wrong with the file (a name given twice, for one); empty for built models. */
	readonly readProblems: ReadProblem[] = [];

	constructor(
		readonly ledger: Ledger = new Ledger(),
		graphName = 'graph',
	) {
		this.graph = new Graph(ledger, graphName);
	}

	/** Imported operator sets; '' is ai.onnx. */
	get opsets(): ReadonlyMap<string, number> {
		return this.#opsets;
	}

	/** Version of the standard operator set. */
	get opset(): number {
		return this.#opsets.get('') ?? 1;
	}

	setOpset(domain: string, version: number): void {
		this.#opsets.set(domain === 'ai.onnx' ? '' : domain, version);
		this.ledger.revision += 1;
	}

	get irVersion(): number {
		return this.#irVersion;
	}

	set irVersion(version: number) {
		this.#irVersion = version;
		this.ledger.revision += 1;
	}

	get producerName(): string {
		return this.#producerName;
	}

	set producerName(name: string) {
		this.#producerName = name;
		this.ledger.revision += 1;
	}

	get producerVersion(): string {
		return this.#producerVersion;
	}

	set producerVersion(version: string) {
		this.#producerVersion = version;
		this.ledger.revision += 1;
	}

	get domain(): string {
		return this.#domain;
	}

	set domain(domain: string) {
		this.#domain = domain;
		this.ledger.revision += 1;
	}

	get modelVersion(): bigint {
		return this.#modelVersion;
	}

	set modelVersion(version: bigint) {
		this.#modelVersion = version;
		this.ledger.revision += 1;
	}

	get docString(): string {
		return this.#docString;
	}

	set docString(text: string) {
		this.#docString = text;
		this.ledger.revision += 1;
	}

	/** Whether anything changed since it was read; always true for a built model. */
	get touched(): boolean {
		const saved = this.#saved;
		return (
			saved?.revision !== this.ledger.revision ||
			saved.functions.length !== this.functions.length ||
			saved.functions.some((fn, index) => fn !== this.functions[index]) ||
			saved.metadata.length !== this.metadata.size ||
			[...this.metadata].some(([key, value], index) => saved.metadata[index]?.[0] !== key || saved.metadata[index]?.[1] !== value)
		);
	}

	/** Says that the model, as it stands now, equals `source`. */
	markSaved(source: ByteSource): void {
		this.source = source;
		this.#saved = { revision: this.ledger.revision, functions: [...this.functions], metadata: [...this.metadata] };
	}
}

interface SavedState {
	readonly revision: number;
	readonly functions: readonly ModelFunction[];
	readonly metadata: readonly (readonly [string, string])[];
}

/** Every graph under `graph`, itself first, then the subgraphs of its nodes in order, depth first. */
export function* graphsWithin(graph: Graph): IterableIterator<Graph> {
	yield graph;
	for (const node of graph.nodes()) for (const sub of node.subgraphs) yield* graphsWithin(sub);
}

/** Every graph of the model: main graph, its subgraphs, function bodies. */
export function* allGraphs(model: Model): IterableIterator<Graph> {
	yield* graphsWithin(model.graph);
	for (const fn of model.functions) yield* graphsWithin(fn.body);
}

/** Every node of the model, subgraphs and function bodies included. */
export function* allNodes(model: Model): IterableIterator<Node> {
	for (const graph of allGraphs(model)) yield* graph.nodes();
}

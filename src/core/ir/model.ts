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

/** An ONNX model: main graph, functions and what the file says about itself. */
export class Model {
	irVersion = 8;
	producerName = '';
	producerVersion = '';
	domain = '';
	modelVersion = 0n;
	docString = '';
	/** metadata_props in file order. */
	readonly metadata = new Map<string, string>();
	readonly functions: ModelFunction[] = [];
	/** Unknown fields, kept as read. */
	unknown: Uint8Array | undefined;
	readonly graph: Graph;
	readonly #opsets = new Map<string, number>();
	/** Revision of the ledger at which the model equals the file it was read from; undefined for built models. */
	savedRevision: number | undefined;

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

	/** Whether anything changed since it was read. */
	get touched(): boolean {
		return this.savedRevision !== this.ledger.revision;
	}
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

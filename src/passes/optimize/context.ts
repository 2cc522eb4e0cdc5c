import { addConstantNode, constantOf } from '../../core/ir/constants.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { TensorRef } from '../../core/ir/tensor.ts';
import { type Dim, tensorType, type ValueType } from '../../core/ir/type.ts';
import { type InferredTypes, inferTypes } from '../../core/onnx/infer.ts';
import type { Compute } from '../../core/pass/calibration.ts';
import { readNumbers } from './read-numbers.ts';
import { removeDead, removeUnread } from './removal.ts';
import type { SweepContext } from './rule.ts';

const DEFAULT_LIMIT = 4096;

/** Newest versions of operator sets of other domains that rules may write nodes of. */
const DOMAIN_VERSIONS: Readonly<Record<string, number>> = { 'com.microsoft': 1 };

export interface ContextOptions {
	readonly allowContrib: boolean;
	readonly sizeBudget: number;
	readonly compute: Compute | undefined;
	readonly signal: AbortSignal | undefined;
}

/** What rules know of a model while they rewrite it. Types are inferred once a round; rules add what they make in between. */
export class OptimizeContext implements SweepContext {
	readonly model: Model;
	readonly compute: Compute | undefined;
	readonly signal: AbortSignal | undefined;
	readonly sizeBudget: number;
	/** Set by the driver to that of the function around the node at hand. */
	opset: number;
	readonly #allowContrib: boolean;
	#inferred: InferredTypes | undefined;
	#revision = -1;
	readonly #given = new Map<Value, ValueType>();
	readonly #numbers = new WeakMap<TensorRef, readonly number[]>();
	/** Bodies of model functions, where no initializer may stand. */
	readonly #bodies: ReadonlySet<Graph>;

	constructor(model: Model, options: ContextOptions) {
		this.model = model;
		this.opset = model.opset;
		this.compute = options.compute;
		this.signal = options.signal;
		this.sizeBudget = options.sizeBudget;
		this.#allowContrib = options.allowContrib;
		this.#bodies = new Set(model.functions.map((fn) => fn.body));
	}

	/** Works types out anew from the graph as it stands, unless nothing has changed since. */
	async infer(): Promise<void> {
		const { revision } = this.model.ledger;
		if (this.#inferred && this.#revision === revision) return;
		this.#revision = revision;
		this.#inferred = await inferTypes(this.model, { nameUnknown: true, strict: true });
		this.#given.clear();
	}

	allows(domain: string): boolean {
		return domain === '' || (domain === 'com.microsoft' && this.#allowContrib);
	}

	importDomain(domain: string): void {
		if (!this.model.opsets.has(domain)) this.model.setOpset(domain, DOMAIN_VERSIONS[domain] ?? 1);
	}

	typeOf(value: Value | null): ValueType | undefined {
		if (!value) return undefined;
		return this.#given.get(value) ?? this.#inferred?.typeOf(value) ?? value.type;
	}

	shapeOf(value: Value | null): readonly Dim[] | undefined {
		const type = this.typeOf(value);
		return type?.kind === 'tensor' ? (type.shape ?? undefined) : undefined;
	}

	elementsOf(value: Value | null): readonly Dim[] | undefined {
		return this.#inferred?.elementsOf(value);
	}

	setType(value: Value, type: ValueType): void {
		this.#given.set(value, type);
	}

	constant(value: Value | null): TensorRef | undefined {
		return constantOf(value, this.model.irVersion);
	}

	async numbers(value: Value | null, limit = DEFAULT_LIMIT): Promise<readonly number[] | undefined> {
		const tensor = this.constant(value);
		if (!tensor || elementCount(tensor.dims) > limit) return undefined;
		const known = this.#numbers.get(tensor);
		if (known) return known;
		const read = await readNumbers(tensor, this.signal);
		if (read) this.#numbers.set(tensor, read);
		return read;
	}

	addConstant(beside: Node, name: string, tensor: TensorRef): Value {
		const { graph } = beside;
		const inFunction = this.#bodies.has(outermost(graph));
		let value: Value;
		if (inFunction || (graph.outer && this.model.irVersion < 4)) value = addConstantNode(graph, graph.ledger.fresh(name), tensor);
		else {
			value = graph.addInitializer(name, tensor);
			if (this.model.irVersion < 4) {
				value.type = tensorType(tensor.dtype, tensor.dims);
				graph.listAsInput(value);
			}
		}
		this.setType(value, tensorType(tensor.dtype, tensor.dims));
		return value;
	}

	removeDead(node: Node): void {
		removeDead(node, this.model.irVersion);
	}

	removeUnread(value: Value): void {
		removeUnread(value, this.model.irVersion);
	}
}

/** The main graph or function body around a graph. */
export function outermost(graph: Graph): Graph {
	let current = graph;
	for (let outer = current.outer; outer; outer = current.outer) current = outer;
	return current;
}

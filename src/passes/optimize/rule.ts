import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { TensorRef } from '../../core/ir/tensor.ts';
import type { Dim, ValueType } from '../../core/ir/type.ts';
import type { Compute } from '../../core/pass/calibration.ts';
import type { Note } from '../../core/pass/pass.ts';

/** What a rule did at one node. undefined: its pattern does not match there, and there is nothing to say. */
export type RuleOutcome =
	| undefined
	/** `touched`: nodes whose surroundings changed, to be looked at again. Nodes that went are ignored. */
	| { readonly kind: 'changed'; readonly touched: readonly Node[] }
	/** The pattern is there, yet rewriting would be wrong or would not pay. */
	| { readonly kind: 'refused'; readonly reason: string };

/** What rules may ask of the model that they rewrite. */
export interface RuleContext {
	readonly model: Model;
	/** Version of ai.onnx that holds where the rule stands: the model's, or that of the function around the node. */
	readonly opset: number;
	/** Whether the target of the run has kernels of this domain, e.g. `com.microsoft`. ai.onnx always. */
	allows(domain: string): boolean;
	/** Imports the newest version of an operator set that the model does not import yet: for nodes of another domain. */
	importDomain(domain: string): void;
	/** Declared or inferred type; of values that rules made, the type that they gave. */
	typeOf(value: Value | null): ValueType | undefined;
	/** Dimensions where the rank is known: numbers, symbols and formulas of symbols (equal text is equal size), null unknown. */
	shapeOf(value: Value | null): readonly Dim[] | undefined;
	/** Elements of a small tensor as far as they can be told without running: numbers, symbols, null. */
	elementsOf(value: Value | null): readonly Dim[] | undefined;
	/** Tells the type of a value that a rule has just made, so that later rules know it without inference. */
	setType(value: Value, type: ValueType): void;
	/** The stored tensor behind a value that never changes (initializer that is no input from IR 4 on, or Constant node). */
	constant(value: Value | null): TensorRef | undefined;
	/** Its elements as numbers, where it has at most `limit` (default 4,096); kept for later questions. */
	numbers(value: Value | null, limit?: number): Promise<readonly number[] | undefined>;
	/**
	 * Adds a constant to the graph of `beside`, named after `name`: an initializer, or a Constant node where none may stand
	 * (function bodies, subgraphs before IR version 4).
	 */
	addConstant(beside: Node, name: string, tensor: TensorRef): Value;
	/** Removes a node whose outputs nobody reads any more, with the constants and producers that thereby lose their last reader. */
	removeDead(node: Node): void;
	/** Removes a value that nobody reads any more: its producer as removeDead does, or its stored tensor. */
	removeUnread(value: Value): void;
}

/** Which switch of the pass a rule belongs to. */
export type RuleGroup = 'clean' | 'fold' | 'inline' | 'fuse';

/**
 * One rewriting of a graph: algebra in the comment of its file, pattern, checks with a reason for each refusal, rewrite.
 * A rule leaves every graph output equal up to float32 rounding, for every input that the model accepts. Nodes whose
 * attributes refer to parameters of a model function are never offered to rules.
 */
export interface Rule {
	/** Stable name, used in options and notes. */
	readonly id: string;
	/** One plain sentence: what becomes what. */
	readonly title: string;
	/** Qualified operators (`Conv`, `com.microsoft.Gelu`) of the node that its pattern is looked for at; `*` for all. */
	readonly anchors: readonly string[];
	apply(node: Node, context: RuleContext): RuleOutcome | Promise<RuleOutcome>;
}

/** What a rule over the whole model may use besides. */
export interface SweepContext extends RuleContext {
	/** A runtime for what the core does not compute itself. */
	readonly compute: Compute | undefined;
	readonly signal: AbortSignal | undefined;
	/** Bytes by which folding may let the stored tensors grow, over all. */
	readonly sizeBudget: number;
}

export interface SweepResult {
	/** How many places it changed. */
	readonly changed: number;
	readonly notes: readonly Note[];
}

/** A rewriting that needs to see the whole model at once: duplicates, constant regions, functions. Linear in its size. */
export interface Sweep {
	readonly id: string;
	readonly title: string;
	/** Whether it asks for types, shapes or elements: they are inferred anew before it where anything has changed. */
	readonly needsTypes: boolean;
	run(context: SweepContext): SweepResult | Promise<SweepResult>;
}

import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { TensorRef } from '../../core/ir/tensor.ts';
import type { ValueType } from '../../core/ir/type.ts';

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
	/** Version of ai.onnx that the model imports. */
	readonly opset: number;
	/** Whether the target of the run has kernels of this domain, e.g. `com.microsoft`. ai.onnx always. */
	allows(domain: string): boolean;
	/** Declared or inferred type; of values that rules made, the type that they gave. */
	typeOf(value: Value | null): ValueType | undefined;
	/** Tells the type of a value that a rule has just made, so that later rules know it without inference. */
	setType(value: Value, type: ValueType): void;
	/** The stored tensor behind a value that never changes (initializer that is no input from IR 4 on, or Constant node). */
	constant(value: Value | null): TensorRef | undefined;
	/** Its elements as numbers, where it has at most `limit` (default 4,096); kept for later questions. */
	numbers(value: Value | null, limit?: number): Promise<readonly number[] | undefined>;
	/** Adds an initializer to the graph of `beside`, named after `name`. */
	addConstant(beside: Node, name: string, tensor: TensorRef): Value;
	/** Removes a node whose outputs nobody reads any more, with the constants and producers that thereby lose their last reader. */
	removeDead(node: Node): void;
}

/**
 * One rewriting of a graph: algebra in the comment of its file, pattern, checks with a reason for each refusal, rewrite.
 * A rule leaves every graph output equal up to float32 rounding, for every input that the model accepts.
 */
export interface Rule {
	/** Stable name, used in options and notes. */
	readonly id: string;
	/** One plain sentence: what becomes what. */
	readonly title: string;
	/** Qualified operators (`Conv`, `com.microsoft.Gelu`) of the node that its pattern is looked for at. */
	readonly anchors: readonly string[];
	apply(node: Node, context: RuleContext): RuleOutcome | Promise<RuleOutcome>;
}

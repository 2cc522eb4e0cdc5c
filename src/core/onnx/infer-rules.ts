import type { Node } from '../ir/graph.ts';
import type { Dim, ValueType } from '../ir/type.ts';
import type { InferredTypes } from './infer.ts';
import { elementwiseRules } from './infer-elementwise.ts';
import { layerRules } from './infer-layers.ts';
import { shapeRules } from './infer-shapes.ts';

/** What a rule may look at. */
export interface InferContext extends InferredTypes {
	readonly node: Node;
	readonly opset: number;
	/** Integer that ConstantOfShape fills with. */
	readonly fill?: number | undefined;
}

/** What a rule says about one output. */
export interface Inferred {
	readonly type?: ValueType | undefined;
	/** Elements of a small integer result. */
	readonly elements?: readonly Dim[] | undefined;
}

/** Output types of one operator; may leave outputs out and may throw, which counts as not knowing. */
export type InferRule = (context: InferContext) => readonly (Inferred | undefined)[];

const table: ReadonlyMap<string, InferRule> = new Map([
	...Object.entries(elementwiseRules),
	...Object.entries(shapeRules),
	...Object.entries(layerRules),
]);

export const rules = {
	infer: (context: InferContext): readonly (Inferred | undefined)[] => table.get(context.node.qualifiedOp)?.(context) ?? [],
	has: (qualifiedOp: string): boolean => table.has(qualifiedOp),
};

import type { Node } from '../../../core/ir/graph.ts';
import { ARITHMETIC } from './arithmetic.ts';
import type { Dense } from './dense.ts';
import { MOVEMENT } from './movement.ts';
import { REDUCTIONS } from './reductions.ts';

/** Operands of one operator, and what its attributes say. */
export interface Call {
	readonly node: Node;
	readonly opset: number;
	readonly inputs: readonly (Dense | null)[];
}

/** Outputs in order; undefined where this form of the operator is not computed here. */
export type Evaluator = (call: Call) => readonly Dense[] | undefined;

const evaluators: ReadonlyMap<string, Evaluator> = new Map([
	...Object.entries(MOVEMENT),
	...Object.entries(ARITHMETIC),
	...Object.entries(REDUCTIONS),
]);

/** Whether the core may compute an operator: exactly, or as the runtime rounds it, equal bits in every engine of JavaScript. */
export function canEvaluate(node: Node): boolean {
	return node.domain === '' && evaluators.has(node.op);
}

/** Computes one operator of ai.onnx on tensors in memory. undefined where it cannot be, or where the result is not defined. */
export function evaluate(call: Call): readonly Dense[] | undefined {
	try {
		return evaluators.get(call.node.op)?.(call);
	} catch (error) {
		// Lengths that do not fit, indices out of range: the model is at fault, and its run says so.
		if (error instanceof RangeError) return undefined;
		throw error;
	}
}

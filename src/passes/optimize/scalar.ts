import type { Node, Value } from '../../core/ir/graph.ts';
import type { RuleContext } from './rule.ts';

/** A stored scalar, or the one element of a tensor. */
export async function scalarOf(value: Value | null, context: RuleContext): Promise<number | undefined> {
	const values = await context.numbers(value, 1);
	return values?.length === 1 ? values[0] : undefined;
}

/** The varying input and the stored scalar of a node of two inputs, in either order. undefined where it is another operator or has none. */
export async function withScalar(
	node: Node | undefined,
	op: string,
	context: RuleContext,
): Promise<{ readonly value: Value; readonly scalar: number } | undefined> {
	if (node?.op !== op || node.domain !== '') return undefined;
	for (const [at, other] of [
		[1, 0],
		[0, 1],
	] as const) {
		const scalar = await scalarOf(node.input(at), context);
		const value = node.input(other);
		if (value && scalar !== undefined && !context.constant(value)) return { value, scalar };
	}
	return undefined;
}

/** Whether two numbers are the same up to what float32 and exporters' rounding leave. */
export const near = (a: number, b: number, tolerance = 1e-6): boolean => Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));

/** The node that alone reads a node's output, in the same graph. */
export function onlyReader(node: Node): Node | undefined {
	const output = node.output();
	if (output.isGraphOutput || output.uses.size !== 1) return undefined;
	const [use] = output.uses;
	return use?.node.graph === node.graph && use.node.domain === '' ? use.node : undefined;
}

/** What a node of two inputs reads besides `value`; null where it reads that twice. */
export function otherInput(node: Node, value: Value): Value | null {
	return node.input(node.input(0) === value ? 1 : 0);
}

import type { Node } from '../../core/ir/graph.ts';

/**
 * How an operator is treated.
 * `weighted`: a stored weight, integer kernel. `combine`: computes on several quantized inputs. `own`: one quantized input, an
 * output with a range of its own. `move`: values only moved or selected: output and input share one scale, so nothing is lost.
 */
export type Treatment = 'weighted' | 'combine' | 'own' | 'move';

export interface OperatorTrait {
	readonly treatment: Treatment;
	/** Slots with activations (or, for `weighted` and `combine`, constants). */
	readonly slots: (node: Node) => readonly number[];
	/** Slot that may hold a stored weight, and the axis that counts output channels. */
	readonly weight?: { readonly slot: number; readonly axis: (node: Node, rank: number) => number };
	readonly biasSlot?: number;
	/** Whether the integer kernel can give float values: then the output needs no codes of its own. */
	readonly floatOutput?: boolean;
	/** Range that the output has whatever the input. */
	readonly outputRange?: readonly [number, number];
	/** Why this node, for all its operator, cannot be treated. */
	readonly refuse?: (node: Node, opset: number) => string | undefined;
}

const first = (): readonly number[] => [0];
const firstTwo = (): readonly number[] => [0, 1];
const all = (node: Node): readonly number[] => node.inputs.map((_, index) => index);

const move: OperatorTrait = { treatment: 'move', slots: first };
const own: OperatorTrait = { treatment: 'own', slots: first };

/** Operators with a treatment. onnxruntime-web fuses all but ConvTranspose into integer kernels or drops the pairs around them. */
export const traits: ReadonlyMap<string, OperatorTrait> = new Map<string, OperatorTrait>([
	['Conv', { treatment: 'weighted', slots: first, weight: { slot: 1, axis: () => 0 }, biasSlot: 2 }],
	['ConvTranspose', { treatment: 'weighted', slots: first, weight: { slot: 1, axis: () => 1 }, biasSlot: 2, floatOutput: true }],
	[
		'Gemm',
		{
			treatment: 'weighted',
			slots: firstTwo,
			weight: { slot: 1, axis: (node) => (node.int('transB', 0) ? 0 : 1) },
			biasSlot: 2,
			floatOutput: true,
		},
	],
	['MatMul', { treatment: 'weighted', slots: firstTwo, weight: { slot: 1, axis: (_, rank) => rank - 1 }, floatOutput: true }],
	['Add', { treatment: 'combine', slots: firstTwo }],
	['Mul', { treatment: 'combine', slots: firstTwo }],
	['Concat', { treatment: 'combine', slots: all }],
	['Where', { treatment: 'combine', slots: () => [1, 2] }],
	['AveragePool', own],
	['GlobalAveragePool', own],
	['LeakyRelu', own],
	['Sigmoid', { ...own, outputRange: [0, 1] }],
	['Softmax', { ...own, outputRange: [0, 1] }],
	['HardSigmoid', { ...own, outputRange: [0, 1] }],
	['MaxPool', { ...move, refuse: (node, opset) => (opset < 12 ? 'MaxPool takes 8-bit values from opset 12 on' : secondOutput(node)) }],
	['GlobalMaxPool', move],
	['Reshape', move],
	['Flatten', move],
	['Transpose', move],
	['Squeeze', move],
	['Unsqueeze', move],
	['Slice', move],
	['Split', move],
	['Gather', move],
	['GatherElements', move],
	['Expand', move],
	['Tile', move],
	['Identity', move],
	['DepthToSpace', move],
	['SpaceToDepth', move],
	[
		'Resize',
		{
			...move,
			refuse: (node, opset) =>
				opset < 11
					? 'Resize takes 8-bit values from opset 11 on'
					: node.string('mode', 'nearest') === 'cubic'
						? 'cubic interpolation leaves the range of its input'
						: undefined,
		},
	],
	['Pad', { ...move, refuse: (node, opset) => paddingReason(node, opset) }],
]);

/**
 * Operators treated by default; those that move values need no mention. An operator without a weight is treated only between
 * codes: where its inputs are codes anyway and its output is read as codes. Add is left out: residual sums cost accuracy and gain
 * no time on WASM.
 */
export const defaultOperators: readonly string[] = [
	'Conv',
	'ConvTranspose',
	'Gemm',
	'MatMul',
	'Concat',
	'AveragePool',
	'GlobalAveragePool',
	'LeakyRelu',
];

/** Activations that saturation of the codes can take over. */
export const ABSORBED: ReadonlySet<string> = new Set(['Relu', 'Clip']);

function secondOutput(node: Node): string | undefined {
	const indices = node.outputs[1];
	return indices && (indices.uses.size > 0 || indices.isGraphOutput) ? 'its indices are read too' : undefined;
}

function paddingReason(node: Node, opset: number): string | undefined {
	if (opset < 11) return 'Pad takes 8-bit values from opset 11 on';
	const mode = node.string('mode', 'constant');
	if (mode !== 'constant' || !node.input(2)) return undefined;
	return 'it pads with a value of its own';
}

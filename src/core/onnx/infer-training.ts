import type { InferRule } from './infer-rules.ts';

/**
 * Optimizers of ai.onnx.preview.training: rate and step, then n tensors, their n gradients and n of each state; new tensors and new
 * states come out in the same order, of the same types.
 */
const step =
	(states: number): InferRule =>
	(context) => {
		const n = (context.node.inputs.length - 2) / (2 + states);
		if (!Number.isInteger(n)) return [];
		return context.node.outputs.map((_, index) => ({ type: context.type(index < n ? 2 + index : 2 + n + index) }));
	};

export const trainingRules: Readonly<Record<string, InferRule>> = {
	'ai.onnx.preview.training.Adagrad': step(1),
	'ai.onnx.preview.training.Adam': step(2),
	'ai.onnx.preview.training.Momentum': step(1),
};

import type { Value } from '../core/ir/graph.ts';
import type { Model } from '../core/ir/model.ts';
import type { Port } from '../core/ir/tensor-data.ts';
import type { InferredTypes } from '../core/onnx/infer.ts';

/**
 * Inputs and outputs as a loaded session would tell them, from the graph alone: loading a model only to ask leaves its weights in the
 * runtime's heap, which never shrinks. undefined where the graph does not tell (no type, unknown rank, no tensor): ask a session.
 */
export function modelPorts(
	model: Model,
	types: Pick<InferredTypes, 'typeOf'>,
): { readonly inputs: readonly Port[]; readonly outputs: readonly Port[] } | undefined {
	const inputs = ports(
		model.graph.inputs.filter((value) => !value.initializer),
		types,
	);
	const outputs = ports(model.graph.outputs, types);
	return inputs && outputs && { inputs, outputs };
}

function ports(values: readonly Value[], types: Pick<InferredTypes, 'typeOf'>): readonly Port[] | undefined {
	const found: Port[] = [];
	for (const value of values) {
		const type = types.typeOf(value) ?? value.type;
		if (type?.kind !== 'tensor' || !type.shape) return undefined;
		found.push({ name: value.name, dtype: type.dtype, shape: type.shape });
	}
	return found;
}

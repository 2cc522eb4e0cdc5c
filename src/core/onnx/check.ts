import type { Model } from '../ir/model.ts';

/** A broken rule of ONNX: what is wrong and where. */
export interface Problem {
	readonly message: string;
	readonly where: string;
}

/** ONNX's structural rules (IR.md): topological order, single assignment, names that exist, types where known. */
export function checkModel(_model: Model): Problem[] {
	return [];
}

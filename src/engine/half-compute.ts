import { memorySource } from '../core/bytes/source.ts';
import type { Value } from '../core/ir/graph.ts';
import { allGraphs } from '../core/ir/model.ts';
import type { ValueType } from '../core/ir/type.ts';
import { readModel } from '../core/onnx/read.ts';

/** Operators that hand float16 constants on as float32 or untouched; the runtime folds them on the CPU when it loads the model. */
const folded: ReadonlySet<string> = new Set(['Cast', 'Identity', 'DequantizeLinear']);

/**
 * Where a model computes in float16 (beyond storing weights in it): the first place found, in words, or undefined. A model that cannot be
 * read gives undefined: the runtime then says what is wrong with it.
 */
export async function halfCompute(bytes: Uint8Array): Promise<string | undefined> {
	let model: Awaited<ReturnType<typeof readModel>>;
	try {
		model = await readModel(memorySource(bytes));
	} catch {
		return undefined;
	}
	const isHalf = (type: ValueType | undefined): boolean => type?.kind === 'tensor' && type.dtype === 'float16';
	for (const input of model.graph.inputs) if (isHalf(input.type) && !input.initializer) return `input "${input.name}"`;
	for (const graph of allGraphs(model)) {
		for (const node of graph.nodes()) {
			if (node.op === 'Cast') {
				const to = node.attributes.get('to');
				const from = node.input(0);
				if (to?.kind === 'int' && to.value === 10n && from && !isConstant(from)) return node.label;
			}
			if (folded.has(node.op)) continue;
			for (const value of node.inputs) if (value?.initializer?.dtype === 'float16') return node.label;
		}
	}
	return undefined;
}

function isConstant(value: Value): boolean {
	return value.initializer !== undefined || value.producer?.op === 'Constant';
}

import { attribute } from '../../core/ir/attribute.ts';
import type { Model } from '../../core/ir/model.ts';
import type { TensorRef } from '../../core/ir/tensor.ts';
import { wholeTensor } from '../../core/numeric/derived-tensor.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import { encodeFloat16 } from '../../core/numeric/float16.ts';
import { raiseIr } from '../../core/onnx/opset.ts';
import { namedNode, placeBeside } from '../../core/pass/expand-weight.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import { obstacle, storedWeights, type WeightForm } from '../../core/pass/weight-plan.ts';
import { dropUnused } from '../../core/pass/weights.ts';

/**
 * Weights as float16 with a Cast in front of their readers: half the bytes, rounded to 11 significant bits, computed in float32 as before.
 * Runtimes fold the Cast when they load the model; no kernel of float16 is needed. Values beyond 65504 are clamped.
 */
export function storeHalves(model: Model, options: WeightForm, context: PassContext): PassResult {
	const notes: Note[] = [];
	let [changed, eligible, bytesTouched] = [0, 0, 0];
	for (const { value, tensor } of [...storedWeights(model, options)]) {
		context.signal?.throwIfAborted();
		eligible += 1;
		const reason = obstacle(value, tensor, options);
		if (reason) {
			notes.push({ level: 'skip', node: value.name, reason });
			continue;
		}
		const { graph } = value;
		const stored = graph.addInitializer(`${value.name}_h`, half(tensor));
		const cast = namedNode(graph, value.name || 'weight', { op: 'Cast', inputs: [stored], attributes: { to: attribute.int(1) } });
		placeBeside(value)(cast);
		graph.replaceUses(value, cast.output());
		dropUnused(value);
		changed += 1;
		bytesTouched += tensor.byteLength;
	}
	// Before IR version 4 every initializer had to be an input too.
	if (changed > 0) raiseIr(model, 4);
	return { changed, eligible, bytesTouched, unit: 'weights', notes };
}

function half(tensor: TensorRef): TensorRef {
	const encode = async (signal?: AbortSignal): Promise<Uint8Array> =>
		new Uint8Array(encodeFloat16(float32View(await tensor.bytes(signal)), { clamp: true }).buffer);
	return wholeTensor('float16', tensor.dims, encode, tensor.byteLength / 2);
}

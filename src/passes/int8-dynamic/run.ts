import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { raiseIr, raiseOpset } from '../../core/onnx/opset.ts';
import { storedTensor } from '../../core/pass/constant-view.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import { dropUnused } from '../../core/pass/weights.ts';
import type { Options } from './options.ts';
import { planNodes } from './plan.ts';
import { Rewriter } from './rewrite.ts';

export async function run(model: Model, options: Options, context: PassContext): Promise<PassResult> {
	const { candidates, notes, eligible } = await planNodes(model, options);
	if (candidates.length === 0) return { changed: 0, eligible, bytesTouched: 0, unit: 'operators', notes };

	// Before IR version 4 every initializer had to be an input too.
	raiseIr(model, 4);
	// DynamicQuantizeLinear came with opset 11.
	if (candidates.some(({ kind }) => kind !== 'Gather' && kind !== 'LSTM') && model.opset < 11) {
		const before = model.opset;
		const { raised, refused } = raiseOpset(model, 11);
		if (!raised) {
			const reasons: Note[] = refused.map(({ node, reason }) => ({
				level: 'skip',
				...(node ? { node } : {}),
				reason: `DynamicQuantizeLinear needs opset 11 and the model's ${before} could not be raised: ${reason}`,
			}));
			return { changed: 0, eligible, bytesTouched: 0, unit: 'operators', notes: [...reasons, ...notes] };
		}
		notes.push({ level: 'info', reason: `opset raised from ${before} to 11, which the integer operators need` });
	}

	const rewriter = new Rewriter(model, options, notes, context.signal);
	const touched = new Map<Value, number>();
	let changed = 0;
	for (const [index, candidate] of candidates.entries()) {
		context.signal?.throwIfAborted();
		context.progress(index / candidates.length, candidate.node.label);
		const roots = candidate.weights.flatMap(({ view }) => view.roots.map(({ value }) => value));
		const inputs = [...candidate.node.inputs];
		const bytes = roots.map((root) => storedTensor(root)?.byteLength ?? 0);
		if (!(await rewriter.rewrite(candidate))) continue;
		changed += 1;
		roots.forEach((root, i) => {
			touched.set(root, bytes[i]!);
		});
		for (const input of inputs) dropUnused(input);
	}
	const convs = candidates.filter(({ kind }) => kind === 'Conv').length;
	if (convs > 0) {
		notes.push({
			level: 'warn',
			reason: `${convs} convolutions run as ConvInteger, which runtimes treat unequally: on WASM some models take half the time of fp32 and others longer, native builds are mostly slower. Measure, or take Conv off the list of operators.`,
		});
	}
	const bytesTouched = [...touched.values()].reduce((sum, bytes) => sum + bytes, 0);
	return { changed, eligible, bytesTouched, unit: 'operators', notes };
}

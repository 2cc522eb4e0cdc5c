import type { Model } from '../../core/ir/model.ts';
import { newestRaisedOpset, raiseOpset } from '../../core/onnx/opset.ts';
import { number, type OptionsOf, options } from '../../core/pass/options.ts';
import { definePass, type PassResult } from '../../core/pass/pass.ts';

export const raiseOpsetOptions = options({
	target: number({
		title: 'Operator set',
		help: 'Version of ai.onnx that the model is raised to. It is never lowered.',
		default: newestRaisedOpset,
		min: 8,
		max: newestRaisedOpset,
		integer: true,
	}),
});

async function run(model: Model, { target }: OptionsOf<typeof raiseOpsetOptions>): Promise<PassResult> {
	const from = model.opset;
	if (from >= target) {
		return {
			changed: 0,
			eligible: 1,
			bytesTouched: 0,
			unit: 'models',
			notes: [],
			headline: `Changed nothing: it has opset ${from} already.`,
		};
	}
	const { raised, refused } = raiseOpset(model, target);
	return {
		changed: Number(raised),
		eligible: 1,
		bytesTouched: 0,
		unit: 'models',
		notes: refused.map(({ node, reason }) => ({ level: 'skip', ...(node && { node }), reason })),
		headline: raised
			? `Raised from opset ${from} to ${target}, IR version ${model.irVersion}.`
			: `Stays at opset ${from}: ${refused[0]?.reason ?? 'an operator has no adapter'}.`,
	};
}

export const raiseOpsetPass = definePass({
	id: 'raise-opset',
	version: 1,
	title: 'Raise the operator set',
	summary: 'Rewrites operators to a newer version of ONNX, where each has an adapter; otherwise says which has none and changes nothing.',
	family: 'optimized',
	options: raiseOpsetOptions,
	needs: [],
	applies: (model, { target }) => (model.opset >= target ? [{ level: 'info', reason: `It has opset ${model.opset} already.` }] : []),
	run,
});

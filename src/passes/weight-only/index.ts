import { definePass } from '../../core/pass/pass.ts';
import { survey } from '../../core/pass/weight-plan.ts';
import { storeWeights } from '../../core/pass/weight-storing.ts';
import { batchNormCorrection } from './data-free-bias.ts';
import { storeHalves } from './halves.ts';
import { schema } from './options.ts';

export const weightOnly = definePass({
	id: 'weight-only',
	version: 2,
	title: 'Weight-only',
	summary:
		'Weights are stored as 8-bit or 4-bit integers and expanded before they are used; everything is still computed in floating point. A smaller download with little loss, not a faster model.',
	family: 'quantized',
	options: schema,
	needs: [],
	applies: (model, options) => survey(model, { ...options, bits: options.bits === 16 ? 8 : options.bits }),
	run: async (model, options, context) => {
		const { bits, biasCorrection, ...rest } = options;
		if (bits === 16) return storeHalves(model, { ...rest, bits: 8 }, context);
		if (biasCorrection === 'none') return storeWeights(model, { ...rest, bits }, context);
		const correction = batchNormCorrection(context);
		const result = await storeWeights(model, { ...rest, bits }, context, correction.learn);
		return { ...result, notes: [...correction.notes(), ...result.notes] };
	},
});

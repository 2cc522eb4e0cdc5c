import { attentionRules } from './infer-attention.ts';
import { contribRules } from './infer-contrib.ts';
import { elementwiseRules } from './infer-elementwise.ts';
import { generatorRules } from './infer-generators.ts';
import { indexRules } from './infer-indexing.ts';
import { layerRules } from './infer-layers.ts';
import { reductionRules } from './infer-reductions.ts';
import type { InferRule } from './infer-rules.ts';
import { sequenceRules } from './infer-sequences.ts';
import { shapeRules } from './infer-shapes.ts';
import { signalRules } from './infer-signal.ts';
import { trainingRules } from './infer-training.ts';
import { visionRules } from './infer-vision.ts';

/** Every rule by qualified operator. A new group is a file and a line here. */
export const rules: ReadonlyMap<string, InferRule> = new Map(
	[
		elementwiseRules,
		generatorRules,
		shapeRules,
		indexRules,
		reductionRules,
		layerRules,
		attentionRules,
		visionRules,
		signalRules,
		sequenceRules,
		trainingRules,
		contribRules,
	].flatMap((group) => Object.entries(group)),
);

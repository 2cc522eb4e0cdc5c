import type { PruningPlan } from '../core/structure/plan.ts';
import type { GraphDiff } from '../core/view/diff.ts';
import type { GraphDrawing } from '../core/view/drawing.ts';
import type { LayoutRequest, LayoutResult } from '../core/view/layers.ts';
import type { TensorFacts } from '../core/view/tensor-facts.ts';
import type { ModelFiles } from './protocol.ts';

/** A model to be looked at; the key names it in the worker's cache. */
export interface ShownModel {
	readonly key: string;
	readonly files: ModelFiles;
}

export interface GraphMethods {
	/** One graph of a model; throws where it has none of that scope. */
	draw(args: { readonly model: ShownModel; readonly scope: string }): GraphDrawing;
	/** Two graphs in one. Where `b` has no graph of that scope, its main graph is taken. */
	diff(args: { readonly a: ShownModel; readonly b: ShownModel; readonly scope: string }): GraphDiff;
	/** The groups of channels of a model that can be cut, and all that estimates need. Reads no weights. */
	pruningPlan(args: { readonly model: ShownModel }): PruningPlan;
	layOut(args: LayoutRequest): LayoutResult & { readonly method: 'dagre' | 'layers' };
	/** Statistics of a stored tensor, by the name of its value in that graph. */
	tensor(args: { readonly model: ShownModel; readonly scope: string; readonly name: string }): TensorFacts | null;
}

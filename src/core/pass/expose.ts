import type { Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { tensorType } from '../ir/type.ts';

export interface Exposed {
	/** Names now listed as graph outputs, in the order asked for. */
	readonly names: readonly string[];
	/** Names that the main graph does not hold (they stand in a subgraph, or nowhere). */
	readonly missing: readonly string[];
	/** Gives the model its own outputs and types back. */
	restore(): void;
}

/**
 * Lists intermediate values of the main graph as graph outputs, so that a run gives their numbers. The model's own outputs
 * are left out unless asked for: what is not fetched need not be copied. Values of subgraphs cannot be outputs of the main graph.
 */
export function exposeValues(model: Model, names: readonly string[], dtype: 'float32' | 'float16' = 'float32'): Exposed {
	const graph = model.graph;
	const byName = valuesByName(model);
	const own = [...graph.outputs];
	const found: Value[] = [];
	const missing: string[] = [];
	const untyped: Value[] = [];
	for (const name of new Set(names)) {
		const value = byName.get(name);
		if (!value) {
			missing.push(name);
			continue;
		}
		if (!value.type) {
			untyped.push(value);
			value.type = tensorType(dtype, null);
		}
		found.push(value);
	}
	graph.setOutputs(found.length > 0 ? found : own);
	return {
		names: found.map((value) => value.name),
		missing,
		restore: () => {
			graph.setOutputs(own);
			for (const value of untyped) value.type = undefined;
		},
	};
}

/** Values that nodes of the main graph make, by name. */
function valuesByName(model: Model): Map<string, Value> {
	const byName = new Map<string, Value>();
	for (const node of model.graph.nodes()) for (const value of node.outputs) if (value) byName.set(value.name, value);
	return byName;
}

/** Names in groups of at most `size`, so that no run holds all intermediates of a model at once. */
export function groupNames(names: readonly string[], size: number): string[][] {
	const groups: string[][] = [];
	for (let at = 0; at < names.length; at += size) groups.push(names.slice(at, at + size));
	return groups;
}

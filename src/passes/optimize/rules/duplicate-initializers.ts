import type { Graph, Value } from '../../../core/ir/graph.ts';
import { graphsWithin } from '../../../core/ir/model.ts';
import { isSparse, type TensorRef } from '../../../core/ir/tensor.ts';
import type { Sweep, SweepContext } from '../rule.ts';

/**
 * Stored tensors of equal type, shape and bytes become one; those of a subgraph give way to those of the graphs around it. Only
 * tensors of which there are several of one type and shape are read, a sample first. Outputs of a graph and inputs that a caller
 * may override stay.
 */
export const duplicateInitializers: Sweep = {
	id: 'duplicate-initializers',
	title: 'Equal stored tensors become one.',
	needsTypes: false,
	async run(context) {
		const groups = new Map<string, { value: Value; tensor: TensorRef }[]>();
		for (const graph of graphsWithin(context.model.graph)) {
			for (const value of graph.initializers) {
				const tensor = value.initializer;
				if (!tensor || isSparse(tensor) || tensor.dtype === 'string' || value.isGraphOutput) continue;
				if (value.isGraphInput && context.model.irVersion >= 4) continue;
				const key = `${tensor.dtype}[${tensor.dims.join(',')}]`;
				const group = groups.get(key);
				if (group) group.push({ value, tensor });
				else groups.set(key, [{ value, tensor }]);
			}
		}
		let changed = 0;
		for (const group of groups.values()) {
			if (group.length < 2) continue;
			const byStart = new Map<string, { value: Value; tensor: TensorRef }[]>();
			for (const entry of group) {
				const start = await sample(entry.tensor, context);
				if (start === undefined) continue;
				const alike = byStart.get(start) ?? [];
				byStart.set(start, alike);
				let merged = false;
				for (const earlier of alike) {
					if (!isAround(earlier.value.graph, entry.value.graph) || !(await equal(earlier.tensor, entry.tensor, context))) continue;
					entry.value.graph.replaceUses(entry.value, earlier.value);
					context.removeUnread(entry.value);
					changed += 1;
					merged = true;
					break;
				}
				if (!merged && alike.length < MOST_ALIKE) alike.push(entry);
			}
		}
		return { changed, notes: [] };
	},
};

const SAMPLE_BYTES = 4096;
const BLOCK_BYTES = 1 << 22;
/** Tensors that start alike and differ later: beyond so many no more are compared with. */
const MOST_ALIKE = 16;

/** Tensors are immutable, and looked at again in each round. */
const samples = new WeakMap<TensorRef, string>();

async function sample(tensor: TensorRef, context: SweepContext): Promise<string | undefined> {
	const known = samples.get(tensor);
	if (known !== undefined) return known;
	try {
		const bytes = await tensor.read(0, Math.min(SAMPLE_BYTES, tensor.byteLength), context.signal);
		let text = '';
		for (let at = 0; at < bytes.length; at += 1024) text += String.fromCharCode(...bytes.subarray(at, at + 1024));
		samples.set(tensor, text);
		return text;
	} catch (error) {
		if (context.signal?.aborted) throw error;
		return undefined;
	}
}

async function equal(a: TensorRef, b: TensorRef, context: SweepContext): Promise<boolean> {
	if (a === b) return true;
	for (let at = 0; at < a.byteLength; at += BLOCK_BYTES) {
		const length = Math.min(BLOCK_BYTES, a.byteLength - at);
		const [x, y] = [await a.read(at, length, context.signal), await b.read(at, length, context.signal)];
		for (let index = 0; index < length; index++) if (x[index] !== y[index]) return false;
	}
	return true;
}

function isAround(outer: Graph, inner: Graph): boolean {
	for (let graph: Graph | undefined = inner; graph; graph = graph.outer) if (graph === outer) return true;
	return false;
}

import type { Node, Value } from '../../core/ir/graph.ts';
import { constantView } from '../../core/pass/constant-view.ts';
import { type LayerMatrix, readLayer } from '../../core/refit/layer.ts';
import type { Group, Structure } from '../../core/structure/groups.ts';
import type { Contraction } from '../../core/structure/trace.ts';

/** Features that one layer may have to be looked at as a matrix: its covariance takes the square of this. */
export const MOST_FEATURES = 1700;

/** A layer that sums over channels that may go. */
export interface Reader {
	readonly node: Node;
	readonly contraction: Contraction;
	/** What it reads. */
	readonly input: Value;
	/** Absent where the layer cannot be seen as a matrix; then why. */
	readonly layer: LayerMatrix | undefined;
	readonly reason: string;
	/** Spatial sizes of a kernel. */
	readonly kernel: readonly number[];
}

/** The layers that read any of the groups, in the model's order. */
export async function readersOf(structure: Structure, groups: readonly Group[], signal?: AbortSignal): Promise<Reader[]> {
	const wanted = new Set(groups.flatMap((group) => group.consumers));
	const readers: Reader[] = [];
	for (const contraction of structure.trace.contractions) {
		const { node, data, weight, axis } = contraction;
		const input = node.input(data);
		if (!wanted.has(contraction) || !input) continue;
		let layer: LayerMatrix | string;
		const rank = structure.trace.shapeOf(input)?.length ?? 0;
		const last = node.op === 'Conv' ? axis === 1 : axis === rank - 1;
		if (weight !== 1 || !last) layer = 'its channels lie along an axis that is not fitted';
		else layer = await readLayer(node, signal);
		if (typeof layer !== 'string' && layer.features > MOST_FEATURES)
			layer = `it has ${layer.features} features, more than ${MOST_FEATURES}`;
		const dims = node.op === 'Conv' ? ((await constantView(node.input(1)))?.tensor.dims ?? []) : [];
		readers.push({
			node,
			contraction,
			input,
			layer: typeof layer === 'string' ? undefined : layer,
			reason: typeof layer === 'string' ? layer : '',
			kernel: dims.slice(2),
		});
	}
	return readers;
}

/** For each unit of a group the features of a reader that go with it. */
export function unitFeatures(structure: Structure, group: Group, reader: Reader): number[][] {
	const unitOf = new Map(group.units.map((root, unit) => [root, unit]));
	const taps = reader.layer?.taps ?? 1;
	const features: number[][] = group.units.map(() => []);
	for (const [channel, atom] of reader.contraction.labels.entries()) {
		const unit = unitOf.get(structure.trace.atoms.find(atom));
		if (unit === undefined) continue;
		for (let tap = 0; tap < taps; tap++) features[unit]?.push(channel * taps + tap);
	}
	return features;
}

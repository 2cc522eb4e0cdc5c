import { observe } from '../../core/calibrate/observe.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { Feeds } from '../../core/ir/tensor-data.ts';
import { seededRandom } from '../../core/numeric/random.ts';
import { inferTypes } from '../../core/onnx/infer.ts';
import type { CalibrationSet, Compute } from '../../core/pass/calibration.ts';
import { copyModel } from '../../core/refit/copy.ts';
import { type LayerPart, layerParts, partModel } from '../../core/search/layer-part.ts';
import { interleave, median } from '../../core/search/timing.ts';
import { cutModel } from '../../core/structure/cut.ts';
import { findStructure, type Group, type Structure } from '../../core/structure/groups.ts';

/** Time of something whole, and with a share of its multiply-accumulates left, ms. */
interface Line {
	readonly wholeMs: number;
	readonly share: number;
	readonly cutMs: number;
}

/** What a run takes on the runtime at hand, by what is left of each layer. */
export interface LatencyTable {
	readonly wholeMs: number;
	/** `left`: share of the multiply-accumulates left of a node, and of the whole model. */
	estimateMs(left: ReadonlyMap<Node, number>, total: number): number;
	/** Measured time of the layers that a group's channels run through, with what is fused with them. */
	groupMs(group: Group): number;
}

/** Share of each group that goes in the model that the whole one is compared with. */
const CUT = 0.5;

export interface LatencyContext {
	readonly compute: Compute;
	readonly calibration: CalibrationSet;
	readonly signal?: AbortSignal | undefined;
	onProgress(fraction: number, layer: string): void;
}

/**
 * Times layers alone, as they are and as they are with half of every group gone, runs interleaved; what whole runs take more than all
 * layers together is told apart and falls with the whole. Between the two points time is drawn straight over multiply-accumulates: fewer
 * channels do not save time in proportion where a kernel has work that does not depend on them.
 */
export async function measureLatency(
	model: Model,
	structure: Structure,
	groups: readonly Group[],
	{ compute, calibration, signal, onProgress }: LatencyContext,
): Promise<LatencyTable> {
	const copy = copyModel(model).model;
	const other = await findStructure(copy);
	const counts = structure.groups.map((group) => (groups.includes(group) ? Math.floor(group.units.length * CUT) : 0));
	cutModel(other.trace, new Set(other.groups.flatMap((group, i) => group.units.slice(0, counts[i]))));
	const left = structure.sharesLeft(counts);
	const totalLeft = structure.estimate(counts).macs / Math.max(1, structure.macs);
	const { feeds } = await calibration.example(0, signal);

	const sides = [await sideOf(model, calibration, compute, signal), await sideOf(copy, calibration, compute, signal)] as const;
	const lines = new Map<Node, Line>();
	const known = new Map<string, Line>();
	for (const [i, part] of sides[0].parts.entries()) {
		onProgress(i / sides[0].parts.length, part.name);
		const match = sides[1].parts.find((found) => found.name === part.name);
		const share = left.get(part.node) ?? 1;
		const feedsOf = [partFeeds(sides[0], part), match && partFeeds(sides[1], match)];
		if (!match || !feedsOf[0] || !feedsOf[1]) continue;
		const key = `${part.signature}|${shapes(feedsOf[0])}|${match.signature}|${shapes(feedsOf[1])}`;
		const line = known.get(key) ?? (await timed(model, copy, part, match, [feedsOf[0], feedsOf[1]], sides, share, compute, signal));
		known.set(key, line);
		lines.set(part.node, line);
	}
	const [wholeMs, cutMs] = await timeModels([model, copy], feeds, compute, signal);
	const sum = (of: (line: Line) => number): number => [...lines.values()].reduce((total, line) => total + of(line), 0);
	const rest: Line = { wholeMs: wholeMs - sum((line) => line.wholeMs), share: totalLeft, cutMs: cutMs - sum((line) => line.cutMs) };
	const groupsOf = new Map(groups.map((group) => [group, structure.nodesOf(group)]));
	return {
		wholeMs,
		estimateMs(shareOf, total) {
			let ms = at(rest, total);
			for (const [node, line] of lines) ms += Math.max(0, at(line, shareOf.get(node) ?? 1));
			return Math.max(0, ms);
		},
		groupMs: (group) => (groupsOf.get(group) ?? []).reduce((total, node) => total + (lines.get(node)?.wholeMs ?? 0), 0),
	};
}

/** Time with a share left, on the line through both measured points. */
function at({ wholeMs, share, cutMs }: Line, left: number): number {
	return share >= 1 ? wholeMs : wholeMs + ((cutMs - wholeMs) * (1 - left)) / (1 - share);
}

/** Median times of whole models, runs interleaved. */
export async function timeModels(
	models: readonly Model[],
	feeds: Feeds,
	compute: Compute,
	signal?: AbortSignal,
): Promise<[number, number]> {
	const sessions = [];
	try {
		for (const model of models) sessions.push(await compute.load(model, { graphOptimization: 'all' }));
		const { times } = await interleave(
			sessions.map((session) => () => session.run(feeds)),
			{ budgetMs: 3000, signal },
		);
		return [median(times[0] ?? []), median(times[1] ?? [])];
	} finally {
		for (const session of sessions) await session.release();
	}
}

interface Side {
	readonly parts: readonly LayerPart[];
	readonly dims: ReadonlyMap<Value, readonly number[]>;
}

/** Layers of a model and the shapes that one example gives them. */
async function sideOf(model: Model, calibration: CalibrationSet, compute: Compute, signal?: AbortSignal): Promise<Side> {
	const { parts } = await layerParts(model, await inferTypes(model));
	const dims = new Map<Value, readonly number[]>();
	await observe(
		model,
		[...new Set(parts.flatMap(({ inputs }) => inputs))],
		(seen) => {
			if (seen.data.length > 0) dims.set(seen.value, [...seen.dims]);
		},
		{ compute, calibration, indices: [0], batch: 1, signal },
	);
	return { parts, dims };
}

function partFeeds({ dims }: Side, part: LayerPart): readonly (readonly number[])[] | undefined {
	const found = part.inputs.map((value) => dims.get(value));
	return found.every((shape) => shape !== undefined) ? (found as readonly (readonly number[])[]) : undefined;
}

const shapes = (list: readonly (readonly number[])[]): string => list.map((dims) => dims.join('x')).join(';');

async function timed(
	model: Model,
	copy: Model,
	part: LayerPart,
	match: LayerPart,
	dims: readonly [readonly (readonly number[])[], readonly (readonly number[])[]],
	sides: readonly [Side, Side],
	share: number,
	compute: Compute,
	signal: AbortSignal | undefined,
): Promise<Line> {
	const random = seededRandom(1);
	const runs: (() => Promise<unknown>)[] = [];
	const sessions = [];
	try {
		for (const [k, [whole, own]] of [[model, part] as const, [copy, match] as const].entries()) {
			const side = sides[k as 0 | 1];
			const made = partModel(whole, own, (value) => side.dims.get(value)?.length ?? 0);
			const feeds: Record<string, Feeds[string]> = {};
			for (const [i, shape] of (dims[k as 0 | 1] ?? []).entries()) {
				const data = Float32Array.from({ length: elementCount(shape) }, () => random.next());
				feeds[made.inputNames[i] ?? ''] = { dtype: 'float32', dims: shape, data };
			}
			const session = await compute.load(made.model, { graphOptimization: 'all' });
			sessions.push(session);
			runs.push(() => session.run(feeds));
		}
		const { times } = await interleave(runs, { budgetMs: 120, signal });
		const [wholeMs, cutMs] = [median(times[0] ?? []), median(times[1] ?? [])];
		// A layer that is not told to get faster by less work does not get slower either.
		return { wholeMs, share, cutMs: Math.min(wholeMs, cutMs) };
	} finally {
		for (const session of sessions) await session.release();
	}
}

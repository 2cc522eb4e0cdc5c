import { giveBack } from '../../core/bytes/give-back.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { Compute } from '../../core/pass/calibration.ts';
import type { PassContext } from '../../core/pass/pass.ts';
import { featureRows, rowCount } from '../../core/refit/layer.ts';
import { type Moments, MomentsReducer, RowProducts, releaseMoments } from '../../core/refit/moments.ts';
import { centred } from '../../core/refit/ridge.ts';
import { openRows, type Phase, pickPositions, planPhases, rowsWanted } from '../../core/refit/rows.ts';
import type { Samples } from '../../core/refit/samples.ts';
import type { Group, Structure } from '../../core/structure/groups.ts';
import { type ErrorPoint, removalOrder, type SurgeonLayer } from '../../core/structure/surgeon.ts';
import type { PruneOptions } from './options.ts';
import { rankByWeights } from './rank.ts';
import { type Reader, unitFeatures } from './readers.ts';

/**
 * Dampings of the covariances by which units are ranked, in shares of the mean diagonal. Little, where sample inputs are like those to
 * come; much, where others may need channels that are quiet in them. What the outputs of held-out inputs lose decides; the read-me has
 * figures for both.
 */
const DAMPINGS = [0.05, 0.75] as const;
/**
 * Runs in pieces that show the values between layers: these are given back once seen, inputs are read again, and the runtime may fuse what
 * lies between (a fifth less time for efficientnet-lite0).
 */
export const PIECES = { passing: true, inputsAgain: true, graphOptimization: 'extended' } as const;
/** Memory that values of all examples may take between layers. */
export const LIVE_BYTES = 80_000_000;
/** Shares of a group at which its error is measured. */
const LEVELS = [1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 7 / 8];
/** Shares of a group that are taken out on trial to see what the outputs do: several where running the model is cheap. */
const PROBES = { cheap: [1 / 8, 1 / 4, 1 / 2], dear: [1 / 4] };
/** Multiply-accumulates of the trials of one share beyond which one share must do. */
const CHEAP_MACS = 5e9;

/** What is known of a group after looking at sample inputs. */
export interface Learned {
	readonly group: Group;
	/** Units, first to go first. */
	readonly order: readonly number[];
	/** Units that are ranked: those behind them in `order` may only go where all go alike. */
	readonly most: number;
	/** Error of its readers by number of removed units; empty where they cannot be looked at. Weights go from it once trials are over. */
	curve: readonly ErrorPoint[];
	/** What taking out so many units does to the outputs, ascending. */
	readonly probes: { readonly removed: number; readonly divergence: number }[];
}

/** Bytes that stay at each target for one example. */
export async function profileTargets(model: Model, targets: readonly Value[], samples: Samples, compute: Compute): Promise<number[]> {
	const source = await openRows(model, targets, { compute, calibration: samples.calibration, indices: [samples.fit[0] ?? 0] });
	const bytes: number[] = [];
	for (const target of targets) {
		await source.advance(target, () => undefined);
		bytes.push(source.liveBytes);
	}
	return bytes;
}

/**
 * Ranks the units of each group and measures what their loss costs. The readers' inputs stream by layer after layer; of each only
 * covariances are kept, and those only until the groups that need them have been ranked. Gives a ranking of all groups for each damping.
 */
export async function learnGroups(
	model: Model,
	structure: Structure,
	groups: readonly Group[],
	readers: readonly Reader[],
	samples: Samples,
	options: PruneOptions,
	context: PassContext & { readonly compute: Compute },
	/** What goes of each group where no budget decides. */
	shareOf: (group: Group) => number = () => options.ratio,
): Promise<Learned[][]> {
	const { compute, signal } = context;
	const learned = new Map<Group, Learned[]>();
	const seen = new Map<Reader, Seen>();
	const visible = readers.filter((reader) => reader.layer);
	const targets = visible.map((reader) => reader.input);
	const byData = options.criterion === 'second-order' || options.criterion === 'activation';
	const measured = options.allocation !== 'uniform';
	const waiting = new Set(groups);
	const shares = structure.macs * samples.held.length <= CHEAP_MACS ? PROBES.cheap : PROBES.dear;
	let products: RowProducts | undefined;
	const settle = async (): Promise<void> => {
		for (const group of waiting) {
			const own = group.consumers.map((consumer) => readers.find((reader) => reader.contraction === consumer));
			if (own.some((reader) => reader?.layer && !seen.has(reader) && (byData || measured))) continue;
			waiting.delete(group);
			learned.set(group, await rank(structure, group, own as Reader[], seen, options, context, products, shares, shareOf(group)));
			for (const reader of own) {
				if (!reader || [...waiting].some((other) => other.consumers.includes(reader.contraction))) continue;
				const spent = seen.get(reader);
				giveBack(spent?.covariance);
				giveBack(spent?.heldCovariance);
				seen.delete(reader);
			}
		}
	};
	if ((byData || measured) && visible.length > 0) {
		products = await RowProducts.create(compute);
		const shared = products;
		try {
			const live = await profileTargets(model, targets, samples, compute);
			for (const phase of planPhases(live, samples.all.length, LIVE_BYTES)) {
				await lookAt(model, visible, phase, samples, context, shared, async (reader, fit, held) => {
					seen.set(reader, covariancesOf(fit, held));
					await settle();
					context.progress((0.4 * seen.size) / Math.max(1, readers.length), `looked at ${reader.node.label}`);
				});
			}
		} finally {
			await products.release();
		}
	}
	await settle();
	signal?.throwIfAborted();
	const rankings = Math.max(...[...learned.values()].map((own) => own.length), 1);
	return Array.from({ length: rankings }, (_, i) => groups.map((group) => (learned.get(group)?.[i] ?? learned.get(group)?.[0]) as Learned));
}

async function lookAt(
	model: Model,
	readers: readonly Reader[],
	phase: Phase,
	samples: Samples,
	{ compute, signal }: PassContext & { readonly compute: Compute },
	products: RowProducts,
	done: (reader: Reader, fit: Moments, held: Moments) => Promise<void>,
): Promise<void> {
	const part = readers.slice(phase.from, phase.to);
	const chosen = samples.all.slice(0, phase.examples);
	const source = await openRows(
		model,
		part.map((reader) => reader.input),
		{ compute, calibration: samples.calibration, indices: chosen.map((entry) => entry.index), ...PIECES, signal },
	);
	for (const [i, reader] of part.entries()) {
		const features = reader.layer?.features ?? 0;
		const fit = new MomentsReducer(features, 0, products);
		const held = new MomentsReducer(features, 0, products);
		const wanted = Math.ceil(rowsWanted(features) / chosen.length);
		await source.advance(reader.input, async (data, dims, example) => {
			const positions = pickPositions(rowCount(reader.node, reader.layer?.taps ?? 1, dims, reader.kernel), wanted, i * 7919 + example);
			const rows = featureRows(reader.node, data, dims, reader.kernel, positions);
			await (chosen[example]?.held ? held : fit).add(rows.data, new Float32Array(0), rows.count);
			giveBack(rows.data);
		});
		await done(reader, await fit.finish(), await held.finish());
	}
	source.end();
}

async function rank(
	structure: Structure,
	group: Group,
	readers: readonly Reader[],
	seen: ReadonlyMap<Reader, Seen>,
	options: PruneOptions,
	context: PassContext,
	products: RowProducts | undefined,
	probeShares: readonly number[],
	ownShare: number,
): Promise<Learned[]> {
	const count = group.units.length;
	const layers: SurgeonLayer[] = [];
	for (const reader of readers) {
		const inputs = seen.get(reader);
		if (!reader.layer || !inputs || inputs.rows < 2) continue;
		layers.push({ ...inputs, ...reader.layer, unitFeatures: unitFeatures(structure, group, reader) });
	}
	const byWeights = options.criterion === 'second-order' || options.criterion === 'activation' ? 'l2' : options.criterion;
	let order: readonly number[] | undefined;
	if (options.criterion === 'activation' && layers.length > 0) order = rankByEnergy(layers, count);
	else if (options.criterion !== 'second-order' || layers.length === 0) {
		order = await rankByWeights(structure.trace, group, byWeights, context.random.fork(group.name));
	}
	if (layers.length === 0 || !products) return [{ group, order: order ?? [], most: count, curve: [], probes: [] }];
	const budgeted = options.macsChange < 0 || options.bytesChange < 0 || options.msChange < 0 || options.floor > 0;
	// Wide layers are ranked as far as they are likely to go: each removal takes the square of the width.
	const asked = Math.max(-options.macsChange, -options.bytesChange, -options.msChange, options.floor > 0 ? 0.5 : 0);
	const wide = count > 256 ? Math.min(0.75, Math.max(0.3, 1.6 * asked)) : 1;
	const share = budgeted ? Math.min(1 - options.leastShare, wide) : ownShare;
	const most = Math.min(count - 1, Math.ceil(count * share));
	const levels =
		options.allocation === 'uniform'
			? []
			: [...new Set(LEVELS.map((share) => Math.round(share * count)))].filter((n) => n > 0 && n <= most);
	const probed = [...new Set(probeShares.map((part) => Math.min(most, Math.max(1, Math.round(part * count)))))];
	// Where two rankings compete, the outputs with about a quarter gone decide.
	const dampings = order ? [DAMPINGS[0]] : DAMPINGS;
	const competing = dampings.length > 1 ? [trialCount(count, most)] : [];
	const uniform = options.allocation === 'uniform';
	const measureAt = [...new Set(uniform ? competing : [...levels, ...probed, ...competing, most])].sort((a, b) => a - b);
	const keepWeightsAt = options.allocation === 'sensitivity' ? [...probed, ...competing] : competing;
	const rankings: Learned[] = [];
	for (const damping of dampings) {
		const { signal } = context;
		const found = await removalOrder(layers, count, { products, most, measureAt, keepWeightsAt, damping, ...(order && { order }), signal });
		const rest = order ?? [
			...found.order,
			...Array.from({ length: count }, (_, unit) => unit).filter((unit) => !found.order.includes(unit)),
		];
		rankings.push({ group, order: rest, most, curve: found.curve, probes: [] });
	}
	return rankings;
}

/** Lets go of the weights that trials needed, but for those of some groups. */
export function forgetWeights(rankings: readonly (readonly Learned[])[], kept: readonly Learned[] = []): void {
	for (const learned of rankings.flat()) {
		if (kept.includes(learned)) continue;
		for (const { layers = [] } of learned.curve) for (const { weights } of layers) giveBack(weights);
		learned.curve = learned.curve.map(({ removed, error }) => ({ removed, error }));
	}
}

/** Units that are gone while rankings compete. */
export function trialCount(count: number, most: number): number {
	return Math.max(1, Math.min(most, Math.round(count / 4)));
}

/** What of a reader's inputs the surgeon asks for. */
type Seen = Pick<SurgeonLayer, 'covariance' | 'heldCovariance' | 'means' | 'rows'>;

/** Covariances of a reader's inputs, in the memory of the moments, which are spent. */
function covariancesOf(fit: Moments, held: Moments): Seen {
	const judged = held.rows > 1 ? held : fit;
	const over = <Numbers extends Float32Array | Float64Array>(matrix: Numbers, rows: number): Numbers => {
		for (let i = 0; i < matrix.length; i++) matrix[i] = (matrix[i] as number) / Math.max(1, rows);
		return matrix;
	};
	const heldCovariance = over(centred(judged, new Float32Array(judged.xx.length)), judged.rows);
	releaseMoments(held);
	return {
		covariance: over(centred(fit, fit.xx), fit.rows),
		heldCovariance,
		rows: fit.rows,
		means: fit.x.map((sum) => sum / Math.max(1, fit.rows)),
	};
}

/** Units by the energy that they give to the outputs of their readers: squared weights times mean squares of inputs. */
function rankByEnergy(layers: readonly SurgeonLayer[], count: number): number[] {
	const scores = new Float64Array(count);
	for (const layer of layers) {
		const n = layer.features;
		const energy = new Float64Array(n);
		for (const [i, w] of layer.weights.entries()) energy[i % n] = (energy[i % n] as number) + w * w;
		for (const [unit, features] of layer.unitFeatures.entries()) {
			for (const f of features) {
				const power = (layer.covariance[f * n + f] as number) + (layer.means[f] as number) ** 2;
				scores[unit] = (scores[unit] as number) + (energy[f] as number) * power;
			}
		}
	}
	return Array.from(scores.keys()).sort((a, b) => (scores[a] as number) - (scores[b] as number) || a - b);
}

import { giveBack } from '../../core/bytes/give-back.ts';
import { extractModel } from '../../core/calibrate/extract.ts';
import { StagedRun } from '../../core/calibrate/stages.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { TensorData } from '../../core/ir/tensor-data.ts';
import { tensorType } from '../../core/ir/type.ts';
import type { Compute } from '../../core/pass/calibration.ts';
import type { PassContext } from '../../core/pass/pass.ts';
import { copyModel } from '../../core/refit/copy.ts';
import { divergence } from '../../core/refit/divergence.ts';
import { writeLayer } from '../../core/refit/layer.ts';
import { divergenceOf, type Reference } from '../../core/refit/reference.ts';
import type { Samples } from '../../core/refit/samples.ts';
import type { ErrorPoint } from '../../core/structure/surgeon.ts';
import { type Learned, trialCount } from './learn.ts';
import type { Reader } from './readers.ts';

/**
 * Takes a part of each group out on trial, others making up for it, and sees what the outputs do. Only the part of the model behind the
 * group's first reader runs again; what it reads is computed once, as the groups are walked in the model's order.
 */
export async function probeGroups(
	model: Model,
	learned: readonly Learned[],
	readers: readonly Reader[],
	reference: Reference,
	samples: Samples,
	context: PassContext & { readonly compute: Compute },
): Promise<void> {
	const { compute, signal } = context;
	const position = new Map([...model.graph.nodes()].map((node, i) => [node, i]));
	const readersOf = (entry: Learned): Reader[] =>
		entry.group.consumers.flatMap((consumer) => readers.find((reader) => reader.contraction === consumer) ?? []);
	const first = (entry: Learned): number => Math.min(...readersOf(entry).map((reader) => position.get(reader.node) ?? -1));
	const ordered = [...learned].sort((a, b) => first(a) - first(b));
	const inMain = readers.every((reader) => reader.node.graph === model.graph);
	const staged = inMain
		? new StagedRun(model, model.graph.outputs, {
				compute,
				calibration: samples.calibration,
				indices: samples.held,
				graphOptimization: 'extended',
				passing: true,
				signal,
			})
		: undefined;
	await staged?.start();
	for (const [i, entry] of ordered.entries()) {
		signal?.throwIfAborted();
		context.progress(0.4 + (0.3 * i) / learned.length, `what the outputs lose with ${entry.group.name}`);
		const own = readersOf(entry);
		const points = entry.curve.filter((found) => found.layers);
		if (staged && points.length > 0) {
			const lost = await behind(model, own, points, staged, reference, samples, compute, signal);
			for (const [k, point] of points.entries()) entry.probes.push({ removed: point.removed, divergence: lost[k] as number });
			continue;
		}
		for (const point of points) {
			const copy = copyModel(model);
			applyTrial(own, point, (node) => copy.nodes.get(node));
			entry.probes.push({ removed: point.removed, divergence: await divergenceOf(copy.model, reference, samples, compute, signal) });
		}
	}
	staged?.end();
}

/** Losses that differ by less than this factor are about the same. */
const ABOUT = 1.15;

/** The ranking with which the outputs lose least when about a quarter of every group is gone, others making up for it. */
export async function bestRanking(
	model: Model,
	rankings: readonly (readonly Learned[])[],
	readers: readonly Reader[],
	reference: Reference,
	samples: Samples,
	context: PassContext & { readonly compute: Compute },
): Promise<{ readonly ranking: readonly Learned[]; readonly lost: readonly number[] }> {
	const all: number[] = [];
	let best: { readonly ranking: readonly Learned[]; readonly lost: number } | undefined;
	for (const ranking of rankings) {
		if (rankings.length === 1) return { ranking, lost: [] };
		const copy = copyModel(model);
		const taken = new Set<Reader>();
		for (const { group, curve } of ranking) {
			const own = group.consumers.flatMap((consumer) => readers.find((reader) => reader.contraction === consumer) ?? []);
			// The lowest count of which weights are at hand is the one that competes, or a smaller probe in all rankings alike.
			const point =
				curve.find((found) => found.layers && found.removed >= trialCount(group.units.length, group.units.length - 1)) ??
				curve.findLast((found) => found.layers);
			// Weights of a layer that reads several groups are known for one of them at a time.
			if (!point || own.some((reader) => taken.has(reader))) continue;
			for (const reader of own) taken.add(reader);
			applyTrial(own, point, (node) => copy.nodes.get(node));
		}
		const lost = await divergenceOf(copy.model, reference, samples, context.compute, context.signal);
		all.push(lost);
		// Rankings come with growing damping: what is about as good is taken with more of it.
		if (!best || lost < best.lost * ABOUT) best = { ranking, lost };
	}
	return { ranking: best?.ranking ?? [], lost: all };
}

/** Gives copies of the readers the weights that make up for what is gone. */
function applyTrial(readers: readonly Reader[], point: ErrorPoint, copyOf: (node: Node) => Node | undefined): void {
	let at = 0;
	for (const reader of readers) {
		const node = copyOf(reader.node);
		if (!reader.layer) continue;
		const trial = point.layers?.[at];
		at += 1;
		if (!trial || !node) continue;
		const bias = reader.layer.bias.map((b, o) => b + (trial.biasChange[o] as number));
		writeLayer(node, reader.layer, trial.weights, bias, reader.kernel);
	}
}

/** Runs what comes after the readers with the weights of each trial. */
async function behind(
	model: Model,
	readers: readonly Reader[],
	points: readonly ErrorPoint[],
	staged: StagedRun,
	reference: Reference,
	samples: Samples,
	compute: Compute,
	signal: AbortSignal | undefined,
): Promise<number[]> {
	const all = [...model.graph.nodes()];
	const starts = new Set(readers.map((reader) => reader.node));
	// All that stands behind and the outputs need, whether it depends on the readers or not: what it reads is then just what is live there.
	const after = new Set(all.slice(all.findIndex((node) => starts.has(node))).filter((node) => staged.needs(node)));
	const made = new Set<Value>();
	const inputs = new Set<Value>();
	for (const node of after) {
		for (const output of node.outputs) if (output) made.add(output);
	}
	// Constants that nodes of the part compute for themselves belong to it; everything else comes in from before.
	const stack = [...after].flatMap((node) => node.inputs.filter((input) => input !== null && !made.has(input)));
	const before = new Set<Node>();
	for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
		if (!value || value.initializer) continue;
		const { producer } = value;
		if (!producer || !isConstant(value)) inputs.add(value);
		else if (!before.has(producer)) {
			before.add(producer);
			stack.push(...producer.inputs.filter((input) => input !== null));
		}
	}
	const order = new Map(all.map((node, i) => [node, i]));
	const sorted = [...inputs].sort((a, b) => (order.get(a.producer as Node) ?? -1) - (order.get(b.producer as Node) ?? -1));
	for (const value of sorted) await staged.advance(value, () => undefined);
	const fed = new Map(sorted.map((value) => [value, staged.tensors(value)]));
	const nodes = all.filter((node) => after.has(node) || before.has(node));
	const outputs = model.graph.outputs.filter((value) => made.has(value));
	const lost: number[] = [];
	for (const point of points) {
		const extracted = extractModel(model, nodes, sorted, outputs, (value) => {
			const tensor = fed.get(value)?.[0];
			return tensorType(tensor?.dtype ?? 'float32', tensor ? tensor.dims.map(() => null) : null);
		});
		const copies = [...extracted.model.graph.nodes()];
		applyTrial(readers, point, (node) => copies[nodes.indexOf(node)]);
		const session = await compute.load(extracted.model, { graphOptimization: 'all' });
		let total = 0;
		try {
			for (const [example] of samples.held.entries()) {
				signal?.throwIfAborted();
				const feeds: Record<string, TensorData> = {};
				for (const [value, name] of extracted.inputs) feeds[name] = fed.get(value)?.[example] as TensorData;
				const results = await session.run(feeds);
				const variant: Record<string, TensorData> = { ...reference.outputs[example] };
				for (const value of outputs) variant[value.name] = results[extracted.outputs.get(value) ?? ''] as TensorData;
				total += divergence(reference.kinds, reference.variances, reference.outputs[example] ?? {}, variant);
				for (const { data } of Object.values(results)) giveBack(data);
			}
		} finally {
			await session.release();
		}
		lost.push(total / Math.max(1, samples.held.length));
	}
	return lost;
}

function isConstant(value: Value, depth = 0): boolean {
	if (value.initializer) return true;
	const node = value.producer;
	if (!node || depth > 16 || value.isGraphInput) return false;
	if (node.op === 'Constant') return true;
	return (
		node.inputs.length > 0 && node.subgraphs.length === 0 && node.inputs.every((input) => input === null || isConstant(input, depth + 1))
	);
}

import { elementCount } from '../../core/ir/dtype.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import type { ScaleZero } from '../../core/numeric/quantize.ts';
import { type QuantizedTensor, quantizeTensor, requantize } from '../../core/numeric/quantize-tensor.ts';
import { raiseIr, raiseOpset } from '../../core/onnx/opset.ts';
import { constantView, storedTensor } from '../../core/pass/constant-view.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import { answersOf, lossOf, unseenPart } from './accuracy.ts';
import { activationParams, activationType, scalesForBias } from './codes.ts';
import { correctBiases } from './correct-bias.ts';
import { toIntegerProducts } from './integer-products.ts';
import type { Options } from './options.ts';
import { type Plan, type PlannedNode, planModel } from './plan.ts';
import { toQOperators } from './qoperator.ts';
import { observeModel } from './ranges.ts';
import { restoreFragile, weightGains } from './restore.ts';
import { absorb, removePair, Writer, type WrittenBias, type WrittenPair } from './write.ts';

const unit = 'operators';
/** Steps of the ladder to a limit on lost accuracy: each asks the outputs for less noise, dB. */
const firstStepDb = 16;
const stepDb = 5;
/** Steps that take codes away from values; then weights return to fp32. */
const valueSteps = 3;
/** Shares of the layers whose weights return, step by step; with the last one everything is as it was. */
const plainShares = [0.1, 0.2, 0.35, 0.5, 0.75, 1];

export async function run(model: Model, given: Options, whole: PassContext): Promise<PassResult> {
	const options = formatted(given);
	const limited = options.limitDrop > 0;
	const split = limited && whole.calibration ? unseenPart(whole.calibration) : undefined;
	const context: PassContext = split ? { ...whole, calibration: split.learning } : whole;
	const notes: Note[] = [];
	let plan = await planModel(model, options);
	if (plan.nodes.length === 0) return { changed: 0, eligible: plan.eligible, bytesTouched: 0, unit, notes: plan.notes };
	if (model.opset < 13) {
		const before = model.opset;
		const { raised, refused } = raiseOpset(model, 13);
		if (!raised) {
			const reasons: Note[] = refused.map(({ node, reason }) => ({
				level: 'skip',
				...(node ? { node } : {}),
				reason: `scales per channel need opset 13 and the model's ${before} could not be raised: ${reason}`,
			}));
			return { changed: 0, eligible: plan.eligible, bytesTouched: 0, unit, notes: [...reasons, ...plan.notes] };
		}
		notes.push({ level: 'info', reason: `opset raised from ${before} to 13, which scales per channel need` });
		plan = await planModel(model, options);
	} else raiseIr(model, 4);

	const original = limited ? await answersOf(model, whole, whole.calibration) : undefined;
	const originalUnseen = original ? await answersOf(model, whole, split?.unseen) : undefined;
	if (limited && !original) {
		notes.push({ level: 'warn', reason: 'the limit on lost accuracy was not watched: the first output names no classes' });
	}
	const type = activationType(options.activationType, options.symmetricActivations, false);
	const correct = options.biasCorrection === 'sequential';
	const measured = correct ? plan.nodes.filter(({ weight, trait }) => weight && trait.biasSlot !== undefined).map(({ node }) => node) : [];
	context.progress(0.02, 'ranges of activations');
	const observed = await observeModel(
		model,
		plan,
		measured,
		options.leastSqnr > 0 || original !== undefined,
		type,
		options,
		context,
		(fraction) => context.progress(0.02 + 0.48 * fraction, 'ranges of activations'),
	);
	const params = new Map<Value, ScaleZero>();
	for (const [value, range] of observed.ranges) params.set(value, activationParams(range, type));
	const { nodes, lost } = withoutUnobserved(plan, params);
	for (const { node } of lost) {
		notes.push({
			level: 'warn',
			node: node.label,
			reason: 'int8 weights, computes in fp32: no sample input reached it, so its values have no range',
		});
	}

	const quantized = await quantizeWeights(nodes, params, plan, options, context);
	const treated = nodes.filter(({ node, weight }) => !weight || quantized.has(node));
	for (const { node } of nodes.filter(({ node, weight }) => weight && !quantized.has(node))) {
		notes.push({ level: 'skip', node: node.label, reason: 'its weight holds NaN or infinity' });
	}
	const bytesTouched = touchedBytes(treated);
	const writer = new Writer(model, type, options, params);
	const biases: WrittenBias[] = [];
	const used = usedValues(plan, treated);
	const pairs: WrittenPair[] = [];
	for (const entry of plan.values.values()) if (used.has(entry.value) && params.has(entry.share)) pairs.push(writer.value(entry));
	for (const planned of treated) {
		context.signal?.throwIfAborted();
		for (const { slot } of planned.constants) await writer.constant(planned.node, slot);
		const weight = quantized.get(planned.node);
		if (!weight) continue;
		writer.weight(planned, weight);
		const { scales } = weight.params;
		const bias = await writer.bias(planned, inputScale(planned, plan, params), scales, channelsOf(planned));
		if (bias) biases.push(bias);
	}
	const fragile = options.leastSqnr > 0 || original !== undefined;
	let corrections: readonly Note[] = [];
	const plainNodes = new Set<Node>();
	const keepPlain = (node: Node): void => {
		writer.keepPlain(node);
		plainNodes.add(node);
	};
	const correctAll = async (from: number, to: number): Promise<void> => {
		if (!correct || biases.length === 0) return;
		const coded = biases.filter(({ node }) => !plainNodes.has(node));
		corrections = await correctBiases(model, coded, observed.channels, options.gainCorrection, context, (fraction) =>
			context.progress(from + (to - from) * fraction, 'bias correction'),
		);
	};
	await correctAll(0.5, fragile ? 0.75 : 1);
	let kept: readonly WrittenPair[] = pairs;
	/** Whether the target was reached. */
	const restore = async (targetDb: number): Promise<boolean> => {
		const restored = await restoreFragile(kept, {
			model,
			nodes: treated,
			references: observed.references,
			targetDb,
			context,
			setPlain: (plain) => writer.setPlain(plain),
			setPlainNode: (node, plain) => writer.setPlainNode(node, plain),
			keepPlain,
			correct: () => correctAll(0.95, 1),
			onProgress: (fraction) => context.progress(0.75 + 0.2 * fraction, 'fragile values'),
		});
		kept = restored.kept;
		notes.push(...restored.notes);
		return restored.held;
	};
	if (options.leastSqnr > 0) await restore(options.leastSqnr);
	if (original) {
		const holds = async (last: boolean): Promise<boolean> => {
			const lost = lossOf(original, (await answersOf(model, whole, whole.calibration)) ?? original);
			const unseen = originalUnseen && lossOf(originalUnseen, (await answersOf(model, whole, split?.unseen)) ?? originalUnseen);
			const held = 100 * Math.max(lost.share, unseen?.most ?? 0) <= options.limitDrop;
			const weights = plainNodes.size > 0 ? `, ${plainNodes.size} weights are in fp32` : '';
			const apart = unseen ? ` (${(100 * unseen.share).toFixed(1)} on the ${unseen.n} that nothing was learnt from)` : '';
			notes.push({
				level: held || !last ? 'info' : 'warn',
				reason: `${kept.length} of ${pairs.length} values have codes${weights}: ${(100 * lost.share).toFixed(1)} points of ${lost.what} lost on ${lost.n} answers to the sample inputs${apart}, ${held ? 'within' : 'over'} the limit of ${options.limitDrop}`,
			});
			return held;
		};
		let held = await holds(false);
		const from = Math.max(firstStepDb, options.leastSqnr);
		// Where values without codes gain no more, the rest is the error of the weights.
		for (let step = 1, gained = true; !held && gained && step <= valueSteps; step++) {
			gained = await restore(from + step * stepDb);
			held = await holds(false);
		}
		if (!held && kept.length > 0) {
			// Weights alone as codes: as small, and nothing but rounded weights is left to go wrong.
			for (const pair of kept) removePair(pair);
			kept = [];
			await correctAll(0.95, 1);
			held = await holds(false);
		}
		if (!held) {
			const coded = treated.filter(({ node, weight }) => weight && !plainNodes.has(node)).map(({ node }) => node);
			const setPlainNode = (node: Node, plain: boolean): void => writer.setPlainNode(node, plain);
			const ranked = await weightGains(coded, { model, references: observed.references, context, setPlainNode });
			let done = 0;
			for (const share of plainShares) {
				const upTo = Math.ceil(share * ranked.length);
				for (const node of ranked.slice(done, upTo)) keepPlain(node);
				done = upTo;
				await correctAll(0.95, 1);
				held = await holds(share === 1);
				if (held) break;
			}
		}
	}
	notes.push(...corrections);
	writer.finish();
	for (const pair of kept) absorb(pair);
	if (options.format === 'qoperator') notes.push(...toQOperators(model));
	if (options.format === 'integer') notes.push(...(await toIntegerProducts(model, treated)));
	const changed = treated.filter(({ trait }) => trait.treatment === 'weighted').length;
	return { changed, eligible: plan.eligible, bytesTouched, unit, notes: [...notes, ...plan.notes] };
}

/** Options that a format decides: integer products take uint8 inputs and add biases as floats. */
function formatted(options: Options): Options {
	return options.format === 'integer' ? { ...options, activationType: 'uint8', biasType: 'float32', weightType: 'int8' } : options;
}

/** Nodes whose values all have ranges; of the others the weights alone become codes. */
function withoutUnobserved(plan: Plan, params: ReadonlyMap<Value, ScaleZero>): { nodes: PlannedNode[]; lost: PlannedNode[] } {
	const nodes: PlannedNode[] = [];
	const lost: PlannedNode[] = [];
	for (const planned of plan.nodes) {
		const missing = planned.activations.some((slot) => {
			const value = planned.node.input(slot);
			const entry = value && plan.values.get(value);
			return !entry || !params.has(entry.share);
		});
		if (missing) lost.push(planned);
		if (!missing) nodes.push(planned);
		else if (planned.weight) nodes.push({ ...planned, activations: [], constants: [] });
	}
	return { nodes, lost };
}

function inputScale(planned: PlannedNode, plan: Plan, params: ReadonlyMap<Value, ScaleZero>): number | undefined {
	if (planned.activations.length === 0) return undefined;
	// The graph has been rewired: the reader's entry tells which value stood here.
	for (const entry of plan.values.values()) {
		if (entry.readers.some(({ node, slot }) => node === planned.node && slot === 0)) return params.get(entry.share)?.scale;
	}
	return undefined;
}

/** Values that a treated node reads or makes, and those that moving operators tie to them. */
function usedValues(plan: Plan, treated: readonly PlannedNode[]): Set<Value> {
	const nodes = new Set(treated.map(({ node }) => node));
	const used = new Set<Value>();
	for (const entry of plan.values.values()) {
		const producer = (entry.absorbs?.node.input(0) ?? entry.value).producer;
		const planned = (producer && nodes.has(producer)) || entry.readers.some(({ node }) => nodes.has(node));
		if (planned) used.add(entry.value);
	}
	for (let again = true; again; ) {
		again = false;
		for (const entry of plan.values.values()) {
			if (used.has(entry.value)) continue;
			if ([...plan.values.values()].some((other) => used.has(other.value) && other.share === entry.share)) {
				used.add(entry.value);
				again = true;
			}
		}
	}
	return used;
}

async function quantizeWeights(
	nodes: readonly PlannedNode[],
	params: ReadonlyMap<Value, ScaleZero>,
	plan: Plan,
	options: Options,
	context: PassContext,
): Promise<Map<PlannedNode['node'], QuantizedTensor>> {
	const byKey = new Map<string, QuantizedTensor | undefined>();
	const result = new Map<PlannedNode['node'], QuantizedTensor>();
	for (const planned of nodes) {
		const { node, weight, trait } = planned;
		if (!weight) continue;
		context.signal?.throwIfAborted();
		const { key, tensor } = weight.view;
		if (!byKey.has(key)) {
			byKey.set(
				key,
				await quantizeTensor(
					tensor,
					{
						dtype: options.weightType,
						granularity: weight.axis === null ? { kind: 'tensor' } : { kind: 'axis', axis: weight.axis },
						// Zero points that differ between channels have no integer kernel.
						symmetric: options.weightType === 'int8' || weight.axis !== null,
						reduceRange: options.reduceRange,
						method: options.weightScales,
						// Codes even around zero and positive scales, which every runtime takes.
						evenCodes: true,
					},
					context.signal,
				),
			);
		}
		let quantized = byKey.get(key);
		if (!quantized) continue;
		const scale = inputScale(planned, plan, params);
		const bias = trait.biasSlot === undefined ? undefined : await constantView(node.input(trait.biasSlot));
		if (scale !== undefined && bias?.tensor.dtype === 'float32' && options.biasType === 'int32') {
			const adjusted = scalesForBias(quantized.params.scales, scale, float32View(await bias.tensor.bytes()));
			if (adjusted) {
				quantized = requantize(tensor, quantized, adjusted);
				byKey.set(key, quantized);
			}
		}
		result.set(node, quantized);
	}
	// A weight shared by several nodes has the scales that the last adjustment gave.
	for (const { node, weight } of nodes) {
		const latest = weight && byKey.get(weight.view.key);
		if (latest) result.set(node, latest);
	}
	return result;
}

function channelsOf({ node, weight }: PlannedNode): number {
	const dims = weight?.view.tensor.dims ?? [];
	switch (node.op) {
		case 'Conv':
			return dims[0] ?? 0;
		case 'ConvTranspose':
			return (dims[1] ?? 0) * node.int('group', 1);
		case 'Gemm':
			return dims[node.int('transB', 0) ? 0 : 1] ?? 0;
		default:
			return dims.at(-1) ?? 0;
	}
}

function touchedBytes(nodes: readonly PlannedNode[]): number {
	const roots = new Map<Value, number>();
	for (const { weight } of nodes) {
		for (const { value } of weight?.view.roots ?? []) {
			const tensor = storedTensor(value);
			roots.set(value, tensor ? Math.max(tensor.byteLength, elementCount(tensor.dims)) : 0);
		}
	}
	return [...roots.values()].reduce((sum, bytes) => sum + bytes, 0);
}

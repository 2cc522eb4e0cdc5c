import type { Model } from '../../core/ir/model.ts';
import type { TensorRef } from '../../core/ir/tensor.ts';
import { floatBlocks } from '../../core/numeric/float-blocks.ts';
import { type MagnitudeThreshold, selectedIn, smallestMagnitudes } from '../../core/numeric/select.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import type { PruneMagnitudeOptions } from './index.ts';
import { findWeights, type Weight } from './weights.ts';
import { type Cut, cutTensor, groupedTensor, nonZeroCount, sparseByteLength, sparseTensor } from './zero.ts';

const HONEST: readonly Note[] = [
	{ level: 'warn', reason: 'zeros are stored like other numbers: the file gets no smaller, only its gzip or brotli transfer does' },
	{ level: 'warn', reason: 'the runtime multiplies zeros like other numbers: latency does not change' },
];

/** N and M of the chosen pattern; undefined for unstructured. */
function patternOf(options: PruneMagnitudeOptions): { readonly keep: number; readonly group: number } | undefined {
	if (options.pattern === 'unstructured') return undefined;
	if (options.pattern === '2:4') return { keep: 2, group: 4 };
	if (options.pattern === '4:8') return { keep: 4, group: 8 };
	if (options.patternKeep >= options.patternGroup) {
		throw new RangeError(`the pattern ${options.patternKeep}:${options.patternGroup} removes nothing: N must be smaller than M`);
	}
	return { keep: options.patternKeep, group: options.patternGroup };
}

/** Weights that the pattern fits, and notes on the others. */
function fitting(weights: readonly Weight[], group: number): { readonly fit: Weight[]; readonly notes: Note[] } {
	const notes: Note[] = [];
	const fit = weights.filter((weight) => {
		const length = weight.axis === undefined ? undefined : (weight.segment ?? weight.tensor.dims[weight.axis]);
		if (length !== undefined && length % group === 0 && length > 0) return true;
		const reason =
			length === undefined
				? 'its weights are stored in another arrangement than it sums them in'
				: `its summed axis has ${length} elements, no multiple of ${group}`;
		notes.push({ level: 'skip', node: weight.nodes[0]?.label ?? weight.name, reason });
		return false;
	});
	return { fit, notes };
}

export function describePruning(model: Model, options: PruneMagnitudeOptions): Note[] {
	const pattern = patternOf(options);
	const { weights, notes } = findWeights(model, options);
	const { fit, notes: unfit } = pattern ? fitting(weights, pattern.group) : { fit: [...weights], notes: [] };
	const count = fit.reduce((sum, weight) => sum + weight.count, 0);
	return [{ level: 'info', reason: `${fit.length} tensors with ${count} weights would be pruned` }, ...HONEST, ...notes, ...unfit];
}

export async function runPruning(model: Model, options: PruneMagnitudeOptions, context: PassContext): Promise<PassResult> {
	const pattern = patternOf(options);
	const { weights, eligible, notes: left } = findWeights(model, options);
	const notes: Note[] = [...left];
	let chosen: readonly Weight[] = weights;
	let results: Pruned[];
	if (pattern) {
		const { fit, notes: unfit } = fitting(weights, pattern.group);
		notes.push(...unfit);
		chosen = fit;
		results = chosen.map((weight) => ({ weight, tensor: groupedTensor(weight.tensor, { ...pattern, axis: weight.axis as number }) }));
	} else {
		results = await unstructured(chosen, options, context);
	}
	let zeros = 0;
	let count = 0;
	let changed = 0;
	let bytesTouched = 0;
	for (const [index, { weight, tensor }] of results.entries()) {
		const before = await nonZeroCount(weight.tensor, context.signal);
		const after = await nonZeroCount(tensor, context.signal);
		zeros += weight.count - after;
		count += weight.count;
		context.progress(0.5 + (0.5 * (index + 1)) / results.length, weight.name);
		const share = `${(100 * (1 - after / weight.count)).toFixed(1)} % of ${weight.count} weights are zero`;
		if (after === before) {
			notes.push({ level: 'skip', node: weight.name, reason: 'nothing had to become zero' });
			continue;
		}
		changed += 1;
		bytesTouched += weight.tensor.byteLength;
		notes.push({
			level: 'info',
			node: weight.name,
			reason: weight.nodes.length > 1 ? `${share}; ${weight.nodes.length} nodes share them` : share,
		});
		weight.replace(storedForm(weight, tensor, after, options, notes));
	}
	if (changed === 0) return { changed, eligible, bytesTouched, unit: 'weight tensors', notes };
	if (pattern)
		notes.push({
			level: 'warn',
			reason: `this runtime has no kernel for ${pattern.keep}:${pattern.group} sparsity: nothing runs faster here`,
		});
	notes.push(...HONEST);
	const percent = ((100 * zeros) / count).toFixed(1);
	return {
		changed,
		eligible,
		bytesTouched,
		unit: 'weight tensors',
		notes,
		headline: `No faster and, uncompressed, no smaller: ${percent} % of ${count.toLocaleString('en-US')} weights in ${changed} of ${eligible} weight tensors are zero.`,
	};
}

interface Pruned {
	readonly weight: Weight;
	readonly tensor: TensorRef;
}

function storedForm(weight: Weight, tensor: TensorRef, nonZeros: number, options: PruneMagnitudeOptions, notes: Note[]) {
	if (!options.storeSparse) return tensor;
	const sparseBytes = sparseByteLength(tensor, nonZeros);
	if (!weight.isInitializer || sparseBytes >= tensor.byteLength) {
		const reason = weight.isInitializer
			? `as a sparse tensor it would take ${sparseBytes} bytes instead of ${tensor.byteLength}: stored dense`
			: 'it is a Constant node, which is stored dense';
		notes.push({ level: 'skip', node: weight.name, reason });
		return tensor;
	}
	notes.push({ level: 'warn', node: weight.name, reason: 'stored as a sparse tensor: the WASM build loads it, the WebGPU build does not' });
	return sparseTensor(tensor, nonZeros);
}

/** Exactly floor(ratio · count) zeros, in each tensor or over all of them. */
async function unstructured(weights: readonly Weight[], options: PruneMagnitudeOptions, context: PassContext): Promise<Pruned[]> {
	const groups = options.scope === 'global' ? [weights] : weights.map((weight) => [weight]);
	const results: Pruned[] = [];
	for (const [index, group] of groups.entries()) {
		const total = group.reduce((sum, weight) => sum + weight.count, 0);
		const threshold = await smallestMagnitudes(Math.floor(options.ratio * total), async (visit) => {
			for (const weight of group) for await (const { values } of floatBlocks(weight.tensor, context.signal)) visit(values);
		});
		if (threshold) results.push(...(await cuts(group, threshold, context.signal)));
		context.progress((0.5 * (index + 1)) / groups.length);
	}
	return results;
}

/** Gives the ties out in the order of tensors and positions. */
async function cuts(weights: readonly Weight[], threshold: MagnitudeThreshold, signal: AbortSignal | undefined): Promise<Pruned[]> {
	const results: Pruned[] = [];
	let tiesLeft = threshold.ties;
	for (const weight of weights) {
		let tieEnd = 0;
		if (tiesLeft > 0) {
			for await (const { start, values } of floatBlocks(weight.tensor, signal)) {
				const block = selectedIn(values, threshold, tiesLeft);
				tiesLeft -= block.tiesUsed;
				if (block.tieEnd > 0) tieEnd = start + block.tieEnd;
				if (tiesLeft === 0) break;
			}
		}
		const cut: Cut = { bits: threshold.bits, tieEnd };
		results.push({ weight, tensor: cutTensor(weight.tensor, cut) });
	}
	return results;
}

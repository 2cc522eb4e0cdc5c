import { elementCount, isFloat } from '../ir/dtype.ts';
import type { Node, Value } from '../ir/graph.ts';
import { graphsWithin, type Model } from '../ir/model.ts';
import type { TensorRef } from '../ir/tensor.ts';
import type { Granularity } from '../numeric/quantize-groups.ts';
import { constantView, storedTensor } from './constant-view.ts';
import type { Note } from './pass.ts';
import { reachesOutput, readersOf } from './weights.ts';

/** How weights are to be stored: what passes that only change weights share. */
export interface WeightForm {
	/** Of each code. Codes of 2 and 3 bits use part of a 4-bit type. */
	readonly bits: 8 | 4 | 3 | 2;
	/** Neighbours along the summed axis that share a scale; 0: one scale for each output channel. */
	readonly blockSize: number;
	/** Codes around zero, no zero points. */
	readonly symmetric: boolean;
	/** Where scales come from: the range, or the least squared error of the weights. */
	readonly method: 'minmax' | 'mse';
	/** Tables that Gather reads. */
	readonly embeddings: '8' | '4' | 'off';
	/** Operators that expand the codes. */
	readonly format: 'cast' | 'dequantize' | 'matmulnbits';
	/** With 4 bits and fewer: layers that suffer most keep 8. */
	readonly keepEdges: boolean;
	/** The first or last layer keeps them only where it holds no more than this share of all weights. default 1: always */
	readonly edgeShare?: number;
	/**
	 * In networks with convolutions the smallest weights that together hold no more than this share of all keep 8 bits too: narrow
	 * layers have the fewest terms to average errors out, and cost least. default 0: none
	 */
	readonly smallShare?: number;
	/** Scales rounded to float16. */
	readonly halfScales: boolean;
	/** Nodes whose weights stay as they are. */
	readonly nodesToExclude: readonly string[];
	/** Weights that these operators read, and no others. Absent or empty: all. */
	readonly opTypesToQuantize?: readonly string[];
	/** Weights that these nodes read, and no others. Absent or empty: all. */
	readonly nodesToQuantize?: readonly string[];
	/** Elements that a weight must have at least. */
	readonly minElements: number;
}

/** A node that reads a weight, and along which axes of the stored tensor its output channels and its sums run. */
export interface Reader {
	readonly node: Node;
	readonly index: number;
	/** The node reads the stored value itself, nothing in between. */
	readonly direct: boolean;
	/** Axis of the stored tensor, or null where it is none alone. */
	readonly channel: number | null;
	readonly sum: number | null;
}

/** What a stored weight becomes. */
export interface Plan {
	readonly value: Value;
	readonly tensor: TensorRef;
	readonly readers: readonly Reader[];
	readonly bits: WeightForm['bits'];
	/**
	 * nbits: every reader becomes MatMulNBits. table: every reader is a Gather over rows of codes. blocks: every reader becomes
	 * GatherBlockQuantized. expand: the value is expanded where it stood; Gathers among the readers still read rows of codes.
	 */
	readonly form: 'nbits' | 'table' | 'blocks' | 'expand';
	readonly granularity: Granularity;
	/** Codes of a convolution are stored as this matrix, so that blocks run over channel and kernel alike. */
	readonly matrix?: readonly number[];
}

interface Slot {
	readonly index: number;
	/** Axes of what the node sees. */
	readonly channel: number;
	readonly sum: number | null;
}

/** The slot's axes where this operator multiplies or looks up a weight there; undefined for others. */
function slotOf(node: Node, index: number, rank: number): Slot | undefined {
	if (node.domain !== '') return undefined;
	switch (node.op) {
		case 'MatMul':
			if (rank < 2) return undefined;
			return index === 1 ? { index, channel: rank - 1, sum: rank - 2 } : { index, channel: rank - 2, sum: rank - 1 };
		case 'Gemm': {
			if (index > 1) return undefined;
			const flipped = node.int(index === 1 ? 'transB' : 'transA', 0) !== 0;
			const channel = (index === 1) === flipped ? 0 : 1;
			return { index, channel, sum: 1 - channel };
		}
		case 'Conv':
			return index === 1 ? { index, channel: 0, sum: 1 } : undefined;
		case 'ConvTranspose':
			return index === 1 ? { index, channel: 1, sum: 0 } : undefined;
		case 'LSTM':
		case 'GRU':
		case 'RNN':
			return index === 1 || index === 2 ? { index, channel: 1, sum: 2 } : undefined;
		case 'Gather': {
			const axis = node.int('axis', 0);
			return index === 0 ? { index, channel: axis < 0 ? axis + rank : axis, sum: null } : undefined;
		}
		default:
			return undefined;
	}
}

/** Stored floating-point values large enough to matter, in file order, main graph and subgraphs. */
export function* storedWeights(model: Model, options: WeightForm): IterableIterator<{ value: Value; tensor: TensorRef }> {
	for (const graph of graphsWithin(model.graph)) {
		for (const value of graph.initializers) {
			const tensor = storedTensor(value);
			if (tensor && isWeight(tensor, options) && isAskedFor(value, options)) yield { value, tensor };
		}
		for (const node of graph.nodes()) {
			if (node.op !== 'Constant' || node.domain !== '') continue;
			const value = node.outputs[0];
			const tensor = value ? storedTensor(value) : undefined;
			if (value && tensor && isWeight(tensor, options) && isAskedFor(value, options)) yield { value, tensor };
		}
	}
}

function isAskedFor(value: Value, { nodesToQuantize, opTypesToQuantize }: WeightForm): boolean {
	if (!nodesToQuantize?.length && !opTypesToQuantize?.length) return true;
	const readers = readersOf(value);
	const named = !nodesToQuantize?.length || readers.some(({ node }) => nodesToQuantize.includes(node.label));
	return named && (!opTypesToQuantize?.length || readers.some(({ node }) => opTypesToQuantize.includes(node.op)));
}

function isWeight(tensor: TensorRef, options: WeightForm): boolean {
	return isFloat(tensor.dtype) && elementCount(tensor.dims) >= options.minElements;
}

/** What can be told from the graph alone. */
export function survey(model: Model, options: WeightForm): Note[] {
	const notes: Note[] = [];
	for (const { value, tensor } of storedWeights(model, options)) {
		const reason = obstacle(value, tensor, options);
		notes.push(
			reason
				? { level: 'skip', node: value.name, reason }
				: {
						level: 'info',
						node: value.name,
						reason: `${tensor.dtype} [${tensor.dims.join(', ')}], read by ${readersOf(value)[0]?.node.label ?? 'nothing'}`,
					},
		);
	}
	if (model.functions.length > 0) notes.push({ level: 'skip', reason: 'weights inside model functions are left alone' });
	return notes;
}

/** Why a stored value is not treated; undefined where it is. */
export function obstacle(value: Value, tensor: TensorRef, options: WeightForm): string | undefined {
	if (tensor.dtype !== 'float32') return `weights are ${tensor.dtype}; only float32 weights are quantized`;
	const readers = readersOf(value);
	if (readers.length === 0) return 'nothing reads it';
	if (reachesOutput(value)) return 'it is an output of the model';
	const excluded = readers.find(({ node }) => options.nodesToExclude.includes(node.label));
	if (excluded) return `${excluded.node.label} is excluded by name`;
	const ops = [...new Set(readers.map(({ node }) => node.qualifiedOp))];
	const known = readers.some(({ node }) => WEIGHTED.has(node.qualifiedOp));
	if (!known) return `only ${ops.join(', ')} reads it, whose weights are left alone`;
	if (options.embeddings === 'off' && readers.every(({ node }) => node.op === 'Gather')) return 'embedding tables are switched off';
	return undefined;
}

const RECURRENT: ReadonlySet<string> = new Set(['LSTM', 'GRU', 'RNN']);

const WEIGHTED: ReadonlySet<string> = new Set(['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'LSTM', 'GRU', 'RNN', 'Gather']);

export async function planWeights(model: Model, options: WeightForm): Promise<{ plans: Plan[]; notes: Note[]; eligible: number }> {
	const plans: Plan[] = [];
	const notes: Note[] = [];
	let eligible = 0;
	const edges = options.bits < 8 && options.keepEdges ? edgeNodes(model, options) : new Set<Node>();
	for (const { value, tensor } of storedWeights(model, options)) {
		eligible += 1;
		const skip = (reason: string): void => {
			notes.push({ level: 'skip', node: value.name, reason });
		};
		const reason = obstacle(value, tensor, options);
		if (reason) {
			skip(reason);
			continue;
		}
		const readers: Reader[] = [];
		for (const { node, index } of readersOf(value)) {
			const seen = node.input(index);
			const view = await constantView(seen);
			const axes = view?.roots.find((root) => root.value === value)?.axes;
			const slot = slotOf(node, index, view?.tensor.dims.length ?? 0);
			const axis = (at: number | null | undefined): number | null => (at === null || at === undefined ? null : (axes?.[at] ?? null));
			if (!slot) continue;
			readers.push({ node, index, direct: seen === value, channel: axis(slot.channel), sum: axis(slot.sum) });
		}
		const lead = readers.find(({ node }) => node.op !== 'Gather') ?? readers[0];
		if (!lead) {
			skip('what reads it gets it mixed with computed values');
			continue;
		}
		const all = readersOf(value).length === readers.length;
		const plan = decide(value, tensor, readers, lead, all, options, edges, notes);
		if (plan) plans.push(plan);
		else skip('it has no axis of channels: a vector, or one reshaped beyond recognition');
	}
	if (model.functions.length > 0) notes.push({ level: 'skip', reason: 'weights inside model functions are left alone' });
	return { plans, notes, eligible };
}

function decide(
	value: Value,
	tensor: TensorRef,
	readers: readonly Reader[],
	lead: Reader,
	all: boolean,
	options: WeightForm,
	edges: ReadonlySet<Node>,
	notes: Note[],
): Plan | undefined {
	const { dims } = tensor;
	const base = { value, tensor, readers };
	const gathers = readers.filter(({ node, direct }) => node.op === 'Gather' && direct);
	if (dims.length < 2) return undefined;
	if (gathers.length === readers.length && all) {
		const axis = lead.channel;
		if (axis === null) return undefined;
		const last = dims.length - 1;
		const width = dims[last] ?? 0;
		const size = options.blockSize || 32;
		if (options.embeddings === '4' && axis === 0 && dims.length === 2 && width % size === 0) {
			return { ...base, bits: 4, form: 'blocks', granularity: { kind: 'block', axis: last, size } };
		}
		if (options.embeddings === '4') {
			notes.push({ level: 'info', node: value.name, reason: `kept at 8 bits: GatherBlockQuantized takes rows of whole blocks (${size})` });
		}
		// With 4 bits elsewhere, a scale per row of 8-bit codes is already far more exact than the rest.
		if (options.bits === 8 && options.blockSize > 0 && axis === 0 && dims.length === 2 && width > size && width % size === 0) {
			return { ...base, bits: 8, form: 'table', granularity: { kind: 'block', axis: last, size } };
		}
		return { ...base, bits: 8, form: 'table', granularity: { kind: 'axis', axis } };
	}

	const conv = readers.some(({ node }) => node.op === 'Conv' || node.op === 'ConvTranspose');
	const grouped = readers.some(({ node }) => (node.op === 'Conv' || node.op === 'ConvTranspose') && node.int('group', 1) !== 1);
	let { bits } = options;
	if (bits < 8 && options.keepEdges) {
		const why =
			gathers.length > 0
				? 'it is an embedding table too'
				: grouped
					? 'a convolution with groups'
					: readers.some(({ node }) => RECURRENT.has(node.op))
						? 'a recurrent layer, whose error adds up over time'
						: readers.some(({ node }) => edges.has(node))
							? 'the first or last layer, or one of the smallest'
							: undefined;
		if (why) {
			bits = 8;
			notes.push({ level: 'info', node: value.name, reason: `kept at 8 bits: ${why}` });
		}
	}
	// A table that is a matrix elsewhere is shared by all its readers: rows of codes, one scale each.
	const channel = gathers[0]?.channel ?? lead.channel;
	const size = options.blockSize;
	const sumLength = lead.sum === null ? 0 : (dims[lead.sum] ?? 0);
	if (
		options.format === 'matmulnbits' &&
		all &&
		size > 0 &&
		readers.every(({ node, index }) => node.op === 'MatMul' && index === 1) &&
		sumLength >= size
	) {
		return { ...base, bits, form: 'nbits', granularity: { kind: 'block', axis: 0, size } };
	}
	if (size > 0 && gathers.length === 0) {
		if (conv && readers.length === 1 && lead.direct && lead.node.op === 'Conv') {
			const columns = elementCount(dims.slice(1));
			if (columns >= size && fits(columns, size, options)) {
				const plan: Plan = { ...base, bits, form: 'expand', granularity: { kind: 'block', axis: 1, size } };
				return dims.length === 2 ? plan : { ...plan, matrix: [dims[0] ?? 0, columns] };
			}
		} else if (!conv && lead.sum !== null && sumLength >= size && fits(sumLength, size, options)) {
			return { ...base, bits, form: 'expand', granularity: { kind: 'block', axis: lead.sum, size } };
		}
	}
	if (channel === null) return { ...base, bits: 8, form: 'expand', granularity: { kind: 'tensor' } };
	if (bits < 8)
		notes.push({
			level: 'info',
			node: value.name,
			reason: 'one scale per channel: its sums are shorter than a block, or no whole number of blocks',
		});
	return { ...base, bits, form: 'expand', granularity: { kind: 'axis', axis: channel } };
}

/** Cast and Mul need whole blocks; DequantizeLinear takes a short last one. */
function fits(length: number, size: number, options: WeightForm): boolean {
	return options.format === 'dequantize' || length % size === 0;
}

/** First and last weighted nodes of a network with convolutions, as far as they are small beside the whole. */
function edgeNodes(model: Model, options: WeightForm): Set<Node> {
	const edges = new Set<Node>();
	let total = 0;
	for (const { tensor } of storedWeights(model, options)) total += tensor.byteLength;
	for (const graph of graphsWithin(model.graph)) {
		const weighted = [...graph.nodes()].filter((node) => ['Conv', 'Gemm', 'MatMul'].includes(node.op) && node.domain === '');
		if (!weighted.some((node) => node.op === 'Conv')) continue;
		const bytesOf = (node: Node): number => {
			const weight = node.input(1);
			return weight ? (storedTensor(weight)?.byteLength ?? 0) : 0;
		};
		for (const node of [weighted[0], weighted.at(-1)]) if (node && bytesOf(node) <= (options.edgeShare ?? 1) * total) edges.add(node);
		let room = (options.smallShare ?? 0) * total;
		for (const node of weighted.filter((node) => node.int('group', 1) === 1).sort((a, b) => bytesOf(a) - bytesOf(b))) {
			room -= bytesOf(node);
			if (room < 0) break;
			edges.add(node);
		}
	}
	return edges;
}

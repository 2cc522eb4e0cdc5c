import { elementCount } from '../../core/ir/dtype.ts';
import type { Node } from '../../core/ir/graph.ts';
import { allNodes, graphsWithin, type Model } from '../../core/ir/model.ts';
import { type ConstantView, constantView, isStored } from '../../core/pass/constant-view.ts';
import type { Note } from '../../core/pass/pass.ts';
import { reachesOutput, readersOf } from '../../core/pass/weights.ts';
import { type Options, TREATED } from './options.ts';

export type Kind = (typeof TREATED)[number];

/** A node that will run on integers, with the weights it needs. */
export interface Candidate {
	readonly node: Node;
	readonly kind: Kind;
	/** Weight inputs by slot. */
	readonly weights: readonly { readonly index: number; readonly view: ConstantView }[];
}

/** Slots that hold weights. */
const SLOTS: Readonly<Record<Kind, readonly number[]>> = { MatMul: [1], Gemm: [1], Conv: [1], Gather: [0], LSTM: [1, 2] };

/** Activation functions of DynamicQuantizeLSTM's kernel are those of LSTM; other attributes must have these values. */
function unsupported(node: Node, kind: Kind, options: Options): string | undefined {
	if (options.nodesToExclude.includes(node.label)) return 'excluded by name';
	if (kind === 'Gather' && !options.embeddings) return 'embedding tables are switched off';
	if (kind === 'Conv' && node.int('group', 1) !== 1 && !options.groupedConv) {
		return 'a convolution with groups is several times slower as ConvInteger';
	}
	if (kind === 'LSTM') {
		if (node.int('layout', 0) !== 0) return 'layout 1 (batch first) has no DynamicQuantizeLSTM';
		if (node.input(7)) return 'peepholes are left alone';
	}
	return undefined;
}

function kindOf(node: Node, options: Options): Kind | undefined {
	if (node.domain !== '') return undefined;
	if (options.nodesToQuantize.length > 0 && !options.nodesToQuantize.includes(node.label)) return undefined;
	return TREATED.find((kind) => kind === node.op && options.operators.includes(kind));
}

/** Gathers that read shapes and other small vectors are everywhere; they are no tables and deserve no note. */
function isTable(node: Node): boolean {
	return isStored(node.input(0));
}

/** What run will do, told from the graph alone. */
export function survey(model: Model, options: Options): Note[] {
	const notes: Note[] = [];
	for (const graph of graphsWithin(model.graph)) {
		for (const node of graph.nodes()) {
			const kind = kindOf(node, options);
			if (!kind || (kind === 'Gather' && !isTable(node))) continue;
			const reason =
				unsupported(node, kind, options) ?? (SLOTS[kind].every((slot) => isStored(node.input(slot))) ? undefined : notConstant(kind));
			if (reason) notes.push({ level: 'skip', node: node.label, reason });
			else notes.push({ level: 'info', node: node.label, reason: `${kind} with stored weights` });
		}
	}
	return notes;
}

function notConstant(kind: Kind): string {
	return kind === 'MatMul'
		? 'both operands are computed; only products with stored weights are quantized'
		: 'its weights are computed while the model runs';
}

/** Nodes to turn into integer ones, and why others are left alone. */
export async function planNodes(model: Model, options: Options): Promise<{ candidates: Candidate[]; notes: Note[]; eligible: number }> {
	const notes: Note[] = [];
	let eligible = 0;
	let candidates: Candidate[] = [];
	for (const graph of graphsWithin(model.graph)) {
		for (const node of graph.nodes()) {
			const kind = kindOf(node, options);
			if (!kind || (kind === 'Gather' && !isTable(node))) continue;
			const weights: { index: number; view: ConstantView }[] = [];
			let reason: string | undefined;
			for (const index of SLOTS[kind]) {
				const view = await constantView(node.input(index));
				if (!view) reason ??= notConstant(kind);
				else if (view.tensor.dtype !== 'float32') {
					// Integer tables and shape vectors are no weights at all.
					reason ??= view.tensor.dtype.includes('float') ? `weights are ${view.tensor.dtype}; the integer operators take float32` : '';
				} else if (elementCount(view.tensor.dims) < options.minElements) reason ??= `fewer than ${options.minElements} elements`;
				else weights.push({ index, view });
			}
			if (reason === '') continue;
			eligible += 1;
			reason = unsupported(node, kind, options) ?? reason ?? shapeReason(kind, weights[0]?.view);
			if (reason) notes.push({ level: 'skip', node: node.label, reason });
			else candidates.push({ node, kind, weights });
		}
	}
	// A weight that somebody else still reads as fp32 would be stored twice: the file would grow.
	for (let again = true; again; ) {
		again = false;
		const served = new Set(candidates.flatMap(({ node, weights }) => weights.map(({ index }) => slotKey(node, index))));
		candidates = candidates.filter(({ node, weights }) => {
			for (const { view } of weights) {
				for (const { value } of view.roots) {
					const other = readersOf(value).find((use) => !served.has(slotKey(use.node, use.index)));
					const reason = other
						? `its weight is also read by ${other.node.label}, which keeps it in fp32`
						: reachesOutput(value)
							? 'its weight is an output of the model'
							: undefined;
					if (reason) {
						notes.push({ level: 'skip', node: node.label, reason });
						again = true;
						return false;
					}
				}
			}
			return true;
		});
	}
	const inFunctions =
		model.functions.length > 0 && [...allNodes(model)].some((node) => model.functions.some((fn) => fn.body === node.graph));
	if (inFunctions) notes.push({ level: 'skip', reason: 'operators inside model functions are left alone' });
	return { candidates, notes, eligible };
}

function shapeReason(kind: Kind, view: ConstantView | undefined): string | undefined {
	const rank = view?.tensor.dims.length ?? 0;
	if (kind === 'MatMul' && rank < 2) return 'its weight is a vector';
	if (kind === 'Gather' && rank < 2) return 'the table is a vector: scales would be as large as the codes save';
	return undefined;
}

const nodeKeys = new WeakMap<Node, number>();
let nodeCount = 0;
function slotKey(node: Node, index: number): string {
	let key = nodeKeys.get(node);
	if (key === undefined) {
		nodeCount += 1;
		key = nodeCount;
		nodeKeys.set(node, key);
	}
	return `${key}:${index}`;
}

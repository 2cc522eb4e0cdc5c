import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import { graphsWithin, type Model } from '../../core/ir/model.ts';
import type { Dim } from '../../core/ir/type.ts';
import type { InferredTypes } from '../../core/onnx/infer.ts';
import { isStored } from '../../core/pass/constant-view.ts';

/** A part of the graph with one value in front and one behind, of the same shape: without it the one in front takes the other's place. */
export interface Block {
	readonly name: string;
	/** residual: what an Add adds to a value computed from that same value. repeated: one of several parts alike in a row. */
	readonly kind: 'residual' | 'repeated';
	readonly entry: Value;
	readonly exit: Value;
	/** Layers with stored weights inside. */
	readonly layers: readonly Node[];
	readonly shape: readonly Dim[];
	/** The graph says that both ends have the same shape; else sample inputs must show it. */
	readonly proven: boolean;
}

/** Why something that looks like a block cannot go. */
export interface Refused {
	readonly node: string;
	readonly reason: string;
}

export interface FoundBlocks {
	readonly blocks: readonly Block[];
	readonly refused: readonly Refused[];
}

/** Nodes of the line that one of several repeated parts may have. */
const MOST_PERIOD = 200;
const LAYERS = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'LSTM', 'GRU', 'RNN', 'Attention', 'MultiHeadAttention']);

/** Residual branches and repeated parts of all graphs of a model, in their order. Names play no part. */
export function findBlocks(model: Model, types: InferredTypes): FoundBlocks {
	const blocks: Block[] = [];
	const refused: Refused[] = [];
	const take = (kind: Block['kind'], entry: Value, exit: Value, layers: readonly Node[]): void => {
		const label = exit.producer?.label ?? exit.name;
		if (blocks.some((block) => block.entry === entry && block.exit === exit)) return;
		if (exit.isGraphOutput) {
			refused.push({ node: label, reason: 'what it makes is an output' });
			return;
		}
		const [a, b] = [types.shapeOf(entry), types.shapeOf(exit)];
		const [x, y] = [types.typeOf(entry), types.typeOf(exit)];
		if (!a || !b || !x || !y) refused.push({ node: label, reason: 'the shape of its input or output is not known' });
		else if (x.kind !== 'tensor' || y.kind !== 'tensor' || x.dtype !== y.dtype)
			refused.push({ node: label, reason: 'its output has another type' });
		else if (compatible(a, b)) blocks.push({ name: label, kind, entry, exit, layers, shape: a, proven: sameShape(a, b) });
		else if (a.length === b.length && !a.some((dim, axis) => dim === 1 && b[axis] !== 1)) {
			// What is spread over the sum, such as a mask, is no stream that goes on: nothing is said of it.
			refused.push({ node: label, reason: `its output ${shown(b)} has another shape than its input ${shown(a)}` });
		}
	};
	for (const graph of graphsWithin(model.graph)) {
		const flow = new Flow(graph);
		for (const node of graph.nodes()) {
			const found = node.op === 'Add' && node.domain === '' ? flow.residual(node) : undefined;
			if (found) take('residual', found.entry, node.output(), found.layers);
		}
		for (const { entry, exit, layers } of flow.repeated(types)) take('repeated', entry, exit, layers);
	}
	return { blocks, refused };
}

/** Dimensions are the same for every input. Two open ones without a name may differ. */
function sameShape(a: readonly Dim[], b: readonly Dim[]): boolean {
	return a.length === b.length && a.every((dim, axis) => dim !== null && dim === b[axis]);
}

/** Not known to differ. */
function compatible(a: readonly Dim[], b: readonly Dim[]): boolean {
	return a.length === b.length && a.every((dim, axis) => dim === b[axis] || (dim !== 1 && (typeof dim !== 'number' || b[axis] === null)));
}

const shown = (shape: readonly Dim[]): string => `[${shape.map((dim) => dim ?? '?').join(', ')}]`;

function hasWeights(node: Node): boolean {
	return LAYERS.has(node.op) && node.inputs.slice(1).some((input) => input !== null && isStored(input));
}

/** What depends on what within one graph. Constants are no part of it. */
class Flow {
	readonly #nodes: readonly Node[];
	readonly #position: ReadonlyMap<Node, number>;

	constructor(readonly graph: Graph) {
		const constant = new Set<Node>();
		const nodes: Node[] = [];
		for (const node of graph.nodes()) {
			// Sizes are no numbers that flow: those taken in one block often shape values in all others.
			const isSize = node.domain === '' && (node.op === 'Shape' || node.op === 'Size');
			const fixed = isSize || (node.subgraphs.length === 0 && node.inputs.every((input) => isFixed(input, constant)) && !isRandom(node));
			if (fixed) constant.add(node);
			else nodes.push(node);
		}
		this.#nodes = nodes;
		this.#position = new Map(nodes.map((node, i) => [node, i]));
	}

	/** Nodes of this graph that read an output of the node, those whose bodies read it included. */
	#readers(node: Node): Node[] {
		const readers = new Set<Node>();
		for (const output of node.outputs) {
			for (const use of output?.uses ?? []) {
				let reader: Node | undefined = use.node;
				while (reader && reader.graph !== this.graph) reader = reader.graph.owner;
				if (reader && this.#position.has(reader)) readers.add(reader);
			}
		}
		return [...readers];
	}

	/** The value that an Add passes on, where the other operand is computed from it, and the layers on that way. */
	residual(node: Node): { entry: Value; layers: Node[] } | undefined {
		const [p, q] = [node.input(0), node.input(1)];
		if (!p || !q || p === q) return undefined;
		for (const [entry, branch] of [
			[q, p],
			[p, q],
		] as const) {
			const layers = this.#between(entry, branch);
			if (layers && layers.length > 0) return { entry, layers };
		}
		return undefined;
	}

	/** Layers with weights on ways from one value to another; undefined where there is no way. */
	#between(from: Value, to: Value): Node[] | undefined {
		const start = from.producer && from.producer.graph === this.graph ? (this.#position.get(from.producer) ?? -1) : -1;
		if (!from.isGraphInput && start < 0) return undefined;
		const reached = new Map<Node, boolean>();
		const leads = (value: Value | null): boolean =>
			value === from || (value?.producer !== undefined && (reached.get(value.producer) ?? false));
		const end = to.producer && to.producer.graph === this.graph ? (this.#position.get(to.producer) ?? -1) : -1;
		for (let i = start + 1; i <= end; i++) {
			const node = this.#nodes[i] as Node;
			if (node.inputs.some(leads)) reached.set(node, true);
		}
		if (!leads(to) || to === from) return undefined;
		const needed = new Set<Node>();
		const stack = [to];
		for (let value = stack.pop(); value; value = stack.pop()) {
			const { producer } = value;
			if (!producer || !reached.get(producer) || needed.has(producer)) continue;
			needed.add(producer);
			for (const input of producer.inputs) if (input && input !== from) stack.push(input);
		}
		return [...needed].filter(hasWeights).sort((a, b) => (this.#position.get(a) ?? 0) - (this.#position.get(b) ?? 0));
	}

	/**
	 * The longest line of nodes through which everything must pass (immediate post-dominators), and in it parts that follow each other and
	 * are alike: the same operators in the same order, whatever their weights.
	 */
	repeated(types: InferredTypes): { entry: Value; exit: Value; layers: Node[] }[] {
		const trunk = this.#trunk();
		const segments = this.#segments(trunk);
		const tokens = segments.map(({ signature }) => signature);
		const covered = new Uint8Array(trunk.length);
		const found: { entry: Value; exit: Value; layers: Node[] }[] = [];
		for (let period = 1; period <= Math.min(MOST_PERIOD, trunk.length / 2); period++) {
			for (let at = 1; at + 2 * period <= trunk.length; ) {
				let length = 0;
				while (at + length + period < trunk.length && tokens[at + length] === tokens[at + length + period]) length += 1;
				const repeats = Math.floor(length / period) + 1;
				// Where the run does not come out even it may begin later: best where several nodes read what comes in, as they do a residual stream.
				const shift = repeats < 2 ? 0 : bestShift(trunk, segments, at, length % period);
				const whole = repeats < 2 ? [] : this.#instances(trunk, segments, at + shift, period, repeats, types, covered);
				found.push(...whole);
				at += whole.length > 0 ? shift + repeats * period : 1;
			}
		}
		return found;
	}

	#instances(
		trunk: readonly Node[],
		segments: readonly { readonly layers: readonly Node[] }[],
		at: number,
		period: number,
		repeats: number,
		types: InferredTypes,
		covered: Uint8Array,
	): { entry: Value; exit: Value; layers: Node[] }[] {
		const out: { entry: Value; exit: Value; layers: Node[] }[] = [];
		for (let k = 0; k < repeats; k++) {
			const from = at + k * period;
			if (covered.subarray(from, from + period).some((mark) => mark === 1)) return [];
			const layers = segments.slice(from, from + period).flatMap((segment) => segment.layers);
			const [before, last] = [trunk[from - 1], trunk[from + period - 1]];
			const entry = before?.outputs.find((value) => value !== null);
			const exit = last?.outputs.find((value) => value !== null);
			if (!entry || !exit || layers.length === 0) return [];
			const [a, b] = [types.shapeOf(entry), types.shapeOf(exit)];
			// Parts that change the shape are of no use here: another length of the period may fit.
			if (a && b && compatible(a, b)) out.push({ entry, exit, layers });
		}
		if (out.length > 0) covered.fill(1, at, at + repeats * period);
		return out;
	}

	#trunk(): Node[] {
		const nodes = this.#nodes;
		const count = nodes.length;
		const above = new Int32Array(count + 1).fill(count);
		const depth = new Int32Array(count + 1);
		for (let i = count - 1; i >= 0; i--) {
			const node = nodes[i] as Node;
			let common = node.outputs.some((output) => output?.isGraphOutput) ? count : -1;
			for (const reader of this.#readers(node)) {
				const at = this.#position.get(reader) as number;
				if (common < 0) {
					common = at;
					continue;
				}
				let [a, b] = [common, at];
				while (a !== b) {
					if ((depth[a] as number) < (depth[b] as number)) b = above[b] as number;
					else a = above[a] as number;
				}
				common = a;
			}
			above[i] = common < 0 ? count : common;
			depth[i] = (depth[above[i] as number] as number) + 1;
		}
		// From where nothing of this graph comes in: a line from the middle would start inside a block.
		const isSource = (node: Node): boolean => node.inputs.every((input) => !input?.producer || !this.#position.has(input.producer));
		let deepest = -1;
		for (let i = 0; i < count; i++)
			if (isSource(nodes[i] as Node) && (deepest < 0 || (depth[i] as number) > (depth[deepest] as number))) deepest = i;
		const trunk: Node[] = [];
		for (let i = deepest; i >= 0 && i < count; i = above[i] as number) trunk.push(nodes[i] as Node);
		return trunk;
	}

	/** What lies between a node of the trunk and the one before it. */
	#segments(trunk: readonly Node[]): { signature: string; layers: Node[] }[] {
		const index = new Map(trunk.map((node, i) => [node, i]));
		const after = new Map<Node, number>();
		const ops: string[][] = trunk.map(() => []);
		const layers: Node[][] = trunk.map(() => []);
		for (const node of this.#nodes) {
			const own = index.get(node);
			let latest = -1;
			for (const input of node.inputs) if (input?.producer) latest = Math.max(latest, after.get(input.producer) ?? -1);
			after.set(node, own ?? latest);
			const segment = own ?? latest + 1;
			if (segment <= 0 || segment >= trunk.length) continue;
			ops[segment]?.push(node.op);
			if (hasWeights(node)) layers[segment]?.push(node);
		}
		return trunk.map((node, i) => ({ signature: `${node.op}:${(ops[i] ?? []).sort().join(',')}`, layers: layers[i] ?? [] }));
	}
}

/** How many nodes later a run of repeated parts begins best, at most `most`: with a layer, and where most nodes read what comes in. */
function bestShift(trunk: readonly Node[], segments: readonly { readonly layers: readonly Node[] }[], at: number, most: number): number {
	let [best, readers] = [0, -1];
	for (let shift = 0; shift <= most; shift++) {
		const uses = trunk[at + shift - 1]?.outputs.reduce((sum, output) => sum + (output?.uses.size ?? 0), 0) ?? 0;
		const begins = (segments[at + shift]?.layers.length ?? 0) > 0 ? 0.5 : 0;
		if (uses + begins > readers) [best, readers] = [shift, uses + begins];
	}
	return best;
}

function isFixed(value: Value | null, constant: ReadonlySet<Node>): boolean {
	if (!value) return true;
	if (value.isGraphInput && !value.initializer) return false;
	return value.initializer !== undefined || (value.producer !== undefined && constant.has(value.producer));
}

function isRandom({ op }: Node): boolean {
	return op.startsWith('Random') || op === 'Multinomial' || op === 'Bernoulli';
}

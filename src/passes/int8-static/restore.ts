import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { Feeds, TensorData } from '../../core/ir/tensor-data.ts';
import { tensorType } from '../../core/ir/type.ts';
import type { ComputeSession } from '../../core/pass/calibration.ts';
import type { Note, PassContext } from '../../core/pass/pass.ts';
import type { PlannedNode } from './plan.ts';
import { removePair, type WrittenPair } from './write.ts';

/** What the plain model gave for one example, by output name. */
export type Reference = ReadonlyMap<string, Float32Array>;

/** Examples on which the whole is judged, and those on which single values are. */
export const JUDGED_EXAMPLES = 8;
const SINGLE_EXAMPLES = 2;
/** Share of the tolerated noise that activations may cause, round after round; the weights need the rest. */
/** Share of the noise that a weight must cause to return to fp32. */
const LEAST_GAIN = 0.05;
const SHARES = [0.5, 0.2, 0.05];

export interface Restoring {
	readonly model: Model;
	readonly nodes: readonly PlannedNode[];
	readonly references: ReadonlyMap<number, Reference>;
	/** Signal to noise that the worst output should have, dB. */
	readonly targetDb: number;
	readonly context: PassContext;
	/** Gives nodes their plain weights and biases, or the coded ones again. */
	readonly setPlain: (plain: boolean) => void;
	/** Corrects biases anew after values were restored. */
	readonly correct: () => Promise<void>;
	/** Gives one node its plain weight and bias, or its coded ones again; then for good. */
	readonly setPlainNode: (node: Node, plain: boolean) => void;
	readonly keepPlain: (node: Node) => void;
	readonly onProgress: (fraction: number) => void;
}

/** Share of the weights' bytes that may return to fp32. */
const MOST_PLAIN_BYTES = 0.05;

/**
 * Takes codes away from the values that cost most, until the outputs reach the target on the sample inputs or nothing more is
 * gained. What a value costs is measured: with plain weights and codes for this value alone, in one loaded graph in which every
 * pair has a switch. Where the target is reached from the start, nothing but that is measured.
 */
export async function restoreFragile(
	pairs: readonly WrittenPair[],
	{ model, nodes, references, targetDb, context, setPlain, correct, setPlainNode, keepPlain, onProgress }: Restoring,
): Promise<{ readonly kept: readonly WrittenPair[]; readonly held: boolean; readonly notes: Note[] }> {
	const examples = [...references.keys()];
	const switched = pairs.filter((pair) => !pair.isOutput);
	if (examples.length === 0 || switched.length === 0) return { kept: pairs, held: false, notes: [] };
	const measure = async (): Promise<number> => {
		const board = await Switchboard.load(model, [], references, context);
		try {
			return await board.noise(() => true, examples);
		} finally {
			await board.release();
		}
	};
	const limit = 10 ** (-targetDb / 10);
	const all = await measure();
	if (all <= limit) {
		return {
			kept: pairs,
			held: true,
			notes: [{ level: 'info', reason: `the outputs have ${decibels(all)} dB of signal to noise on the sample inputs` }],
		};
	}

	const few = examples.filter((_, i) => i % Math.ceil(examples.length / SINGLE_EXAMPLES) === 0);
	const costs: { readonly pair: WrittenPair; readonly cost: number }[] = [];
	setPlain(true);
	try {
		const board = await Switchboard.load(model, switched, references, context);
		try {
			for (const [index, pair] of switched.entries()) {
				onProgress((0.6 * index) / switched.length);
				costs.push({ pair, cost: await board.noise((other) => other === pair, few) });
			}
		} finally {
			await board.release();
		}
	} finally {
		setPlain(false);
	}
	costs.sort((a, b) => b.cost - a.cost);
	const sum = costs.reduce((total, { cost }) => total + cost, 0);
	// Costs are measured without bias correction, which takes part of them away.
	const scale = sum > 0 ? Math.min(1, all / sum) : 0;
	const removed = new Set<WrittenPair>();
	let reached = all;
	for (const [round, share] of SHARES.entries()) {
		onProgress(0.6 + (0.4 * round) / SHARES.length);
		let left = sum * scale;
		for (const { pair, cost } of costs) {
			if (left <= limit * share) break;
			left -= cost * scale;
			if (removed.has(pair)) continue;
			removed.add(pair);
		}
		withUseless(removed, pairs, nodes);
		for (const pair of removed) if (pair.quantize.placed) removePair(pair);
		await correct();
		const before = reached;
		reached = await measure();
		// Less than a third of a decibel gained: what is left is the weights' own error.
		if (reached <= limit || reached > before * 0.93) break;
	}
	const activationsOnly = reached;
	const plain: Node[] = [];
	if (reached > limit) {
		const noiseOf = async (over: readonly number[]): Promise<number> => {
			const board = await Switchboard.load(model, [], references, context);
			try {
				return await board.noise(() => true, over);
			} finally {
				await board.release();
			}
		};
		const start = await noiseOf(few);
		const gains: { readonly node: Node; readonly bytes: number; readonly gain: number }[] = [];
		let all = 0;
		for (const { node, weight } of nodes) {
			if (!weight) continue;
			const bytes = weight.view.tensor.byteLength;
			all += bytes;
			setPlainNode(node, true);
			gains.push({ node, bytes, gain: start - (await noiseOf(few)) });
			setPlainNode(node, false);
		}
		gains.sort((a, b) => b.gain - a.gain);
		let room = all * MOST_PLAIN_BYTES;
		for (const { node, bytes, gain } of gains) {
			if (reached <= limit || gain < LEAST_GAIN * start) break;
			if (bytes > room) continue;
			setPlainNode(node, true);
			const now = await noiseOf(examples);
			if (now >= reached) {
				setPlainNode(node, false);
				continue;
			}
			room -= bytes;
			reached = now;
			keepPlain(node);
			plain.push(node);
		}
	}
	const notes = tell(removed, pairs, nodes, costs, sum > 0 ? 1 / sum : 0);
	for (const node of plain)
		notes.push({ level: 'info', node: node.label, reason: 'its weight stays in fp32: its codes cause much of the error at the outputs' });
	if (plain.length > 0) {
		notes.push({
			level: 'info',
			reason: `weights of ${plain.length} layers stay in fp32, which brings the outputs from ${decibels(activationsOnly)} to ${decibels(reached)} dB`,
		});
	}
	notes.unshift({
		level: reached > limit ? 'warn' : 'info',
		reason: `with codes everywhere the outputs had ${decibels(all)} dB on the sample inputs, below the ${targetDb} dB asked for; ${removed.size} of ${pairs.length} values stay in fp32, which gives ${decibels(reached)} dB${reached > limit ? '; the rest is the error of the weights' : ''}`,
	});
	return { kept: pairs.filter((pair) => !removed.has(pair)), held: reached <= limit, notes };
}

/** Nodes with coded weights by what the noise at the outputs falls when their weight and bias are plain again, most first. */
export async function weightGains(
	nodes: readonly Node[],
	{ model, references, context, setPlainNode }: Pick<Restoring, 'model' | 'references' | 'context' | 'setPlainNode'>,
): Promise<readonly Node[]> {
	const examples = [...references.keys()];
	const few = examples.filter((_, i) => i % Math.ceil(examples.length / SINGLE_EXAMPLES) === 0);
	const gains: { readonly node: Node; readonly noise: number }[] = [];
	for (const node of nodes) {
		setPlainNode(node, true);
		const board = await Switchboard.load(model, [], references, context);
		try {
			gains.push({ node, noise: await board.noise(() => true, few) });
		} finally {
			await board.release();
			setPlainNode(node, false);
		}
	}
	return gains.sort((a, b) => a.noise - b.noise).map(({ node }) => node);
}

const decibels = (noise: number): string => (-10 * Math.log10(noise)).toFixed(1);

/** Adds pairs that no integer kernel uses any more once these are gone. */
function withUseless(removed: Set<WrittenPair>, pairs: readonly WrittenPair[], nodes: readonly PlannedNode[]): Set<WrittenPair> {
	for (let again = true; again; ) {
		again = false;
		const codes = codesIn(pairs, removed);
		const integer = new Set(nodes.filter((planned) => onIntegers(planned, codes)).map(({ node }) => node));
		for (const pair of pairs) {
			if (removed.has(pair) || pair.isOutput) continue;
			const { entry } = pair;
			const producer = (entry.absorbs?.node.input(0) ?? entry.value).producer;
			const made = entry.forced && producer && integer.has(producer);
			const read = entry.readers.some(({ node }) => integer.has(node) || !nodes.some((planned) => planned.node === node));
			if (!made && !read) {
				removed.add(pair);
				again = true;
			}
		}
	}
	return removed;
}

interface Codes {
	/** Input slots that read codes, as node and slot. */
	readonly reads: ReadonlyMap<Node, ReadonlySet<number>>;
	/** Nodes whose output becomes codes. */
	readonly makers: ReadonlySet<Node>;
}

function codesIn(pairs: readonly WrittenPair[], removed: ReadonlySet<WrittenPair>): Codes {
	const reads = new Map<Node, Set<number>>();
	const makers = new Set<Node>();
	for (const pair of pairs) {
		if (removed.has(pair)) continue;
		for (const { node, slot } of pair.entry.readers) reads.set(node, (reads.get(node) ?? new Set<number>()).add(slot));
		const producer = (pair.entry.absorbs?.node.input(0) ?? pair.entry.value).producer;
		if (producer) makers.add(producer);
	}
	return { reads, makers };
}

/** Whether a node still finds codes on all its slots, so that an integer kernel can take it. */
function onIntegers({ node, trait, activations }: PlannedNode, codes: Codes): boolean {
	if (activations.length === 0) return false;
	if (!activations.every((slot) => codes.reads.get(node)?.has(slot))) return false;
	return trait.floatOutput === true || codes.makers.has(node);
}

/** Why nodes compute in fp32, with the share of the noise that their values caused. */
function tell(
	removed: ReadonlySet<WrittenPair>,
	pairs: readonly WrittenPair[],
	nodes: readonly PlannedNode[],
	costs: readonly { readonly pair: WrittenPair; readonly cost: number }[],
	share: number,
): Note[] {
	const before = codesIn(pairs, new Set());
	const after = codesIn(pairs, removed);
	const costOf = new Map(costs.map(({ pair, cost }) => [pair, cost]));
	const notes: Note[] = [];
	for (const planned of nodes) {
		if (planned.trait.treatment !== 'weighted' || !onIntegers(planned, before) || onIntegers(planned, after)) continue;
		let worst: WrittenPair | undefined;
		for (const pair of removed) {
			const producer = (pair.entry.absorbs?.node.input(0) ?? pair.entry.value).producer;
			const touches = producer === planned.node || pair.entry.readers.some(({ node }) => node === planned.node);
			if (touches && (costOf.get(pair) ?? 0) >= (worst ? (costOf.get(worst) ?? 0) : 0)) worst = pair;
		}
		const percent = worst ? (costOf.get(worst) ?? 0) * share * 100 : 0;
		const weight = planned.weight ? 'int8 weights, ' : '';
		notes.push({
			level: 'info',
			node: planned.node.label,
			reason: `${weight}computes in fp32: codes for ${worst?.entry.value.name ?? 'its values'} cause ${percent.toFixed(percent < 1 ? 2 : 0)} % of the error at the outputs`,
		});
	}
	return notes;
}

/** The model with a switch for each pair: one loaded graph stands for every choice of values that have codes. */
class Switchboard {
	readonly #session: ComputeSession;
	readonly #names: ReadonlyMap<WrittenPair, string>;
	readonly #references: ReadonlyMap<number, Reference>;
	readonly #context: PassContext;
	readonly #feeds = new Map<number, Feeds>();

	private constructor(
		session: ComputeSession,
		names: ReadonlyMap<WrittenPair, string>,
		references: ReadonlyMap<number, Reference>,
		context: PassContext,
	) {
		this.#session = session;
		this.#names = names;
		this.#references = references;
		this.#context = context;
	}

	static async load(
		model: Model,
		pairs: readonly WrittenPair[],
		references: ReadonlyMap<number, Reference>,
		context: PassContext,
	): Promise<Switchboard> {
		const { graph } = model;
		const undo: (() => void)[] = [];
		const names = new Map<WrittenPair, string>();
		try {
			for (const pair of pairs) {
				const value = pair.quantize.input(0);
				if (!value || pair.dequantizers.length === 0) continue;
				// One input of the main graph, which bodies of If and Loop see as well.
				const input = graph.addInput(graph.ledger.fresh('switch'), tensorType('bool', []));
				names.set(pair, input.name);
				undo.push(() => graph.removeInput(input));
				for (const dequantize of pair.dequantizers) {
					const decoded = dequantize.output();
					const inside = dequantize.graph;
					const uses = [...decoded.uses].map(({ node, index }) => ({ node, index }));
					const where = inside.insertAfter(
						dequantize,
						inside.createNode({ op: 'Where', inputs: [input, decoded, value], outputs: [graph.ledger.fresh('chosen')] }),
					);
					for (const { node, index } of uses) node.setInput(index, where.output());
					undo.push(() => {
						for (const { node, index } of uses) node.setInput(index, decoded);
						inside.remove(where);
					});
				}
			}
			const session = await context.compute?.load(model);
			if (!session) throw new Error('there is no runtime');
			return new Switchboard(session, names, references, context);
		} finally {
			while (undo.length > 0) undo.pop()?.();
		}
	}

	/** Noise over signal power at the worst output, over the examples. */
	async noise(on: (pair: WrittenPair) => boolean, examples: readonly number[]): Promise<number> {
		const { calibration, signal } = this.#context;
		const switches: Record<string, TensorData> = {};
		for (const [pair, name] of this.#names) switches[name] = { dtype: 'bool', dims: [], data: Uint8Array.of(on(pair) ? 1 : 0) };
		const power = new Map<string, { signal: number; noise: number }>();
		for (const example of examples) {
			signal?.throwIfAborted();
			let feeds = this.#feeds.get(example);
			if (!feeds) {
				feeds = (await calibration?.example(example, signal))?.feeds ?? {};
				this.#feeds.set(example, feeds);
			}
			const reference = this.#references.get(example) ?? new Map<string, Float32Array>();
			const results = await this.#session.run({ ...feeds, ...switches }, [...reference.keys()]);
			for (const [name, wanted] of reference) {
				const got = results[name]?.data;
				const sums = power.get(name) ?? { signal: 0, noise: 0 };
				power.set(name, sums);
				if (!(got instanceof Float32Array) || got.length !== wanted.length) continue;
				for (let i = 0; i < wanted.length; i++) {
					const x = wanted[i] as number;
					const difference = x - (got[i] as number);
					sums.signal += x * x;
					sums.noise += difference * difference;
				}
			}
		}
		let worst = 0;
		for (const { signal: reference, noise } of power.values()) if (reference > 0) worst = Math.max(worst, noise / reference);
		return Number.isFinite(worst) ? worst : Number.MAX_VALUE;
	}

	async release(): Promise<void> {
		await this.#session.release();
	}
}

/** Outputs of the plain model that are judged: float values of the main graph. */
export function judgedOutputs(model: Model): Value[] {
	return model.graph.outputs.filter((value) => value.producer !== undefined);
}

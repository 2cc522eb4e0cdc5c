import type { Graph, Node } from '../../core/ir/graph.ts';
import { allGraphs, graphsWithin, type Model } from '../../core/ir/model.ts';
import { sortNodes } from '../../core/ir/sort.ts';
import type { Note } from '../../core/pass/pass.ts';
import type { OptimizeContext } from './context.ts';
import type { Rule, RuleOutcome, Sweep } from './rule.ts';

/** Rounds over the whole model: each infers types anew. Most models are done after three. */
const MOST_ROUNDS = 8;
/** Rewrites in a round by node of the model: a bound for rules that undo each other. */
const MOST_REWRITES_PER_NODE = 12;
/** Readers of one value that are looked at again when it changes; values read more often wait for the next round. */
const MOST_READERS = 32;

export interface Phase {
	/** Rewritings over the whole model, before the rules in each round. */
	readonly sweeps: readonly Sweep[];
	/** In order: of two rules that match at a node the first is applied. */
	readonly rules: readonly Rule[];
}

export interface DriverOptions {
	/** Each is taken to its fixpoint before the next begins. */
	readonly phases: readonly Phase[];
	readonly onProgress?: (fraction: number, detail: string) => void;
	/** Called after each application, e.g. to find the one that changed an output. Return false to stop. */
	readonly onApplied?: (id: string, node: string) => boolean;
}

export interface DriverResult {
	/** How often each rule or sweep was applied. */
	readonly applied: ReadonlyMap<string, number>;
	/** Refusals that still hold at the end, by rule and node, and what sweeps said. */
	readonly notes: readonly Note[];
	/** False where the bound on rounds or rewrites was met before nothing was left to do. */
	readonly settled: boolean;
}

/** A rule threw: a fault of the rule, told with its place. */
export class RuleFailed extends Error {
	override readonly name = 'RuleFailed';
	constructor(
		readonly rule: string,
		readonly node: string,
		options: ErrorOptions,
	) {
		const { cause } = options;
		super(`rule ${rule} failed at ${node}: ${cause instanceof Error ? cause.message : String(cause)}`, options);
	}
}

/**
 * Applies rules until none changes anything. A round: types are inferred, sweeps run over the model, then every node of the main
 * graph, of subgraphs and of function bodies is offered to the rules in graph order; what a rule touched is offered again. The
 * order is that of the graph and of the rules, so equal models give equal results. Cost is linear in nodes a round.
 */
export async function optimizeGraph(model: Model, context: OptimizeContext, options: DriverOptions): Promise<DriverResult> {
	const run = new Run(model, context, options);
	for (const [index, phase] of options.phases.entries()) {
		await run.phase(phase, index / options.phases.length, 1 / options.phases.length);
		if (run.stopped) break;
	}
	// Stopped in the middle of a round: the order is put right at the end of rounds.
	if (run.stopped) for (const graph of allGraphs(model)) sortNodes(graph);
	return run.result();
}

class Run {
	readonly #model: Model;
	readonly #context: OptimizeContext;
	readonly #options: DriverOptions;
	readonly #applied = new Map<string, number>();
	readonly #refusals = new Map<Node, Map<string, string>>();
	#sweepNotes: Note[] = [];
	#settled = true;
	stopped = false;

	constructor(model: Model, context: OptimizeContext, options: DriverOptions) {
		this.#model = model;
		this.#context = context;
		this.#options = options;
	}

	async phase(phase: Phase, from: number, share: number): Promise<void> {
		const { byOperator, forAll } = byAnchor(phase.rules);
		for (let round = 0; ; round++) {
			if (round === MOST_ROUNDS) {
				this.#settled = false;
				return;
			}
			this.#context.signal?.throwIfAborted();
			this.#options.onProgress?.(from + share * (1 - 0.5 ** round), `round ${round + 1}`);
			this.#sweepNotes = [];
			this.#refusals.clear();
			let changed = await this.#sweeps(phase.sweeps);
			if (this.stopped) return;
			await this.#context.infer();
			for (const { graph, opset } of scopes(this.#model)) {
				this.#context.opset = opset;
				changed += await this.#graphs(graph, byOperator, forAll);
				if (this.stopped) return;
			}
			this.#context.opset = this.#model.opset;
			for (const { graph } of scopes(this.#model)) for (const each of graphsWithin(graph)) sortNodes(each);
			if (changed === 0) return;
		}
	}

	result(): DriverResult {
		const notes: Note[] = [...this.#sweepNotes];
		for (const [node, reasons] of this.#refusals) {
			if (!node.placed) continue;
			for (const [rule, reason] of reasons) notes.push({ level: 'skip', node: node.label, reason: `${rule}: ${reason}` });
		}
		return { applied: this.#applied, notes, settled: this.#settled };
	}

	async #sweeps(sweeps: readonly Sweep[]): Promise<number> {
		let changed = 0;
		for (const sweep of sweeps) {
			if (sweep.needsTypes) await this.#context.infer();
			let result: Awaited<ReturnType<Sweep['run']>>;
			try {
				result = await sweep.run(this.#context);
			} catch (cause) {
				if (this.#context.signal?.aborted) throw cause;
				throw new RuleFailed(sweep.id, 'the model', { cause });
			}
			this.#sweepNotes.push(...result.notes.map((note) => ({ ...note, reason: `${sweep.id}: ${note.reason}` })));
			if (result.changed === 0) continue;
			changed += result.changed;
			this.#count(sweep.id, result.changed);
			if (this.#options.onApplied?.(sweep.id, '') === false) {
				this.stopped = true;
				break;
			}
		}
		return changed;
	}

	/** Offers the nodes of a graph and of the graphs inside it. */
	async #graphs(root: Graph, byOperator: ReadonlyMap<string, readonly Rule[]>, forAll: readonly Rule[]): Promise<number> {
		const queue: Node[] = [];
		for (const graph of graphsWithin(root)) queue.push(...graph.nodes());
		const waiting = new Set(queue);
		let budget = (queue.length + 16) * MOST_REWRITES_PER_NODE;
		let changed = 0;
		for (let at = 0; at < queue.length; at++) {
			const node = queue[at]!;
			waiting.delete(node);
			if ((at & 1023) === 0) this.#context.signal?.throwIfAborted();
			for (let again = true; again && node.placed; ) {
				again = false;
				if (refersToParameters(node)) break;
				for (const rule of byOperator.get(node.qualifiedOp) ?? forAll) {
					const pending = this.#apply(rule, node);
					const outcome = pending instanceof Promise ? await pending : pending;
					if (!outcome) continue;
					if (outcome.kind === 'refused') {
						this.#refuse(node, rule, outcome.reason);
						continue;
					}
					changed += 1;
					this.#count(rule.id, 1);
					this.#refusals.delete(node);
					for (const touched of neighbourhood(outcome.touched)) {
						if (touched === node || waiting.has(touched) || !touched.placed) continue;
						waiting.add(touched);
						queue.push(touched);
					}
					if (this.#options.onApplied?.(rule.id, node.label) === false) {
						this.stopped = true;
						return changed;
					}
					again = true;
					break;
				}
				budget -= 1;
				if (budget < 0) {
					this.#settled = false;
					return changed;
				}
			}
		}
		return changed;
	}

	#apply(rule: Rule, node: Node): RuleOutcome | Promise<RuleOutcome> {
		const fail = (cause: unknown): never => {
			if (this.#context.signal?.aborted) throw cause;
			throw new RuleFailed(rule.id, node.label, { cause });
		};
		try {
			const outcome = rule.apply(node, this.#context);
			return outcome instanceof Promise ? outcome.catch(fail) : outcome;
		} catch (cause) {
			return fail(cause);
		}
	}

	#refuse(node: Node, rule: Rule, reason: string): void {
		let reasons = this.#refusals.get(node);
		if (!reasons) {
			reasons = new Map();
			this.#refusals.set(node, reasons);
		}
		reasons.set(rule.id, reason);
	}

	#count(id: string, times: number): void {
		this.#applied.set(id, (this.#applied.get(id) ?? 0) + times);
	}
}

/** The main graph and the bodies of model functions, each with its version of ai.onnx. */
function* scopes(model: Model): IterableIterator<{ graph: Graph; opset: number }> {
	yield { graph: model.graph, opset: model.opset };
	for (const fn of model.functions) yield { graph: fn.body, opset: fn.opsets.get('') ?? model.opset };
}

function byAnchor(rules: readonly Rule[]): { byOperator: ReadonlyMap<string, readonly Rule[]>; forAll: readonly Rule[] } {
	const operators = new Set(rules.flatMap((rule) => rule.anchors));
	operators.delete('*');
	const forAll = rules.filter((rule) => rule.anchors.includes('*'));
	const byOperator = new Map(
		[...operators].map((op) => [op, rules.filter((rule) => rule.anchors.includes('*') || rule.anchors.includes(op))]),
	);
	return { byOperator, forAll };
}

/** Nodes to look at again: those touched, and what stands right before and after them. */
function* neighbourhood(touched: readonly Node[]): IterableIterator<Node> {
	for (const node of touched) {
		if (!node.placed) continue;
		yield node;
		for (const input of node.inputs) if (input?.producer) yield input.producer;
		for (const output of node.outputs) {
			let readers = 0;
			for (const use of output?.uses ?? []) {
				if (++readers > MOST_READERS) break;
				yield use.node;
			}
		}
	}
}

function refersToParameters(node: Node): boolean {
	for (const attr of node.attributes.values()) if (attr.kind === 'ref') return true;
	return false;
}

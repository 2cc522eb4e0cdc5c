import { attributeGraphs } from '../../core/ir/attribute.ts';
import type { Graph } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { median } from '../../core/search/timing.ts';
import { bodyScope, type NodeKey, nodeKey } from '../../core/study/node-figures.ts';
import { targetKey } from '../../core/study/study.ts';
import type { Engine, Feeds, ModelBytes, ProfileEntry } from '../port.ts';
import type { LatencyReport, NodeTime } from './report.ts';

export interface LatencyOptions {
	readonly engine: Engine;
	/** The graph; its nodes are renamed in place. */
	readonly model: Model;
	/** Writes the renamed graph as the runtime takes it. */
	readonly bytes: (model: Model) => Promise<ModelBytes>;
	readonly feeds: Feeds;
	/** Runs that count, after one that does not. default 20 */
	readonly runs?: number;
	/** Time for all runs; at least three are made. default 20 s */
	readonly budgetMs?: number;
	readonly signal?: AbortSignal | undefined;
	/** fraction 0..1 */
	readonly onProgress?: (fraction: number) => void;
}

interface Named {
	readonly node: NodeKey;
	readonly label: string;
	readonly op: string;
}

/** The mark that a node carries into the runtime: fused nodes keep the names of what they came from, with more around it. */
const MARK = /pareN(\d+)x/g;

/**
 * Times of a model's nodes on an engine, from the runtime's own profile: several runs, the median of each node. Every node goes to the runtime
 * under a unique name, so that times come back to the node of the file also where files leave names out or give one twice. What the runtime made
 * itself (copies, layout changes, fusions that keep no name) is listed as its own, never assigned by guess. Throws EngineError.
 */
export async function nodeTimes(options: LatencyOptions): Promise<LatencyReport> {
	const { engine, model, signal } = options;
	const named: Named[] = [];
	mark(model.graph, '', named);
	const bytes = await options.bytes(model);
	signal?.throwIfAborted();
	const session = await engine.load(bytes, { profile: true });
	const wanted = options.runs ?? 20;
	const budgetMs = options.budgetMs ?? 20_000;
	let entries: readonly ProfileEntry[];
	const times: number[] = [];
	try {
		const began = performance.now();
		for (let run = 0; run <= wanted; run++) {
			signal?.throwIfAborted();
			const start = performance.now();
			await session.run(options.feeds);
			if (run > 0) times.push(performance.now() - start);
			options.onProgress?.((run + 1) / (wanted + 1));
			if (run >= 3 && performance.now() - began > budgetMs) break;
		}
		entries = await session.endProfile();
	} finally {
		await session.release();
	}
	const nodes = byNode(entries, named, times.length);
	const seen = new Set(nodes.flatMap(({ node }) => (node === undefined ? [] : [node])));
	const nodesMs = nodes.reduce((sum, { medianMs }) => sum + medianMs, 0);
	const mappedMs = nodes.reduce((sum, { node, medianMs }) => sum + (node === undefined ? 0 : medianMs), 0);
	return {
		nodes,
		silent: named.filter(({ node, op }) => !seen.has(node) && op !== 'Constant'),
		nodesMs,
		runMs: median(times),
		mapped: nodesMs > 0 ? mappedMs / nodesMs : 0,
		runs: times.length,
		target: targetKey(engine.target),
	};
}

/** Gives every node a name that says which one it is. Nodes without outputs cannot be named to people and are left alone. */
function mark(graph: Graph, scope: NodeKey, named: Named[]): void {
	for (const node of graph.nodes()) {
		const key = nodeKey(node, scope);
		if (key === undefined) continue;
		const { label } = node;
		node.name = `pareN${named.length}x`;
		named.push({ node: key, label, op: node.qualifiedOp });
		for (const [name, attr] of node.attributes) for (const body of attributeGraphs(attr)) mark(body, bodyScope(key, name), named);
	}
}

/** One entry for each node of the runtime: times within a run summed (loops run a node many times), then the median over the runs. */
function byNode(entries: readonly ProfileEntry[], named: readonly Named[], runs: number): NodeTime[] {
	const last = entries.reduce((most, { run }) => Math.max(most, run), 0);
	const sums = new Map<string, { readonly entry: ProfileEntry; readonly perRun: Map<number, number> }>();
	for (const entry of entries) {
		// The first run is cold.
		if (entry.run === 0 && last > 0) continue;
		const key = `${entry.node}\n${entry.op}`;
		const sum = sums.get(key) ?? { entry, perRun: new Map<number, number>() };
		sums.set(key, sum);
		sum.perRun.set(entry.run, (sum.perRun.get(entry.run) ?? 0) + entry.durationUs);
	}
	return [...sums.values()]
		.map(({ entry, perRun }): NodeTime => {
			// Runs in which it did not run (another branch) count as none.
			const all = [...perRun.values(), ...new Array<number>(Math.max(0, runs - perRun.size)).fill(0)];
			const marks = [...new Set([...entry.node.matchAll(MARK)].map(([, index]) => Number(index)))];
			// A name made of several nodes' names stands for all of them; only one alone can be told.
			const of = marks.length === 1 ? named[marks[0] as number] : undefined;
			return {
				runtimeName: plain(entry.node, named),
				op: entry.op,
				provider: entry.provider,
				medianMs: median(all) / 1000,
				...(of && { node: of.node, label: of.label, fileOp: of.op }),
			};
		})
		.sort((a, b) => b.medianMs - a.medianMs);
}

/** The runtime's name with the file's names in the place of marks. */
function plain(name: string, named: readonly Named[]): string {
	return name.replaceAll(MARK, (mark, index: string) => named[Number(index)]?.label ?? mark);
}

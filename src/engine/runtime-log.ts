import type { ProfileEntry, Session } from './port.ts';

/** Takes what the runtime prints while `work` runs. Where lines come from differs by host: see web/ and node/. */
export interface RuntimeLog {
	capture<T>(work: () => Promise<T> | T): Promise<{ readonly result: T; readonly lines: readonly string[] }>;
}

type Placement = NonNullable<Session['placement']>;

/**
 * Placement out of the runtime's verbose log (onnxruntime/core/framework/session_state.cc, VerifyEachNodeIsAssignedToAnEp):
 * either one line "All nodes placed on [EP]. Number of nodes: n", or per provider "Node(s) placed on [EP]. Number of nodes: n"
 * followed by lines "  Op (name)".
 */
export function parsePlacement(lines: readonly string[]): Placement {
	const found = new Map<string, { nodes: number; ops: Map<string, number> }>();
	let current: { nodes: number; ops: Map<string, number> } | undefined;
	let provider = '';
	for (const line of lines.flatMap((entry) => entry.split('\n'))) {
		const head = line.match(/placed on \[([\w-]+)\]\. Number of nodes: (\d+)/);
		if (head) {
			provider = providerName(head[1] as string);
			current = found.get(provider) ?? { nodes: 0, ops: new Map() };
			current.nodes += Number(head[2]);
			found.set(provider, current);
			continue;
		}
		if (!current) continue;
		const node = line.match(/VerifyEachNodeIsAssignedToAnEp\]\s+([\w.:]+) \((.*)\)/);
		if (node) current.ops.set(node[1] as string, (current.ops.get(node[1] as string) ?? 0) + 1);
		else if (!line.includes('VerifyEachNodeIsAssignedToAnEp')) current = undefined;
	}
	return [...found]
		.map(([name, { nodes, ops }]) => ({
			provider: name,
			nodes,
			ops: [...ops].sort((a, b) => b[1] - a[1]).map(([op]) => op),
		}))
		.sort((a, b) => b.nodes - a.nodes);
}

/** `CPUExecutionProvider` -> `cpu`, `WebGpuExecutionProvider` and `JsExecutionProvider` -> `webgpu`. */
export function providerName(name: string): string {
	const short = name.replace(/ExecutionProvider$/, '').toLowerCase();
	return short === 'js' ? 'webgpu' : short;
}

/** Operator times out of the profile that endProfiling prints (a JSON array, over several writes). */
export function parseProfile(lines: readonly string[]): ProfileEntry[] {
	const text = lines.join('\n');
	const start = text.indexOf('[\n');
	const from = start >= 0 ? start : text.indexOf('[{');
	const end = text.lastIndexOf(']');
	if (from < 0 || end < from) return [];
	let records: unknown;
	try {
		records = JSON.parse(text.slice(from, end + 1));
	} catch {
		return [];
	}
	return Array.isArray(records) ? profileEntries(records as readonly ProfileRecord[]) : [];
}

function profileEntries(records: readonly ProfileRecord[]): ProfileEntry[] {
	const entries: (ProfileEntry & { readonly start: number; readonly end: number })[] = [];
	let run = 0;
	for (const { cat, name, dur = 0, ts = 0, args } of records) {
		// Written when a run is over, after its nodes.
		if (cat === 'Session' && name === 'model_run') run += 1;
		if (cat !== 'Node' || !name?.endsWith('_kernel_time') || !args?.op_name) continue;
		entries.push({
			node: name.slice(0, -'_kernel_time'.length),
			op: args.op_name,
			provider: providerName(args.provider ?? ''),
			durationUs: dur,
			run,
			start: ts,
			end: ts + dur,
		});
	}
	// Nodes of a body run within their control flow node's time, and are written before it.
	const inner = new Map<object, number>();
	const open: typeof entries = [];
	for (const entry of [...entries].sort((a, b) => a.start - b.start || b.end - a.end)) {
		while (open.length > 0 && (open.at(-1)?.end ?? 0) < entry.end) open.pop();
		const outer = open.at(-1);
		if (outer) inner.set(outer, (inner.get(outer) ?? 0) + entry.durationUs);
		if (controlFlow.has(entry.op)) open.push(entry);
	}
	return entries.map((entry) => {
		const { node, op, provider, durationUs } = entry;
		return { node, op, provider, durationUs: Math.max(0, durationUs - (inner.get(entry) ?? 0)), run: entry.run };
	});
}

const controlFlow: ReadonlySet<string> = new Set(['If', 'Loop', 'Scan', 'SequenceMap']);

interface ProfileRecord {
	readonly cat?: string;
	readonly name?: string;
	readonly dur?: number;
	/** Start, microseconds. */
	readonly ts?: number;
	readonly args?: { readonly op_name?: string; readonly provider?: string };
}

/** Times of one run summed by operator and provider, most first: the mean over all runs but the first, which is cold, where there are others. */
export function profileByOperator(
	entries: readonly ProfileEntry[],
): { readonly op: string; readonly count: number; readonly totalUs: number; readonly provider: string }[] {
	const last = entries.reduce((most, { run }) => Math.max(most, run), 0);
	const runs = Math.max(1, last);
	const sums = new Map<string, { op: string; count: number; totalUs: number; provider: string }>();
	for (const { op, provider, durationUs, run } of entries) {
		if (run === 0 && last > 0) continue;
		const key = `${op}\n${provider}`;
		const sum = sums.get(key) ?? { op, count: 0, totalUs: 0, provider };
		sum.count += 1;
		sum.totalUs += durationUs;
		sums.set(key, sum);
	}
	return [...sums.values()]
		.map((sum) => ({ ...sum, count: Math.round(sum.count / runs), totalUs: Math.round(sum.totalUs / runs) }))
		.sort((a, b) => b.totalUs - a.totalUs);
}

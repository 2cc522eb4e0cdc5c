import type { Hash } from '../core/study/study.ts';
import type { ShownModel } from '../workers/graph-protocol.ts';
import type { Context } from './context.ts';
import type { Actions } from './state.ts';
import { filesOf } from './work/subject.ts';
import { cancelled } from './work/words.ts';

export interface Graphs extends Pick<Actions, 'drawGraph' | 'diffGraphs' | 'layOutGraph' | 'tensorOf'> {}

/** Graphs of the original and of variants, drawn in a worker of their own. Each rejects with CallFailed where a file is not here. */
export function createGraphs(context: Context): Graphs {
	const { services, get } = context;
	const shown = async (id: Hash | 'original'): Promise<ShownModel> => {
		const { open } = context;
		if (!open) throw cancelled();
		const { study } = get();
		const file = id === 'original' ? study?.model.hash : study?.variants.find((entry) => entry.id === id)?.file;
		return { key: file ?? id, files: await filesOf(context, id, open) };
	};
	const deadlineMs = 5 * 60_000;
	return {
		drawGraph: async (id, scope, signal) =>
			services.host.call('graph', 'draw', { model: await shown(id), scope }, { input: `draw:${id}`, signal, deadlineMs }),
		diffGraphs: async (a, b, scope, signal) =>
			services.host.call('graph', 'diff', { a: await shown(a), b: await shown(b), scope }, { input: `diff:${a}:${b}`, signal, deadlineMs }),
		layOutGraph: (request, signal) => services.host.call('graph', 'layOut', request, { input: 'layout', signal, deadlineMs }),
		tensorOf: async (id, scope, name, signal) =>
			services.host.call('graph', 'tensor', { model: await shown(id), scope, name }, { input: `tensor:${name}`, signal, deadlineMs }),
	};
}

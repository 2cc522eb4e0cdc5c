import { useEffect, useMemo, useState } from 'react';
import type { VariantId } from '../../core/study/figures.ts';
import type { GraphDiff } from '../../core/view/diff.ts';
import type { GraphDrawing } from '../../core/view/drawing.ts';
import { groupsToClose, type Picture, pictureOf } from '../../core/view/groups.ts';
import { useStore } from '../../store/index.ts';
import { requestFor, type Scene, sceneOf } from './scene.ts';

/** So many boxes are laid out thoroughly within a few seconds; larger graphs begin with their groups closed. */
const mostAtFirst = 1200;

export interface GraphState {
	readonly drawing: GraphDrawing | undefined;
	readonly diff: GraphDiff | undefined;
	readonly picture: Picture | undefined;
	readonly scene: Scene | undefined;
	/** Changes with each new picture. */
	readonly sceneName: string;
	readonly closed: ReadonlySet<string>;
	readonly setClosed: (closed: ReadonlySet<string>) => void;
	readonly failure: string | undefined;
	/** What is being waited for. */
	readonly waiting: string | undefined;
	readonly quick: boolean;
}

/** Draws a graph, or two in one, and lays it out; both happen in a worker. */
export function useGraph(shown: VariantId, against: VariantId | undefined, scope: string, constants: boolean): GraphState {
	const drawGraph = useStore((store) => store.drawGraph);
	const diffGraphs = useStore((store) => store.diffGraphs);
	const layOutGraph = useStore((store) => store.layOutGraph);
	const [drawn, setDrawn] = useState<{ key: string; drawing: GraphDrawing; diff: GraphDiff | undefined } | undefined>();
	const [closedBy, setClosedBy] = useState<{ key: string; closed: ReadonlySet<string> } | undefined>();
	const [placed, setPlaced] = useState<{ name: string; scene: Scene; picture: Picture; quick: boolean } | undefined>();
	const [failure, setFailure] = useState<string | undefined>();
	const key = JSON.stringify([shown, against ?? null, scope]);

	useEffect(() => {
		const abort = new AbortController();
		setFailure(undefined);
		const work = async (): Promise<void> => {
			const diff = against === undefined ? undefined : await diffGraphs(against, shown, scope, abort.signal);
			const drawing = diff?.drawing ?? (await drawGraph(shown, scope, abort.signal));
			if (!abort.signal.aborted) setDrawn({ key, drawing, diff });
		};
		work().catch((error: unknown) => {
			if (!abort.signal.aborted) setFailure(error instanceof Error ? error.message : String(error));
		});
		return () => abort.abort();
	}, [key, shown, against, scope, drawGraph, diffGraphs]);

	const now = drawn?.key === key ? drawn : undefined;
	const closed = useMemo(
		() => (closedBy?.key === key ? closedBy.closed : now ? groupsToClose(now.drawing, mostAtFirst) : new Set<string>()),
		[closedBy, key, now],
	);
	const picture = useMemo(() => now && pictureOf(now.drawing, closed, constants), [now, closed, constants]);
	const name = `${key} ${[...closed].sort().join(' ')} ${constants}`;
	useEffect(() => {
		if (!picture) return;
		const abort = new AbortController();
		const request = requestFor(picture);
		layOutGraph(request, abort.signal).then(
			(result) => {
				if (!abort.signal.aborted)
					setPlaced({ name, scene: sceneOf(picture, request, result), picture, quick: result.method === 'layers' });
			},
			(error: unknown) => {
				if (!abort.signal.aborted) setFailure(error instanceof Error ? error.message : String(error));
			},
		);
		return () => abort.abort();
	}, [picture, name, layOutGraph]);

	const current = placed?.name === name ? placed : undefined;
	return {
		drawing: now?.drawing,
		diff: now?.diff,
		picture: current?.picture,
		scene: current?.scene,
		sceneName: key,
		closed,
		setClosed: (next) => setClosedBy({ key, closed: next }),
		failure,
		waiting: failure ? undefined : now ? (current ? undefined : 'Laying out the graph…') : 'Reading the model…',
		quick: current?.quick ?? false,
	};
}

import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { Recipe } from '../../core/pass/recipe.ts';
import type { PruningPlan } from '../../core/structure/plan.ts';
import type { VariantId } from '../../core/study/figures.ts';
import { type NodeFigures, worstIsLargest } from '../../core/study/node-figures.ts';
import type { Study } from '../../core/study/study.ts';
import type { NodeState } from '../../core/view/diff.ts';
import type { DrawnNode } from '../../core/view/drawing.ts';
import { groupMarks } from '../../core/view/group-marks.ts';
import { groupsIn } from '../../core/view/groups.ts';
import { saveFile } from '../../platform/save.ts';
import { useStore } from '../../store/index.ts';
import { formatBytes } from '../../ui/format.ts';
import { graphPng, graphSvg } from './export-graph.ts';
import { GraphCanvas, type GraphCanvasHandle, themeOf } from './GraphCanvas.tsx';
import { GroupLegend } from './GroupLegend.tsx';
import './graph.css';
import { NodeList } from './NodeList.tsx';
import { NodePanel } from './NodePanel.tsx';
import type { Marks } from './paint.ts';
import { type Surgery, SurgeryDialog, surgeriesAt } from './SurgeryDialog.tsx';
import type { Box } from './scene.ts';
import { useGraph } from './use-graph.ts';

export interface GraphViewProps {
	readonly study: Study;
	readonly selected: VariantId;
	readonly readOnly: boolean;
	readonly compact: boolean;
	readonly onSelect: (id: VariantId) => void;
	readonly onRun: (recipe: Recipe) => void;
	readonly onClose: () => void;
}

interface Overlay {
	readonly id: string;
	readonly title: string;
	readonly method: string;
	readonly largestFirst: boolean;
	valueOf(node: DrawnNode): number | undefined;
	text(value: number): string;
	/** Values are shares, and colour says them as they are. */
	readonly shares?: boolean;
	/** Values name groups of channels, from 1, instead of measuring something. */
	readonly plan?: PruningPlan;
}

const figureTitles: Readonly<Record<NodeFigures['kind'], string>> = {
	'latency-ms': 'time',
	'error-db': 'error (SQNR)',
	'sensitivity-db': 'sensitivity',
	bytes: 'bytes',
};

/** The graph of a model: as a picture and as a list, with overlays, differences to another variant, and surgery. */
export default function GraphView({ study, selected, readOnly, compact, onSelect, onRun, onClose }: GraphViewProps) {
	const [against, setAgainst] = useState<VariantId | undefined>();
	const [scope, setScope] = useState('');
	const [constants, setConstants] = useState(false);
	const [mode, setMode] = useState<'picture' | 'list'>(compact ? 'list' : 'picture');
	const [query, setQuery] = useState('');
	const [hit, setHit] = useState(0);
	const [onlyChanges, setOnlyChanges] = useState(false);
	const pruningOf = useStore((store) => store.pruning);
	const findGroups = useStore((store) => store.findGroups);
	// Somebody who chose what to cut wants to see where that is.
	const [overlayId, setOverlayId] = useState(() => (pruningOf[selected]?.gone.some((count) => count > 0) ? 'cut' : 'bytes'));
	const selectNode = useStore((store) => store.selectNode);
	const asked = useStore((store) => store.selectedNode);
	const [chosen, setItem] = useState<string | undefined>();
	const [surgery, setSurgery] = useState<Surgery | undefined>();
	const [exportFailure, setExportFailure] = useState<string | undefined>();
	const tensorOf = useStore((store) => store.tensorOf);
	const canvas = useRef<GraphCanvasHandle>(null);
	const root = useRef<HTMLElement>(null);
	const title = useRef<HTMLHeadingElement>(null);
	useEffect(() => title.current?.focus(), []);
	const ready = study.variants.filter(({ id, file }) => id === 'original' || file !== undefined);
	const shown = ready.some(({ id }) => id === selected) ? selected : 'original';
	const other = against === shown ? undefined : against;
	const { drawing, diff, picture, scene, sceneName, closed, setClosed, failure, waiting, quick } = useGraph(shown, other, scope, constants);

	const figures = useStore((store) => store.nodeFigures[shown]);
	const pruning = pruningOf[shown];
	const overlays = useMemo(
		() => [...pruningOverlays(pruning?.plan, pruning?.gone ?? []), ...overlaysOf(figures ?? [])],
		[figures, pruning],
	);
	const overlay = overlays.find(({ id }) => id === overlayId) ?? (overlays.find(({ id }) => id === 'bytes') as Overlay);
	useEffect(() => {
		if (overlayId === 'groups') void findGroups(shown);
	}, [overlayId, shown, findGroups]);
	const heats = useMemo(() => {
		const values = new Map<number, number>();
		for (const node of drawing?.nodes ?? []) {
			const value = overlay.valueOf(node);
			if (value !== undefined && Number.isFinite(value)) values.set(node.id, value);
		}
		return { values, heat: overlay.shares ? (share: number) => share : heatOf([...values.values()], overlay.largestFirst) };
	}, [drawing, overlay]);

	const found = useMemo(() => {
		const words = query.trim().toLowerCase();
		if (words === '' || !drawing) return [];
		return drawing.nodes.filter((node) => matches(node, words) && (constants || node.kind !== 'constant'));
	}, [drawing, query, constants]);
	const foundItems = useMemo(() => new Set(found.flatMap(({ id }) => picture?.itemOf[id] ?? [])), [found, picture]);

	const stateOf = useCallback(
		(box: Box): NodeState | undefined => {
			if (!diff) return undefined;
			const ids = box.item.group?.members ?? (box.item.node ? [box.item.node.id] : []);
			const states = new Set(ids.map((id) => diff.states[id]));
			return states.size === 1 ? [...states][0] : 'changed';
		},
		[diff],
	);
	const marks = useMemo(
		(): Marks => ({
			selected: chosen,
			found: foundItems,
			state: stateOf,
			heat: (box) => {
				const ids = box.item.group?.members ?? (box.item.node ? [box.item.node.id] : []);
				const values = ids.flatMap((id) => heats.values.get(id) ?? []);
				if (values.length === 0 || diff || overlay.plan) return undefined;
				const heat = Math.max(...values.map(heats.heat));
				return heat > 0 ? heat : undefined;
			},
			...(overlay.plan &&
				!diff && {
					category: (box: Box) => {
						const ids = box.item.group?.members ?? (box.item.node ? [box.item.node.id] : []);
						const named = new Set(ids.flatMap((id) => heats.values.get(id) ?? []));
						const [only] = named;
						return only !== undefined && named.size === 1 ? only - 1 : undefined;
					},
				}),
		}),
		[chosen, foundItems, stateOf, heats, diff, overlay],
	);

	const setChosen = (item: string | undefined): void => {
		setItem(item);
		const id = item?.startsWith('n') ? Number(item.slice(1)) : undefined;
		selectNode(id === undefined ? undefined : drawing?.nodes[id]?.key);
	};
	// A node that was chosen elsewhere (diagnosis) is shown when the graph opens.
	// biome-ignore lint/correctness/useExhaustiveDependencies: only what was asked for before this picture
	useEffect(() => {
		const node = asked === undefined ? undefined : drawing?.nodes.find(({ key }) => key === asked);
		const item = node && picture?.itemOf[node.id];
		if (item === undefined || item === chosen) return;
		setItem(item);
		canvas.current?.show(item);
	}, [picture]);

	const box = chosen === undefined ? undefined : scene?.boxOf.get(chosen);
	const node = box?.item.node ?? (chosen?.startsWith('n') ? drawing?.nodes[Number(chosen.slice(1))] : undefined);
	const choose = (id: number): void => {
		const item = picture?.itemOf[id] ?? `n${id}`;
		setChosen(item);
		canvas.current?.show(item);
	};
	const toHit = (index: number): void => {
		if (found.length === 0) return;
		const next = (index + found.length) % found.length;
		setHit(next);
		choose((found[next] as DrawnNode).id);
	};
	const open = (id: string): void => {
		const item = scene?.boxOf.get(id)?.item;
		if (item?.group) setClosed(new Set([...closed].filter((path) => path !== item.group?.path)));
		else if (item?.node?.bodies[0]) enter(item.node.bodies[0].scope);
	};
	const enter = (next: string): void => {
		setScope(next);
		setChosen(undefined);
	};
	const groups = useMemo(() => (drawing ? groupsIn(drawing) : []), [drawing]);
	const listed = useMemo(() => {
		const words = query.trim().toLowerCase();
		return (drawing?.nodes ?? [])
			.filter((entry) => entry.kind !== 'constant' || constants)
			.filter((entry) => words === '' || matches(entry, words))
			.filter((entry) => !onlyChanges || !diff || diff.states[entry.id] !== 'same')
			.map((entry) => {
				const value = heats.values.get(entry.id);
				return { node: entry, state: diff?.states[entry.id], value, valueText: value === undefined ? '' : overlay.text(value) };
			});
	}, [drawing, query, constants, onlyChanges, diff, heats, overlay]);

	const nameOf = (id: VariantId): string => study.variants.find((variant) => variant.id === id)?.name ?? id;
	const save = (kind: 'svg' | 'png'): void => {
		if (!scene || !root.current) return;
		const theme = themeOf(root.current);
		const file = `${study.model.name.replace(/\.onnx$/, '')}-${nameOf(shown)}.${kind}`;
		setExportFailure(undefined);
		if (kind === 'svg') saveFile(graphSvg(scene, theme, marks), file);
		else
			graphPng(scene, theme, marks).then(
				(blob) => saveFile(blob, file),
				(error: unknown) => setExportFailure(String(error)),
			);
	};
	const readTensor = useCallback(
		(name: string, signal: AbortSignal) =>
			tensorOf(node && diff?.states[node.id] === 'removed' && other ? other : shown, scope, name, signal),
		[tensorOf, shown, scope, node, diff, other],
	);
	const outputs = drawing?.nodes.filter(({ kind }) => kind === 'output').map(({ name }) => name) ?? [];
	const operators = drawing?.nodes.filter(({ kind }) => kind === 'operator' || kind === 'constant') ?? [];
	const hidden = operators.filter(({ kind }) => kind === 'constant').length;

	return (
		<section className="card graph-view" aria-labelledby="graph-title" ref={root}>
			<header className="graph-head">
				<h2 id="graph-title" ref={title} tabIndex={-1}>
					Graph
				</h2>
				<label>
					<span className="visually-hidden">Variant</span>
					<select value={shown} onChange={({ target }) => onSelect(target.value as VariantId)}>
						{ready.map(({ id, name }) => (
							<option key={id} value={id}>
								{name}
							</option>
						))}
					</select>
				</label>
				<label>
					<span className="graph-label">against</span>
					<select value={other ?? ''} onChange={({ target }) => setAgainst(target.value === '' ? undefined : (target.value as VariantId))}>
						<option value="">nothing</option>
						{ready
							.filter(({ id }) => id !== shown)
							.map(({ id, name }) => (
								<option key={id} value={id}>
									{name}
								</option>
							))}
					</select>
				</label>
				{!diff && (
					<label>
						<span className="graph-label">colour by</span>
						<select value={overlay.id} onChange={({ target }) => setOverlayId(target.value)}>
							{overlays.map(({ id, title: text }) => (
								<option key={id} value={id}>
									{text}
								</option>
							))}
						</select>
					</label>
				)}
				<label>
					<span className="visually-hidden">Search nodes</span>
					<input
						type="search"
						placeholder="Search nodes and values"
						value={query}
						onChange={({ target }) => {
							setQuery(target.value);
							setHit(0);
						}}
						onKeyDown={(event) => {
							if (event.key !== 'Enter') return;
							event.preventDefault();
							toHit(chosen === undefined ? hit : hit + (event.shiftKey ? -1 : 1));
						}}
					/>
				</label>
				{query.trim() !== '' && (
					<span className="muted" aria-live="polite">
						{found.length === 0 ? 'none' : `${Math.min(hit + 1, found.length)} of ${found.length}`}
					</span>
				)}
				<fieldset className="segmented">
					<legend className="visually-hidden">Shown as</legend>
					{(['picture', 'list'] as const).map((entry) => (
						<label key={entry}>
							<input type="radio" name="graph-mode" checked={mode === entry} onChange={() => setMode(entry)} />
							<span>{entry}</span>
						</label>
					))}
				</fieldset>
				<button type="button" className="quiet push" onClick={onClose}>
					Back to the chart
				</button>
			</header>
			<div className="graph-tools">
				{drawing && drawing.path.length > 1 && (
					<nav aria-label="Graphs">
						{drawing.path.map((entry, i) => (
							<button
								key={entry.scope}
								type="button"
								className="quiet"
								disabled={i === drawing.path.length - 1}
								onClick={() => enter(entry.scope)}
							>
								{entry.title}
							</button>
						))}
					</nav>
				)}
				{mode === 'picture' && (
					<>
						<button type="button" onClick={() => canvas.current?.zoomBy(1.25)} aria-label="Zoom in">
							+
						</button>
						<button type="button" onClick={() => canvas.current?.zoomBy(0.8)} aria-label="Zoom out">
							−
						</button>
						<button type="button" onClick={() => canvas.current?.fit()}>
							Fit
						</button>
					</>
				)}
				{groups.length > 0 && mode === 'picture' && (
					<>
						<button type="button" className="quiet" disabled={closed.size === 0} onClick={() => setClosed(new Set())}>
							Open all groups
						</button>
						<button
							type="button"
							className="quiet"
							onClick={() => setClosed(new Set(groups.filter(({ depth }) => depth === topDepth(groups)).map(({ path }) => path)))}
						>
							Close groups
						</button>
					</>
				)}
				{hidden > 0 && (
					<label>
						<input type="checkbox" checked={constants} onChange={({ target }) => setConstants(target.checked)} /> {hidden} constants
					</label>
				)}
				{diff && mode === 'list' && (
					<label>
						<input type="checkbox" checked={onlyChanges} onChange={({ target }) => setOnlyChanges(target.checked)} /> only changes
					</label>
				)}
				<button type="button" className="quiet" disabled={!scene} onClick={() => save('svg')}>
					Save SVG
				</button>
				<button type="button" className="quiet" disabled={!scene} onClick={() => save('png')}>
					Save PNG
				</button>
				<span className="muted push">
					{diff
						? `${diff.counts.added} added, ${diff.counts.removed} removed, ${diff.counts.changed} changed, ${diff.counts.same} the same`
						: drawing
							? `${operators.length.toLocaleString()} nodes${overlay.id === 'none' ? '' : `; ${overlay.method}`}`
							: ''}
				</span>
			</div>
			{overlay.plan && !diff && drawing && (
				<GroupLegend plan={overlay.plan} drawing={drawing} values={heats.values} gone={pruning?.gone ?? []} onChoose={choose} />
			)}
			{quick && mode === 'picture' && (
				<p className="muted">A quick layout: this graph is too large for a thorough one. Close groups for that.</p>
			)}
			{exportFailure && (
				<p className="bad" role="alert">
					{exportFailure}
				</p>
			)}
			<div className="graph-body">
				{failure ? (
					<p className="bad" role="alert">
						{failure}
					</p>
				) : mode === 'list' && drawing ? (
					<NodeList
						nodes={listed}
						valueTitle={overlay.id === 'none' ? 'no overlay' : overlay.title}
						largestFirst={overlay.largestFirst}
						selected={node?.id}
						onSelect={choose}
					/>
				) : scene ? (
					<GraphCanvas
						scene={scene}
						marks={marks}
						name={sceneName}
						label={`Graph of ${nameOf(shown)}, ${operators.length} nodes. Arrow keys walk along edges, plus and minus zoom, 0 fits; the list has the same nodes.`}
						onSelect={setChosen}
						onOpen={open}
						handle={canvas}
					/>
				) : (
					<p className="muted" aria-live="polite">
						{waiting}
					</p>
				)}
				{node && (
					<NodePanel
						key={node.id}
						node={node}
						state={diff?.states[node.id]}
						changes={diff?.changes.get(node.id) ?? []}
						partner={diff?.partner.get(node.id)}
						figures={factsOf(node, overlays)}
						onEnter={enter}
						onTensor={readTensor}
						onClose={() => setChosen(undefined)}
						surgery={
							readOnly || scope !== '' || diff?.states[node.id] === 'removed' ? null : (
								<div className="node-surgery">
									<h4>Change the model</h4>
									{surgeriesAt(node, outputs).map((entry) => (
										<button key={entry.title} type="button" className="quiet" onClick={() => setSurgery(entry)}>
											{entry.title}
										</button>
									))}
								</div>
							)
						}
					/>
				)}
				{box?.item.group && (
					<section className="node-panel card" aria-labelledby="group-title">
						<h3 id="group-title">{box.title}</h3>
						<p className="node-name">{box.item.group.path}</p>
						<p className="muted">{box.item.group.members.length} nodes</p>
						<button type="button" onClick={() => open(box.item.id)}>
							Open this group
						</button>
					</section>
				)}
			</div>
			<p className="visually-hidden" aria-live="polite">
				{node ? `${node.op}, ${node.label}` : ''}
			</p>
			{surgery && (
				<SurgeryDialog
					surgery={surgery}
					of={nameOf(shown)}
					onClose={() => setSurgery(undefined)}
					onRun={(step) => {
						const base = study.variants.find(({ id }) => id === shown)?.recipe ?? { v: 1 as const, seed: 0, steps: [] };
						setSurgery(undefined);
						const { name: _, ...rest } = base;
						onRun({ ...rest, steps: [...base.steps, step] });
					}}
				/>
			)}
		</section>
	);
}

function matches(node: DrawnNode, words: string): boolean {
	return (
		node.op.toLowerCase().includes(words) ||
		node.name.toLowerCase().includes(words) ||
		[...node.inputs, ...node.outputs].some(({ name }) => name.toLowerCase().includes(words))
	);
}

function topDepth(groups: readonly { readonly depth: number }[]): number {
	return Math.min(...groups.map(({ depth }) => depth));
}

/** Groups of channels by colour and number, and what of each node goes. */
function pruningOverlays(plan: PruningPlan | undefined, gone: readonly number[]): Overlay[] {
	const marks = plan && groupMarks(plan, gone);
	const markOf = ({ key }: DrawnNode) => (key === undefined ? undefined : marks?.get(key));
	const groups: Overlay = {
		id: 'groups',
		title: 'groups that can shrink',
		method: plan ? 'nodes of one number shrink together' : 'looking for groups',
		largestFirst: false,
		...(plan && { plan }),
		valueOf: (node) => {
			const first = markOf(node)?.groups[0];
			return first === undefined ? undefined : first + 1;
		},
		text: (value) => {
			const group = plan?.groups[value - 1];
			const count = gone[value - 1] ?? 0;
			return group ? `${value}: ${group.units - count} of ${group.units} stay` : '';
		},
	};
	if (!gone.some((count) => count > 0)) return [groups];
	return [
		groups,
		{
			id: 'cut',
			title: 'what will be cut',
			method: 'colour by the share of its output that goes',
			largestFirst: true,
			shares: true,
			valueOf: (node) => markOf(node)?.gone,
			text: (value) => (value === 0 ? '' : `${(100 * value).toFixed(1)} %`),
		},
	];
}

function overlaysOf(figures: readonly NodeFigures[]): Overlay[] {
	return [
		{
			id: 'bytes',
			title: 'stored bytes',
			method: 'colour by stored bytes',
			largestFirst: true,
			valueOf: ({ bytes, kind }) => (kind === 'operator' || kind === 'constant' ? bytes : undefined),
			text: (value) => (value === 0 ? '' : formatBytes(value)),
		},
		{
			id: 'macs',
			title: 'multiply-accumulates',
			method: 'colour by multiply-accumulates, unknown dimensions taken as 1',
			largestFirst: true,
			valueOf: ({ macs }) => (macs > 0 ? macs : undefined),
			text: (value) => (value >= 1e6 ? `${(value / 1e6).toFixed(1)} M` : `${(value / 1e3).toFixed(1)} k`),
		},
		...figures
			.filter(({ kind }) => kind !== 'bytes')
			.map(
				({ kind, method, values }, i): Overlay => ({
					id: `${kind} ${i}`,
					title: titleOf({ kind, method }, figures),
					method,
					largestFirst: worstIsLargest(kind),
					valueOf: ({ key }) => (key === undefined ? undefined : values.get(key)),
					text: (value) => (kind === 'latency-ms' ? `${value.toPrecision(3)} ms` : `${value.toFixed(1)} dB`),
				}),
			),
		{ id: 'none', title: 'nothing', method: '', largestFirst: true, valueOf: () => undefined, text: () => '' },
	];
}

/** Several figures of one kind are told apart by what was measured. */
function titleOf({ kind, method }: Pick<NodeFigures, 'kind' | 'method'>, all: readonly NodeFigures[]): string {
	const alone = all.filter((other) => other.kind === kind).length === 1;
	return alone ? figureTitles[kind] : `${figureTitles[kind]}: ${method.split(/[,;(]/)[0]?.trim() ?? ''}`;
}

function factsOf(node: DrawnNode, overlays: readonly Overlay[]): { title: string; text: string }[] {
	return overlays.flatMap((overlay) => {
		const value = overlay.id === 'none' ? undefined : overlay.valueOf(node);
		return value === undefined || value === 0 ? [] : [{ title: overlay.title, text: overlay.text(value) }];
	});
}

/** From the value to 0..1: by rank of size on a root scale where large is worst, linear where small is. */
function heatOf(values: readonly number[], largestFirst: boolean): (value: number) => number {
	let least = Number.POSITIVE_INFINITY;
	let most = Number.NEGATIVE_INFINITY;
	for (const value of values) {
		least = Math.min(least, value);
		most = Math.max(most, value);
	}
	if (largestFirst) return (value) => (most > 0 ? Math.sqrt(Math.max(0, value) / most) : 0);
	return (value) => (most > least ? (most - value) / (most - least) : 0);
}

import { lazy, memo, Suspense, useCallback, useEffect, useMemo, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { VariantId } from '../core/study/figures.ts';
import { reproduce } from '../core/study/reproduce.ts';
import { type Study, targetKey } from '../core/study/study.ts';
import { TradeOffCard } from '../features/charts/TradeOffCard.tsx';
import { CompareView } from '../features/compare/CompareView.tsx';
import { DataCard } from '../features/data/DataCard.tsx';
import { LayersView } from '../features/inspect/LayersView.tsx';
import { ModelCard } from '../features/inspect/ModelCard.tsx';
import { RecipeCard } from '../features/recipe/RecipeCard.tsx';
import { SelectedPanel } from '../features/selected/SelectedPanel.tsx';
import { EnvironmentsCard } from '../features/share/EnvironmentsCard.tsx';
import { VariantsTable } from '../features/variants/VariantsTable.tsx';
import { WhyCard } from '../features/why/WhyCard.tsx';
import { presets } from '../passes/presets.ts';
import { useStore } from '../store/index.ts';
import './study-page.css';

// Progress of jobs reaches this page many times a second; these two depend on the study only.
const Chart = memo(TradeOffCard);
const Why = memo(WhyCard);

const DiagnosisView = lazy(async () => ({ default: (await import('../features/diagnosis/DiagnosisView.tsx')).DiagnosisView }));
const GraphView = lazy(() => import('../features/graph/GraphView.tsx'));

const PruningView = lazy(() => import('../features/pruning/PruningView.tsx'));
const SamplesView = lazy(() => import('../features/samples/SamplesView.tsx'));

type Tab = 'chart' | 'variants' | 'recipe' | 'model';

export interface StudyPageProps {
	readonly study: Study;
	readonly onBuild: () => void;
	readonly onPick: () => void;
}

/** Facts on the left, the chart and its table in the middle, the selected variant on the right; one column on a phone. */
export function StudyPage({ study, onBuild, onPick }: StudyPageProps) {
	const state = useStore(
		useShallow((store) => ({
			own: store.study !== undefined,
			shared: store.shared,
			readOnly: store.readOnly,
			jobs: store.jobs,
			selected: store.selected,
			pinned: store.pinned,
			view: store.view,
			dataset: store.dataset,
			draft: store.draft,
		})),
	);
	const actions = useStore(
		useShallow((store) => ({
			select: store.select,
			pin: store.pin,
			rename: store.renameVariant,
			remove: store.removeVariants,
			rerun: store.rerun,
			runRecipes: store.runRecipes,
			exportTable: store.exportTable,
			setView: store.setView,
			setDraft: store.setDraft,
			download: store.download,
			toast: store.toast,
		})),
	);
	const narrow = useMedia('(max-width: 900px)');
	const compact = useMedia('(max-width: 620px)');
	const [tab, setTab] = useState<Tab>('chart');
	const [theirsClosed, setTheirsClosed] = useState(false);
	const readOnly = state.readOnly || !state.own;
	const selected: VariantId = state.selected ?? 'original';
	const busy = state.jobs.some((job) => job.state === 'running' || job.state === 'queued');
	// With nothing to look at yet, the next step stands where the chart will be.
	const fresh = !readOnly && study.variants.every((variant) => variant.id === 'original');

	const copyText = useCallback(
		(text: string, what: string) => {
			void navigator.clipboard.writeText(text).then(
				() => actions.toast(`${what} copied.`),
				() => actions.toast('The browser did not allow copying.', 'error'),
			);
		},
		[actions],
	);
	const snippets = useCallback(
		(id: VariantId) => {
			const variant = study.variants.find((entry) => entry.id === id);
			const from = variant?.learntFrom;
			const learnt = from && {
				name: study.dataset?.name ?? 'examples',
				synthetic: from.synthetic,
				...(from.chosen && { chosen: { choice: from.chosen.choice, n: from.n } }),
			};
			return variant ? reproduce(study.model.name, variant.recipe, presets, learnt) : [];
		},
		[study],
	);
	const pick = useCallback(
		(id: VariantId) => {
			actions.select(id);
		},
		[actions],
	);

	const left = (
		<>
			<ModelCard
				facts={study.facts}
				gzipBytes={study.variants.find((variant) => variant.id === 'original')?.sizes?.gzip}
				hash={study.model.hash}
				onLayers={() => actions.setView('layers')}
				{...(state.own && { onGraph: () => actions.setView('graph') })}
			/>
			<DataCard
				{...(state.own && { onLook: () => actions.setView('samples') })}
				dataset={study.dataset ?? state.dataset}
				outputs={classOutputs(study)}
				readOnly={readOnly}
				onAdd={onPick}
			/>
			<MeasuredOn study={study} />
		</>
	);
	const recipes = readOnly ? null : (
		<RecipeCard study={study} busy={busy} onRun={(list) => void actions.runRecipes(list)} onBuild={onBuild} />
	);
	const chart = <Chart study={study} selected={selected} onSelect={pick} compact={compact} />;
	const table = (
		<VariantsTable
			study={study}
			jobs={state.jobs}
			selected={selected}
			pinned={state.pinned}
			readOnly={readOnly}
			compact={compact}
			onSelect={actions.select}
			onPin={actions.pin}
			onRename={actions.rename}
			onRemove={(id) => actions.remove([id])}
			onRerun={(id) => void actions.rerun(id)}
			onCopy={(format) => copyText(actions.exportTable(format), format === 'csv' ? 'Table' : 'JSON')}
		/>
	);
	const panel = (
		<SelectedPanel
			study={study}
			selected={selected}
			readOnly={readOnly}
			onDownload={(id) => void actions.download(id)}
			onCompare={(id) => {
				actions.pin('b', id);
				if (state.pinned[0] === undefined) actions.pin('a', 'original');
				actions.setView('compare');
			}}
			onRerun={(id) => void actions.rerun(id)}
			{...(state.own && { onDiagnose: () => actions.setView('diagnosis'), onPrune: () => actions.setView('pruning') })}
			onEditRecipe={(id) => {
				const variant = study.variants.find((entry) => entry.id === id);
				if (variant) actions.setDraft({ ...variant.recipe, name: `${variant.name}, edited` });
				onBuild();
			}}
			onCopyText={copyText}
			reproduce={snippets}
		/>
	);
	const theirs = state.own && state.shared?.study.model.hash === study.model.hash && !theirsClosed ? state.shared.study : undefined;
	const environments = theirs && (
		<EnvironmentsCard theirs={theirs} mine={study} onRun={(list) => void actions.runRecipes(list)} onClose={() => setTheirsClosed(true)} />
	);
	const why = <Why study={study} selected={selected} />;

	const heading = <h1 className="visually-hidden">{study.model.name}</h1>;

	if (state.view === 'compare') {
		return (
			<main className="full-view">
				{heading}
				<CompareView
					study={study}
					a={state.pinned[0] ?? 'original'}
					b={state.pinned[1] ?? selected}
					compact={narrow}
					onChange={actions.pin}
					onClose={() => actions.setView('studio')}
				/>
			</main>
		);
	}
	if (state.view === 'samples' && state.own) {
		return (
			<main className="full-view">
				{heading}
				<Suspense fallback={<p className="muted">Loading the examples…</p>}>
					<SamplesView
						study={study}
						selected={selected}
						readOnly={readOnly}
						onSelect={actions.select}
						onClose={() => actions.setView('studio')}
					/>
				</Suspense>
			</main>
		);
	}
	if (state.view === 'graph' && state.own) {
		return (
			<main className="full-view">
				{heading}
				<Suspense fallback={<p className="muted">Loading the graph view…</p>}>
					<GraphView
						study={study}
						selected={selected}
						readOnly={readOnly}
						compact={compact}
						onSelect={actions.select}
						onRun={(recipe) => {
							actions.setView('studio');
							void actions.runRecipes([recipe]);
						}}
						onClose={() => actions.setView('studio')}
					/>
				</Suspense>
			</main>
		);
	}
	if (state.view === 'pruning' && state.own) {
		return (
			<main className="full-view">
				{heading}
				<Suspense fallback={<p className="muted">Loading the groups…</p>}>
					<PruningView study={study} selected={selected} compact={compact} readOnly={readOnly} onClose={() => actions.setView('studio')} />
				</Suspense>
			</main>
		);
	}
	if (state.view === 'diagnosis' && state.own) {
		return (
			<main className="full-view">
				{heading}
				<Suspense fallback={<p className="muted">Loading the diagnosis…</p>}>
					<DiagnosisView
						study={study}
						selected={selected}
						compact={compact}
						readOnly={readOnly}
						onClose={() => actions.setView('studio')}
					/>
				</Suspense>
			</main>
		);
	}
	if (state.view === 'layers') {
		return (
			<main className="full-view">
				{heading}
				<LayersView study={study} selected={selected} onClose={() => actions.setView('studio')} />
			</main>
		);
	}
	if (compact) {
		return (
			<main className="phone">
				{heading}
				<fieldset className="segmented tabs no-print">
					<legend className="visually-hidden">Part of the study</legend>
					{(['chart', 'variants', 'recipe', 'model'] as const).map((entry) => (
						<label key={entry}>
							<input type="radio" name="part" checked={tab === entry} onChange={() => setTab(entry)} />
							<span>{entry}</span>
						</label>
					))}
				</fieldset>
				{tab === 'chart' && (
					<>
						{environments}
						{fresh ? recipes : chart}
						{panel}
					</>
				)}
				{tab === 'variants' && (
					<>
						{table}
						{panel}
						{why}
					</>
				)}
				{tab === 'recipe' && (recipes ?? <p className="muted">This study is read-only.</p>)}
				{tab === 'model' && left}
			</main>
		);
	}
	return (
		<main className={narrow ? 'studio two' : 'studio'}>
			<div className="column facts-column">
				{heading}
				{left}
				{narrow && !fresh && recipes}
			</div>
			<div className="column">
				{environments}
				{fresh ? recipes : chart}
				{table}
			</div>
			<div className="column panel-column">
				{panel}
				{why}
				{!narrow && !fresh && recipes}
			</div>
		</main>
	);
}

/** Which device and runtime the figures come from. */
function MeasuredOn({ study }: { readonly study: Study }) {
	const targets = useMemo(() => {
		const used = new Map<string, { threads: number; rounds: number }>();
		for (const run of study.runs) {
			if (run.failure) continue;
			const key = targetKey(run.target);
			const known = used.get(key);
			used.set(key, { threads: run.threadsUsed, rounds: Math.max(known?.rounds ?? 0, run.sampleCount ?? run.samplesMs.length) });
		}
		return [...used];
	}, [study.runs]);
	const { environment } = study;
	return (
		<section className="card" aria-labelledby="measured-title">
			<h2 id="measured-title">Measured on</h2>
			<dl className="facts">
				{targets.map(([key, { threads, rounds }]) => (
					<div key={key}>
						<dt>{key}</dt>
						<dd>
							{key.startsWith('wasm') ? (threads === 1 ? '1 thread' : `${threads} threads`) : (environment.gpu ?? 'adapter not named')}
							{rounds > 0 ? `, ${rounds} rounds` : ''}
						</dd>
					</div>
				))}
				<div>
					<dt>browser</dt>
					<dd>{environment.browser}</dd>
				</div>
				<div>
					<dt>system</dt>
					<dd>
						{environment.platform}, {environment.cores} cores
					</dd>
				</div>
				<div>
					<dt>runtime</dt>
					<dd>{environment.runtime}</dd>
				</div>
			</dl>
			{!environment.isolated && (
				<p className="muted">
					Without cross-origin isolation: one thread and a coarse clock. The hosting page of the documentation says what to set.
				</p>
			)}
		</section>
	);
}

function useMedia(query: string): boolean {
	const [matches, setMatches] = useState(() => matchMedia(query).matches);
	useEffect(() => {
		const media = matchMedia(query);
		const update = (): void => setMatches(media.matches);
		update();
		media.addEventListener('change', update);
		return () => media.removeEventListener('change', update);
	}, [query]);
	return matches;
}

/** Classes of the first output that looks like one value a class. */
function classOutputs({ facts }: Study): number | undefined {
	for (const { shape, dtype } of facts.outputs) {
		const last = shape?.at(-1);
		if (shape && shape.length <= 2 && typeof last === 'number' && last > 1 && dtype.startsWith('float')) return last;
	}
	return undefined;
}

import { useEffect, useMemo, useRef, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { Recipe } from '../../core/pass/recipe.ts';
import type { VariantId } from '../../core/study/figures.ts';
import type { Study } from '../../core/study/study.ts';
import { useStore } from '../../store/index.ts';
import { CutPanel } from './CutPanel.tsx';
import { type CutOptions, changeText, cuttingRecipe, hasOpenDims, usualOptions } from './cut.ts';
import { GroupTable } from './GroupTable.tsx';
import { KeptLayers } from './KeptLayers.tsx';
import { ResultPanel } from './ResultPanel.tsx';
import { prunedReports } from './result.ts';
import { rowsOf } from './rows.ts';
import './pruning.css';

export interface PruningViewProps {
	readonly study: Study;
	readonly selected: VariantId;
	readonly compact: boolean;
	readonly readOnly: boolean;
	readonly onClose: () => void;
}

type Part = 'cut' | 'result';

/** What can be cut out of a model, what a choice saves, and what was cut and made up for. */
export default function PruningView({ study, selected, compact, readOnly, onClose }: PruningViewProps) {
	const ready = study.variants.filter(({ id, file }) => id === 'original' || file !== undefined);
	const variant = study.variants.find(({ id }) => id === selected);
	const {
		pruning,
		figures,
		job,
		busy,
		findGroups,
		chooseCut,
		measureGroups,
		diagnose,
		runRecipes,
		select,
		selectNode,
		setView,
		cancelJob,
	} = useStore(
		useShallow((store) => ({
			pruning: store.pruning[selected],
			figures: store.nodeFigures[selected],
			job: store.jobs.find(({ kind, variant: of, state }) => kind === 'diagnose' && state === 'running' && of === selected),
			busy: store.jobs.some(({ kind, state }) => kind === 'diagnose' && state === 'running'),
			findGroups: store.findGroups,
			chooseCut: store.chooseCut,
			measureGroups: store.measureGroups,
			diagnose: store.diagnose,
			runRecipes: store.runRecipes,
			select: store.select,
			selectNode: store.selectNode,
			setView: store.setView,
			cancelJob: store.cancelJob,
		})),
	);
	const reports = useMemo(() => prunedReports(variant), [variant]);
	const [asked, setAsked] = useState<{ readonly of: VariantId; readonly part: Part }>();
	const [options, setOptions] = useState<CutOptions>(usualOptions);
	const title = useRef<HTMLHeadingElement>(null);
	useEffect(() => title.current?.focus(), []);
	const made = selected === 'original' || variant?.file !== undefined;
	useEffect(() => {
		if (made) void findGroups(selected);
	}, [findGroups, selected, made]);
	// What was cut is what one wants to see of a pruned variant; its own groups are one step away.
	const part: Part = reports.length === 0 ? 'cut' : asked?.of === selected ? asked.part : 'result';
	const plan = pruning?.plan;
	const rows = useMemo(() => (plan ? rowsOf(plan, figures, pruning?.sensitivity) : []), [plan, figures, pruning?.sensitivity]);
	const gone = pruning?.gone ?? [];

	const make = (macs: number): void => {
		if (!plan) return;
		const base: Recipe = variant?.recipe ?? { v: 1, seed: 0, steps: [] };
		const name = `${selected === 'original' ? 'Groups' : `${variant?.name}, groups`} cut, ${changeText(macs, plan.macs)} MACs`;
		void runRecipes([cuttingRecipe(base, plan, gone, options, name.slice(0, 200))]);
	};

	return (
		<section className="card pruning" aria-labelledby="pruning-title">
			<header className="card-head">
				<h2 id="pruning-title" ref={title} tabIndex={-1}>
					Groups and pruning
				</h2>
				<label className="pruning-variant">
					<span className="visually-hidden">Variant</span>
					<select value={selected} onChange={({ target }) => select(target.value)}>
						{(made ? ready : study.variants.filter((entry) => ready.includes(entry) || entry.id === selected)).map(({ id, name }) => (
							<option key={id} value={id}>
								{name}
							</option>
						))}
					</select>
				</label>
				{reports.length > 0 && (
					<fieldset className="segmented">
						<legend className="visually-hidden">Part</legend>
						{(
							[
								['result', 'what was cut'],
								['cut', 'cut more'],
							] as const
						).map(([id, text]) => (
							<label key={id}>
								<input type="radio" name="pruning-part" checked={part === id} onChange={() => setAsked({ of: selected, part: id })} />
								<span>{text}</span>
							</label>
						))}
					</fieldset>
				)}
				<button type="button" className="quiet push" onClick={onClose}>
					Back to the chart
				</button>
			</header>
			{job && (
				<div className="pruning-progress">
					<span>
						{job.title}
						{job.detail ? <span className="muted"> {job.detail}</span> : null}
					</span>
					<div
						className="job-track"
						role="progressbar"
						aria-label={job.title}
						aria-valuemin={0}
						aria-valuemax={100}
						aria-valuenow={Math.round((job.fraction ?? 0) * 100)}
					>
						<span style={{ width: `${Math.round((job.fraction ?? 0) * 1000) / 10}%` }} />
					</div>
					<button type="button" onClick={() => cancelJob(job.id)}>
						Cancel
					</button>
				</div>
			)}
			{pruning?.failure && (
				<p className="bad" role="alert">
					{pruning.failure.message} {pruning.failure.advice}
				</p>
			)}
			{part === 'result' ? (
				<ResultPanel reports={reports} compact={compact} />
			) : !made ? (
				<p className="pruning-empty muted" role="status">
					{variant?.failure
						? `This variant could not be made: ${variant.failure.message}`
						: 'This variant is being made. What was cut and made up for appears here.'}
				</p>
			) : !plan ? (
				<p className="pruning-empty muted" role="status">
					{pruning?.failure ? '' : 'Looking for channels, hidden units and heads that can go…'}
				</p>
			) : plan.groups.length === 0 ? (
				<>
					<p className="pruning-empty">Nothing of this model can be cut. The reasons are below.</p>
					<KeptLayers kept={plan.kept} open />
				</>
			) : (
				<div className="pruning-body">
					<CutPanel
						plan={plan}
						gone={gone}
						options={options}
						sensitivity={pruning?.sensitivity}
						timed={rows.some(({ ms }) => ms !== undefined)}
						dataset={study.dataset}
						fileBytes={variant?.sizes?.bytes}
						readOnly={readOnly}
						busy={busy}
						onCut={(next) => chooseCut(selected, next)}
						onOptions={setOptions}
						onMake={make}
						onMeasure={() => void measureGroups(selected)}
						onTime={() => void diagnose(selected, 'latency')}
						onGraph={() => {
							// The graph opens where the first cut is made.
							selectNode(plan.groups[gone.findIndex((count) => count > 0)]?.layers[0]);
							setView('graph');
						}}
						openDims={study.facts.inputs.some(({ type }) => hasOpenDims(type))}
					/>
					<div className="pruning-main">
						<GroupTable
							plan={plan}
							rows={rows}
							gone={gone}
							sensitivity={pruning?.sensitivity}
							readOnly={readOnly}
							compact={compact}
							onCut={(index, count) => chooseCut(selected, gone.with(index, count))}
						/>
						<KeptLayers kept={plan.kept} />
					</div>
				</div>
			)}
		</section>
	);
}

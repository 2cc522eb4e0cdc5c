import { useEffect, useMemo, useRef, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { VariantId } from '../../core/study/figures.ts';
import type { Study, Variant } from '../../core/study/study.ts';
import { useStore } from '../../store/index.ts';
import type { Diagnosis, DiagnosisKind } from '../../store/state.ts';
import { formatMs } from '../../ui/format.ts';
import { LayerPanel } from './LayerPanel.tsx';
import { LayerTable } from './LayerTable.tsx';
import { decibels, type MeasureId, measuresOf } from './measures.ts';
import { SensitivityChart } from './SensitivityChart.tsx';
import './diagnosis.css';

export interface DiagnosisViewProps {
	readonly study: Study;
	readonly selected: VariantId;
	readonly compact: boolean;
	readonly readOnly: boolean;
	readonly onClose: () => void;
}

const EXAMPLES = [4, 8, 16, 32, 64] as const;
const NOTHING: Diagnosis = { comparedAfter: [] };

/** Where a variant loses: each layer's error, what it does to the outputs, and the ways back. */
export function DiagnosisView({ study, selected, compact, readOnly, onClose }: DiagnosisViewProps) {
	const { diagnosis, node, job, diagnose, keepLayers, selectNode, select, cancelJob, setView } = useStore(
		useShallow((store) => ({
			diagnosis: store.diagnoses[selected] ?? NOTHING,
			node: store.selectedNode,
			job: store.jobs.find((entry) => entry.kind === 'diagnose' && entry.state === 'running'),
			diagnose: store.diagnose,
			keepLayers: store.keepLayers,
			selectNode: store.selectNode,
			select: store.select,
			cancelJob: store.cancelJob,
			setView: store.setView,
		})),
	);
	const [limit, setLimit] = useState<number>(16);
	const [measureId, setMeasureId] = useState<MeasureId>('outputs');
	const [filter, setFilter] = useState('');
	const title = useRef<HTMLHeadingElement>(null);
	useEffect(() => title.current?.focus(), []);
	const variant = study.variants.find((entry) => entry.id === selected && entry.id !== 'original');
	const others = study.variants.filter((entry) => entry.id !== 'original' && entry.file !== undefined);
	const measures = useMemo(() => measuresOf(diagnosis), [diagnosis]);
	const measure = measures.find(({ id }) => id === measureId) ?? measures[0];
	const start = (what: DiagnosisKind): void => void diagnose(selected, what, { limit });
	const busy = job !== undefined;
	const ready = variant?.file !== undefined && !readOnly;
	return (
		<section className="card diagnosis" aria-labelledby="diagnosis-title">
			<header className="card-head">
				<h2 id="diagnosis-title" ref={title} tabIndex={-1}>
					Diagnosis
				</h2>
				{others.length > 0 && (
					<label className="labelled">
						<span className="visually-hidden">Variant</span>
						<select value={variant?.id ?? ''} onChange={(event) => select(event.target.value)}>
							{!variant && <option value="">Choose a variant</option>}
							{others.map(({ id, name }) => (
								<option key={id} value={id}>
									{name}
								</option>
							))}
						</select>
					</label>
				)}
				{variant && !readOnly && (
					<label className="labelled">
						<span>Examples</span>
						<select value={limit} onChange={(event) => setLimit(Number(event.target.value))}>
							{EXAMPLES.map((count) => (
								<option key={count} value={count}>
									{count}
								</option>
							))}
						</select>
					</label>
				)}
				<button type="button" className="quiet push" onClick={onClose}>
					Back to the chart
				</button>
			</header>
			{!variant ? (
				<p className="diagnosis-empty muted">
					{others.length > 0
						? 'Choose a variant: it is compared with the original layer by layer.'
						: 'Nothing to diagnose yet. Run a recipe first; then every layer of what it made can be compared with the original.'}
				</p>
			) : (
				<>
					{!readOnly && (
						<div className="buttons diagnosis-actions">
							<button type="button" className={diagnosis.errors ? '' : 'primary'} disabled={!ready || busy} onClick={() => start('errors')}>
								{diagnosis.errors ? 'Measure again' : 'Measure every layer'}
							</button>
							<button type="button" disabled={!ready || busy} onClick={() => start('culprit')}>
								Find the culprit
							</button>
							<button type="button" disabled={!ready || busy} onClick={() => start('restored')}>
								Restore one by one
							</button>
							<button type="button" disabled={!ready || busy} onClick={() => start('latency')}>
								Time each node
							</button>
						</div>
					)}
					{job && (
						<div className="diagnosis-progress">
							<span>
								{job.title}
								{job.detail ? <span className="muted"> {job.detail}</span> : null}
							</span>
							<div
								className="job-track"
								role="progressbar"
								aria-label={`Diagnosis: ${job.title}`}
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
					{diagnosis.failure && (
						<p className="bad" role="status">
							{diagnosis.failure.message} {diagnosis.failure.advice}
						</p>
					)}
					<Summary diagnosis={diagnosis} />
					{diagnosis.culprit && (
						<Culprit
							diagnosis={diagnosis}
							readOnly={readOnly}
							onSelect={selectNode}
							onKeep={(labels) => void keepLayers(variant.id, labels)}
						/>
					)}
					{measure ? (
						<div className="diagnosis-body">
							<div className="diagnosis-main">
								<fieldset className="segmented">
									<legend className="visually-hidden">What bars show</legend>
									{measures.map(({ id, title: text, help }) => (
										<label key={id} title={help}>
											<input type="radio" name="measure" checked={id === measure.id} onChange={() => setMeasureId(id)} />
											<span>{text}</span>
										</label>
									))}
								</fieldset>
								<p className="muted">{measure.help}</p>
								<SensitivityChart measure={measure} selected={node} onSelect={selectNode} compact={compact} />
								{diagnosis.errors && (
									<>
										<header className="card-head table-head">
											<h3>Layers, worst first</h3>
											<label>
												<span className="visually-hidden">Search layers</span>
												<input type="search" placeholder="Search" value={filter} onChange={(event) => setFilter(event.target.value)} />
											</label>
										</header>
										<LayerTable diagnosis={diagnosis} filter={filter} selected={node} onSelect={selectNode} />
									</>
								)}
								{!diagnosis.errors && diagnosis.latency && <OwnNodes diagnosis={diagnosis} />}
							</div>
							<LayerPanel
								variant={variant}
								diagnosis={diagnosis}
								node={node}
								readOnly={readOnly}
								onKeep={(labels) => void keepLayers(variant.id, labels)}
								onGraph={() => setView('graph')}
							/>
						</div>
					) : (
						!diagnosis.culprit &&
						!busy && (
							<p className="diagnosis-empty muted">
								Each layer is run by itself on the inputs that it has in the original, with the variant’s weights and codes; then its error
								is carried to the outputs. On {limit} examples this takes seconds for small models, a minute or two for larger ones.
							</p>
						)
					)}
					<LeftAlone variant={variant} />
				</>
			)}
		</section>
	);
}

function Summary({ diagnosis }: { readonly diagnosis: Diagnosis }) {
	const { errors, latency, comparedAfter } = diagnosis;
	if (!errors && !latency) return null;
	return (
		<div className="diagnosis-summary">
			{errors && (
				<p>
					<strong>
						{errors.layers.length} {errors.layers.length === 1 ? 'layer' : 'layers'} changed; the worst output has {decibels(errors.output)}
					</strong>{' '}
					of signal to noise on {errors.examples} {errors.synthetic ? 'made-up examples' : 'examples'}
					{errors.synthetic ? ', which says little about real ones' : ''}. Compared with the original
					{comparedAfter.length > 0 ? ` after ${comparedAfter.join(', ')}` : ''}.
				</p>
			)}
			{latency && (
				<p className="muted">
					{formatMs(latency.nodesMs)} in nodes on {latency.target}, median of {latency.runs} runs; {Math.round(100 * latency.mapped)} % of
					it belongs to nodes of the file, the rest to what the runtime added. {latency.silent.length} nodes were fused into others, folded
					or not run.
				</p>
			)}
			{errors && errors.notes.length > 0 && (
				<details>
					<summary>
						{errors.notes.length} {errors.notes.length === 1 ? 'note' : 'notes'} on what was compared
					</summary>
					<ul className="layer-notes">
						{errors.notes.slice(0, 100).map((note) => (
							<li key={note}>{note}</li>
						))}
					</ul>
				</details>
			)}
		</div>
	);
}

interface CulpritProps {
	readonly diagnosis: Diagnosis;
	readonly readOnly: boolean;
	readonly onSelect: (node: string) => void;
	readonly onKeep: (labels: readonly string[]) => void;
}

function Culprit({ diagnosis, readOnly, onSelect, onKeep }: CulpritProps) {
	const { culprit } = diagnosis;
	if (!culprit) return null;
	const db = (value: number | null): string => (value === null ? 'no noise' : `${value.toFixed(1)} dB`);
	const { layers, explained, before, after, examples, trials } = culprit;
	return (
		<section className="culprit" aria-labelledby="culprit-title">
			<h3 id="culprit-title">{layers.length === 1 ? 'The culprit' : 'The culprits'}</h3>
			{layers.length === 0 ? (
				<p>The outputs lose nothing that layers could give back.</p>
			) : (
				<>
					<p>
						<strong>
							{layers.length} {layers.length === 1 ? 'layer explains' : 'layers explain'} {Math.round(100 * explained)} % of the loss
						</strong>
						: as in the original, the worst output goes from {db(before)} to {db(after)} ({examples} examples, {trials} sets tried).
						{layers.length > 12 ? ' The loss is spread; no few layers are to blame.' : ''}
					</p>
					<ol>
						{layers.slice(0, 40).map(({ node, label }) => (
							<li key={node}>
								<button type="button" className="row-name" onClick={() => onSelect(node)}>
									{label}
								</button>
							</li>
						))}
					</ol>
					{!readOnly && (
						<button type="button" onClick={() => onKeep(layers.map(({ label }) => label))}>
							{layers.length === 1 ? 'Keep it in fp32' : `Keep these ${layers.length} in fp32`}
						</button>
					)}
				</>
			)}
		</section>
	);
}

/** Times of what the runtime made itself: listed, never assigned to a node by guess. */
function OwnNodes({ diagnosis }: { readonly diagnosis: Diagnosis }) {
	const own = diagnosis.latency?.nodes.filter(({ node, medianMs }) => node === undefined && medianMs > 0) ?? [];
	if (own.length === 0) return null;
	return (
		<details>
			<summary>{own.length} nodes that the runtime made itself</summary>
			<dl className="facts">
				{own.slice(0, 100).map(({ runtimeName, op, medianMs }) => (
					<div key={runtimeName + op}>
						<dt>
							{op} <span className="muted">{runtimeName}</span>
						</dt>
						<dd>{formatMs(medianMs)}</dd>
					</div>
				))}
			</dl>
		</details>
	);
}

/** Why layers were left as they are: the notes of the recipe's steps. */
function LeftAlone({ variant }: { readonly variant: Variant }) {
	const notes = variant.report.flatMap(({ notes: all }) =>
		all.flatMap(({ node, reason, level }) => (node !== undefined && (level === 'skip' || /fp32/.test(reason)) ? [{ node, reason }] : [])),
	);
	if (notes.length === 0) return null;
	return (
		<details className="left-alone">
			<summary>
				Why {notes.length} {notes.length === 1 ? 'layer was' : 'layers were'} left in fp32, whole or in part
			</summary>
			<dl>
				{notes.slice(0, 400).map(({ node, reason }, index) => (
					// biome-ignore lint/suspicious/noArrayIndexKey: a node may have several notes with the same words; the list never changes
					<div key={index}>
						<dt>{node}</dt>
						<dd className="muted">{reason}</dd>
					</div>
				))}
			</dl>
		</details>
	);
}

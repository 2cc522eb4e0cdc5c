import { lazy, Suspense, useState } from 'react';
import type { ClassMapping } from '../../core/study/data-settings.ts';
import { usualCalibration } from '../../core/study/split.ts';
import type { DatasetFacts } from '../../core/study/study.ts';
import { choiceWords } from './learning-words.ts';
import { StopEarly } from './StopEarly.tsx';
import { useDataChange } from './use-change.ts';
import './data.css';

const DataDialog = lazy(() => import('./DataDialog.tsx'));
const LearnFromDialog = lazy(() => import('./LearnFromDialog.tsx'));

export interface DataCardProps {
	readonly dataset: DatasetFacts | undefined;
	/** Classes of the model's output, where its shape says so. */
	readonly outputs: number | undefined;
	readonly readOnly: boolean;
	readonly onAdd: () => void;
	/** Shows single examples. */
	readonly onLook?: () => void;
}

const mappingWords: Readonly<Record<ClassMapping['origin'], string>> = {
	list: 'Classes by the list in the data',
	numbers: 'Classes by their numbers',
	given: 'Classes as you assigned them',
	order: 'Classes in alphabetical order: a guess, please check',
	none: 'No classes: nothing says which outputs the names stand for',
};

/** Which inputs the figures rest on. Synthetic ones are never called accuracy. */
export function DataCard({ dataset, outputs, readOnly, onAdd, onLook }: DataCardProps) {
	const [open, setOpen] = useState<'data' | 'learn' | undefined>();
	return (
		<section className="card" aria-labelledby="data-title">
			<h2 id="data-title">Data</h2>
			{dataset ? <DatasetSummary dataset={dataset} readOnly={readOnly} /> : <p className="muted">No inputs yet.</p>}
			{onLook && dataset && dataset.kind !== 'synthetic' && (
				<button type="button" className="quiet flush" onClick={onLook}>
					Look at examples…
				</button>
			)}
			{!readOnly && (
				<>
					{dataset && hasDataSettings(dataset) && (
						<button type="button" className="quiet flush" onClick={() => setOpen('data')}>
							{dataset.picture ? 'Preprocessing and classes…' : dataset.kind === 'sound' ? 'How sound is read…' : 'Classes…'}
						</button>
					)}
					{dataset && mayChoose(dataset) && (
						<button type="button" className="quiet flush" onClick={() => setOpen('learn')}>
							Examples to learn from…
						</button>
					)}
					<button type="button" className="quiet flush" onClick={onAdd}>
						{dataset && dataset.kind !== 'synthetic' ? 'Use other examples…' : 'Add your own examples…'}
					</button>
				</>
			)}
			{open && dataset && (
				<Suspense fallback={null}>
					{open === 'data' ? (
						<DataDialog dataset={dataset} outputs={outputs} onClose={() => setOpen(undefined)} />
					) : (
						<LearnFromDialog dataset={dataset} onClose={() => setOpen(undefined)} />
					)}
				</Suspense>
			)}
		</section>
	);
}

function DatasetSummary({ dataset, readOnly }: { readonly dataset: DatasetFacts; readonly readOnly: boolean }) {
	const leftOut = dataset.skippedCount ?? dataset.skipped.length;
	const { mapping } = dataset;
	return (
		<>
			<dl className="facts">
				<div>
					<dt>{dataset.kind === 'synthetic' ? 'inputs' : 'examples'}</dt>
					<dd>
						{dataset.kind === 'synthetic'
							? `${dataset.n} synthetic`
							: `${dataset.n.toLocaleString()} ${dataset.labelled ? 'labelled' : 'unlabelled'}`}
					</dd>
				</div>
				{dataset.split && (
					<div>
						<dt>kept to learn from</dt>
						<dd>
							{dataset.split.calibration.length.toLocaleString()} of {dataset.split.of.toLocaleString()}
						</dd>
					</div>
				)}
				{dataset.split?.chosen && (
					<div>
						<dt>learnt from</dt>
						<dd>
							{dataset.split.chosen.indices.length.toLocaleString()}, {choiceWords[dataset.split.chosen.choice]}
						</dd>
					</div>
				)}
				{dataset.classes !== undefined && (
					<div>
						<dt>classes</dt>
						<dd>{dataset.classes.toLocaleString()}</dd>
					</div>
				)}
				<div>
					<dt>from</dt>
					<dd>{dataset.name}</dd>
				</div>
			</dl>
			<Portion dataset={dataset} readOnly={readOnly} />
			<StopEarly dataset={dataset} readOnly={readOnly} />
			<p className="muted">
				{dataset.kind === 'synthetic'
					? 'Random inputs of the right shapes: they show how close a variant stays to the original, not how accurate it is. Add your own examples for that.'
					: dataset.preprocessing === 'as given'
						? 'Fed to the model as they are, without preprocessing.'
						: dataset.preprocessing}
			</p>
			{mapping?.origin === 'order' || mapping?.origin === 'none' ? (
				<p className="data-notice">{mappingWords[mapping.origin]}.</p>
			) : (
				mapping && (
					<details>
						<summary>{mappingWords[mapping.origin]}</summary>
						<ul>
							{mapping.classes.slice(0, 50).map((entry) => (
								<li key={entry.name}>
									{entry.name} <span className="muted">is output {entry.index}</span>
								</li>
							))}
							{mapping.classes.length > 50 && <li className="muted">and {mapping.classes.length - 50} more</li>}
						</ul>
					</details>
				)
			)}
			{dataset.split?.notes.map((note) => (
				<p key={note} className="muted">
					{note}.
				</p>
			))}
			{dataset.skipped.length > 0 && (
				<details>
					<summary>{leftOut === 1 ? '1 entry left out' : `${leftOut.toLocaleString()} entries left out`}</summary>
					<ul>
						{dataset.skipped.slice(0, 50).map((entry) => (
							<li key={entry.name}>
								{entry.name}: <span className="muted">{entry.reason}</span>
							</li>
						))}
					</ul>
				</details>
			)}
		</>
	);
}

/** Where only some of the entries are used: how many, and the way to use all. */
function Portion({ dataset, readOnly }: { readonly dataset: DatasetFacts; readonly readOnly: boolean }) {
	const { busy, change } = useDataChange();
	const { available, limit, settings } = dataset;
	if (dataset.kind === 'synthetic' || dataset.kind === 'sample') return null;
	if (settings?.limit !== undefined) {
		return readOnly ? null : (
			<button type="button" className="quiet flush" disabled={busy} onClick={() => change({ limit: undefined })}>
				{busy ? 'Reading…' : 'Use the usual number of examples'}
			</button>
		);
	}
	if (available === undefined || limit === undefined || limit >= available) return null;
	return (
		<p className="muted">
			{`${limit.toLocaleString()} of ${available.toLocaleString()}, spread evenly. `}
			{!readOnly && (
				<button type="button" className="quiet data-inline" disabled={busy} onClick={() => change({ limit: available })}>
					{busy ? 'Reading…' : `Use all ${available.toLocaleString()}`}
				</button>
			)}
		</p>
	);
}

/** Whether fewer examples can be learnt from than are kept for it. */
function mayChoose({ kind, n, split }: DatasetFacts): boolean {
	return kind !== 'synthetic' && (split?.calibration.length ?? usualCalibration(n)) > 1;
}

/** Whether there is anything to look at or to change. */
function hasDataSettings({ kind, picture, mapping }: DatasetFacts): boolean {
	return picture !== undefined || mapping !== undefined || kind === 'sound';
}

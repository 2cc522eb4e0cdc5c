import type { DatasetFacts } from '../../core/study/study.ts';

export interface DataCardProps {
	readonly dataset: DatasetFacts | undefined;
	readonly readOnly: boolean;
	readonly onAdd: () => void;
}

const mappingWords = {
	list: 'Classes by the list in the data',
	numbers: 'Classes by their numbers',
	given: 'Classes as you assigned them',
	order: 'Classes in alphabetical order: a guess, please check',
	none: 'No classes: nothing says which outputs the names stand for',
} as const;

/** Which inputs the figures rest on. Synthetic ones are never called accuracy. */
export function DataCard({ dataset, readOnly, onAdd }: DataCardProps) {
	const leftOut = dataset?.skippedCount ?? dataset?.skipped.length ?? 0;
	return (
		<section className="card" aria-labelledby="data-title">
			<h2 id="data-title">Data</h2>
			{dataset ? (
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
					<p className="muted">
						{dataset.kind === 'synthetic'
							? 'Random inputs of the right shapes: they show how close a variant stays to the original, not how accurate it is. Add your own examples for that.'
							: dataset.preprocessing === 'as given'
								? 'Fed to the model as they are, without preprocessing.'
								: dataset.preprocessing}
					</p>
					{dataset.mapping && (
						<details>
							<summary>{mappingWords[dataset.mapping.origin]}</summary>
							<ul>
								{dataset.mapping.classes.slice(0, 50).map((entry) => (
									<li key={entry.name}>
										{entry.name} <span className="muted">is output {entry.index}</span>
									</li>
								))}
								{dataset.mapping.classes.length > 50 && <li className="muted">and {dataset.mapping.classes.length - 50} more</li>}
							</ul>
						</details>
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
			) : (
				<p className="muted">No inputs yet.</p>
			)}
			{!readOnly && (
				<button type="button" className="quiet flush" onClick={onAdd}>
					{dataset && dataset.kind !== 'synthetic' ? 'Use other examples…' : 'Add your own examples…'}
				</button>
			)}
		</section>
	);
}

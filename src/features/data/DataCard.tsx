import type { DatasetFacts } from '../../core/study/study.ts';

export interface DataCardProps {
	readonly dataset: DatasetFacts | undefined;
	readonly readOnly: boolean;
	readonly onAdd: () => void;
}

/** Which inputs the figures rest on. Synthetic ones are never called accuracy. */
export function DataCard({ dataset, readOnly, onAdd }: DataCardProps) {
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
					{dataset.skipped.length > 0 && (
						<details>
							<summary>{dataset.skipped.length === 1 ? '1 entry left out' : `${dataset.skipped.length} entries left out`}</summary>
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

import type { DatasetFacts, Evaluation, TaskMetric } from '../../core/study/study.ts';

export interface MetricsCardProps {
	readonly evaluation: Evaluation;
	readonly dataset: DatasetFacts | undefined;
}

const titles: Readonly<Record<TaskMetric['metric'], string>> = {
	top1: 'top-1',
	top5: 'top-5',
	precision: 'macro precision',
	recall: 'macro recall',
	f1: 'macro F1',
	ece: 'calibration error',
};
const shown = 12;

/** Task metrics with their intervals and paired differences, and where the answers go wrong. */
export function MetricsCard({ evaluation, dataset }: MetricsCardProps) {
	const { metrics, confusions = [], classChanges = [] } = evaluation;
	if (metrics.length === 0) return undefined;
	const className = (index: number): string => dataset?.mapping?.classes.find((entry) => entry.index === index)?.name ?? `output ${index}`;
	const compared = metrics.some(({ difference }) => difference);
	return (
		<section className="card" aria-labelledby="metrics-title">
			<h2 id="metrics-title">Accuracy</h2>
			<table className="metrics">
				<caption className="muted">
					{metrics[0]?.n.toLocaleString()} labelled examples; intervals at 95 %{compared ? ', differences paired with the original' : ''}.
				</caption>
				<thead>
					<tr>
						<th scope="col">metric</th>
						<th scope="col">value</th>
						{compared && <th scope="col">against the original</th>}
					</tr>
				</thead>
				<tbody>
					{metrics.map((metric) => (
						<tr key={metric.metric}>
							<th scope="row">{titles[metric.metric]}</th>
							<td>
								{percent(metric.value)}{' '}
								<small className="muted">
									[{percent(metric.interval[0])}, {percent(metric.interval[1])}]
								</small>
							</td>
							{compared && <td>{differenceWords(metric)}</td>}
						</tr>
					))}
				</tbody>
			</table>
			{classChanges.length > 0 && (
				<details>
					<summary>{classChanges.length === 1 ? 'One class changed' : `${classChanges.length} classes changed`}</summary>
					<ul>
						{classChanges.slice(0, shown).map(({ label, n, original, variant }) => (
							<li key={label}>
								{className(label)}: {percent(original)} to {percent(variant)} <span className="muted">of {n}</span>
							</li>
						))}
						{classChanges.length > shown && <li className="muted">and {classChanges.length - shown} more</li>}
					</ul>
				</details>
			)}
			{confusions.length > 0 && (
				<details>
					<summary>Most often confused</summary>
					<ul>
						{confusions.slice(0, shown).map(({ label, predicted, count }) => (
							<li key={`${label} ${predicted}`}>
								{className(label)} taken for {className(predicted)} <span className="muted">{count} times</span>
							</li>
						))}
					</ul>
				</details>
			)}
		</section>
	);
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const points = (share: number): string => {
	const rounded = Math.round(share * 1000) / 10;
	return `${rounded > 0 ? '+' : ''}${(rounded === 0 ? 0 : rounded).toFixed(1)}`;
};

function differenceWords({ difference }: TaskMetric): string {
	if (!difference) return '';
	const [low, high] = difference.interval;
	const text = `${points(difference.value)} points [${points(low)}, ${points(high)}]`;
	return low <= 0 && high >= 0 ? `${text}, no measurable difference` : text;
}

import { changeText, isMeasurable, metricFacts, metricText, metricTitle } from '../../core/study/metrics/metric-facts.ts';
import type { DatasetFacts, Evaluation, ModelFacts, TaskMetric } from '../../core/study/study.ts';
import { taskWords } from '../../core/study/task.ts';
import { TaskForm } from './TaskForm.tsx';

export interface MetricsCardProps {
	readonly evaluation: Evaluation;
	readonly dataset: DatasetFacts | undefined;
	readonly outputs: ModelFacts['outputs'];
	readonly readOnly: boolean;
}

const shown = 12;

/** Metrics of the task with their intervals and paired differences, what the task is, and where the answers go wrong. */
export function MetricsCard({ evaluation, dataset, outputs, readOnly }: MetricsCardProps) {
	const { metrics, task, stopped, confusions = [], classChanges = [], labelFigures = [] } = evaluation;
	const changeable = !readOnly && dataset !== undefined && task !== undefined;
	if (metrics.length === 0 && !changeable) return undefined;
	const className = (index: number): string => dataset?.mapping?.classes.find((entry) => entry.index === index)?.name ?? `output ${index}`;
	const accuracy = metrics.some(({ metric }) => metric === 'top1' || metric === 'accuracy');
	return (
		<section className="card" aria-labelledby="metrics-title">
			<h2 id="metrics-title">{accuracy ? 'Accuracy' : 'Metrics'}</h2>
			{changeable && <TaskForm task={task} dataset={dataset} outputs={outputs} />}
			{task && (
				<p className="muted small">
					{changeable ? '' : `Judged as ${taskWords[task.kind]}. `}
					{task.chosen ? `You chose this${task.output ? `; judged by output "${task.output}"` : ''}.` : task.why}
				</p>
			)}
			{metrics.length === 0 ? (
				<p className="muted">{nothingWords(evaluation, dataset)}</p>
			) : (
				<MetricsTable metrics={metrics} evaluation={evaluation} />
			)}
			{stopped && (
				<p className="muted small">
					{stopped.after < stopped.of
						? `Ended after ${stopped.after.toLocaleString()} of ${stopped.of.toLocaleString()} examples: ${stopped.why}`
						: stopped.why}
				</p>
			)}
			{labelFigures.length > 0 && (
				<details>
					<summary>{labelFigures.length === 1 ? 'One label' : `${labelFigures.length} labels`}</summary>
					<ul>
						{labelFigures.map(({ label, n, positives, auc, f1, originalAuc }) => (
							<li key={label}>
								{className(label)}: {auc === undefined ? 'no ROC-AUC' : `ROC-AUC ${metricText('auc', auc)}`}
								{originalAuc !== undefined && auc !== undefined && originalAuc !== auc && ` (original ${metricText('auc', originalAuc)})`},
								F1 {metricText('f1', f1)}{' '}
								<span className="muted">
									applies to {positives.toLocaleString()} of {n.toLocaleString()}
								</span>
							</li>
						))}
					</ul>
				</details>
			)}
			{classChanges.length > 0 && (
				<details>
					<summary>{classChanges.length === 1 ? 'One class changed' : `${classChanges.length} classes changed`}</summary>
					<ul>
						{classChanges.slice(0, shown).map(({ label, n, original, variant }) => (
							<li key={label}>
								{className(label)}: {metricText('top1', original)} to {metricText('top1', variant)} <span className="muted">of {n}</span>
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

function MetricsTable({ metrics, evaluation }: { readonly metrics: readonly TaskMetric[]; readonly evaluation: Evaluation }) {
	const { task, stopped } = evaluation;
	const compared = metrics.some(({ difference }) => difference);
	const labelled = metrics.some(({ metric }) => metricFacts[metric].perfect === undefined);
	const confidence = stopped ? (100 * (1 - stopped.alpha)).toFixed(1) : '95';
	return (
		<table className="metrics">
			<caption className="muted">
				{metrics[0]?.n.toLocaleString()} {labelled ? 'labelled examples' : 'examples, compared with the original'}; intervals at{' '}
				{confidence} %{compared ? ', differences paired with the original' : ''}.
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
						<th scope="row">{metricTitle(metric.metric, task?.kind)}</th>
						<td>
							{metricText(metric.metric, metric.value)}{' '}
							<small className="muted">
								[{metricText(metric.metric, metric.interval[0])}, {metricText(metric.metric, metric.interval[1])}]
							</small>
						</td>
						{compared && <td>{differenceWords(metric, stopped?.alpha)}</td>}
					</tr>
				))}
			</tbody>
		</table>
	);
}

function differenceWords({ metric, difference }: TaskMetric, alpha: number | undefined): string {
	if (!difference) return '';
	const text = changeText(metric, difference.value, difference.interval);
	return isMeasurable(difference, alpha) ? text : `${text}, no measurable difference`;
}

/** Why there is no metric. */
function nothingWords({ task, variant }: Evaluation, dataset: DatasetFacts | undefined): string {
	const kind = task?.kind;
	if (kind === 'embedding' || kind === 'generic' || (kind === 'sequence' && !dataset?.labelled)) {
		return variant === 'original' ? 'Variants are compared with this model.' : 'Nothing could be compared with the original.';
	}
	return dataset?.labelled ? 'No label in the data fits this task.' : 'The examples have no labels.';
}

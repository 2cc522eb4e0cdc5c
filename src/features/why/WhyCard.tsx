import { useMemo } from 'react';
import { explainSpeed, type OperatorTime } from '../../core/study/explain.ts';
import type { VariantId } from '../../core/study/figures.ts';
import type { Study } from '../../core/study/study.ts';
import { formatMs } from '../../ui/format.ts';
import './why.css';

export interface WhyCardProps {
	readonly study: Study;
	readonly selected: VariantId;
}

/** "Why is it not faster?": answered from the profile, never from a rule of thumb alone. */
export function WhyCard({ study, selected }: WhyCardProps) {
	const explanations = useMemo(() => explainSpeed(study, selected), [study, selected]);
	if (explanations.length === 0) return null;
	return (
		<section className="card why" aria-labelledby="why-title">
			<h2 id="why-title">{selected === 'original' ? 'Where the time goes' : 'Why is it not faster?'}</h2>
			{explanations.map((explanation) => (
				<div key={explanation.target} className="why-target">
					<p>{explanation.verdict}</p>
					{explanation.causes.length > 0 && (
						<ul>
							{explanation.causes.map((cause) => (
								<li key={cause.title + cause.detail}>
									<strong>{cause.title}.</strong> {cause.detail}
								</li>
							))}
						</ul>
					)}
					{explanation.operators.length > 0 && (
						<details>
							<summary>Time by operator, {explanation.target}</summary>
							<OperatorTable operators={explanation.operators} original={selected === 'original'} />
						</details>
					)}
				</div>
			))}
		</section>
	);
}

function OperatorTable({ operators, original }: { readonly operators: readonly OperatorTime[]; readonly original: boolean }) {
	const most = Math.max(...operators.map((entry) => Math.max(entry.variantUs, entry.originalUs)), 1);
	return (
		<table className="figures operator-times">
			<thead>
				<tr>
					<th scope="col">operator</th>
					<th scope="col" className="numeric">
						{original ? 'ms' : 'ms here'}
					</th>
					{!original && (
						<th scope="col" className="numeric">
							original
						</th>
					)}
				</tr>
			</thead>
			<tbody>
				{operators.slice(0, 12).map((entry) => (
					<tr key={entry.op}>
						<th scope="row">
							{entry.op}
							<span className="bar" style={{ width: `${(100 * entry.variantUs) / most}%` }} aria-hidden="true" />
						</th>
						<td className="numeric">{formatMs(entry.variantUs / 1000).replace(/ ms$/, '')}</td>
						{!original && <td className="numeric muted">{formatMs(entry.originalUs / 1000).replace(/ ms$/, '')}</td>}
					</tr>
				))}
			</tbody>
		</table>
	);
}

import type { GroupEntry } from '../../core/pass/report.ts';
import { formatBytes, formatCount, formatMs } from '../../ui/format.ts';
import { Scroll } from '../../ui/Scroll.tsx';
import { changeText } from './cut.ts';
import { RecoveryChart } from './RecoveryChart.tsx';
import { fitText, type PrunedReport } from './result.ts';
import { ShapeList } from './ShapeList.tsx';

export interface ResultPanelProps {
	readonly reports: readonly PrunedReport[];
	readonly compact: boolean;
}

/** What steps of the recipe cut out, and how the layers behind made up for it. */
export function ResultPanel({ reports, compact }: ResultPanelProps) {
	return reports.map((entry) => <Step key={entry.step} entry={entry} of={reports.length} compact={compact} />);
}

interface StepProps {
	readonly entry: PrunedReport;
	readonly of: number;
	readonly compact: boolean;
}

function Step({ entry, of, compact }: StepProps) {
	const { report, groups, shapes, recovery, unfitted } = entry;
	const cut = groups.filter(({ before, after }) => after < before);
	const timed = groups.some(({ latencyMs }) => latencyMs !== undefined);
	const measured = groups.some(({ effects }) => effects.length > 0);
	return (
		<section className="pruned-step" aria-label={of > 1 ? `Pruning step ${entry.step}` : 'What was cut'}>
			<p className="pruned-headline">{report.headline}</p>
			<div className="pruned-columns">
				<section aria-label="Groups that were cut">
					<h3>
						{cut.length} of {groups.length} groups were cut
					</h3>
					<Scroll label="Widths before and after" className="result-table">
						<table className="figures">
							<thead>
								<tr>
									<th scope="col">group</th>
									<th scope="col" className="numeric">
										before
									</th>
									<th scope="col" className="numeric">
										after
									</th>
									<th scope="col" className="numeric">
										gone
									</th>
									<th scope="col" className="numeric" title="Multiply-accumulates of all layers that shrink with it, before">
										MACs
									</th>
									<th scope="col" className="numeric" title="Bytes of all tensors that shrink with it, before">
										stored
									</th>
									{timed && (
										<th scope="col" className="numeric" title="Measured, before">
											time
										</th>
									)}
									{measured && (
										<th
											scope="col"
											className="numeric"
											title="What the outputs lost with so many units of this group alone cut, on held-out examples"
										>
											loss on trial
										</th>
									)}
								</tr>
							</thead>
							<tbody>
								{[...cut, ...groups.filter((group) => !cut.includes(group))].map((group) => (
									<GroupResult key={group.id ?? group.node} group={group} timed={timed} measured={measured} />
								))}
							</tbody>
						</table>
					</Scroll>
					{shapes.length > 0 && (
						<details>
							<summary>
								{shapes.length} stored {shapes.length === 1 ? 'tensor has' : 'tensors have'} another shape
							</summary>
							<ShapeList label="Shapes before and after" shapes={shapes} />
						</details>
					)}
				</section>
				<section aria-label="Recovery">
					<h3>{recovery.length === 0 ? 'Nothing was refitted' : `Error of ${recovery.length} layers before and after the refit`}</h3>
					{recovery.length > 0 && (
						<>
							<p className="muted small">
								Squared error over variance on held-out rows, against the original, on what the cut model gives. Log scale; left is better.
							</p>
							<RecoveryChart entries={recovery} />
							<details open={!compact && recovery.length <= 12}>
								<summary>As a table</summary>
								<Scroll label="Recovery by layer" className="result-table">
									<table className="figures">
										<thead>
											<tr>
												<th scope="col">layer</th>
												<th scope="col" className="numeric">
													before
												</th>
												<th scope="col" className="numeric">
													after
												</th>
												<th scope="col" className="numeric">
													change
												</th>
												<th scope="col">fit</th>
											</tr>
										</thead>
										<tbody>
											{recovery.map((layer) => (
												<tr key={layer.key ?? layer.node}>
													<th scope="row">
														<span className="group-name" title={layer.node}>
															<bdi>{layer.node}</bdi>
														</span>
													</th>
													<td className="numeric">{layer.errorBefore.toPrecision(3)}</td>
													<td className="numeric">{layer.errorAfter.toPrecision(3)}</td>
													<td className="numeric">{changeText(layer.errorAfter, layer.errorBefore)}</td>
													<td>{fitText(layer)}</td>
												</tr>
											))}
										</tbody>
									</table>
								</Scroll>
							</details>
						</>
					)}
					{recovery[0]?.leftOut !== undefined && <p className="bad">The refit was left out: {recovery[0].leftOut}.</p>}
					{unfitted.length > 0 && (
						<details>
							<summary>
								{unfitted.length} {unfitted.length === 1 ? 'layer that reads' : 'layers that read'} what was cut could not be refitted
							</summary>
							<Scroll label="Layers that could not be refitted" className="reasons">
								<dl>
									{unfitted.map(({ node, key, reason }) => (
										<div key={key ?? node}>
											<dt>{node}</dt>
											<dd className="muted">{reason}</dd>
										</div>
									))}
								</dl>
							</Scroll>
						</details>
					)}
				</section>
			</div>
		</section>
	);
}

function GroupResult({ group, timed, measured }: { readonly group: GroupEntry; readonly timed: boolean; readonly measured: boolean }) {
	const { node, units, width, before, after, macs, bytes, latencyMs, effects, readers } = group;
	return (
		<tr className={after === before ? 'untouched' : undefined}>
			<th scope="row">
				<span className="group-name" title={`${node}\nread by ${readers.join(', ')}`}>
					<bdi>{node}</bdi>
				</span>
				{units === 'blocks' && <span className="muted small">blocks of {width}</span>}
			</th>
			<td className="numeric">{before.toLocaleString()}</td>
			<td className="numeric">
				<span className="kept-share" aria-hidden="true">
					<span style={{ width: `${(100 * after) / Math.max(1, before)}%` }} />
				</span>
				<span className="kept-count">{after.toLocaleString()}</span>
			</td>
			<td className="numeric">{after === before ? '–' : changeText(after, before)}</td>
			<td className="numeric">{formatCount(macs)}</td>
			<td className="numeric">{formatBytes(bytes)}</td>
			{timed && <td className="numeric">{latencyMs === undefined ? '–' : formatMs(latencyMs)}</td>}
			{measured && (
				<td className="numeric">
					{effects.length === 0 ? '–' : effects.map(({ removed, divergence }) => `${divergence.toPrecision(2)} at −${removed}`).join(', ')}
				</td>
			)}
		</tr>
	);
}

import type { Study } from '../../core/study/study.ts';
import { type Axis, costAxes, qualityAxes } from './axes.ts';
import type { Point } from './points.ts';

interface PointCardProps {
	readonly point: Point;
	readonly study: Study;
	readonly xAxis: Axis;
	readonly yAxis: Axis;
	/** The mark, in pixels of the chart. */
	readonly anchor: { readonly x: number; readonly y: number };
}

/** Everything measured of one mark; the same card for hover and focus. */
export function PointCard({ point, study, xAxis, yAxis, anchor }: PointCardProps) {
	const axes = [yAxis, xAxis, ...qualityAxes(study), ...costAxes(study)].filter(
		(axis, index, all) => all.findIndex((other) => other.key === axis.key) === index,
	);
	const variant = study.variants.find((entry) => entry.id === point.id);
	const flip = anchor.x > 320;
	return (
		<div className={`point-card${flip ? ' flip' : ''}`} style={{ left: anchor.x, top: anchor.y }} aria-hidden="true">
			<strong>{point.name}</strong>
			<dl>
				{axes.map((axis) => {
					const figure = axis.figure(point.id);
					if (!figure) return null;
					return (
						<div key={axis.key}>
							<dt>{axis.shortLabel}</dt>
							<dd>
								{figure.exact ? 'equal to the original' : axis.format(figure.value)}
								{figure.interval && !figure.exact && (
									<span className="muted">
										{' '}
										[{axis.format(figure.interval[0])}, {axis.format(figure.interval[1])}]
									</span>
								)}
							</dd>
						</div>
					);
				})}
			</dl>
			{variant?.report[0] && <p className="muted">{variant.report.map((report) => report.headline).join(' ')}</p>}
			<p className="muted">
				{point.front ? 'On the front.' : 'Another variant is at least as good on both axes.'}
				{point.excluded ? ' Outside the budget.' : ''}
			</p>
		</div>
	);
}

import { useId } from 'react';
import type { DatasetFacts } from '../../core/study/study.ts';
import { useStore } from '../../store/index.ts';

/** A point, or a percent of the original's figure: what most people would not act on. */
const usualMargin = 0.01;

/** Whether variants are judged on no more examples than a clear answer takes. */
export function StopEarly({ dataset, readOnly }: { readonly dataset: DatasetFacts; readonly readOnly: boolean }) {
	const changeStopEarly = useStore((store) => store.changeStopEarly);
	const helpId = useId();
	const { kind, settings } = dataset;
	const stop = settings?.stopEarly;
	if (kind === 'synthetic') return null;
	if (readOnly) return stop ? <p className="muted">Variants are judged until the answer is clear.</p> : null;
	return (
		<div className="stop-early">
			<label className="data-check">
				<input
					type="checkbox"
					checked={stop !== undefined}
					aria-describedby={helpId}
					onChange={({ target }) => changeStopEarly(target.checked ? { margin: usualMargin } : undefined)}
				/>
				<span>Stop when the answer is clear</span>
			</label>
			{stop && (
				<label className="data-field">
					<span>Differences that do not matter, points (or % of the figure)</span>
					<input
						type="number"
						min={0.1}
						max={50}
						step="any"
						key={stop.margin}
						defaultValue={Number((stop.margin * 100).toPrecision(6))}
						aria-describedby={helpId}
						onBlur={({ target }) => {
							const margin = Number((target.valueAsNumber / 100).toPrecision(6));
							if (margin >= 0.001 && margin <= 0.5) changeStopEarly({ margin });
							else target.value = String(Number((stop.margin * 100).toPrecision(6)));
						}}
						onKeyDown={(event) => {
							if (event.key === 'Enter') event.currentTarget.blur();
						}}
					/>
				</label>
			)}
			<p id={helpId} className="muted small">
				{stop
					? 'Variants run on examples in random order, until a difference from the original is measurable or surely smaller than this. Intervals are wider for it; what was judged otherwise is judged again.'
					: 'Variants are judged on all examples.'}
			</p>
		</div>
	);
}

import { lazy, Suspense, useDeferredValue, useMemo, useRef, useState } from 'react';
import type { Study } from '../../core/study/study.ts';
import { type Axis, costAxes, qualityAxes } from './axes.ts';
import { saveChart } from './export-chart.ts';
import type { Budget, VariantId } from './points.ts';
import { pointsOf } from './points.ts';
import './charts.css';

// recharts is the largest package of the page: it comes when the first chart does.
const TradeOffChart = lazy(async () => ({ default: (await import('./TradeOffChart.tsx')).TradeOffChart }));

export interface TradeOffCardProps {
	readonly study: Study;
	readonly selected: VariantId | undefined;
	readonly onSelect: (variant: VariantId) => void;
	readonly compact: boolean;
}

const FAMILIES = [
	['quantized', 'quantized'],
	['pruned', 'pruned'],
	['both', 'both'],
	['factorized', 'factorized'],
	['optimized', 'optimized'],
] as const;

/** The page's one question: what does a smaller model cost? Axes, budgets, and the same figures as a table. */
export function TradeOffCard({ study: newest, selected, onSelect, compact }: TradeOffCardProps) {
	// The table shows a new figure at once, the chart in the task after: two short tasks instead of a long one.
	const study = useDeferredValue(newest);
	const costs = useMemo(() => costAxes(study), [study]);
	const qualities = useMemo(() => qualityAxes(study), [study]);
	const latencies = costs.filter((axis) => axis.key.startsWith('latency:'));
	const [mode, setMode] = useState<'size' | 'latency' | 'both'>('size');
	const [xKey, setXKey] = useState<string | undefined>();
	const [yKey, setYKey] = useState<string | undefined>();
	const [logX, setLogX] = useState(true);
	const [budgets, setBudgets] = useState<Readonly<Record<string, number>>>({});
	const [asTable, setAsTable] = useState(false);
	const row = useRef<HTMLDivElement>(null);

	const yAxis = qualities.find((axis) => axis.key === yKey) ?? qualities[0];
	const size = costs.find((axis) => axis.key === xKey) ?? costs[0]!;
	const latency = (xKey?.startsWith('latency:') ? latencies.find((axis) => axis.key === xKey) : undefined) ?? latencies[0];
	const chosen: Axis[] =
		mode === 'size' ? [size] : mode === 'latency' ? (latency ? [latency] : []) : [costs[0]!, ...(latency ? [latency] : [])];
	const [firstAxis, secondAxis] = chosen;
	const xAxes = useMemo(
		() => [firstAxis, secondAxis].flatMap((axis) => (axis ? [{ ...axis, log: logX }] : [])),
		[firstAxis, secondAxis, logX],
	);
	const families = FAMILIES.filter(([family]) => study.variants.some((variant) => variant.family === family));

	const budgetFor = (xAxis: Axis, worth: Axis): Budget => ({
		...(budgets[xAxis.key] !== undefined ? { x: budgets[xAxis.key] } : {}),
		...(budgets[worth.key] !== undefined ? { y: budgets[worth.key] } : {}),
	});
	const setBudget = (xAxis: Axis, worth: Axis, budget: Budget): void => {
		const next = { ...budgets };
		delete next[xAxis.key];
		delete next[worth.key];
		if (budget.x !== undefined) next[xAxis.key] = budget.x;
		if (budget.y !== undefined) next[worth.key] = budget.y;
		setBudgets(next);
	};

	const saveAs = (format: 'svg' | 'png'): void => {
		const caption = `${study.model.name}: ${yAxis?.label ?? ''}. Measured ${study.updatedAt.slice(0, 10)} on ${study.environment.browser}, ${study.environment.runtime}. Pare ${study.environment.pare}.`;
		for (const [index, drawing] of [...(row.current?.querySelectorAll<SVGSVGElement>('svg.recharts-surface') ?? [])].entries()) {
			void saveChart(
				drawing,
				caption,
				`${study.model.name.replace(/\.onnx$/i, '')}-${xAxes[index]?.key.replace(/\W+/g, '-') ?? 'chart'}`,
				format,
			);
		}
	};

	return (
		<section className="card trade-off" aria-labelledby="trade-off-title">
			<header className="card-head">
				<h2 id="trade-off-title">Trade-off</h2>
				<fieldset className="segmented">
					<legend className="visually-hidden">Cost shown</legend>
					{(['size', 'latency', 'both'] as const).map((entry) => (
						<label key={entry}>
							<input
								type="radio"
								name="trade-off-mode"
								checked={mode === entry}
								disabled={entry !== 'size' && latencies.length === 0}
								onChange={() => {
									setMode(entry);
									setXKey(undefined);
								}}
							/>
							<span>{entry}</span>
						</label>
					))}
				</fieldset>
				<ul className="legend" aria-label="Families">
					{families.map(([family, label]) => (
						<li key={family} className={`family-${family}`}>
							<span className="swatch" aria-hidden="true" />
							{label}
						</li>
					))}
				</ul>
			</header>
			{yAxis ? (
				<>
					{asTable ? (
						<ChartTable study={study} xAxes={xAxes} yAxis={yAxis} onSelect={onSelect} selected={selected} />
					) : (
						<div ref={row} className={`chart-row charts-${xAxes.length}`}>
							{xAxes.map((xAxis) => (
								<Suspense key={xAxis.key} fallback={<div className="chart-empty" style={{ height: compact ? 320 : 430 }} />}>
									<TradeOffChart
										study={study}
										xAxis={xAxis}
										yAxis={yAxis}
										budget={budgetFor(xAxis, yAxis)}
										onBudget={(budget) => setBudget(xAxis, yAxis, budget)}
										selected={selected}
										onSelect={onSelect}
										heightPx={compact ? 320 : 430}
										compact={compact || xAxes.length > 1}
									/>
								</Suspense>
							))}
						</div>
					)}
					<footer className="chart-controls">
						<label>
							up
							<select value={yAxis.key} onChange={(event) => setYKey(event.target.value)}>
								{qualities.map((axis) => (
									<option key={axis.key} value={axis.key}>
										{axis.shortLabel}
									</option>
								))}
							</select>
						</label>
						{mode !== 'both' && (
							<label>
								right
								<select value={xAxes[0]?.key ?? ''} onChange={(event) => setXKey(event.target.value)}>
									{(mode === 'latency' ? latencies : costs).map((axis) => (
										<option key={axis.key} value={axis.key}>
											{axis.shortLabel}
										</option>
									))}
								</select>
							</label>
						)}
						<label>
							<input type="checkbox" checked={logX} onChange={(event) => setLogX(event.target.checked)} /> log scale
						</label>
						<label>
							<input type="checkbox" checked={asTable} onChange={(event) => setAsTable(event.target.checked)} /> as a table
						</label>
						{!asTable && (
							<span className="chart-save">
								<button type="button" className="quiet" onClick={() => saveAs('svg')}>
									SVG
								</button>
								<button type="button" className="quiet" onClick={() => saveAs('png')}>
									PNG
								</button>
							</span>
						)}
						{Object.keys(budgets).length > 0 && (
							<button type="button" className="quiet" onClick={() => setBudgets({})}>
								Clear budgets
							</button>
						)}
					</footer>
				</>
			) : (
				<p className="chart-empty" style={{ height: compact ? 220 : 320 }}>
					The chart appears with the first measured variant.
				</p>
			)}
		</section>
	);
}

interface ChartTableProps {
	readonly study: Study;
	readonly xAxes: readonly Axis[];
	readonly yAxis: Axis;
	readonly selected: VariantId | undefined;
	readonly onSelect: (variant: VariantId) => void;
}

/** What the chart shows, as text. */
function ChartTable({ study, xAxes, yAxis, selected, onSelect }: ChartTableProps) {
	const rows = xAxes[0] ? pointsOf(study, xAxes[0], yAxis) : [];
	return (
		<div className="scroll-x">
			<table className="figures">
				<thead>
					<tr>
						<th scope="col">variant</th>
						{xAxes.map((axis) => (
							<th scope="col" key={axis.key} className="numeric">
								{axis.shortLabel}
							</th>
						))}
						<th scope="col" className="numeric">
							{yAxis.shortLabel}
						</th>
						<th scope="col" className="numeric">
							{study.evaluations.some(({ stopped }) => stopped) ? 'interval' : '95 % interval'}
						</th>
						<th scope="col">front</th>
					</tr>
				</thead>
				<tbody>
					{rows.map((point) => (
						<tr key={point.id} aria-selected={point.id === selected}>
							<th scope="row">
								<button type="button" className="link" onClick={() => onSelect(point.id)}>
									{point.name}
								</button>
							</th>
							{xAxes.map((axis) => {
								const figure = axis.figure(point.id);
								return (
									<td key={axis.key} className="numeric">
										{figure ? axis.format(figure.value) : '–'}
									</td>
								);
							})}
							<td className="numeric">{point.exact ? 'equal' : yAxis.format(point.y)}</td>
							<td className="numeric">
								{point.yInterval ? `${yAxis.format(point.yInterval[0])} to ${yAxis.format(point.yInterval[1])}` : '–'}
							</td>
							<td>{point.front ? 'yes' : ''}</td>
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}

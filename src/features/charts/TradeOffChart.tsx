import { memo, useCallback, useId, useMemo, useRef, useState } from 'react';
import { CartesianGrid, Scatter, ScatterChart, usePlotArea, useXAxisScale, useYAxisScale, XAxis, YAxis } from 'recharts';
import type { Study } from '../../core/study/study.ts';
import type { Axis } from './axes.ts';
import { BudgetHandles, BudgetShade } from './Budgets.tsx';
import { placeLabels } from './labels.ts';
import { PointCard } from './PointCard.tsx';
import { type Budget, type Point, pointsOf, type VariantId } from './points.ts';
import { domainOf, ticksOf } from './scale.ts';
import { useStages, useWidth } from './use-stages.ts';
import './charts.css';

export interface TradeOffChartProps {
	readonly study: Study;
	readonly xAxis: Axis;
	readonly yAxis: Axis;
	readonly budget: Budget;
	readonly onBudget: (budget: Budget) => void;
	readonly selected: VariantId | undefined;
	readonly onSelect: (variant: VariantId) => void;
	readonly heightPx: number;
	/** Narrow charts drop labels that would not fit. */
	readonly compact?: boolean;
}

/** What a mark costs against what it is worth. One tab stop: arrows move between marks, Enter selects. */
export function TradeOffChart({
	study,
	xAxis,
	yAxis,
	budget,
	onBudget,
	selected,
	onSelect,
	heightPx,
	compact = false,
}: TradeOffChartProps) {
	const { x: mostX, y: leastY } = budget;
	const points = useMemo(
		() => pointsOf(study, xAxis, yAxis, { ...(mostX !== undefined && { x: mostX }), ...(leastY !== undefined && { y: leastY }) }),
		[study, xAxis, yAxis, mostX, leastY],
	);
	const xDomain = useMemo(
		() =>
			domainOf(
				points.flatMap((point) => [point.x, ...(point.xInterval ?? [])]).filter((value) => value > 0),
				xAxis.log,
			),
		[points, xAxis],
	);
	const yDomain = useMemo(
		() =>
			domainOf(
				points.flatMap((point) => [point.y, ...(point.yInterval ?? [])]),
				yAxis.log,
			),
		[points, yAxis],
	);
	const [active, setActive] = useState<VariantId | undefined>();
	const [anchor, setAnchor] = useState<{ readonly x: number; readonly y: number } | undefined>();
	const positions = useRef(new Map<VariantId, { x: number; y: number }>());
	const listId = useId();
	const frame = useRef<HTMLDivElement>(null);
	const width = useWidth(frame);
	const stage = useStages(7);
	const activePoint = points.find((point) => point.id === active);

	const show = useCallback((id: VariantId | undefined) => {
		setActive(id);
		setAnchor(id === undefined ? undefined : positions.current.get(id));
	}, []);

	const move = (step: number): void => {
		if (points.length === 0) return;
		const from = points.findIndex((point) => point.id === (active ?? selected));
		const next = points[(from + step + points.length) % points.length];
		if (next) show(next.id);
	};

	const onKeyDown = (event: React.KeyboardEvent): void => {
		if (event.key === 'ArrowRight' || event.key === 'ArrowDown') move(1);
		else if (event.key === 'ArrowLeft' || event.key === 'ArrowUp') move(-1);
		else if (event.key === 'Home') show(points[0]?.id);
		else if (event.key === 'End') show(points.at(-1)?.id);
		else if ((event.key === 'Enter' || event.key === ' ') && active !== undefined) onSelect(active);
		else if (event.key === 'Escape') show(undefined);
		else return;
		event.preventDefault();
	};

	if (points.length === 0) {
		return (
			<p className="chart-empty" style={{ height: heightPx }}>
				Nothing has been measured on both axes yet. Run a recipe, or choose other axes.
			</p>
		);
	}

	return (
		// biome-ignore lint/a11y/noStaticElementInteractions: leaving with the mouse only hides the card
		<div className="chart" onMouseLeave={() => show(undefined)}>
			{compact && <p className="chart-y-label">{yAxis.label}</p>}
			{/* The drawing is for eyes; this list is the same for keyboards and screen readers. */}
			<div
				className="chart-list"
				role="listbox"
				tabIndex={0}
				aria-label={`${yAxis.shortLabel} against ${xAxis.shortLabel}: ${points.length} variants. Arrow keys move, Enter selects.`}
				aria-activedescendant={active === undefined ? undefined : `${listId}-${active}`}
				onKeyDown={onKeyDown}
				onFocus={() => show(active ?? selected ?? points[0]?.id)}
				onBlur={() => show(undefined)}
			>
				{points.map((point) => (
					<div key={point.id} id={`${listId}-${point.id}`} role="option" aria-selected={point.id === selected} tabIndex={-1}>
						{describePoint(point, xAxis, yAxis)}
					</div>
				))}
			</div>
			<div ref={frame} style={{ height: heightPx }}>
				{stage > 0 && width > 0 && (
					<ScatterChart width={width} height={heightPx} margin={compact ? COMPACT_MARGIN : MARGIN} accessibilityLayer={false}>
						{stage > 3 && <CartesianGrid />}
						{stage > 1 && <CostAxis axis={xAxis} domain={xDomain} compact={compact} />}
						{stage > 2 && <WorthAxis axis={yAxis} domain={yDomain} compact={compact} />}
						{stage > 4 && (
							<>
								<BudgetShade budget={budget} better={yAxis.better} />
								<Front points={points} better={yAxis.better} />
								<Scatter
									data={points}
									isAnimationActive={false}
									shape={(props: unknown) => {
										const { cx, cy, payload } = props as { cx: number; cy: number; payload: Point };
										positions.current.set(payload.id, { x: cx, y: cy });
										return (
											<Mark
												key={payload.id}
												cx={cx}
												cy={cy}
												point={payload}
												selected={payload.id === selected}
												active={payload.id === active}
												onEnter={() => show(payload.id)}
												onSelect={() => onSelect(payload.id)}
											/>
										);
									}}
								/>
							</>
						)}
						{stage > 5 && <Labels points={points} selected={selected} compact={compact} />}
						{stage > 6 && <BudgetHandles budget={budget} onBudget={onBudget} xAxis={xAxis} yAxis={yAxis} />}
					</ScatterChart>
				)}
			</div>
			{activePoint && anchor && <PointCard point={activePoint} study={study} xAxis={xAxis} yAxis={yAxis} anchor={anchor} />}
			<p className="visually-hidden" aria-live="polite">
				{activePoint ? describePoint(activePoint, xAxis, yAxis) : ''}
			</p>
		</div>
	);
}

const MARGIN = { top: 22, right: 16, bottom: 22, left: 14 } as const;
const COMPACT_MARGIN = { ...MARGIN, left: 4 } as const;

interface AxisPartProps {
	readonly axis: Axis;
	readonly domain: [number, number];
	readonly compact: boolean;
}

/** Whether an axis would be drawn the same: each new figure makes new axis objects, most of them alike. */
function drawnAlike(before: AxisPartProps, after: AxisPartProps): boolean {
	return (
		before.axis.label === after.axis.label &&
		before.axis.log === after.axis.log &&
		before.axis.format === after.axis.format &&
		before.domain[0] === after.domain[0] &&
		before.domain[1] === after.domain[1] &&
		before.compact === after.compact
	);
}

// The chart library computes anew whatever gets new objects: axes keep theirs until they would be drawn differently.
const CostAxis = memo(({ axis, domain, compact }: AxisPartProps) => {
	const ticks = useMemo(() => ticksOf(domain, axis.log, compact ? 5 : 9), [domain, axis.log, compact]);
	const format = useCallback((value: number) => tickText(axis, value), [axis]);
	const label = useMemo(
		() => ({ value: `${axis.label}${axis.log ? ' (log)' : ''}`, position: 'insideBottom' as const, offset: -14 }),
		[axis],
	);
	return (
		<XAxis
			type="number"
			dataKey="x"
			scale={axis.log ? 'log' : 'linear'}
			domain={domain}
			ticks={ticks}
			tickFormatter={format}
			allowDataOverflow
			tickLine={false}
			axisLine={false}
			label={label}
		/>
	);
}, drawnAlike);

const WorthAxis = memo(({ axis, domain, compact }: AxisPartProps) => {
	const ticks = useMemo(() => ticksOf(domain, axis.log, 7), [domain, axis.log]);
	const format = useCallback((value: number) => tickText(axis, value), [axis]);
	const label = useMemo(
		() => ({ value: axis.label, angle: -90, position: 'insideLeft' as const, offset: 0, style: { textAnchor: 'middle' as const } }),
		[axis],
	);
	return (
		<YAxis
			type="number"
			dataKey="y"
			scale={axis.log ? 'log' : 'linear'}
			domain={domain}
			ticks={ticks}
			tickFormatter={format}
			allowDataOverflow
			tickLine={false}
			axisLine={false}
			width={compact ? 40 : 58}
			{...(compact ? {} : { label })}
		/>
	);
}, drawnAlike);

/** Units stand in the axis label; ticks keep the number alone. */
function tickText(axis: Axis, value: number): string {
	const text = axis.format(value);
	const short = (amount: number): string => amount.toLocaleString(undefined, { maximumSignificantDigits: 4 });
	// One unit along the whole axis: 0.3, 1 and 2 MB, never 300 kB beside 1.
	if (/\s?[kMG]?B$/u.test(text) && !text.endsWith('dB')) return short(value / 1e6);
	if (text.endsWith(' ms')) return short(value);
	return text
		.replace(/\s(dB|%)$/u, '')
		.replace(/([.,]\d*?)0+(?=\s|$)/u, '$1')
		.replace(/[.,](?=\s|$)/u, '');
}

function describePoint(point: Point, xAxis: Axis, yAxis: Axis): string {
	const interval = point.yInterval ? `, interval ${yAxis.format(point.yInterval[0])} to ${yAxis.format(point.yInterval[1])}` : '';
	const worth = point.exact ? 'equal to the original' : `${yAxis.shortLabel} ${yAxis.format(point.y)}${interval}`;
	return `${point.name}: ${xAxis.shortLabel} ${xAxis.format(point.x)}, ${worth}${point.front ? ', on the front' : ''}${point.excluded ? ', outside the budget' : ''}`;
}

interface MarkProps {
	readonly cx: number;
	readonly cy: number;
	readonly point: Point;
	readonly selected: boolean;
	readonly active: boolean;
	readonly onEnter: () => void;
	readonly onSelect: () => void;
}

function Mark({ cx, cy, point, selected, active, onEnter, onSelect }: MarkProps) {
	const yScale = useYAxisScale();
	const xScale = useXAxisScale();
	const faded = (!point.front && !selected && !active && point.id !== 'original') || point.excluded;
	const vertical = point.yInterval?.map((value) => yScale?.(value));
	const horizontal = point.xInterval?.map((value) => xScale?.(value));
	return (
		// biome-ignore lint/a11y/noStaticElementInteractions: mouse only, keyboards use the list beside the drawing
		<g className={`mark family-${point.family}${faded ? ' faded' : ''}`} onMouseEnter={onEnter} onClick={onSelect}>
			{vertical?.[0] !== undefined && vertical[1] !== undefined && (
				<line className="whisker" x1={cx} x2={cx} y1={vertical[0]} y2={vertical[1]} />
			)}
			{horizontal?.[0] !== undefined && horizontal[1] !== undefined && (
				<line className="whisker" x1={horizontal[0]} x2={horizontal[1]} y1={cy} y2={cy} />
			)}
			<circle className="target" cx={cx} cy={cy} r={13} />
			{selected && <circle className="ring" cx={cx} cy={cy} r={10} />}
			{/* The shape repeats what the colour says. */}
			<MarkShape family={point.family} cx={cx} cy={cy} />
		</g>
	);
}

export function MarkShape({
	family,
	cx,
	cy,
	r = 4.5,
}: {
	readonly family: Point['family'];
	readonly cx: number;
	readonly cy: number;
	readonly r?: number;
}) {
	switch (family) {
		case 'pruned':
			return <rect className="dot" x={cx - r} y={cy - r} width={2 * r} height={2 * r} />;
		case 'both':
			return <path className="dot" d={`M${cx} ${cy - r - 1.5}l${r + 1.5} ${r + 1.5}l${-r - 1.5} ${r + 1.5}l${-r - 1.5} ${-r - 1.5}z`} />;
		case 'factorized':
			return <path className="dot" d={`M${cx} ${cy - r - 1}l${r + 1} ${2 * r + 1}h${-2 * r - 2}z`} />;
		default:
			return <circle className="dot" cx={cx} cy={cy} r={r} />;
	}
}

/** The best that can be had at each cost: flat until the next better point, then up. */
function Front({ points, better }: { readonly points: readonly Point[]; readonly better: 'low' | 'high' }) {
	const xScale = useXAxisScale();
	const yScale = useYAxisScale();
	const area = usePlotArea();
	if (!xScale || !yScale || !area) return null;
	const front = points
		.filter((point) => point.front)
		.map((point) => ({ x: xScale(point.x) ?? 0, y: yScale(point.y) ?? 0 }))
		.sort((a, b) => a.x - b.x || (better === 'high' ? b.y - a.y : a.y - b.y));
	const first = front[0];
	if (!first) return null;
	const path = front.slice(1).map(({ x, y }) => `H${x}V${y}`);
	return <path className="front" d={`M${first.x} ${first.y}${path.join('')}H${area.x + area.width}`} />;
}

function Labels({
	points,
	selected,
	compact,
}: {
	readonly points: readonly Point[];
	readonly selected: VariantId | undefined;
	readonly compact: boolean;
}) {
	const xScale = useXAxisScale();
	const yScale = useYAxisScale();
	const area = usePlotArea();
	if (!xScale || !yScale || !area) return null;
	const front = points.filter((point) => point.front && point.id !== 'original');
	const ends = new Set([front[0]?.id, front.at(-1)?.id]);
	const marks = points.map((point) => ({ point, x: xScale(point.x) ?? 0, y: yScale(point.y) ?? 0 }));
	const requests = marks.flatMap(({ point, x, y }) => {
		const priority = point.id === selected ? 4 : point.id === 'original' ? 3 : ends.has(point.id) ? 2 : point.front && !compact ? 1 : 0;
		return priority > 0 ? [{ id: point.id, text: point.name, x, y, priority }] : [];
	});
	const placed = placeLabels(requests, marks, { left: area.x, top: area.y, right: area.x + area.width, bottom: area.y + area.height });
	return (
		<g>
			{placed.map((label) => (
				<text
					key={label.id}
					className={`mark-label${label.id === selected ? ' selected' : ''}`}
					x={label.x}
					y={label.y}
					textAnchor={label.anchor}
				>
					{label.text}
				</text>
			))}
		</g>
	);
}

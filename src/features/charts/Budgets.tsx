import { useRef } from 'react';
import { usePlotArea, useXAxisInverseScale, useXAxisScale, useYAxisInverseScale, useYAxisScale } from 'recharts';
import type { Axis } from './axes.ts';
import type { Budget } from './points.ts';

/** Share of the axis that one arrow key moves a handle. */
const STEP = 0.02;

/** Shades what the budgets leave out. */
export function BudgetShade({ budget, better }: { readonly budget: Budget; readonly better: 'low' | 'high' }) {
	const xScale = useXAxisScale();
	const yScale = useYAxisScale();
	const area = usePlotArea();
	if (!area || !xScale || !yScale) return null;
	const right = area.x + area.width;
	const bottom = area.y + area.height;
	const x = budget.x === undefined ? right : clamp(xScale(budget.x) ?? right, area.x, right);
	const y = budget.y === undefined ? undefined : clamp(yScale(budget.y) ?? bottom, area.y, bottom);
	return (
		<g>
			{x < right && <rect className="budget-shade" x={x} y={area.y} width={right - x} height={area.height} />}
			{y !== undefined && better === 'high' && <rect className="budget-shade" x={area.x} y={y} width={x - area.x} height={bottom - y} />}
			{y !== undefined && better === 'low' && (
				<rect className="budget-shade" x={area.x} y={area.y} width={x - area.x} height={y - area.y} />
			)}
		</g>
	);
}

interface HandlesProps {
	readonly budget: Budget;
	readonly onBudget: (budget: Budget) => void;
	readonly xAxis: Axis;
	readonly yAxis: Axis;
}

/** One handle on each axis: dragged, or moved with the arrow keys; parked at the end it means no limit. */
export function BudgetHandles({ budget, onBudget, xAxis, yAxis }: HandlesProps) {
	const xScale = useXAxisScale();
	const yScale = useYAxisScale();
	const xInverse = useXAxisInverseScale();
	const yInverse = useYAxisInverseScale();
	const area = usePlotArea();
	if (!area || !xScale || !yScale || !xInverse || !yInverse) return null;
	const right = area.x + area.width;
	const bottom = area.y + area.height;
	const loose = yAxis.better === 'high' ? bottom : area.y;
	const x = budget.x === undefined ? right : clamp(xScale(budget.x) ?? right, area.x, right);
	const y = budget.y === undefined ? loose : clamp(yScale(budget.y) ?? loose, area.y, bottom);
	const without = (axis: 'x' | 'y'): Budget =>
		axis === 'x' ? (budget.y === undefined ? {} : { y: budget.y }) : budget.x === undefined ? {} : { x: budget.x };
	const setX = (pixel: number): void => {
		const value = xInverse(clamp(pixel, area.x, right));
		onBudget(pixel >= right - 3 || typeof value !== 'number' ? without('x') : { ...budget, x: value });
	};
	const setY = (pixel: number): void => {
		const value = yInverse(clamp(pixel, area.y, bottom));
		onBudget(Math.abs(pixel - loose) <= 3 || typeof value !== 'number' ? without('y') : { ...budget, y: value });
	};
	const xText = budget.x === undefined ? `any ${xAxis.shortLabel}` : `≤ ${xAxis.format(budget.x)}`;
	const yText = budget.y === undefined ? `any ${yAxis.shortLabel}` : `${yAxis.better === 'high' ? '≥' : '≤'} ${yAxis.format(budget.y)}`;
	return (
		<>
			<Handle
				orientation="x"
				at={x}
				from={area.x}
				to={right}
				lineFrom={area.y}
				lineTo={bottom}
				text={xText}
				label={`Budget for ${xAxis.shortLabel}`}
				value={budget.x}
				onMove={setX}
				onClear={() => onBudget(without('x'))}
			/>
			<Handle
				orientation="y"
				at={y}
				from={area.y}
				to={bottom}
				lineFrom={area.x}
				lineTo={right}
				text={yText}
				label={`Budget for ${yAxis.shortLabel}`}
				value={budget.y}
				onMove={setY}
				onClear={() => onBudget(without('y'))}
			/>
		</>
	);
}

interface HandleProps {
	readonly orientation: 'x' | 'y';
	/** Position, range and extent of the line, in pixels of the drawing. */
	readonly at: number;
	readonly from: number;
	readonly to: number;
	readonly lineFrom: number;
	readonly lineTo: number;
	readonly text: string;
	readonly label: string;
	readonly value: number | undefined;
	readonly onMove: (pixel: number) => void;
	readonly onClear: () => void;
}

function Handle({ orientation, at, from, to, lineFrom, lineTo, text, label, value, onMove, onClear }: HandleProps) {
	const dragging = useRef(false);
	const width = text.length * 6.4 + 16;
	const vertical = orientation === 'x';
	const set = value !== undefined;
	const boxX = vertical ? clamp(at - width / 2, 0, to - width + 12) : lineTo - width;
	const boxY = vertical ? lineFrom - 20 : clamp(at - 9, from + 2, to - 20);
	const percent = Math.round((((vertical ? at : to - at) - (vertical ? from : 0)) / (to - from)) * 100);
	return (
		<g className={`budget${set ? ' set' : ''}`}>
			{set && (
				<line
					className="budget-line"
					x1={vertical ? at : lineFrom}
					x2={vertical ? at : lineTo}
					y1={vertical ? lineFrom : at}
					y2={vertical ? lineTo : at}
				/>
			)}
			<g
				role="slider"
				tabIndex={0}
				aria-label={label}
				aria-orientation={vertical ? 'horizontal' : 'vertical'}
				aria-valuemin={0}
				aria-valuemax={100}
				aria-valuenow={percent}
				aria-valuetext={text}
				onKeyDown={(event) => {
					const step = (to - from) * (event.shiftKey ? STEP * 5 : STEP);
					if (event.key === 'ArrowRight') onMove(at + (vertical ? step : -step));
					else if (event.key === 'ArrowLeft') onMove(at - (vertical ? step : -step));
					else if (event.key === 'ArrowUp') onMove(at + (vertical ? step : -step));
					else if (event.key === 'ArrowDown') onMove(at - (vertical ? step : -step));
					else if (event.key === 'Delete' || event.key === 'Backspace' || event.key === 'Escape') onClear();
					else return;
					event.preventDefault();
				}}
				onPointerDown={(event) => {
					dragging.current = true;
					event.currentTarget.setPointerCapture(event.pointerId);
				}}
				onPointerMove={(event) => {
					if (!dragging.current) return;
					const frame = event.currentTarget.ownerSVGElement?.getBoundingClientRect();
					if (frame) onMove(vertical ? event.clientX - frame.left : event.clientY - frame.top);
				}}
				onPointerUp={() => {
					dragging.current = false;
				}}
				onDoubleClick={onClear}
				style={{ cursor: vertical ? 'ew-resize' : 'ns-resize' }}
			>
				<rect x={boxX} y={boxY} width={width} height={18} rx={9} />
				<text x={boxX + width / 2} y={boxY + 13} textAnchor="middle">
					{text}
				</text>
			</g>
		</g>
	);
}

function clamp(value: number, low: number, high: number): number {
	return Math.min(Math.max(value, low), high);
}

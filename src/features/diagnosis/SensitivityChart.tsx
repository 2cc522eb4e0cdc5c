import { useEffect, useId, useRef, useState } from 'react';
import { BarChart, Bar as BarMark, CartesianGrid, Cell, XAxis, YAxis } from 'recharts';
import type { NodeKey } from '../../core/study/node-figures.ts';
import { type Measure, shortName } from './measures.ts';

export interface SensitivityChartProps {
	readonly measure: Measure;
	readonly selected: NodeKey | undefined;
	readonly onSelect: (node: NodeKey) => void;
	readonly compact: boolean;
}

const ROW_PX = 22;
const MOST_BARS = 16;

/** The worst layers as bars. One tab stop: arrows move, the table and the panel follow. */
export function SensitivityChart({ measure, selected, onSelect, compact }: SensitivityChartProps) {
	const frame = useRef<HTMLDivElement>(null);
	const width = useWidth(frame);
	const listId = useId();
	const worst = measure.bars.slice(0, MOST_BARS);
	const beyond = measure.bars.slice(MOST_BARS).find(({ node }) => node === selected);
	// A selected layer is always drawn, in the last place where it is not among the worst.
	const bars = beyond ? [...worst.slice(0, -1), beyond] : worst;
	const at = bars.findIndex(({ node }) => node === selected);
	const choose = (index: number): void => {
		const bar = bars[Math.min(bars.length - 1, Math.max(0, index))];
		if (bar) onSelect(bar.node);
	};
	const onKeyDown = (event: React.KeyboardEvent): void => {
		if (event.key === 'ArrowDown' || event.key === 'ArrowRight') choose(at + 1);
		else if (event.key === 'ArrowUp' || event.key === 'ArrowLeft') choose(at <= 0 ? 0 : at - 1);
		else if (event.key === 'Home') choose(0);
		else if (event.key === 'End') choose(bars.length - 1);
		else return;
		event.preventDefault();
	};
	const longest = Math.max(...bars.map(({ label }) => label.length), 4);
	const names = Math.min(longest * 6.4 + 12, compact ? 112 : 280, width * 0.4);
	const characters = Math.floor((names - 8) / 6.2);
	const height = bars.length * ROW_PX + 46;
	return (
		<div className="bars">
			<div
				className="bars-list"
				role="listbox"
				tabIndex={0}
				aria-label={`${measure.title}, ${measure.bars.length} layers, worst first. Arrow keys move.`}
				aria-activedescendant={at < 0 ? undefined : `${listId}-${at}`}
				onKeyDown={onKeyDown}
			>
				{bars.map((bar, index) => (
					<div key={bar.node} id={`${listId}-${index}`} role="option" aria-selected={bar.node === selected} tabIndex={-1}>
						{bar.label}: {bar.text}
					</div>
				))}
			</div>
			{compact && <p className="muted bars-axis">{measure.axis}</p>}
			<div ref={frame} className="bars-frame" style={{ height }}>
				{width > 0 && (
					<BarChart
						width={width}
						height={height}
						data={[...bars]}
						layout="vertical"
						margin={{ top: 0, right: 12, bottom: 18, left: 0 }}
						accessibilityLayer={false}
						barCategoryGap={4}
					>
						<CartesianGrid horizontal={false} />
						<XAxis
							type="number"
							height={28}
							tickLine={false}
							tickFormatter={(value: number) => value.toLocaleString(undefined, { maximumSignificantDigits: 3 })}
							{...(!compact && { label: { value: measure.axis, position: 'insideBottom', offset: -12 } })}
						/>
						<YAxis
							type="category"
							dataKey="node"
							width={names}
							tickLine={false}
							interval={0}
							tickFormatter={(node: string) => shortName(bars.find((bar) => bar.node === node)?.label ?? node, characters)}
						/>
						<BarMark
							dataKey="value"
							isAnimationActive={false}
							radius={[0, 3, 3, 0]}
							minPointSize={2}
							onClick={(_, index) => choose(index)}
							className="bars-mark"
						>
							{bars.map((bar) => (
								<Cell key={bar.node} className={bar.node === selected ? 'bar-chosen' : 'bar-plain'} />
							))}
						</BarMark>
					</BarChart>
				)}
			</div>
		</div>
	);
}

function useWidth(frame: React.RefObject<HTMLDivElement | null>): number {
	const [width, setWidth] = useState(0);
	useEffect(() => {
		const element = frame.current;
		if (!element) return;
		const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
		observer.observe(element);
		return () => observer.disconnect();
	}, [frame]);
	return width;
}

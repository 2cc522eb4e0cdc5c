import { useMemo, useState } from 'react';
import { estimatePlan, type PruningPlan } from '../../core/structure/plan.ts';
import { leastLeft, stepFor } from '../../core/structure/rounding.ts';
import type { StructureSensitivity } from '../../passes/prune-structured/sensitivity.ts';
import { formatBytes, formatCount, formatMs } from '../../ui/format.ts';
import { Scroll } from '../../ui/Scroll.tsx';
import { changeText, kindText, rounding, unitsText } from './cut.ts';
import { EffectCurve } from './EffectCurve.tsx';
import { type GroupRow, type Order, shownRows } from './rows.ts';

export interface GroupTableProps {
	readonly plan: PruningPlan;
	readonly rows: readonly GroupRow[];
	readonly gone: readonly number[];
	readonly sensitivity: StructureSensitivity | undefined;
	readonly readOnly: boolean;
	readonly compact: boolean;
	readonly onCut: (index: number, count: number) => void;
}

/** Rows drawn before somebody asks for more. */
const FIRST_ROWS = 150;

interface Column {
	readonly order: Order;
	readonly title: string;
	readonly help: string;
	readonly cell: (row: GroupRow) => React.ReactNode;
}

/** Every group with what it holds and a slider for what goes. */
export function GroupTable({ plan, rows, gone, sensitivity, readOnly, compact, onCut }: GroupTableProps) {
	const [order, setOrder] = useState<Order>('model');
	const [words, setWords] = useState('');
	const [all, setAll] = useState(false);
	const found = useMemo(() => shownRows(rows, words, order), [rows, words, order]);
	const shown = all ? found : found.slice(0, FIRST_ROWS);
	const most = useMemo(() => Math.max(...rows.flatMap(({ effect }) => effect?.drawn.map(({ divergence }) => divergence) ?? []), 0), [rows]);
	const columns = columnsOf(rows, gone, most, sensitivity);
	const total = useMemo(() => estimatePlan(plan, gone), [plan, gone]);
	const after = `model ${changeText(total.macs, plan.macs)} MACs, ${changeText(total.bytes, plan.bytes)} bytes`;
	return (
		<section aria-label="Groups">
			<header className="card-head group-head">
				<h3>
					{plan.groups.length} {plan.groups.length === 1 ? 'group' : 'groups'} that can shrink
				</h3>
				<label>
					<span className="visually-hidden">Search groups</span>
					<input type="search" placeholder="Search" value={words} onChange={({ target }) => setWords(target.value)} />
				</label>
				{compact && (
					<label className="pruning-variant">
						<span>by</span>
						<select value={order} onChange={({ target }) => setOrder(target.value as Order)}>
							<option value="model">order in the model</option>
							{columns.map((column) => (
								<option key={column.order} value={column.order}>
									{column.title}
								</option>
							))}
						</select>
					</label>
				)}
			</header>
			{compact && (
				<p className="cut-line">
					<span>MACs {changeText(total.macs, plan.macs)}</span> <span>weights {changeText(total.bytes, plan.bytes)}</span>
				</p>
			)}
			<Scroll label="Groups that can shrink" className="group-table">
				<table className="figures">
					<thead>
						<tr>
							<th scope="col" aria-sort={order === 'model' ? 'ascending' : 'none'}>
								<button
									type="button"
									className="sort"
									title="In the model’s order"
									onClick={() => setOrder(order === 'model' ? 'name' : 'model')}
								>
									group{order === 'model' || order === 'name' ? ' ↓' : ''}
								</button>
							</th>
							<th scope="col">what goes</th>
							{columns.map(({ order: by, title, help }) => (
								<th key={by} scope="col" className="numeric" aria-sort={order === by ? 'descending' : 'none'}>
									<button type="button" className="sort" title={help} onClick={() => setOrder(by)}>
										{title}
										{order === by ? ' ↓' : ''}
									</button>
								</th>
							))}
						</tr>
					</thead>
					<tbody>
						{shown.map((row) => (
							<tr key={row.group.id}>
								<th scope="row">
									<span className="group-name" title={`${row.group.name}\nread by ${row.group.readers.join(', ')}`}>
										<span className="group-number">{row.index + 1}</span> <bdi>{row.group.name}</bdi>
									</span>
									<span className="muted small">{kindText(row.group)}</span>
								</th>
								<td className="slider-cell">
									<CutSlider row={row} gone={gone[row.index] ?? 0} after={after} disabled={readOnly} onCut={onCut} />
								</td>
								{columns.map(({ order: by, title, cell }) => (
									<td key={by} className="numeric" data-title={title}>
										{cell(row)}
									</td>
								))}
							</tr>
						))}
					</tbody>
				</table>
			</Scroll>
			{found.length === 0 && <p className="muted">No group matches “{words}”.</p>}
			{found.length > shown.length && (
				<button type="button" onClick={() => setAll(true)}>
					Show all {found.length}
				</button>
			)}
		</section>
	);
}

interface CutSliderProps {
	readonly row: GroupRow;
	readonly gone: number;
	/** What the whole model is left with, said with the slider's own value. */
	readonly after: string;
	readonly disabled: boolean;
	readonly onCut: (index: number, count: number) => void;
}

/** Stops where the pass would round to. */
function CutSlider({ row, gone, after, disabled, onCut }: CutSliderProps) {
	const { group, cuts, index } = row;
	const last = cuts.length - 1;
	const at = Math.max(
		0,
		cuts.findLastIndex((count) => count <= gone),
	);
	const left = group.units - gone;
	const step = stepFor(group.units, rounding);
	return (
		<>
			<input
				type="range"
				min={0}
				max={last}
				step={1}
				value={at}
				disabled={disabled || last === 0}
				aria-label={`Cut of ${group.name}`}
				aria-valuetext={`${gone} of ${unitsText(group, group.units)} go, ${left} stay; ${after}`}
				onChange={({ target }) => onCut(index, cuts[Number(target.value)] ?? 0)}
			/>
			<span className="slider-text">
				<span className="slider-left">{gone === 0 ? 'all stay' : `${left.toLocaleString()} of ${group.units.toLocaleString()} stay`}</span>
				<span className="muted small">
					{last === 0
						? 'cannot shrink further'
						: `${step === 1 ? 'one by one' : `by ${step}`}, at least ${leastLeft(group.units, rounding)}`}
				</span>
			</span>
		</>
	);
}

function whyUnknown({ group }: GroupRow, { notes }: StructureSensitivity): string | undefined {
	const found = notes.find(({ node }) => node !== undefined && group.readers.includes(node));
	return found && `${found.node}: ${found.reason}`;
}

function columnsOf(
	rows: readonly GroupRow[],
	gone: readonly number[],
	most: number,
	sensitivity: StructureSensitivity | undefined,
): Column[] {
	const columns: Column[] = [
		{ order: 'units', title: 'width', help: 'Channels, hidden units or heads', cell: ({ group }) => group.units.toLocaleString() },
		{
			order: 'macs',
			title: 'MACs',
			help: 'Multiply-accumulates of all layers that shrink with it',
			cell: ({ group }) => formatCount(group.macs),
		},
		{
			order: 'parameters',
			title: 'parameters',
			help: 'Numbers in all tensors that shrink with it',
			cell: ({ group }) => formatCount(group.parameters),
		},
		{
			order: 'bytes',
			title: 'stored',
			help: 'Bytes of all tensors that shrink with it, and how many these are',
			cell: ({ group }) => (
				<>
					{formatBytes(group.bytes)} <span className="muted">in {group.tensors}</span>
				</>
			),
		},
	];
	if (rows.some(({ ms }) => ms !== undefined)) {
		columns.push({
			order: 'time',
			title: 'time',
			help: 'Time of all layers that shrink with it; – where the runtime fused them into others',
			cell: ({ ms }) => (ms === undefined ? '–' : formatMs(ms)),
		});
	}
	if (sensitivity) {
		columns.push({
			order: 'effect',
			title: 'loss',
			help: 'What the outputs lose with the units cut; where none are, with a quarter of them. Cheapest first',
			cell: (row) => <EffectCurve row={row} gone={gone[row.index] ?? 0} most={most} why={whyUnknown(row, sensitivity)} />,
		});
	}
	return columns;
}

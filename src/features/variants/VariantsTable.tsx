import { useId, useMemo, useRef, useState } from 'react';
import { targetsOf, type VariantId } from '../../core/study/figures.ts';
import type { Study } from '../../core/study/study.ts';
import { ratioWords } from '../../core/study/words.ts';
import type { Job } from '../../store/state.ts';
import { qualityColumn, type Row, rowsOf, type SortKey, type SpeedCell, sortRows } from './rows.ts';
import './variants.css';

export interface VariantsTableProps {
	readonly study: Study;
	readonly jobs: readonly Job[];
	readonly selected: VariantId | undefined;
	readonly pinned: readonly [VariantId | undefined, VariantId | undefined];
	readonly readOnly: boolean;
	readonly compact: boolean;
	readonly onSelect: (variant: VariantId) => void;
	readonly onPin: (side: 'a' | 'b', variant: VariantId | undefined) => void;
	readonly onRename: (variant: VariantId, name: string) => void;
	readonly onRemove: (variant: VariantId) => void;
	readonly onRerun: (variant: VariantId) => void;
	readonly onCopy: (format: 'csv' | 'json') => void;
}

export function VariantsTable(props: VariantsTableProps) {
	const { study, jobs, selected, compact, onSelect, onCopy } = props;
	const [sort, setSort] = useState<{ key: SortKey; descending: boolean }>({ key: 'bytes', descending: false });
	const [filter, setFilter] = useState('');
	const filterId = useId();
	const body = useRef<HTMLTableSectionElement>(null);
	const targets = useMemo(() => (compact ? targetsOf(study).slice(0, 1) : targetsOf(study)), [study, compact]);
	const all = useMemo(() => rowsOf(study, jobs), [study, jobs]);
	const rows = useMemo(() => {
		const wanted = filter.trim().toLowerCase();
		return sortRows(
			all.filter((row) => !wanted || `${row.name} ${row.family} ${row.words.short}`.toLowerCase().includes(wanted)),
			sort.key,
			sort.descending,
		);
	}, [all, filter, sort]);

	const head = (key: SortKey, label: string, numeric = true, span = 1) => (
		<th
			key={key}
			scope="col"
			colSpan={span}
			className={numeric ? 'numeric' : undefined}
			aria-sort={sort.key === key ? (sort.descending ? 'descending' : 'ascending') : 'none'}
		>
			<button
				type="button"
				className="sort"
				onClick={() =>
					setSort({ key, descending: sort.key === key ? !sort.descending : key === 'quality' && qualityColumn(study).better === 'high' })
				}
			>
				{label}
				<span aria-hidden="true">{sort.key === key ? (sort.descending ? ' ↓' : ' ↑') : ''}</span>
			</button>
		</th>
	);

	const onKeyDown = (event: React.KeyboardEvent): void => {
		if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
		const buttons = [...(body.current?.querySelectorAll<HTMLButtonElement>('button.row-name') ?? [])];
		const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
		if (at < 0) return;
		event.preventDefault();
		buttons[Math.min(buttons.length - 1, Math.max(0, at + (event.key === 'ArrowDown' ? 1 : -1)))]?.focus();
	};

	return (
		<section className="card variants" aria-labelledby="variants-title">
			<header className="card-head">
				<h2 id="variants-title">Variants</h2>
				<div className="variants-tools">
					{all.length > 6 && (
						<>
							<label htmlFor={filterId} className="visually-hidden">
								Filter variants
							</label>
							<input id={filterId} type="search" placeholder="Filter" value={filter} onChange={(event) => setFilter(event.target.value)} />
						</>
					)}
					<button type="button" className="quiet" onClick={() => onCopy('csv')}>
						Copy CSV
					</button>
					<button type="button" className="quiet" onClick={() => onCopy('json')}>
						Copy JSON
					</button>
				</div>
			</header>
			<div className="scroll-x">
				<table className="figures">
					<thead>
						<tr>
							{head('name', 'variant', false)}
							{head('bytes', 'MB', true)}
							{!compact && (
								<th scope="col" className="numeric">
									<span className="visually-hidden">times smaller</span>
								</th>
							)}
							{head('quality', qualityColumn(study).title)}
							{!compact && (
								<th scope="col" className="numeric">
									against the original
								</th>
							)}
							{targets.map((target) =>
								head(
									`speed:${target}`,
									compact ? 'time' : `ms, ${target.replace('wasm', 'WASM').replace('webgpu', 'WebGPU').replace('webnn', 'WebNN')}`,
									true,
									compact ? 1 : 2,
								),
							)}
							<th scope="col">
								<span className="visually-hidden">actions</span>
							</th>
						</tr>
					</thead>
					<tbody ref={body} onKeyDown={onKeyDown}>
						{rows.map((row) => (
							<VariantRow key={row.id} row={row} targets={targets} table={props} selected={row.id === selected} onSelect={onSelect} />
						))}
					</tbody>
				</table>
			</div>
			{rows.length === 0 && <p className="muted">No variant matches “{filter}”.</p>}
		</section>
	);
}

interface VariantRowProps {
	readonly row: Row;
	readonly targets: readonly string[];
	readonly table: VariantsTableProps;
	readonly selected: boolean;
	readonly onSelect: (variant: VariantId) => void;
}

function VariantRow({ row, targets, table, selected, onSelect }: VariantRowProps) {
	const { compact, pinned } = table;
	const pin = pinned[0] === row.id ? 'A' : pinned[1] === row.id ? 'B' : undefined;
	return (
		<tr aria-selected={selected} className={selected ? 'selected' : undefined} onClick={() => onSelect(row.id)} onKeyDown={undefined}>
			<th scope="row">
				<button type="button" className="row-name link" aria-pressed={selected} onClick={() => onSelect(row.id)}>
					<span className={`swatch family-${row.family}`} aria-hidden="true" />
					<span className="name-text" title={row.name}>
						{row.name}
					</span>
				</button>
				{row.front && <span className="badge">front</span>}
				{pin && <span className="badge pin">{pin}</span>}
			</th>
			<td className="numeric" title={row.bytes === undefined ? undefined : `${row.bytes.toLocaleString()} bytes`}>
				{row.bytes === undefined ? '' : megabytes(row.bytes)}
			</td>
			{!compact && (
				<td className="numeric muted">
					{row.timesSmaller === undefined || row.id === 'original' ? '' : `${row.timesSmaller.toFixed(1)}×`}
				</td>
			)}
			{row.failure ? (
				<td colSpan={compact ? 1 + targets.length : 2 + targets.length * 2} className="failed">
					{row.failure.message}
				</td>
			) : row.progress ? (
				<td colSpan={compact ? 1 + targets.length : 2 + targets.length * 2} className="muted">
					{row.progress}
				</td>
			) : (
				<>
					<td className="numeric" title={row.words.long}>
						{row.qualityText}
					</td>
					{!compact && (
						<td className="numeric muted" title={row.words.long}>
							{row.words.short}
						</td>
					)}
					{targets.map((target) => (
						<SpeedCells key={target} cell={row.speeds.get(target)} original={row.id === 'original'} compact={compact} />
					))}
				</>
			)}
			<td className="row-actions">
				<RowMenu row={row} table={table} pin={pin} />
			</td>
		</tr>
	);
}

interface SpeedCellsProps {
	readonly cell: SpeedCell | undefined;
	readonly original: boolean;
	/** On a phone one cell: the ratio, or the original's own time. */
	readonly compact: boolean;
}

function SpeedCells({ cell, original, compact }: SpeedCellsProps) {
	const columns = compact ? 1 : 2;
	if (!cell) return <td colSpan={columns} />;
	if (cell.failure) {
		return (
			<td colSpan={columns} className="numeric muted" title={`${cell.failure.message} ${cell.failure.advice ?? ''}`}>
				does not run
			</td>
		);
	}
	const title =
		cell.interval && cell.ratio !== undefined
			? `${ratioWords(cell.ratio)} the original's time, 95 % interval [${cell.interval[0].toFixed(2)}, ${cell.interval[1].toFixed(2)}], n = ${cell.n}: ${cell.verdict}`
			: `median of ${cell.n} runs`;
	const tone = cell.verdict === 'faster' ? 'good' : cell.verdict === 'slower' ? 'bad' : 'muted';
	if (compact) {
		return (
			<td className={`numeric ${tone}`} title={title}>
				{!original && cell.ratio !== undefined
					? ratioWords(cell.ratio)
					: cell.medianMs === undefined
						? ''
						: `${milliseconds(cell.medianMs)} ms`}
			</td>
		);
	}
	return (
		<>
			<td className="numeric" title={title}>
				{cell.medianMs === undefined ? '' : milliseconds(cell.medianMs)}
			</td>
			<td className={`numeric ${tone}`} title={title}>
				{original || cell.ratio === undefined ? '' : ratioWords(cell.ratio)}
			</td>
		</>
	);
}

function RowMenu({ row, table, pin }: { readonly row: Row; readonly table: VariantsTableProps; readonly pin: 'A' | 'B' | undefined }) {
	const menuId = useId();
	const menu = useRef<HTMLDivElement>(null);
	const anchor = useRef<HTMLButtonElement>(null);
	const act = (run: () => void) => (event: React.MouseEvent) => {
		event.stopPropagation();
		menu.current?.hidePopover();
		run();
		anchor.current?.focus();
	};
	const place = (): void => {
		const box = anchor.current?.getBoundingClientRect();
		if (!box || !menu.current) return;
		menu.current.style.top = `${Math.min(box.bottom + 4, window.innerHeight - 220)}px`;
		menu.current.style.left = `${Math.max(8, box.right - 180)}px`;
	};
	return (
		<>
			<button
				ref={anchor}
				type="button"
				className="quiet icon"
				aria-label={`Actions for ${row.name}`}
				popoverTarget={menuId}
				onClick={(event) => {
					event.stopPropagation();
					place();
				}}
			>
				⋯
			</button>
			<div ref={menu} id={menuId} popover="auto" className="menu">
				<button type="button" onClick={act(() => table.onPin('a', pin === 'A' ? undefined : row.id))}>
					{pin === 'A' ? 'Unpin from A' : 'Pin as A'}
				</button>
				<button type="button" onClick={act(() => table.onPin('b', pin === 'B' ? undefined : row.id))}>
					{pin === 'B' ? 'Unpin from B' : 'Pin as B'}
				</button>
				{!table.readOnly && (
					<button type="button" onClick={act(() => table.onRerun(row.id))}>
						{row.failure ? 'Try again' : 'Measure again'}
					</button>
				)}
				{!table.readOnly && row.id !== 'original' && (
					<>
						<button
							type="button"
							onClick={act(() => {
								const name = window.prompt('Name of this variant', row.name)?.trim();
								if (name) table.onRename(row.id, name);
							})}
						>
							Rename
						</button>
						<button type="button" onClick={act(() => table.onRemove(row.id))}>
							Remove
						</button>
					</>
				)}
			</div>
		</>
	);
}

const megabytes = (bytes: number): string => {
	const value = bytes / 1e6;
	return value.toLocaleString(undefined, { minimumFractionDigits: value < 0.1 ? 3 : 2, maximumFractionDigits: value < 0.1 ? 3 : 2 });
};
const milliseconds = (ms: number): string => {
	const digits = ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0;
	return ms.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits });
};

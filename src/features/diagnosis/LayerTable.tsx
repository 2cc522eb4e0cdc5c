import { useEffect, useRef, useState } from 'react';
import type { NodeKey } from '../../core/study/node-figures.ts';
import type { LayerDiagnosis } from '../../engine/diagnose/report.ts';
import type { Diagnosis } from '../../store/state.ts';
import { formatBytes, formatMs } from '../../ui/format.ts';
import { Scroll } from '../../ui/Scroll.tsx';
import { clippedOf, decibels, rankOf } from './measures.ts';

export interface LayerTableProps {
	readonly diagnosis: Diagnosis;
	readonly filter: string;
	readonly selected: NodeKey | undefined;
	readonly onSelect: (node: NodeKey) => void;
}

interface Column {
	readonly id: string;
	readonly title: string;
	readonly help: string;
	/** Smallest first is worst first. */
	readonly rank: (row: LayerDiagnosis) => number;
	readonly cell: (row: LayerDiagnosis) => string;
}

/** Rows drawn before somebody asks for more: a table of thousands would hold the page up. */
const FIRST_ROWS = 120;

/** All changed layers, worst first by the chosen column. */
export function LayerTable({ diagnosis, filter, selected, onSelect }: LayerTableProps) {
	const [by, setBy] = useState('own');
	const [all, setAll] = useState(false);
	const body = useRef<HTMLTableSectionElement>(null);
	const columns = columnsOf(diagnosis);
	const column = columns.find(({ id }) => id === by) ?? columns[0];
	const words = filter.trim().toLowerCase();
	const rows = (diagnosis.errors?.layers ?? [])
		.filter(({ label, op, value }) => `${label} ${op} ${value}`.toLowerCase().includes(words))
		.sort((a, b) => (column ? column.rank(a) - column.rank(b) : 0));
	const shown = all ? rows : rows.slice(0, FIRST_ROWS);
	// Chosen elsewhere (chart, graph): the row comes into sight, the page stays where it is.
	useEffect(() => {
		const row = selected === undefined ? undefined : body.current?.querySelector<HTMLElement>('tr[aria-current="true"]');
		const box = row?.closest<HTMLElement>('.scroll-x');
		if (!row || !box) return;
		const { top, bottom } = row.getBoundingClientRect();
		const frame = box.getBoundingClientRect();
		if (top < frame.top + 32) box.scrollTop -= frame.top + 32 - top;
		else if (bottom > frame.bottom) box.scrollTop += bottom - frame.bottom;
	}, [selected]);
	return (
		<>
			<Scroll label="Layers by error" className="layer-table">
				<table className="figures">
					<thead>
						<tr>
							<th scope="col">layer</th>
							<th scope="col">operator</th>
							{columns.map(({ id, title, help }) => (
								<th key={id} scope="col" className="numeric" aria-sort={id === column?.id ? 'descending' : 'none'}>
									<button type="button" className="sort" title={help} onClick={() => setBy(id)}>
										{title}
										{id === column?.id ? ' ↓' : ''}
									</button>
								</th>
							))}
						</tr>
					</thead>
					<tbody ref={body}>
						{shown.map((row) => (
							<tr key={row.node} aria-current={row.node === selected} onClick={() => onSelect(row.node)}>
								<th scope="row">
									<button type="button" className="row-name" title={row.label} onClick={() => onSelect(row.node)}>
										{row.label}
									</button>
								</th>
								<td>{row.op === row.variantOp ? row.op : `${row.op} > ${row.variantOp}`}</td>
								{columns.map(({ id, cell }) => (
									<td key={id} className="numeric">
										{cell(row)}
									</td>
								))}
							</tr>
						))}
					</tbody>
				</table>
			</Scroll>
			{rows.length === 0 && <p className="muted">No layer matches “{filter}”.</p>}
			{shown.length < rows.length && (
				<button type="button" className="quiet" onClick={() => setAll(true)}>
					Show all {rows.length} layers
				</button>
			)}
		</>
	);
}

function columnsOf({ errors, sensitivity, restored, latency }: Diagnosis): Column[] {
	const layers = errors?.layers ?? [];
	const alone = new Map(sensitivity?.layers.map((layer) => [layer.node, layer.sqnrDb]));
	const back = new Map(restored?.layers.map((layer) => [layer.node, layer.sqnrDb]));
	const times = new Map<NodeKey, number>();
	for (const { node, medianMs } of latency?.nodes ?? []) if (node !== undefined) times.set(node, (times.get(node) ?? 0) + medianMs);
	const text = (value: number | null | undefined): string =>
		value === undefined ? '–' : value === null ? 'equal' : `${value.toFixed(1)} dB`;
	const columns: Column[] = [
		{
			id: 'own',
			title: 'own',
			help: 'Error of the layer by itself, on the inputs that it has in the original',
			rank: ({ own }) => rankOf(own),
			cell: ({ own }) => decibels(own),
		},
	];
	if (layers.some(({ weights }) => weights)) {
		columns.push({
			id: 'weights',
			title: 'weights',
			help: 'With only its weights as the variant has them',
			rank: ({ weights }) => rankOf(weights),
			cell: ({ weights }) => decibels(weights),
		});
	}
	if (layers.some(({ activations }) => activations)) {
		columns.push({
			id: 'activations',
			title: 'activations',
			help: 'With only its inputs turned into codes',
			rank: ({ activations }) => rankOf(activations),
			cell: ({ activations }) => decibels(activations),
		});
	}
	columns.push({
		id: 'accumulated',
		title: 'accumulated',
		help: 'Its value in the variant, with the errors of everything before it',
		rank: ({ accumulated }) => rankOf(accumulated),
		cell: ({ accumulated }) => decibels(accumulated),
	});
	if (alone.size > 0) {
		columns.push({
			id: 'outputs',
			title: 'outputs',
			help: 'The worst output when only this layer is as in the variant',
			rank: ({ node }) => alone.get(node) ?? 1e9,
			cell: ({ node }) => text(alone.get(node)),
		});
	}
	if (back.size > 0) {
		columns.push({
			id: 'restored',
			title: 'restored',
			help: 'The worst output when only this layer is as in the original',
			rank: ({ node }) => -(back.get(node) ?? 1e9),
			cell: ({ node }) => text(back.get(node)),
		});
	}
	if (layers.some((layer) => clippedOf(layer) !== undefined)) {
		columns.push({
			id: 'clipped',
			title: 'clipped',
			help: 'Largest share of values beyond the codes on the way into the layer',
			rank: (layer) => -(clippedOf(layer) ?? -1),
			cell: (layer) => {
				const share = clippedOf(layer);
				return share === undefined ? '–' : share === 0 ? '0' : `${(share * 100).toPrecision(2)} %`;
			},
		});
	}
	if (times.size > 0) {
		columns.push({
			id: 'time',
			title: 'time',
			help: 'Time of its main node in the runtime; – where the runtime fused it into another',
			rank: ({ node }) => -(times.get(node) ?? -1),
			cell: ({ node }) => {
				const ms = times.get(node);
				return ms === undefined ? '–' : formatMs(ms);
			},
		});
	}
	columns.push({
		id: 'bytes',
		title: 'stored',
		help: 'Bytes of its weights in the variant',
		rank: ({ bytes }) => -bytes,
		cell: ({ bytes }) => (bytes > 0 ? formatBytes(bytes) : '–'),
	});
	return columns;
}

import { useEffect, useMemo, useState } from 'react';
import { List, type RowComponentProps, useListRef } from 'react-window';
import type { NodeState } from '../../core/view/diff.ts';
import type { DrawnNode } from '../../core/view/drawing.ts';

export interface ListedNode {
	readonly node: DrawnNode;
	readonly state: NodeState | undefined;
	/** Of the overlay that is shown. */
	readonly value: number | undefined;
	readonly valueText: string;
}

export interface NodeListProps {
	readonly nodes: readonly ListedNode[];
	readonly valueTitle: string;
	/** Sorting by the overlay puts these first. */
	readonly largestFirst: boolean;
	readonly selected: number | undefined;
	readonly onSelect: (id: number) => void;
}

type Order = 'graph' | 'op' | 'value';
const rowHeight = 30;

/** All nodes as a table: the same search, overlay and choice as the picture. */
export function NodeList({ nodes, valueTitle, largestFirst, selected, onSelect }: NodeListProps) {
	const [order, setOrder] = useState<Order>('value');
	const list = useListRef(null);
	const sorted = useMemo(() => {
		if (order === 'graph') return nodes;
		if (order === 'op') return nodes.toSorted((a, b) => (a.node.op < b.node.op ? -1 : a.node.op > b.node.op ? 1 : a.node.id - b.node.id));
		const sign = largestFirst ? -1 : 1;
		return nodes.toSorted((a, b) => {
			if (a.value === undefined || b.value === undefined) return Number(a.value === undefined) - Number(b.value === undefined);
			return sign * (a.value - b.value) || a.node.id - b.node.id;
		});
	}, [nodes, order, largestFirst]);
	const at = sorted.findIndex(({ node }) => node.id === selected);
	useEffect(() => {
		if (at >= 0) list.current?.scrollToRow({ index: at, align: 'smart' });
	}, [at, list]);
	const head = (key: Order, title: string) => (
		<button type="button" className="sort" aria-pressed={order === key} onClick={() => setOrder(key)}>
			{title}
			{order === key ? ' ↓' : ''}
		</button>
	);
	const step = (by: number): void => {
		const next = sorted[Math.min(sorted.length - 1, Math.max(0, at + by))];
		if (next) onSelect(next.node.id);
	};
	return (
		<div className="node-list">
			<div className="node-list-head">
				{head('op', 'operator')}
				{head('graph', 'node, in order')}
				{head('value', valueTitle)}
			</div>
			<List
				className="node-list-rows"
				role="listbox"
				tabIndex={0}
				aria-label="Nodes"
				aria-activedescendant={at >= 0 ? `node-row-${selected}` : undefined}
				onKeyDown={(event) => {
					const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -sorted.length, End: sorted.length }[event.key];
					if (by === undefined) return;
					event.preventDefault();
					event.stopPropagation();
					step(at < 0 && by > 0 && by < sorted.length ? 1 : by);
				}}
				listRef={list}
				rowComponent={Row}
				rowCount={sorted.length}
				rowHeight={rowHeight}
				rowProps={{ sorted, selected, onSelect }}
				overscanCount={6}
			/>
			{sorted.length === 0 && <p className="muted">No node matches.</p>}
		</div>
	);
}

type RowProps = {
	readonly sorted: readonly ListedNode[];
	readonly selected: number | undefined;
	readonly onSelect: (id: number) => void;
};

function Row({ index, style, sorted, selected, onSelect }: RowComponentProps<RowProps>) {
	const entry = sorted[index];
	if (!entry) return null;
	const { node, state, valueText } = entry;
	return (
		<div
			id={`node-row-${node.id}`}
			role="option"
			tabIndex={-1}
			aria-selected={node.id === selected}
			className="node-row"
			style={style}
			onClick={() => onSelect(node.id)}
			onKeyDown={(event) => event.key === 'Enter' && onSelect(node.id)}
		>
			<span className="node-row-op">
				{state && state !== 'same' && <span className={`state-mark ${state}`}>{state}</span>}
				{node.kind === 'operator' || node.kind === 'constant' ? node.op : node.kind}
			</span>
			<span className="node-row-name" title={node.label}>
				{node.name || node.outputs[0]?.name || ''}
			</span>
			<span className="numeric">{valueText}</span>
		</div>
	);
}

import { useEffect, useMemo, useRef, useState } from 'react';
import type { VariantId } from '../../core/study/figures.ts';
import type { LayerFacts, Study } from '../../core/study/study.ts';
import { formatBytes } from '../../ui/format.ts';
import { Scroll } from '../../ui/Scroll.tsx';
import './inspect.css';

export interface LayersViewProps {
	readonly study: Study;
	readonly selected: VariantId;
	readonly onClose: () => void;
}

/** The largest stored tensors of the original, and what the selected variant made of each layer. */
export function LayersView({ study, selected, onClose }: LayersViewProps) {
	const [filter, setFilter] = useState('');
	const title = useRef<HTMLHeadingElement>(null);
	useEffect(() => title.current?.focus(), []);
	const variant = selected === 'original' ? undefined : study.variants.find((entry) => entry.id === selected);
	const after = useMemo(() => {
		const bytes = new Map<string, { bytes: number; dtypes: Set<string> }>();
		for (const layer of variant?.layers ?? []) {
			const entry = bytes.get(layer.node) ?? { bytes: 0, dtypes: new Set<string>() };
			entry.bytes += layer.byteLength;
			entry.dtypes.add(layer.dtype);
			bytes.set(layer.node, entry);
		}
		return bytes;
	}, [variant]);
	const layers = study.facts.layers.filter((layer) =>
		`${layer.node} ${layer.op} ${layer.tensor}`.toLowerCase().includes(filter.trim().toLowerCase()),
	);
	const most = Math.max(...study.facts.layers.map((layer) => layer.byteLength), 1);
	return (
		<section className="card layers" aria-labelledby="layers-title">
			<header className="card-head">
				<h2 id="layers-title" ref={title} tabIndex={-1}>
					Sizes by layer
				</h2>
				<label>
					<span className="visually-hidden">Search layers</span>
					<input type="search" placeholder="Search" value={filter} onChange={(event) => setFilter(event.target.value)} />
				</label>
				<button type="button" className="quiet push" onClick={onClose}>
					Back to the chart
				</button>
			</header>
			<Scroll label="Layers">
				<table className="figures">
					<thead>
						<tr>
							<th scope="col">layer</th>
							<th scope="col">operator</th>
							<th scope="col">shape</th>
							<th scope="col" className="numeric">
								original
							</th>
							{variant && (
								<th scope="col" className="numeric">
									{variant.name}, whole layer
								</th>
							)}
						</tr>
					</thead>
					<tbody>
						{layers.map((layer) => (
							<LayerRow
								key={`${layer.node} ${layer.tensor}`}
								layer={layer}
								most={most}
								after={variant ? (after.get(layer.node) ?? null) : undefined}
							/>
						))}
					</tbody>
				</table>
			</Scroll>
			{layers.length === 0 && <p className="muted">No layer matches “{filter}”.</p>}
		</section>
	);
}

interface LayerRowProps {
	readonly layer: LayerFacts;
	readonly most: number;
	/** undefined: no variant is selected; null: the variant has no such layer among its largest. */
	readonly after: { readonly bytes: number; readonly dtypes: ReadonlySet<string> } | null | undefined;
}

function LayerRow({ layer, most, after }: LayerRowProps) {
	return (
		<tr>
			<th scope="row">
				<span className="layer-name" title={layer.tensor}>
					{layer.node}
				</span>
				<span className="bar" style={{ width: `${(100 * layer.byteLength) / most}%` }} aria-hidden="true" />
			</th>
			<td>{layer.op}</td>
			<td>{layer.dims.join(' × ')}</td>
			<td className="numeric">
				{formatBytes(layer.byteLength)} <span className="muted">{layer.dtype}</span>
			</td>
			{after !== undefined && (
				<td className="numeric">
					{after === null ? (
						'–'
					) : (
						<>
							{formatBytes(after.bytes)} <span className="muted">{[...after.dtypes].join(', ')}</span>
						</>
					)}
				</td>
			)}
		</tr>
	);
}

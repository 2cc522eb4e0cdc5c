import { useMemo } from 'react';
import type { KeptLayer } from '../../core/structure/groups.ts';
import { Scroll } from '../../ui/Scroll.tsx';

export interface KeptLayersProps {
	readonly kept: readonly KeptLayer[];
	readonly open?: boolean;
}

const MOST_NAMED = 6;

/** What cannot be cut, by reason. */
export function KeptLayers({ kept, open }: KeptLayersProps) {
	const reasons = useMemo(() => {
		const found = new Map<string, { readonly reason: string; readonly node: string; readonly layers: string[] }>();
		for (const { layer, node, reason } of kept) {
			const key = `${reason}\n${node}`;
			const entry = found.get(key) ?? { reason, node, layers: [] };
			entry.layers.push(layer);
			found.set(key, entry);
		}
		return [...found.values()].sort((a, b) => b.layers.length - a.layers.length);
	}, [kept]);
	if (kept.length === 0) return null;
	return (
		<details className="kept-layers" open={open}>
			<summary>
				{kept.length} {kept.length === 1 ? 'layer keeps its outputs' : 'layers keep their outputs'}: why
			</summary>
			<Scroll label="Layers that keep their outputs" className="reasons">
				<dl>
					{reasons.slice(0, 200).map(({ reason, node, layers }) => (
						<div key={`${reason} ${node}`}>
							<dt>
								{layers.slice(0, MOST_NAMED).join(', ')}
								{layers.length > MOST_NAMED ? ` and ${layers.length - MOST_NAMED} more` : ''}
							</dt>
							<dd className="muted">
								{reason} ({node})
							</dd>
						</div>
					))}
				</dl>
			</Scroll>
		</details>
	);
}

import type { PruningPlan } from '../../core/structure/plan.ts';
import type { GraphDrawing } from '../../core/view/drawing.ts';

export interface GroupLegendProps {
	readonly plan: PruningPlan;
	readonly drawing: GraphDrawing;
	/** Number of the group of each drawn node, from 1. */
	readonly values: ReadonlyMap<number, number>;
	/** Units that go of each group. */
	readonly gone: readonly number[];
	readonly onChoose: (node: number) => void;
}

/** As many colours as GraphCanvas has for categories. */
const COLOURS = 8;

/** Which number and colour is which group of channels; a press goes to the first of its nodes. */
export function GroupLegend({ plan, drawing, values, gone, onChoose }: GroupLegendProps) {
	const firsts = new Map<number, number>();
	for (const { id } of drawing.nodes) {
		const value = values.get(id);
		if (value !== undefined && !firsts.has(value)) firsts.set(value, id);
	}
	return (
		<ul className="group-legend" aria-label="Groups that can shrink">
			{plan.groups.map((group, i) => {
				const first = firsts.get(i + 1);
				const count = gone[i] ?? 0;
				if (first === undefined) return null;
				return (
					<li key={group.id}>
						<button type="button" className="quiet" title={`read by ${group.readers.join(', ')}`} onClick={() => onChoose(first)}>
							<span className={`swatch category-${i % COLOURS}`} aria-hidden="true" /> {i + 1} <bdi>{group.name}</bdi>{' '}
							<span className="muted">
								{count > 0 ? `${group.units - count} of ` : ''}
								{group.units}
							</span>
						</button>
					</li>
				);
			})}
		</ul>
	);
}

import { Scroll } from '../../ui/Scroll.tsx';

export interface ShapeListProps {
	readonly label: string;
	readonly shapes: readonly { readonly tensor: string; readonly before: readonly number[]; readonly after: readonly number[] }[];
}

const MOST_SHOWN = 1000;

/** Stored tensors with their shapes before and after. */
export function ShapeList({ label, shapes }: ShapeListProps) {
	return (
		<Scroll label={label} className="shape-scroll">
			<ul className="shape-list">
				{shapes.slice(0, MOST_SHOWN).map(({ tensor, before, after }) => (
					<li key={tensor}>
						<span className="shape-name" title={tensor}>
							{tensor}
						</span>
						<span>
							{before.join(' × ')} → {after.join(' × ')}
						</span>
					</li>
				))}
			</ul>
			{shapes.length > MOST_SHOWN && <p className="muted">and {shapes.length - MOST_SHOWN} more</p>}
		</Scroll>
	);
}

import { useEffect, useState } from 'react';
import type { ChosenExamples } from '../../core/study/learning.ts';
import { useStore } from '../../store/index.ts';
import type { Pixels } from '../../store/state.ts';
import { PixelsOf } from './Previews.tsx';

/** Shown at first; the others when asked for. */
const few = 12;

interface Shown {
	readonly picture: Pixels;
	readonly label?: string;
}

/** Names of the chosen examples, with what the model sees of them where that is a picture. */
export function ChosenList({ chosen }: { readonly chosen: ChosenExamples }) {
	const previewInputs = useStore((store) => store.previewInputs);
	const drawInputs = useStore((store) => store.drawInputs);
	const [all, setAll] = useState(false);
	const [previews, setPreviews] = useState<ReadonlyMap<number, Shown>>(new Map());
	const { names } = chosen;
	const shown = all ? chosen.indices.length : Math.min(few, chosen.indices.length);
	const asked = chosen.indices.slice(0, shown).join();
	useEffect(() => {
		let current = true;
		const show = async (): Promise<void> => {
			// One at a time: each appears as soon as it is there, and other work of the runtime comes in between.
			for (const index of asked.split(',').map(Number)) {
				const [preview] = await previewInputs([index]);
				// Arrays may hold pictures too.
				const [drawings] = preview ? [] : await drawInputs([index]);
				const drawn = drawings?.find((drawing) => drawing.kind === 'picture')?.picture;
				const shown = preview ?? (drawn && { picture: drawn });
				if (!shown || !current) return;
				setPreviews((before) => new Map(before).set(index, shown));
			}
		};
		// Names are enough where the files are not here any more.
		show().catch(() => {});
		return () => {
			current = false;
		};
	}, [previewInputs, drawInputs, asked]);
	return (
		<>
			<ul className={previews.size > 0 ? 'previews' : 'chosen-names'} aria-label="Chosen examples">
				{chosen.indices.slice(0, shown).map((index, at) => {
					const preview = previews.get(index);
					const name = names[at] ?? String(index);
					return (
						<li key={index}>
							{preview && <PixelsOf picture={preview.picture} name={name} />}
							<span className="preview-name" title={name}>
								{name}
							</span>
							{preview?.label !== undefined && <span className="muted preview-name">{preview.label}</span>}
						</li>
					);
				})}
			</ul>
			{shown < chosen.indices.length && (
				<button type="button" className="quiet flush" onClick={() => setAll(true)}>
					Show all {chosen.indices.length.toLocaleString()}
				</button>
			)}
		</>
	);
}

import { useEffect, useRef, useState } from 'react';
import type { Preprocessing } from '../../core/study/data-settings.ts';
import { spreadIndices } from '../../core/study/examples.ts';
import { useStore } from '../../store/index.ts';
import type { InputPreview, Pixels } from '../../store/state.ts';

const shown = 4;
/** Typing a number changes the preprocessing with each key. */
const settleMs = 300;

/** A few examples as the model would see them: resized and cut, with the range of the numbers that it is fed. */
export function Previews({ n, as }: { readonly n: number; readonly as: Preprocessing }) {
	const previewInputs = useStore((store) => store.previewInputs);
	const [previews, setPreviews] = useState<readonly InputPreview[] | 'failed' | undefined>();
	const asked = JSON.stringify(as);
	useEffect(() => {
		let current = true;
		const timer = setTimeout(() => {
			previewInputs(spreadIndices(n, shown), JSON.parse(asked) as Preprocessing).then(
				(found) => current && setPreviews(found),
				() => current && setPreviews('failed'),
			);
		}, settleMs);
		return () => {
			current = false;
			clearTimeout(timer);
		};
	}, [previewInputs, n, asked]);
	if (previews === 'failed') return <p className="muted">The examples cannot be shown: their files are not here any more.</p>;
	if (!previews) return <p className="muted previews-waiting">Examples appear once what is being measured is done.</p>;
	return (
		<ul className="previews" aria-label="Examples as the model sees them">
			{previews.map((preview) => (
				<li key={preview.name}>
					<PixelsOf picture={preview.picture} name={preview.name} />
					<span className="preview-name">{preview.label ?? preview.name}</span>
					<span className="muted">
						{short(preview.least)} to {short(preview.most)}
					</span>
				</li>
			))}
		</ul>
	);
}

/** A picture as the model sees it. */
export function PixelsOf({ picture, name }: { readonly picture: Pixels; readonly name: string }) {
	const canvas = useRef<HTMLCanvasElement>(null);
	const { width, height, data } = picture;
	useEffect(() => {
		canvas.current?.getContext('2d')?.putImageData(new ImageData(data, width, height), 0, 0);
	}, [data, width, height]);
	return <canvas ref={canvas} width={width} height={height} role="img" aria-label={name} />;
}

function short(value: number): string {
	return Number.isInteger(value) ? String(value) : value.toFixed(2);
}

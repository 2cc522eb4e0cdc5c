import { useEffect, useRef, useState } from 'react';
import { useStore } from '../../store/index.ts';
import type { InputPreview } from '../../store/state.ts';

/** The picture of an example as the model sees it; nothing for what is no picture. */
export function Thumbnail({ place, name }: { readonly place: number; readonly name: string }) {
	const previewInputs = useStore((store) => store.previewInputs);
	const canvas = useRef<HTMLCanvasElement>(null);
	const [preview, setPreview] = useState<InputPreview | null | undefined>();
	useEffect(() => {
		let current = true;
		previewInputs([place]).then(
			([found]) => current && setPreview(found ?? null),
			() => current && setPreview(null),
		);
		return () => {
			current = false;
		};
	}, [previewInputs, place]);
	useEffect(() => {
		if (!preview) return;
		const { width, height, data } = preview.picture;
		canvas.current?.getContext('2d')?.putImageData(new ImageData(data, width, height), 0, 0);
	}, [preview]);
	if (preview === null) return null;
	const { width, height } = preview?.picture ?? { width: 1, height: 1 };
	return <canvas ref={canvas} className="sample-picture" width={width} height={height} role="img" aria-label={name} />;
}

import { useEffect, useState } from 'react';
import { useStore } from '../../store/index.ts';
import type { Drawing, Pixels } from '../../store/state.ts';
import { InputDrawing } from './InputDrawing.tsx';
import { PixelCanvas } from './PixelCanvas.tsx';

/** An example as the model sees it: its picture, or its first input drawn. */
export function Thumbnail({ place, name }: { readonly place: number; readonly name: string }) {
	const previewInputs = useStore((store) => store.previewInputs);
	const drawInputs = useStore((store) => store.drawInputs);
	const [shown, setShown] = useState<{ readonly picture: Pixels } | { readonly drawing: Drawing } | null | undefined>();
	useEffect(() => {
		let current = true;
		const find = async (): Promise<typeof shown> => {
			const [preview] = await previewInputs([place]);
			if (preview) return { picture: preview.picture };
			const [inputs] = await drawInputs([place]);
			return inputs?.[0] ? { drawing: inputs[0] } : null;
		};
		find().then(
			(found) => current && setShown(found),
			() => current && setShown(null),
		);
		return () => {
			current = false;
		};
	}, [previewInputs, drawInputs, place]);
	if (shown === null) return null;
	if (!shown) return <span className="sample-picture" />;
	if ('picture' in shown) return <PixelCanvas pixels={shown.picture} className="sample-picture" name={name} />;
	return <InputDrawing drawing={shown.drawing} name={name} small />;
}

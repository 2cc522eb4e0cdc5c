import { useEffect, useRef } from 'react';
import type { Pixels } from '../../store/state.ts';

/** Pixels as they are. With a name it is a picture of its own, else what is beside it says what it shows. */
export function PixelCanvas({ pixels, name, className }: { readonly pixels: Pixels; readonly name?: string; readonly className?: string }) {
	const canvas = useRef<HTMLCanvasElement>(null);
	const { width, height, data } = pixels;
	useEffect(() => {
		canvas.current?.getContext('2d')?.putImageData(new ImageData(data, width, height), 0, 0);
	}, [data, width, height]);
	const said = name === undefined ? { 'aria-hidden': true } : { role: 'img', 'aria-label': name };
	return <canvas ref={canvas} className={className} width={width} height={height} {...said} />;
}

import { type RefObject, useEffect, useLayoutEffect, useState } from 'react';

/**
 * Counts from 0 to `last`, one step a task. A chart that is built in stages never holds the main thread for long: input and
 * progress come in between.
 */
export function useStages(last: number): number {
	const [stage, setStage] = useState(0);
	useEffect(() => {
		if (stage >= last) return;
		const timer = setTimeout(() => setStage(stage + 1));
		return () => clearTimeout(timer);
	}, [stage, last]);
	return stage;
}

/** Width of an element in pixels, followed as it changes; 0 until it is known. */
export function useWidth(element: RefObject<HTMLElement | null>): number {
	const [width, setWidth] = useState(0);
	useLayoutEffect(() => {
		const watched = element.current;
		if (!watched) return;
		setWidth(Math.floor(watched.getBoundingClientRect().width));
		const observer = new ResizeObserver((entries) => {
			const next = entries[0]?.contentRect.width;
			if (next !== undefined) setWidth(Math.floor(next));
		});
		observer.observe(watched);
		return () => observer.disconnect();
	}, [element]);
	return width;
}

/**
 * Nine digits after the point. Engines differ in the last bit of Math.exp, Math.log and powers: what follows from them is rounded before it is used, so
 * that a figure is the same in the page and on the command line to the last digit. For values around 1.
 */
export function steady(x: number): number {
	return Number.isFinite(x) ? Math.round(x * 1e9) / 1e9 : x;
}

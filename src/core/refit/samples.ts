import { feedBytes } from '../calibrate/join.ts';
import { spreadOrder } from '../layerwise/example-runs.ts';
import type { CalibrationSet } from '../pass/calibration.ts';
import { pictureInput, remembered, varied } from './augment.ts';

/** Examples with their variations, at most: of small inputs more, since they give few rows each. And the memory that they may take. */
const MOST_EXAMPLES = { small: 1500, large: 150 };
const SMALL_BYTES = 20_000;
const INPUT_BYTES = 120_000_000;

/** Sample inputs, divided into those fitted on and those held out. */
export interface Samples {
	readonly calibration: CalibrationSet;
	/** Indices of the base examples; variations of example i are at i + k n. */
	readonly fit: readonly number[];
	readonly held: readonly number[];
	/** All examples with variations, fitted and held-out ones mixed, so that any beginning holds both. */
	readonly all: readonly { readonly index: number; readonly held: boolean }[];
}

/**
 * Divides the sample inputs. The last part of them is held out, in one piece: where files lie in folders by class these are classes that
 * were not fitted on, which tells how far a fit carries; where they lie in any order it is as good as any other part (Roberts et al.
 * 2017 on blocks in cross-validation). Pictures are varied where the examples are few.
 */
export async function divideSamples(
	calibration: CalibrationSet,
	options: { readonly augment: boolean; readonly heldOut: number },
	signal?: AbortSignal,
): Promise<Samples> {
	const base = calibration.n;
	const first = base > 0 ? await calibration.example(0, signal) : undefined;
	const varies = options.augment && first !== undefined && pictureInput(first.feeds) !== undefined;
	const bytes = Math.max(1, feedBytes(first?.feeds ?? {}));
	const examples = bytes <= SMALL_BYTES ? MOST_EXAMPLES.small : MOST_EXAMPLES.large;
	const most = Math.max(base, Math.min(examples, Math.floor(INPUT_BYTES / bytes)));
	const variations = varies ? Math.max(1, Math.min(16, Math.ceil(most / base))) : 1;
	const heldCount = Math.min(base - 1, Math.max(1, Math.round(base * options.heldOut)));
	const indices = Array.from({ length: base }, (_, i) => i);
	const fit = indices.slice(0, base - heldCount);
	const held = indices.slice(base - heldCount);
	const order = mixedOrder(fit, held);
	const all = Array.from({ length: variations }, (_, k) => order.map((i) => ({ index: i + k * base, held: i >= fit.length }))).flat();
	return { calibration: varied(remembered(calibration), variations), fit, held, all: all.slice(0, most) };
}

/** All indices, so that any beginning holds both parts in their shares and is spread over each. */
function mixedOrder(fit: readonly number[], held: readonly number[]): number[] {
	const parts = [fit, held].flatMap((part) =>
		spreadOrder(part.length).map((at, i) => ({ index: part[at] as number, place: (i + 0.5) / part.length })),
	);
	return parts.sort((a, b) => a.place - b.place || a.index - b.index).map(({ index }) => index);
}

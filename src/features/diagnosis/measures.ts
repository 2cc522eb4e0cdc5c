import type { NodeKey } from '../../core/study/node-figures.ts';
import type { ErrorFigures, LayerDiagnosis } from '../../engine/diagnose/report.ts';
import type { Diagnosis } from '../../store/state.ts';
import { formatMs } from '../../ui/format.ts';

/** What bars can show. Larger is always worse, so that the first bar is the one to look at. */
export type MeasureId = 'outputs' | 'kl' | 'own' | 'restored' | 'time';

export interface Bar {
	readonly node: NodeKey;
	readonly label: string;
	readonly value: number;
	/** The figure in words. */
	readonly text: string;
}

export interface Measure {
	readonly id: MeasureId;
	readonly title: string;
	/** One line: what a bar says. */
	readonly help: string;
	readonly axis: string;
	readonly bars: readonly Bar[];
}

const noise = (db: number): number => 10 ** (-db / 10);
const percent = (share: number): string => `${(100 * share).toLocaleString(undefined, { maximumSignificantDigits: 3 })} %`;

/** Everything that has been measured of a variant, the most telling first. Bars are sorted, worst first. */
export function measuresOf({ errors, sensitivity, restored, latency }: Diagnosis): Measure[] {
	const measures: Measure[] = [];
	const add = (measure: Measure): void => {
		if (measure.bars.length > 0) measures.push({ ...measure, bars: [...measure.bars].sort((a, b) => b.value - a.value) });
	};
	if (sensitivity) {
		const whole = sensitivity.whole === null ? undefined : noise(sensitivity.whole);
		add({
			id: 'outputs',
			title: 'Loss at the outputs',
			help: 'What the outputs lose when this layer alone is as in the variant, against what the whole variant loses.',
			axis: whole === undefined ? 'noise at the worst output, % of the signal' : 'noise at the worst output, % of the whole variant’s',
			bars: sensitivity.layers.map(({ node, label, sqnrDb }) => {
				const value = sqnrDb === null ? 0 : noise(sqnrDb) / (whole ?? 1);
				return { node, label, value: 100 * value, text: sqnrDb === null ? 'nothing lost' : `${percent(value)}, ${sqnrDb.toFixed(1)} dB` };
			}),
		});
		add({
			id: 'kl',
			title: 'Divergence',
			help: 'Kullback-Leibler divergence of the answers when this layer alone is as in the variant.',
			axis: 'KL divergence of the first output, nats',
			bars: sensitivity.layers.flatMap(({ node, label, kl }) =>
				kl === undefined ? [] : [{ node, label, value: kl, text: `${kl.toPrecision(3)} nats` }],
			),
		});
	}
	if (restored) {
		const whole = restored.whole === null ? undefined : noise(restored.whole);
		add({
			id: 'restored',
			title: 'Gain when restored',
			help: 'What the outputs get back when this layer alone is as in the original.',
			axis: 'noise at the worst output that goes, %',
			bars:
				whole === undefined
					? []
					: restored.layers.map(({ node, label, sqnrDb }) => {
							const gained = 1 - (sqnrDb === null ? 0 : noise(sqnrDb)) / whole;
							return {
								node,
								label,
								value: Math.max(0, 100 * gained),
								text: gained > 0 ? `${percent(gained)} of the loss goes` : 'no gain',
							};
						}),
		});
	}
	if (errors) {
		add({
			id: 'own',
			title: 'Own error',
			help: 'Error of the layer by itself, on the inputs that it has in the original.',
			axis: 'noise of the layer’s own output, % of the signal',
			bars: errors.layers.flatMap(({ node, label, own }) =>
				own?.sqnrDb == null ? [] : [{ node, label, value: 100 * noise(own.sqnrDb), text: decibels(own) }],
			),
		});
	}
	if (latency) {
		const sums = new Map<NodeKey, Bar>();
		for (const { node, label, medianMs } of latency.nodes) {
			if (node === undefined) continue;
			const value = (sums.get(node)?.value ?? 0) + medianMs;
			sums.set(node, { node, label: label ?? node, value, text: formatMs(value) });
		}
		add({
			id: 'time',
			title: 'Time',
			help: 'Time of each node in the runtime, fused operators included.',
			axis: `ms on ${latency.target}, median of ${latency.runs} runs`,
			bars: [...sums.values()],
		});
	}
	return measures;
}

/** Agreement beyond this is float32 rounding. */
const ROUNDING_DB = 120;

/** 38.4 dB; equal where nothing differs. */
export function decibels(figures: ErrorFigures | undefined): string {
	if (!figures) return '–';
	if (figures.maxAbs === null) return 'not finite';
	return figures.sqnrDb === null || figures.sqnrDb > ROUNDING_DB ? 'equal' : `${figures.sqnrDb.toFixed(1)} dB`;
}

/** For sorting: what is worst is smallest; what was not measured comes last. */
export function rankOf(figures: ErrorFigures | undefined): number {
	if (!figures) return Number.POSITIVE_INFINITY;
	return figures.maxAbs === null ? Number.NEGATIVE_INFINITY : (figures.sqnrDb ?? 1e9);
}

/** The part of a layer's name that tells it from others, for narrow places. */
export function shortName(label: string, most: number): string {
	return label.length <= most ? label : `…${label.slice(-(most - 1))}`;
}

/** Largest share of values clipped on the way into a layer, 0..1; undefined where nothing has a fixed range. */
export function clippedOf(layer: LayerDiagnosis): number | undefined {
	const shares = layer.quantized.flatMap(({ clippedShare }) => (clippedShare === undefined ? [] : [clippedShare]));
	return shares.length === 0 ? undefined : Math.max(...shares);
}

import { type KnapsackOption, solveKnapsack } from '../../core/search/knapsack.ts';
import type { LayerTrial } from '../../core/search/layer-trials.ts';
import type { Options } from './options.ts';

/** A form for each layer that gets one. */
export type Choice = ReadonlyMap<string, LayerTrial>;

export interface Chosen {
	readonly choice: Choice;
	/** Whether the limits hold, as predicted from layers taken alone. */
	readonly feasible: boolean;
	/** Sum of the errors of layers taken alone: noise of independent errors adds up. */
	readonly noise: number;
	readonly timeMs: number;
	readonly plainMs: number;
	readonly bytes: number;
}

export interface Limits {
	/** Noise over signal power at the outputs. Infinity: none. */
	readonly noise: number;
	/** Bytes of the layers' stored tensors. Infinity: none. */
	readonly bytes: number;
}

/** Of equal forms the one with less noise and fewer bytes: these shares of the whole count against a layer. */
const TIE = 1e-4;

/** Picks a form for each layer, or none, so that the aim is best within the limits. */
export function choose(layers: readonly string[], trials: readonly LayerTrial[], aim: Options['aim'], limits: Limits): Chosen {
	const byLayer = new Map<string, LayerTrial[]>();
	const plain = new Map<string, { timeMs: number; bytes: number }>();
	let totalMs = 0;
	let totalBytes = 0;
	for (const layer of layers) {
		const own = trials.filter((trial) => trial.layer === layer);
		const timeMs = Math.max(0, ...own.map(({ plainMs }) => plainMs));
		const bytes = own[0]?.plainBytes ?? 0;
		// A form whose error nobody measured is none to choose.
		byLayer.set(
			layer,
			own.filter(({ noise }) => noise !== undefined),
		);
		plain.set(layer, { timeMs, bytes });
		totalMs += timeMs;
		totalBytes += bytes;
	}
	const noiseUnit = Number.isFinite(limits.noise) ? limits.noise : 1;
	const quantities = (noise: number, timeMs: number, bytes: number): KnapsackOption => {
		const tie = TIE * (noise / noiseUnit + (totalBytes > 0 ? bytes / totalBytes : 0));
		switch (aim) {
			case 'fastest':
				return { cost: timeMs + tie * totalMs, uses: limited([noise, limits.noise], [bytes, limits.bytes]) };
			case 'smallest':
				// Never at the price of time: what is smaller and slower would surprise.
				return { cost: bytes + (TIE * totalBytes * noise) / noiseUnit, uses: limited([noise, limits.noise], [timeMs, totalMs]) };
			case 'accurate':
				return { cost: noise, uses: limited([bytes, limits.bytes], [timeMs, totalMs]) };
		}
	};
	const caps = {
		fastest: limited([limits.noise, limits.noise], [limits.bytes, limits.bytes]),
		smallest: limited([limits.noise, limits.noise], [totalMs, totalMs]),
		accurate: limited([limits.bytes, limits.bytes], [totalMs, totalMs]),
	}[aim];
	const names = [...byLayer.keys()];
	const items = names.map((layer) => {
		const { timeMs = 0, bytes = 0 } = plain.get(layer) ?? {};
		return [
			quantities(0, timeMs, bytes),
			...(byLayer.get(layer) ?? []).map((form) => quantities(form.noise ?? 0, form.timeMs, form.bytes)),
		];
	});
	const { chosen, feasible } = solveKnapsack(items, caps);
	const choice = new Map<string, LayerTrial>();
	let [noise, timeMs, bytes] = [0, 0, 0];
	for (const [i, layer] of names.entries()) {
		const form = byLayer.get(layer)?.[(chosen[i] ?? 0) - 1];
		if (form) choice.set(layer, form);
		noise += form?.noise ?? 0;
		timeMs += form?.timeMs ?? plain.get(layer)?.timeMs ?? 0;
		bytes += form?.bytes ?? plain.get(layer)?.bytes ?? 0;
	}
	return { choice, feasible, noise, timeMs, plainMs: totalMs, bytes };
}

/** The quantities whose limit is finite. */
function limited(...pairs: readonly (readonly [quantity: number, limit: number])[]): number[] {
	return pairs.filter(([, limit]) => Number.isFinite(limit)).map(([quantity]) => quantity);
}

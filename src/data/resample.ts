import type { StoredSound } from './wav.ts';

/** Zero crossings of the filter to each side, at the lower of the two rates. */
const crossings = 24;
/** Sidelobes of the window lie about 80 dB below. */
const kaiserBeta = 8;
/** Pass band ends a little below half of the lower rate. */
const rolloff = 0.945;

/**
 * A sound at another rate: band-limited interpolation with a Kaiser-windowed sinc (J. O. Smith, Digital Audio Resampling), 24 crossings to each
 * side. Any part can be read without what comes before it. Coefficients are rounded to 2^-40, so that every machine has the same.
 */
export function resampled(sound: StoredSound, rate: number): StoredSound {
	if (sound.rate === rate) return sound;
	const divisor = gcd(sound.rate, rate);
	const up = rate / divisor;
	const down = sound.rate / divisor;
	const cutoff = Math.min(1, rate / sound.rate) * rolloff;
	const reach = Math.ceil(crossings / Math.min(1, rate / sound.rate));
	const phases = new Map<number, Float64Array>();
	const phase = (index: number): Float64Array => {
		let taps = phases.get(index);
		if (!taps) {
			taps = filterPhase(index / up, reach, cutoff);
			// Rates without a common divisor have as many phases as samples.
			if (phases.size < 4096) phases.set(index, taps);
		}
		return taps;
	};
	const n = Math.max(1, Math.floor((sound.n * up) / down));
	return {
		rate,
		channels: sound.channels,
		n,
		read: async (start, count) => {
			const result = new Float32Array(count);
			if (count === 0) return result;
			const position = (k: number): number => Math.floor((k * down) / up);
			const first = position(start) - reach + 1;
			const last = position(start + count - 1) + reach;
			const source = await sound.read(first, last - first + 1);
			for (let i = 0; i < count; i++) {
				const k = start + i;
				if (k < 0 || k >= n) continue;
				const at = position(k);
				const taps = phase((((k * down) % up) + up) % up);
				const from = at - reach + 1 - first;
				let sum = 0;
				for (let tap = 0; tap < taps.length; tap++) sum += (taps[tap] as number) * (source[from + tap] as number);
				result[i] = sum;
			}
			return result;
		},
	};
}

/** Weights of the samples at -reach+1 .. reach around a point that lies `fraction` behind sample 0; they sum to 1, so that a constant stays. */
function filterPhase(fraction: number, reach: number, cutoff: number): Float64Array {
	const taps = new Float64Array(2 * reach);
	let sum = 0;
	for (let tap = 0; tap < taps.length; tap++) {
		const distance = tap - reach + 1 - fraction;
		const x = Math.PI * cutoff * distance;
		const sinc = x === 0 ? 1 : Math.sin(x) / x;
		const relative = distance / reach;
		const window = Math.abs(relative) >= 1 ? 0 : bessel(kaiserBeta * Math.sqrt(1 - relative * relative)) / bessel(kaiserBeta);
		const value = sinc * window;
		taps[tap] = value;
		sum += value;
	}
	for (let tap = 0; tap < taps.length; tap++) taps[tap] = Math.round(((taps[tap] as number) / sum) * 2 ** 40) / 2 ** 40;
	return taps;
}

/** Modified Bessel function of the first kind, order 0, by its series. */
function bessel(x: number): number {
	let sum = 1;
	let term = 1;
	for (let k = 1; term > sum * 1e-17; k++) {
		term *= (x / (2 * k)) ** 2;
		sum += term;
	}
	return sum;
}

function gcd(a: number, b: number): number {
	return b === 0 ? a : gcd(b, a % b);
}

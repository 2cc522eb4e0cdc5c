/** Seeded generator with a stream of uniform numbers; equal seeds give equal streams on every machine. */
export interface SeededRandom {
	/** Uniform in [0, 1), 32 bits of randomness. */
	next(): number;
	/** Uniform integer in [0, bound). */
	below(bound: number): number;
	/** Standard normal (Box-Muller). Uses Math.log and Math.cos: not for anything whose bytes must agree between engines. */
	normal(): number;
	/** Independent generator, the same for the same label. */
	fork(label: string): SeededRandom;
}

/** sfc32 (Chris Doty-Humphrey, PractRand), seeded through splitmix32. */
export function seededRandom(seed: number): SeededRandom {
	let mix = seed >>> 0;
	const splitmix = (): number => {
		mix = (mix + 0x9e3779b9) | 0;
		let t = mix ^ (mix >>> 16);
		t = Math.imul(t, 0x21f0aaad);
		t ^= t >>> 15;
		t = Math.imul(t, 0x735a2d97);
		return (t ^ (t >>> 15)) | 0;
	};
	let a = splitmix();
	let b = splitmix();
	let c = splitmix();
	let counter = 1;
	const bits = (): number => {
		const t = (((a + b) | 0) + counter) | 0;
		counter = (counter + 1) | 0;
		a = b ^ (b >>> 9);
		b = (c + (c << 3)) | 0;
		c = (c << 21) | (c >>> 11);
		c = (c + t) | 0;
		return t >>> 0;
	};
	for (let i = 0; i < 12; i++) bits();
	const next = (): number => bits() / 4294967296;
	return {
		next,
		below: (bound) => Math.floor(next() * bound),
		normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
		fork: (label) => {
			let hash = 2166136261 ^ seed;
			for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 16777619);
			return seededRandom(hash >>> 0);
		},
	};
}

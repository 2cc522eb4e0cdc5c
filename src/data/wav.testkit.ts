/** A .wav of 16-bit PCM; every channel holds the same samples. */
export function wav(samples: Float32Array, rate: number, channels = 1): Uint8Array<ArrayBuffer> {
	const bytes = new Uint8Array(44 + samples.length * channels * 2);
	const view = new DataView(bytes.buffer);
	const text = (at: number, value: string): void => bytes.set(new TextEncoder().encode(value), at);
	text(0, 'RIFF');
	view.setUint32(4, bytes.length - 8, true);
	text(8, 'WAVEfmt ');
	view.setUint32(16, 16, true);
	view.setUint16(20, 1, true);
	view.setUint16(22, channels, true);
	view.setUint32(24, rate, true);
	view.setUint32(28, rate * channels * 2, true);
	view.setUint16(32, channels * 2, true);
	view.setUint16(34, 16, true);
	text(36, 'data');
	view.setUint32(40, samples.length * channels * 2, true);
	samples.forEach((value, i) => {
		for (let channel = 0; channel < channels; channel++) view.setInt16(44 + (i * channels + channel) * 2, Math.round(value * 32767), true);
	});
	return bytes;
}

/** A tone. */
export function tone(hertz: number, rate: number, count: number): Float32Array {
	return Float32Array.from({ length: count }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate));
}

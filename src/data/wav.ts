import type { ByteSource } from '../core/bytes/source.ts';
import { DataError } from './errors.ts';

/** Sound at rest: its header is known, samples are read when asked for. */
export interface StoredSound {
	/** Samples a second. */
	readonly rate: number;
	readonly channels: number;
	/** Samples of one channel. */
	readonly n: number;
	/** Samples from `start`, channels averaged, in -1..1; outside of the sound they are zero. */
	read(start: number, count: number): Promise<Float32Array>;
}

export function looksLikeWav(bytes: Uint8Array): boolean {
	const text = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
	return text(0) === 'RIFF' && text(8) === 'WAVE';
}

type Coding = 'u8' | 's16' | 's24' | 's32' | 'f32' | 'f64';

const codings: Readonly<Record<string, readonly [Coding, number]>> = {
	'1:8': ['u8', 1],
	'1:16': ['s16', 2],
	'1:24': ['s24', 3],
	'1:32': ['s32', 4],
	'3:32': ['f32', 4],
	'3:64': ['f64', 8],
};

const others: Readonly<Record<number, string>> = { 2: 'ADPCM', 6: 'A-law', 7: 'mu-law', 17: 'ADPCM', 85: 'MP3' };

/** Opens a .wav (RIFF; PCM of 8 to 32 bits or floats, also WAVE_FORMAT_EXTENSIBLE). Throws DataError: malformed, unsupported, empty. */
export async function openWav(source: ByteSource, name: string): Promise<StoredSound> {
	const head = await source.read(0, Math.min(12, source.size));
	if (!looksLikeWav(head)) throw new DataError('malformed', 'The file does not start as a .wav does.', name);
	let format: { readonly coding: Coding; readonly bytes: number; readonly channels: number; readonly rate: number } | undefined;
	for (let at = 12, chunks = 0; at + 8 <= source.size && chunks < 1000; chunks++) {
		const chunk = await source.read(at, 8);
		const id = String.fromCharCode(...chunk.subarray(0, 4));
		const size = viewOf(chunk).getUint32(4, true);
		const start = at + 8;
		if (id === 'fmt ') {
			if (size < 16 || start + size > source.size) throw new DataError('malformed', 'The description of its format is cut short.', name);
			format = readFormat(await source.read(start, Math.min(size, 40)), name);
		} else if (id === 'data') {
			if (!format) throw new DataError('malformed', 'The file does not say its format before its samples.', name);
			// Recorders that write as they go leave the size open.
			const open = size === 0xffffffff || (size === 0 && start < source.size);
			const length = open ? source.size - start : size;
			if (start + length > source.size) {
				throw new DataError(
					'malformed',
					`The sound is cut short: ${length} bytes of samples are stated, ${source.size - start} are there.`,
					name,
				);
			}
			const frame = format.bytes * format.channels;
			const n = Math.floor(length / frame);
			if (n === 0) throw new DataError('empty', 'The sound has no samples.', name);
			const { coding, channels, rate } = format;
			return {
				rate,
				channels,
				n,
				read: async (first, count) => {
					const result = new Float32Array(count);
					const from = Math.max(0, first);
					const to = Math.min(n, first + count);
					if (to <= from) return result;
					const bytes = await source.read(start + from * frame, (to - from) * frame);
					decode(bytes, coding, channels, result.subarray(from - first, to - first));
					return result;
				},
			};
		}
		at = start + size + (size & 1);
	}
	throw new DataError('malformed', 'The file holds no samples.', name);
}

function viewOf(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readFormat(bytes: Uint8Array, name: string): { coding: Coding; bytes: number; channels: number; rate: number } {
	const view = viewOf(bytes);
	const tag = view.getUint16(0, true);
	// The extensible form has the real tag at the start of its sub-format.
	const real = tag === 0xfffe && bytes.length >= 26 ? view.getUint16(24, true) : tag;
	const channels = view.getUint16(2, true);
	const rate = view.getUint32(4, true);
	const bits = view.getUint16(14, true);
	const coding = codings[`${real}:${bits}`];
	if (!coding) {
		const what = others[real] ?? (real === 1 || real === 3 ? `samples of ${bits} bits` : `format ${real}`);
		throw new DataError('unsupported', `The sound is stored as ${what}, which is not read.`, name, 'Convert it to PCM of 16 bits.');
	}
	if (channels < 1 || channels > 64 || rate < 100 || rate > 1_000_000) {
		throw new DataError('malformed', `The file claims ${channels} channels and ${rate} samples a second.`, name);
	}
	return { coding: coding[0], bytes: coding[1], channels, rate };
}

function decode(bytes: Uint8Array, coding: Coding, channels: number, into: Float32Array): void {
	const view = viewOf(bytes);
	const size = bytes.length / into.length / channels;
	const sample = (at: number): number => {
		switch (coding) {
			case 'u8':
				return ((bytes[at] as number) - 128) / 128;
			case 's16':
				return view.getInt16(at, true) / 32768;
			case 's24':
				return ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 8388608;
			case 's32':
				return view.getInt32(at, true) / 2147483648;
			case 'f32':
				return view.getFloat32(at, true);
			default:
				return view.getFloat64(at, true);
		}
	};
	for (let i = 0; i < into.length; i++) {
		let sum = 0;
		for (let channel = 0; channel < channels; channel++) sum += sample((i * channels + channel) * size);
		const value = sum / channels;
		into[i] = Number.isFinite(value) ? value : 0;
	}
}

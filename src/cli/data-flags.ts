import { readFile } from 'node:fs/promises';
import type { DataSettings } from '../core/study/data-settings.ts';
import { InvalidPreprocessing, parsePreprocessing } from '../core/study/preprocessing-schema.ts';
import type { Parsed } from './arguments.ts';
import { InputError, UsageError } from './failure.ts';
import { unreadable } from './model-file.ts';

/** Settings of the data out of --preprocess, --sound-state and --leave-out. Throws UsageError, InputError. */
export async function settingsFrom(
	preprocess: string | undefined,
	soundState: string | undefined,
	leaveOut?: string | undefined,
): Promise<DataSettings> {
	if (soundState !== undefined && soundState !== 'carried' && soundState !== 'zero') {
		throw new UsageError(`--sound-state takes "carried" or "zero", not "${soundState}".`);
	}
	const state: DataSettings = {
		...(soundState !== undefined && { soundState }),
		...(leaveOut !== undefined && { leftOut: await leftOutFrom(leaveOut) }),
	};
	if (preprocess === undefined || preprocess === 'auto') return state;
	let text: string;
	try {
		text = await readFile(preprocess, 'utf8');
	} catch (error) {
		throw unreadable(preprocess, error);
	}
	try {
		return { ...state, preprocessing: parsePreprocessing(JSON.parse(text)) };
	} catch (error) {
		const reason = error instanceof InvalidPreprocessing ? error.message : 'It is not JSON.';
		throw new InputError(
			`${preprocess}: ${reason}`,
			'preprocessing',
			'Take the field preprocessing.picture of a report of "pare evaluate --json".',
		);
	}
}

/** What --leave-out says about the data of --data and --calibration. Throws UsageError where there is no such data, and InputError. */
export async function leaveOutOf(args: Parsed): Promise<DataSettings> {
	const leaveOut = args.text('leave-out');
	if (leaveOut === undefined) return {};
	if (args.texts('data').length + args.texts('calibration').length === 0) {
		throw new UsageError('--leave-out leaves out examples of --data, and there are none.', 'Give the examples with --data.');
	}
	return { leftOut: await leftOutFrom(leaveOut) };
}

/** Content hashes out of a file: a JSON list of them, an object with such a list in its field leftOut, or a hash a line. Throws InputError. */
export async function leftOutFrom(path: string): Promise<string[]> {
	let text: string;
	try {
		text = await readFile(path, 'utf8');
	} catch (error) {
		throw unreadable(path, error);
	}
	const hashes = listedIn(text);
	const wrong = hashes?.find((hash) => typeof hash !== 'string' || !/^(copies:)?[0-9a-f]{64}$/.test(hash));
	if (!hashes || wrong !== undefined) {
		const what = wrong === undefined ? 'It is no list.' : `${JSON.stringify(wrong).slice(0, 80)} is not a content hash.`;
		throw new InputError(
			`${path}: ${what}`,
			'leave-out',
			'List values of the field contentHash of "pare data --health --json", one a line or as a JSON list; with "copies:" before it the first of that content stays.',
		);
	}
	return [...new Set(hashes as string[])];
}

function listedIn(text: string): unknown[] | undefined {
	if (!/^\s*[[{]/.test(text)) {
		return text
			.split(/\r?\n/)
			.map((line) => line.trim())
			.filter((line) => line !== '');
	}
	try {
		const value: unknown = JSON.parse(text);
		const list = Array.isArray(value) ? value : (value as { readonly leftOut?: unknown }).leftOut;
		return Array.isArray(list) ? list : undefined;
	} catch {
		return undefined;
	}
}

/** What --leave-out did, where it was given: hashes of other data name nothing. */
export function leftOutText(settings: DataSettings, leftOutCount: number | undefined): string | undefined {
	const named = settings.leftOut?.length ?? 0;
	if (named === 0) return undefined;
	return `${leftOutCount ?? 0} examples left out, as asked for by ${named} content ${named === 1 ? 'hash' : 'hashes'}`;
}

import { readFile } from 'node:fs/promises';
import type { DataSettings } from '../core/study/data-settings.ts';
import { InvalidPreprocessing, parsePreprocessing } from '../core/study/preprocessing-schema.ts';
import { InputError, UsageError } from './failure.ts';
import { unreadable } from './model-file.ts';

/** Settings of the data out of --preprocess and --sound-state. Throws UsageError, InputError. */
export async function settingsFrom(preprocess: string | undefined, soundState: string | undefined): Promise<DataSettings> {
	if (soundState !== undefined && soundState !== 'carried' && soundState !== 'zero') {
		throw new UsageError(`--sound-state takes "carried" or "zero", not "${soundState}".`);
	}
	const state = soundState === undefined ? {} : ({ soundState } as const);
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

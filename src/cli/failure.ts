/** What the process ends with; told in `pare help`. */
export const exitCode = { ok: 0, failed: 1, usage: 2, input: 3, interrupted: 130 } as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** The command line itself is wrong: what, and what would be right. */
export class UsageError extends Error {
	override readonly name = 'UsageError';
	constructor(
		message: string,
		readonly advice = '',
	) {
		super(message);
	}
}

/** A file that was named cannot be used. */
export class InputError extends Error {
	override readonly name = 'InputError';
	constructor(
		message: string,
		readonly code: string,
		readonly advice = '',
		options?: ErrorOptions,
	) {
		super(message, options);
	}
}

/** The work was begun and cannot be finished. */
export class WorkError extends Error {
	override readonly name = 'WorkError';
	constructor(
		message: string,
		readonly code: string,
		readonly advice = '',
		options?: ErrorOptions,
	) {
		super(message, options);
	}
}

/** A failure as it is printed, and under `error` in JSON. */
export interface CliFailure {
	readonly code: string;
	readonly message: string;
	readonly where?: string;
	readonly advice?: string;
	readonly exit: ExitCode;
	/** A fault of Pare's own rather than of its input. */
	readonly bug: boolean;
}

/** Any thrown thing as one line, with advice where there is some, and the exit code that goes with it. */
export function failureFrom(error: unknown): CliFailure {
	if (!(error instanceof Error)) return { code: 'bug', message: String(error), exit: exitCode.failed, bug: true };
	const fields = error as Error & { code?: unknown; where?: unknown; advice?: unknown; path?: unknown; detail?: unknown };
	const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
	const made = (exit: ExitCode, code: string, advice?: string, message = error.message): CliFailure => {
		const where = text(fields.where);
		const say = text(fields.advice) ?? advice;
		// Typed errors of the model readers have their place in the message already.
		const told = where && !message.includes(where) ? `${message} (${where})` : message;
		return { code, message: oneLine(told), ...(where && { where }), ...(say && { advice: oneLine(say) }), exit, bug: false };
	};
	switch (error.name) {
		case 'AbortError':
			return made(exitCode.interrupted, 'cancelled', undefined, 'Interrupted; nothing was left behind.');
		case 'UsageError':
			return made(exitCode.usage, 'usage', 'Run "pare help" for the commands and their options.');
		case 'InvalidOptions':
			return made(exitCode.usage, 'recipe', 'Run "pare passes" for the options of each pass.');
		case 'InvalidRecipe':
		case 'UnknownPass':
			return made(exitCode.input, 'recipe', 'Run "pare passes" for what a recipe may hold.');
		case 'InputError':
		case 'DataError':
		case 'WrongFile':
		case 'Malformed':
		case 'LimitExceeded':
		case 'MissingData':
		case 'UnsupportedFile':
			return made(exitCode.input, text(fields.code) ?? 'input');
		case 'PassFailed':
			return made(exitCode.failed, 'pass', 'The recipe without this step may still work.');
		case 'WorkError':
			return made(exitCode.failed, text(fields.code) ?? 'failed');
		case 'EngineError':
			return made(exitCode.failed, text(fields.code) ?? 'engine');
		default:
	}
	const path = text(fields.path);
	switch (fields.code) {
		case 'ENOSPC':
		case 'EDQUOT':
			return made(exitCode.failed, 'storage-full', 'Make room and run it again.', `The disk is full${path ? `: ${path}` : '.'}`);
		case 'EACCES':
		case 'EPERM':
		case 'EROFS':
			return made(exitCode.failed, 'not-allowed', 'Choose another folder.', `Not allowed to write${path ? ` ${path}` : ''}.`);
		case 'EIO':
			return made(exitCode.failed, 'io', undefined, `The disk reports an error${path ? ` at ${path}` : ''}.`);
		default:
	}
	if (error instanceof RangeError && /array buffer|allocation|invalid array length|invalid typed array/i.test(error.message)) {
		return made(exitCode.failed, 'memory', 'Close other programs, or give node more memory with NODE_OPTIONS=--max-old-space-size.');
	}
	return {
		code: 'bug',
		message: oneLine(`${error.name}: ${error.message}`),
		advice: 'This is a fault of Pare. Run it again with --debug and report what it prints.',
		exit: exitCode.failed,
		bug: true,
	};
}

function oneLine(text: string): string {
	return text.replace(/\s*[\r\n]+\s*/g, ' ').trim();
}

import type { Failure } from '../core/study/study.ts';

/** A failure that has crossed from a worker, or that the host found: `failure` is what people are told. */
export class CallFailed extends Error {
	override readonly name = 'CallFailed';
	constructor(readonly failure: Failure) {
		super(failure.message);
	}
}

/**
 * Codes that the host, the workers and the storage add to those of the core (`malformed`, `limit`, `missing-data`, `wrong-file`,
 * `unsupported`) and the engine (`load`, `run`, `memory`, `lost-device`, `unavailable`).
 */
export type WorkerFailureCode =
	| 'worker-died'
	| 'worker-start'
	| 'deadline'
	| 'quarantined'
	| 'cancelled'
	| 'storage-full'
	| 'storage'
	| 'bug';

/** Any thrown thing as plain data. Typed errors of core, passes, engine and storage keep their code and place; the rest is a bug and says so. */
export function toFailure(error: unknown): Failure {
	if (error instanceof CallFailed) return error.failure;
	if (!(error instanceof Error)) return { code: 'bug', message: `Something that is not an error was thrown: ${String(error)}` };
	const fields = error as Error & { code?: unknown; where?: unknown; advice?: unknown; detail?: unknown; pass?: unknown; field?: unknown };
	const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
	const details = [text(fields.detail), error.stack ?? `${error.name}: ${error.message}`, causeText(error.cause)]
		.filter(Boolean)
		.join('\n\n');
	const failure = (code: string, advice?: string): Failure => {
		const where = text(fields.where) ?? text(fields.pass) ?? text(fields.field);
		const say = text(fields.advice) ?? advice;
		return { code, message: error.message, ...(where && { where }), ...(say && { advice: say }), detail: details };
	};
	// DOMException carries a numeric `code`, so names decide there.
	switch (error.name) {
		case 'AbortError':
			return { code: 'cancelled', message: 'Cancelled.' };
		case 'QuotaExceededError':
			return failure('storage-full', 'Remove variants or old studies, then try again.');
		case 'NotReadableError':
		case 'NotFoundError':
			return {
				...failure('unreadable', 'Drop the file again.'),
				message: 'A file could not be read any more. It was moved, changed or deleted after it was dropped.',
			};
		case 'PassFailed':
			return failure('pass', 'The recipe without this step may still work.');
		case 'UnknownPass':
		case 'InvalidRecipe':
		case 'InvalidOptions':
			return failure('recipe');
		case 'RangeError':
			if (/array buffer|allocation|invalid array length/i.test(error.message)) {
				return failure('memory', 'Close other tabs, or use a smaller model.');
			}
			break;
		default:
	}
	const code = text(fields.code);
	if (code !== undefined) return failure(code);
	return failure('bug', 'This is a fault of Pare. Copy the details and report them.');
}

function causeText(cause: unknown): string | undefined {
	return cause instanceof Error ? `Caused by ${cause.stack ?? cause.message}` : undefined;
}

/** After these the worker's memory or device cannot be trusted: it is ended and the next call starts a fresh one. */
export function poisonsWorker(failure: Failure): boolean {
	return failure.code === 'memory' || failure.code === 'lost-device' || failure.code === 'unavailable' || failure.code === 'bug';
}

/** Data that cannot be used, in words: what, where, what to do. */
export class DataError extends Error {
	override readonly name = 'DataError';
	constructor(
		readonly code: 'malformed' | 'limit' | 'unsupported' | 'mismatch' | 'empty',
		message: string,
		/** File or entry. */
		readonly where = '',
		readonly advice = '',
	) {
		super(message);
	}
}

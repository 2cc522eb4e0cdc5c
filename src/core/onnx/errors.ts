/** Why a file could not be read or written; stable names for the page, the CLI's JSON and the fuzz statistics. */
export type ModelErrorCode = 'malformed' | 'limit' | 'missing-data' | 'wrong-file' | 'unsupported';

/** Any refusal of a model file. `message` says what, where and what to do; `where` is the place alone. */
export class ModelError extends Error {
	override readonly name: string = 'ModelError';
	constructor(
		readonly code: ModelErrorCode,
		message: string,
		/** Byte offset or path such as graph.node[12].attribute[3]; '' where the file as a whole is meant. */
		readonly where = '',
	) {
		super(where ? `${message} (at ${where})` : message);
	}
}

/** The bytes are not a well-formed ONNX protobuf, or contradict themselves. */
export class Malformed extends ModelError {
	override readonly name = 'Malformed';
	constructor(message: string, where = '') {
		super('malformed', message, where);
	}
}

/** Well-formed perhaps, but larger or deeper than this program agrees to handle. */
export class LimitExceeded extends ModelError {
	override readonly name = 'LimitExceeded';
	constructor(message: string, where = '') {
		super('limit', message, where);
	}
}

/** Weights that lie in another file which is not here, or is too short. `files` names them as the model does. */
export class MissingData extends ModelError {
	override readonly name = 'MissingData';
	constructor(
		message: string,
		readonly files: readonly string[],
		where = '',
	) {
		super('missing-data', message, where);
	}
}

/** Not an ONNX model. `kind` is the sniffer's name for what it is. */
export class WrongFile extends ModelError {
	override readonly name = 'WrongFile';
	constructor(
		message: string,
		readonly kind: string,
	) {
		super('wrong-file', message);
	}
}

/** ONNX, but of a version or with a feature that this program does not read. */
export class UnsupportedFile extends ModelError {
	override readonly name = 'UnsupportedFile';
	constructor(message: string, where = '') {
		super('unsupported', message, where);
	}
}

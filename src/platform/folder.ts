/** A directory of files, as OPFS offers it. Tests use one in memory. Names are single path segments. */
export interface Folder {
	/** The file, or undefined where there is none. Reading is lazy, as with any File. */
	read(name: string): Promise<Blob | undefined>;
	/** Replaces the file as a whole: readers see the old content or the new one, never a part. Throws StorageFull. */
	write(name: string, content: string | Blob): Promise<void>;
	/** Removes a file or a whole folder; nothing happens where it is absent. */
	remove(name: string): Promise<void>;
	files(): Promise<string[]>;
	folders(): Promise<string[]>;
	/** A folder inside, made on the first write. */
	folder(name: string): Folder;
	/** Moves a file into another folder of the same storage, over an older one of that name. */
	move(name: string, to: Folder, newName: string): Promise<void>;
}

/** No room left on this device, or in what the browser grants this site. */
export class StorageFull extends Error {
	override readonly name = 'StorageFull';
	readonly code = 'storage-full';
	readonly advice = 'Remove variants or old studies that you no longer need (Settings shows what they take), then try again.';
	constructor(
		message: string,
		readonly detail = '',
		options?: ErrorOptions,
	) {
		super(message, options);
	}
}

/** The storage failed in another way than being full. */
export class StorageBroken extends Error {
	override readonly name = 'StorageBroken';
	readonly code = 'storage';
	readonly advice = 'Download what you need, then reload the page. If it stays, clear the storage in Settings.';
}

/** Whether a browser's error means "full": Chromium and Firefox say QuotaExceededError, some paths only UnknownError or NoSpace. */
export function isQuotaError(error: unknown): boolean {
	if (!(error instanceof Error)) return false;
	return (
		error.name === 'QuotaExceededError' || /quota|no space|not enough (free )?space|disk( is)? full|insufficient space/i.test(error.message)
	);
}

export function isMissing(error: unknown): boolean {
	return error instanceof Error && error.name === 'NotFoundError';
}

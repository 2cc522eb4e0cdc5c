import { useCallback, useEffect, useRef, useState } from 'react';

interface FileSystemEntryLike {
	readonly isFile: boolean;
	readonly isDirectory: boolean;
}

/** Files that arrive by drop (folders too), paste, the file dialog or the operating system. */
export function useFiles(onFiles: (files: readonly File[]) => void): { readonly dragging: boolean; readonly pick: () => void } {
	const [dragging, setDragging] = useState(false);
	const handler = useRef(onFiles);
	handler.current = onFiles;

	useEffect(() => {
		let depth = 0;
		const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
		const enter = (event: DragEvent): void => {
			if (!hasFiles(event)) return;
			depth += 1;
			setDragging(true);
		};
		const leave = (event: DragEvent): void => {
			if (!hasFiles(event)) return;
			depth = Math.max(0, depth - 1);
			if (depth === 0) setDragging(false);
		};
		const over = (event: DragEvent): void => {
			if (hasFiles(event)) event.preventDefault();
		};
		const drop = (event: DragEvent): void => {
			if (!hasFiles(event)) return;
			event.preventDefault();
			depth = 0;
			setDragging(false);
			void droppedFiles(event.dataTransfer).then((files) => files.length > 0 && handler.current(files));
		};
		const paste = (event: ClipboardEvent): void => {
			const files = [...(event.clipboardData?.files ?? [])];
			if (files.length > 0) handler.current(files);
		};
		window.addEventListener('dragenter', enter);
		window.addEventListener('dragleave', leave);
		window.addEventListener('dragover', over);
		window.addEventListener('drop', drop);
		window.addEventListener('paste', paste);
		launchQueue()?.setConsumer((launch) => {
			void Promise.all(launch.files.map((file) => file.getFile())).then((files) => files.length > 0 && handler.current(files));
		});
		return () => {
			window.removeEventListener('dragenter', enter);
			window.removeEventListener('dragleave', leave);
			window.removeEventListener('dragover', over);
			window.removeEventListener('drop', drop);
			window.removeEventListener('paste', paste);
		};
	}, []);

	// Held for as long as the page lives: nothing else refers to it while the dialog is open, and a collected one never says what was chosen.
	const chooser = useRef<HTMLInputElement>(undefined);
	const pick = useCallback(() => {
		chooser.current ??= fileChooser((files) => handler.current(files));
		chooser.current.click();
	}, []);

	return { dragging, pick };
}

function fileChooser(onFiles: (files: readonly File[]) => void): HTMLInputElement {
	const input = document.createElement('input');
	input.type = 'file';
	input.multiple = true;
	input.addEventListener('change', () => {
		const files = [...(input.files ?? [])];
		// Emptied, so that choosing the same file again is a change.
		input.value = '';
		if (files.length > 0) onFiles(files);
	});
	return input;
}

/** Most files that one dropped folder may hold; more are left out rather than freezing the page. */
const MOST_FILES = 100_000;

async function droppedFiles(data: DataTransfer | null): Promise<File[]> {
	if (!data) return [];
	// Entries must be taken while the event lives; after the first await the list is empty.
	const entries = [...data.items].map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
	const files: File[] = [];
	for (const { entry, file } of entries) {
		if (entry?.isDirectory) await walk(entry, entry.name, files);
		else if (file) files.push(file);
	}
	return files;
}

async function walk(entry: FileSystemEntry & FileSystemEntryLike, path: string, files: File[]): Promise<void> {
	if (files.length >= MOST_FILES) return;
	if (entry.isFile) {
		// One that cannot be read (a link to nowhere, no permission) is an empty file: counted as a bad entry by its name, and the rest goes on.
		const file = await new Promise<File>((resolve) =>
			(entry as FileSystemFileEntry).file(resolve, () => resolve(new File([], entry.name))),
		);
		// The path inside the folder says the class of a picture; File has no settable path of its own.
		Object.defineProperty(file, 'webkitRelativePath', { value: path });
		files.push(file);
		return;
	}
	const reader = (entry as FileSystemDirectoryEntry).createReader();
	for (;;) {
		const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
		if (batch.length === 0) return;
		for (const child of batch) await walk(child, `${path}/${child.name}`, files);
	}
}

interface LaunchQueue {
	setConsumer(consumer: (launch: { readonly files: readonly { getFile(): Promise<File> }[] }) => void): void;
}

function launchQueue(): LaunchQueue | undefined {
	return 'launchQueue' in window ? (window.launchQueue as LaunchQueue) : undefined;
}

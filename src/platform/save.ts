/** Hands a file to the person through the browser's download. Resolves when the browser has been told; it does the copying. */
export function saveFile(blob: Blob, name: string): void {
	const url = URL.createObjectURL(blob);
	const link = document.createElement('a');
	link.href = url;
	link.download = safeFileName(name);
	link.hidden = true;
	document.body.append(link);
	link.click();
	link.remove();
	// The download reads the blob after the click; a minute is ample to begin, and a reload frees it anyway.
	setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A name that every file system takes: no folders, no control characters, not too long. */
export function safeFileName(name: string): string {
	const clean = name
		.replace(/[/\\:*?"<>|\p{Cc}]/gu, '_')
		.replace(/^\.+/, '')
		.trim();
	if (clean.length === 0) return 'file';
	if (clean.length <= 200) return clean;
	const dot = clean.lastIndexOf('.');
	const ending = dot > 0 && clean.length - dot <= 12 ? clean.slice(dot) : '';
	return clean.slice(0, 200 - ending.length) + ending;
}

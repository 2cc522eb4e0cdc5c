/** A path as it is compared: small letters, one kind of slash, no leading "./". */
export function pathKey(path: string): string {
	return path
		.trim()
		.toLowerCase()
		.replace(/\\/g, '/')
		.replace(/^(\.?\/)+/, '');
}

const ending = /\.(jpe?g|png|webp|bmp|gif|avif|wav)$/i;

/** The last part of a path, without its ending, in small letters: what entries and lines of a label file have in common at the least. */
export function entryKey(path: string): string {
	return (pathKey(path).split('/').at(-1) ?? '').replace(ending, '');
}

/** Which line of a label file an entry belongs to. */
export interface Matched {
	/** Key in the label file; undefined where none names the entry. */
	readonly key?: string;
	/** Several lines or several entries fit equally well. */
	readonly ambiguous?: true;
}

/**
 * Matches entries to the names that a label file gives: names must be equal without their endings; among several, folders and the ending decide. Where
 * the same name could mean several entries, or several lines one entry, none is taken: a wrong label is worse than none.
 */
export function matchEntries(entries: readonly string[], keys: Iterable<string>): readonly Matched[] {
	const lines = grouped([...keys]);
	const found = entries.map((entry): Matched => {
		const candidates = lines.get(entryKey(entry)) ?? [];
		const best = largest(candidates, (key) => agreement(key, pathKey(entry)));
		return best.length === 0 ? {} : best.length === 1 ? { key: best[0] as string } : { ambiguous: true };
	});
	// A line that several entries take belongs to the one that it agrees with most.
	const takers = new Map<string, number[]>();
	for (const [i, { key }] of found.entries()) if (key !== undefined) takers.set(key, [...(takers.get(key) ?? []), i]);
	const result = [...found];
	for (const [key, indices] of takers) {
		if (indices.length < 2) continue;
		const best = largest(indices, (i) => agreement(key, pathKey(entries[i] as string)));
		for (const i of indices) if (best.length > 1 || best[0] !== i) result[i] = best.includes(i) ? { ambiguous: true } : {};
	}
	return result;
}

function grouped(keys: readonly string[]): Map<string, string[]> {
	const groups = new Map<string, string[]>();
	for (const key of keys) {
		const name = entryKey(key);
		const group = groups.get(name);
		if (group) group.push(key);
		else groups.set(name, [key]);
	}
	return groups;
}

/** Folders that both paths end in, counted from the name; half a one more for the same ending. */
function agreement(one: string, other: string): number {
	const [a, b] = [one.split('/'), other.split('/')];
	let same = 0;
	for (let i = 2; i <= Math.min(a.length, b.length) && a.at(-i) === b.at(-i); i++) same += 1;
	return same + (a.at(-1) === b.at(-1) ? 0.5 : 0);
}

function largest<T>(items: readonly T[], score: (item: T) => number): T[] {
	let best: T[] = [];
	let most = Number.NEGATIVE_INFINITY;
	for (const item of items) {
		const value = score(item);
		if (value > most) best = [];
		if (value >= most) {
			most = value;
			best.push(item);
		}
	}
	return best;
}

import type { DataTarget } from './dataset.ts';

/** How names of folders stand for classes of the model's output. */
export interface ClassMapping {
	/** Class index by folder name. */
	readonly indices: ReadonlyMap<string, number>;
	/** Names in output order, where known. */
	readonly names: readonly string[] | undefined;
	/** Where the mapping comes from, in words. */
	readonly note: string;
}

/** Classes that the model's first class-like output ([N, C], floats) has: `open` where the model leaves it open, undefined where it has none. */
export function classCount(target: DataTarget): number | 'open' | undefined {
	for (const { dtype, shape } of target.outputs) {
		const last = shape.at(-1);
		if (!dtype.startsWith('float') || shape.length < 1 || shape.length > 2 || last === 1) continue;
		return typeof last === 'number' ? last : 'open';
	}
	return undefined;
}

/** Lines of a classes.txt: one class a line, in output order. */
export function parseClassList(text: string): string[] {
	const lines = text.split(/\r?\n/).map((line) => line.trim());
	while (lines.at(-1) === '') lines.pop();
	return lines;
}

function without(note: string): ClassMapping {
	return { indices: new Map(), names: undefined, note };
}

/**
 * Maps folders to outputs: by a list of classes where there is one (the whole line, or its first word); by number where all folders are
 * numbers; in alphabetical order where there are as many folders as outputs, which is a guess and says so. No indices: no labels, and the note
 * says why; undefined: the folders say nothing.
 */
export function mapClasses(
	folders: readonly string[],
	classes: readonly string[] | undefined,
	outputs: number | 'open',
): ClassMapping | undefined {
	const distinct = [...new Set(folders)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
	if (classes) {
		if (outputs !== 'open' && classes.length !== outputs) {
			return without(`labels left out: the list has ${classes.length} classes, the model ${outputs} outputs`);
		}
		const lines = new Map<string, number>();
		classes.forEach((line, index) => {
			for (const key of [line, line.split(/[\s,;]/)[0] ?? '']) if (key !== '' && !lines.has(key)) lines.set(key, index);
		});
		const indices = new Map(distinct.flatMap((folder) => (lines.has(folder) ? [[folder, lines.get(folder) as number] as const] : [])));
		if (indices.size === 0) return without('labels left out: none of the folders is in the list of classes');
		const lost = distinct.length - indices.size;
		return {
			indices,
			names: classes,
			note: `classes from the list of ${classes.length}${lost > 0 ? `; ${lost} folders are not in it` : ''}`,
		};
	}
	if (distinct.length < 2) return undefined;
	if (
		distinct.every((folder) => /^\d{1,6}$/.test(folder)) &&
		(outputs === 'open' || distinct.every((folder) => Number(folder) < outputs))
	) {
		return {
			indices: new Map(distinct.map((folder) => [folder, Number(folder)])),
			names: undefined,
			note: 'classes by the numbers of the folders',
		};
	}
	if (distinct.length === outputs) {
		return {
			indices: new Map(distinct.map((folder, index) => [folder, index])),
			names: distinct,
			note: 'classes assumed: folders in alphabetical order are outputs in order; add a classes.txt if they are not',
		};
	}
	return undefined;
}

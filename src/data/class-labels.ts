import type { ClassMapping } from '../core/study/data-settings.ts';
import type { DataTarget } from './dataset.ts';

/** How names of folders (or words in a label column) stand for classes of the model's output. */
export interface NamedClasses {
	/** Class index by name. */
	readonly indices: ReadonlyMap<string, number>;
	/** Absent where nothing names classes. */
	readonly origin?: ClassMapping['origin'];
	/** Names that stand for none. */
	readonly unmapped?: readonly string[];
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

/**
 * A list of classes in JSON, as tools save it: names in output order, {"cat": 0}, {"0": "cat"}, or {"0": ["n02123045", "cat"]}; also under a key such as
 * id2label. Undefined where it is something else, or has gaps.
 */
export function parseClassJson(text: string): string[] | undefined {
	let document: unknown;
	try {
		document = JSON.parse(text);
	} catch {
		return undefined;
	}
	if (typeof document !== 'object' || document === null) return undefined;
	if (Array.isArray(document)) return document.length > 0 && document.every((name) => typeof name === 'string') ? document : undefined;
	for (const key of ['id2label', 'label2id', 'class_to_idx', 'idx_to_class', 'classes']) {
		const inner = (document as Record<string, unknown>)[key];
		if (typeof inner === 'object' && inner !== null) return parseClassJson(JSON.stringify(inner));
	}
	const names: string[] = [];
	const fields = Object.entries(document);
	for (const [key, value] of fields) {
		const words = Array.isArray(value) ? value : [value];
		if (Number.isInteger(value)) names[value as number] = key;
		else if (/^\d{1,6}$/.test(key) && words.every((word) => typeof word === 'string')) names[Number(key)] = words.join(' ');
		else return undefined;
	}
	return names.length > 0 && names.length === fields.length && Object.keys(names).length === names.length ? names : undefined;
}

/** Index in a list of classes by name: the whole line or its first word; else in any capitals, where that means one class only. */
export function classLookup(classes: readonly string[]): (name: string) => number | undefined {
	const exact = new Map<string, number>();
	const loose = new Map<string, number | undefined>();
	classes.forEach((line, index) => {
		for (const key of [line, line.split(/[\s,;]/)[0] ?? '']) {
			if (key === '') continue;
			if (!exact.has(key)) exact.set(key, index);
			const small = key.toLowerCase();
			loose.set(small, loose.has(small) && loose.get(small) !== index ? undefined : index);
		}
	});
	return (name) => exact.get(name) ?? loose.get(name.toLowerCase());
}

function without(note: string, unmapped: readonly string[]): NamedClasses {
	return { indices: new Map(), origin: 'none', unmapped, names: undefined, note };
}

/** The mapping as facts of a set have it. */
export function mappingFacts({ indices, origin, unmapped = [] }: NamedClasses): ClassMapping | undefined {
	if (origin === undefined || indices.size + unmapped.length === 0) return undefined;
	const classes = [...indices].map(([name, index]) => ({ name, index }));
	return { origin, classes, ...(unmapped.length > 0 && { unmapped: unmapped.slice(0, 10_000) }) };
}

/**
 * Maps folders to outputs: as a person said; by a list of classes where there is one (the whole line, or its first word); by number where all folders are
 * numbers; in alphabetical order where there are as many folders as outputs, which is a guess and says so. No indices: no labels, and the note
 * says why; undefined: the folders say nothing.
 */
export function mapClasses(
	folders: readonly string[],
	classes: readonly string[] | undefined,
	outputs: number | 'open',
	given?: ClassMapping['classes'],
	what = 'folders',
): NamedClasses | undefined {
	const distinct = [...new Set(folders)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
	if (given) {
		const known = new Map(given.filter(({ index }) => outputs === 'open' || index < outputs).map(({ name, index }) => [name, index]));
		const indices = new Map(distinct.flatMap((name) => (known.has(name) ? [[name, known.get(name) as number] as const] : [])));
		const unmapped = distinct.filter((name) => !indices.has(name));
		const lost = unmapped.length;
		const names = classes && (outputs === 'open' || classes.length === outputs) ? classes : namesByIndex(indices, outputs);
		return { indices, origin: 'given', unmapped, names, note: `classes as chosen${lost > 0 ? `; ${lost} ${what} stand for none` : ''}` };
	}
	if (classes) {
		if (outputs !== 'open' && classes.length !== outputs) {
			return without(`labels left out: the list has ${classes.length} classes, the model ${outputs} outputs`, distinct);
		}
		const lookup = classLookup(classes);
		const indices = new Map(
			distinct.flatMap((folder) => {
				const index = lookup(folder);
				return index === undefined ? [] : [[folder, index] as const];
			}),
		);
		if (indices.size === 0) return without(`labels left out: none of the ${what} is in the list of classes`, distinct);
		const unmapped = distinct.filter((name) => !indices.has(name));
		const lost = unmapped.length;
		return {
			indices,
			origin: 'list',
			unmapped,
			names: classes,
			note: `classes from the list of ${classes.length}${lost > 0 ? `; ${lost} ${what} are not in it` : ''}`,
		};
	}
	if (distinct.length < 2) return undefined;
	if (
		distinct.every((folder) => /^\d{1,6}$/.test(folder)) &&
		(outputs === 'open' || distinct.every((folder) => Number(folder) < outputs))
	) {
		return {
			indices: new Map(distinct.map((folder) => [folder, Number(folder)])),
			origin: 'numbers',
			names: undefined,
			note: `classes by the numbers of the ${what}`,
		};
	}
	if (distinct.length === outputs) {
		return {
			indices: new Map(distinct.map((folder, index) => [folder, index])),
			origin: 'order',
			names: distinct,
			note: `classes assumed: ${what} in alphabetical order are outputs in order; add a classes.txt if they are not`,
		};
	}
	return without(
		`labels left out: ${distinct.length} ${what} and ${outputs === 'open' ? 'an unknown number of' : outputs} outputs; add a classes.txt with a line for each output`,
		distinct,
	);
}

function namesByIndex(indices: ReadonlyMap<string, number>, outputs: number | 'open'): readonly string[] | undefined {
	const most = outputs === 'open' ? Math.max(-1, ...indices.values()) + 1 : outputs;
	if (most > 100_000) return undefined;
	const names = Array.from({ length: most }, (_, index) => String(index));
	for (const [name, index] of indices) names[index] = name;
	return names;
}

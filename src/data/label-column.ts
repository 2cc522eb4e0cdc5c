import type { ClassMapping } from '../core/study/data-settings.ts';
import type { LabelKind, Labels } from '../core/study/task.ts';
import { classCount, mapClasses, mappingFacts } from './class-labels.ts';
import { isNumber } from './csv.ts';
import type { DataTarget } from './dataset.ts';

/** Columns with these names hold what is right for a row. */
const labelName = /^(labels?|class(es)?|targets?|category|categories|y|species|answer)$/i;
/** One column for each class or value: label_cat, target.0, y1. */
const labelFamily = /^(labels?|class|target|y)([_ .:-].+|\d+)$/i;

/** Which columns are labels: one by name, or a family of them. */
export function labelColumns(header: readonly string[]): number[] {
	const plain = header.flatMap((name, i) => (labelName.test(name) ? [i] : []));
	if (plain.length > 0) return [plain[0] as number];
	return header.flatMap((name, i) => (labelFamily.test(name) ? [i] : []));
}

const mostWords = 100_000;

/** What label cells look like over a set, gathered row by row. */
export class LabelSurvey {
	readonly words = new Set<string>();
	columns = 0;
	rows = 0;
	integers = true;
	numbers = true;
	binary = true;
	joined = false;
	least = Number.POSITIVE_INFINITY;
	most = Number.NEGATIVE_INFINITY;

	/** Cells of one row that has labels. */
	add(cells: readonly string[]): void {
		this.rows += 1;
		this.columns = Math.max(this.columns, cells.length);
		for (const cell of cells) {
			if (/[|;]/.test(cell)) this.joined = true;
			if (!isNumber(cell)) {
				this.numbers = false;
				this.integers = false;
				this.binary = false;
			} else {
				const value = Number(cell);
				if (!Number.isInteger(value)) this.integers = false;
				if (value !== 0 && value !== 1) this.binary = false;
				this.least = Math.min(this.least, value);
				this.most = Math.max(this.most, value);
			}
			if (this.words.size < mostWords) this.words.add(cell);
		}
	}
}

/** How label cells become labels of the model. */
export interface LabelReader {
	/** Undefined: the labels are left out, and the note says why. */
	readonly kind: LabelKind | undefined;
	readonly note: string;
	/** Different classes met. */
	readonly classes?: number;
	/** Names in output order, where known. */
	readonly names?: readonly string[];
	readonly mapping?: ClassMapping;
	/** Undefined: this cell has no label among them. */
	read(cells: readonly string[]): Labels | undefined;
}

const none = (note: string): LabelReader => ({ kind: undefined, note, read: () => ({}) });

/**
 * Decides what label cells mean for a model: classes by index or by name (through a list of classes, or a mapping that is proposed), several
 * classes at a time ("cat|dog", or a 0/1 column for each), or values to be met.
 */
export function readLabels(
	survey: LabelSurvey,
	target: DataTarget,
	names: readonly string[] = [],
	classes?: readonly string[],
	given?: ClassMapping['classes'],
): LabelReader {
	const outputs = classCount(target);
	if (survey.rows === 0) return none('');
	if (survey.columns > 1) {
		if (!survey.numbers) return none('labels left out: several columns of labels, and not all of them numbers');
		if (survey.binary && (outputs === survey.columns || outputs === 'open')) {
			return {
				kind: 'classes',
				classes: survey.columns,
				...(names.length === survey.columns && { names }),
				note: `labels: ${survey.columns} columns, any number of which may apply`,
				read: (cells) => (cells.length === survey.columns && cells.every(isNumber) ? { labels: cells.map(Number) } : undefined),
			};
		}
		return {
			kind: 'values',
			note: `labels: ${survey.columns} values`,
			read: (cells) => (cells.length === survey.columns && cells.every(isNumber) ? { targets: cells.map(Number) } : undefined),
		};
	}
	if (survey.numbers && outputs === undefined) {
		if (survey.binary && survey.words.size === 2) {
			return {
				kind: 'class',
				classes: 2,
				note: 'labels: 0 and 1',
				read: ([cell = '']) => (isNumber(cell) ? { label: Number(cell) } : undefined),
			};
		}
		return { kind: 'values', note: 'labels: values', read: ([cell = '']) => (isNumber(cell) ? { targets: [Number(cell)] } : undefined) };
	}
	if (survey.numbers && !survey.integers) {
		return { kind: 'values', note: 'labels: values', read: ([cell = '']) => (isNumber(cell) ? { targets: [Number(cell)] } : undefined) };
	}
	if (survey.integers && !given) {
		const width = outputs === 'open' || outputs === undefined ? Number.POSITIVE_INFINITY : outputs;
		const offset = survey.least >= 1 && survey.most === width ? 1 : 0;
		if (survey.least < 0 || survey.most - offset >= width) {
			return none(`labels left out: they go from ${survey.least} to ${survey.most}, the model has ${outputs} outputs`);
		}
		return {
			kind: 'class',
			classes: survey.words.size,
			...(classes && (outputs === 'open' || classes.length === outputs) && { names: classes }),
			mapping: {
				origin: offset === 0 ? 'numbers' : 'order',
				classes: [...survey.words]
					.map((name) => ({ name, index: Number(name) - offset }))
					.sort((a, b) => a.index - b.index)
					.slice(0, 10_000),
			},
			note: offset === 0 ? 'classes by number' : `classes assumed: labels 1 to ${survey.most} are outputs 0 to ${survey.most - 1}`,
			read: ([cell = '']) => (/^\+?\d+(\.0*)?$/.test(cell) && Number(cell) - offset >= 0 ? { label: Number(cell) - offset } : undefined),
		};
	}
	const split = (cell: string): string[] =>
		cell
			.split(/[|;]/)
			.map((word) => word.trim())
			.filter((word) => word !== '');
	const words = survey.joined ? [...new Set([...survey.words].flatMap(split))] : [...survey.words];
	// A single score: two words are its two answers.
	const mapped = mapClasses(words, classes, outputs ?? 2, given, 'label names');
	const mapping = mapped && mappingFacts(mapped);
	if (!mapped || mapped.indices.size === 0) {
		return { ...none(mapped?.note ?? `labels left out: they are all "${words[0] ?? ''}"`), ...(mapping && { mapping }) };
	}
	const shared = {
		classes: new Set(mapped.indices.values()).size,
		...(mapped.names && { names: mapped.names }),
		...(mapping && { mapping }),
		note: mapped.note,
	};
	if (survey.joined) {
		const width = outputs === 'open' || outputs === undefined ? Math.max(...mapped.indices.values()) + 1 : outputs;
		return {
			...shared,
			kind: 'classes',
			read: ([cell = '']) => {
				const labels = new Array<number>(width).fill(0);
				for (const word of split(cell)) {
					const index = mapped.indices.get(word);
					if (index === undefined) return undefined;
					labels[index] = 1;
				}
				return { labels };
			},
		};
	}
	return {
		...shared,
		kind: 'class',
		read: ([cell = '']) => {
			const label = mapped.indices.get(cell);
			return label === undefined ? undefined : { label };
		},
	};
}

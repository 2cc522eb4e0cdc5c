import { elementCount } from '../core/ir/dtype.ts';
import type { Port, TensorData } from '../core/ir/tensor-data.ts';
import { convert } from '../core/numeric/convert.ts';
import { type Example, spreadIndices } from '../core/study/examples.ts';
import { type Csv, isNumber } from './csv.ts';
import type { Dataset, DataTarget } from './dataset.ts';
import { DataError } from './errors.ts';
import { type LabelReader, LabelSurvey, labelColumns, readLabels } from './label-column.ts';
import type { ReaderOptions } from './reader.ts';
import type { SkippedEntries } from './skipped.ts';

/** Rows of a table as examples. */
export interface TableExamples extends Pick<Dataset, 'n' | 'example'> {
	readonly batchAxes: Dataset['batchAxes'] | undefined;
	readonly labels: LabelReader;
	/** Entries in the set, before it is limited to fewer. */
	readonly available: number;
	readonly description: string;
}

/** Which cells feed which input. */
interface Feeding {
	readonly port: Port;
	readonly columns: readonly number[];
	readonly dims: readonly number[];
}

/**
 * Rows of a CSV as examples: for one input all columns but the labels in order, for several inputs the column with the name of each. Rows with
 * missing or wrong cells are left out by line. Rows are read again when asked for. Throws DataError `mismatch` where the table does not fit.
 */
export async function tableExamples(
	csv: Csv,
	target: DataTarget,
	where: string,
	classes: readonly string[] | undefined,
	skipped: SkippedEntries,
	options: ReaderOptions,
): Promise<TableExamples> {
	const width = Math.max(0, ...(await Promise.all([0, 1, 2].filter((i) => i < csv.n).map(async (i) => (await csv.record(i)).length))));
	if (csv.n === 0) throw new DataError('empty', 'The table has no rows.', where);
	const header = csv.header ?? Array.from({ length: width }, (_, i) => `column ${i + 1}`);
	const { feeds, labels: labelAt, note } = await assign(csv, header, width, target, where);
	const wanted = feeds.flatMap(({ columns }) => columns);
	const good: number[] = [];
	const survey = new LabelSurvey();
	const rows = spreadIndices(csv.n, options.limit ?? csv.n);
	for (const [done, row] of rows.entries()) {
		if (done % 1000 === 0) {
			options.signal?.throwIfAborted();
			options.onProgress?.(done / rows.length);
		}
		const cells = await csv.record(row);
		const wrong = wrongCell(cells, header, wanted, width, feeds);
		const broken = labelAt.find((column) => cells[column]?.includes('\ufffd'));
		if (broken !== undefined && wrong === undefined) {
			skipped.add(`${where}, line ${csv.line(row)}`, `Column "${header[broken]}" is no UTF-8: save the table as UTF-8.`);
			continue;
		}
		const missing = labelAt.find((column) => (cells[column] ?? '') === '');
		if (wrong !== undefined || missing !== undefined) {
			skipped.add(`${where}, line ${csv.line(row)}`, wrong ?? `It has no label: column "${header[missing ?? 0]}" is empty.`);
			continue;
		}
		if (labelAt.length > 0) survey.add(labelAt.map((column) => cells[column] ?? ''));
		good.push(row);
	}
	const labels = readLabels(
		survey,
		target,
		labelAt.map((column) => (header[column] ?? '').replace(/^(labels?|class|target|y)[_ .:-]/i, '')),
		classes,
		options.settings?.classMapping,
	);
	const kept = labels.kind === undefined ? good : await withLabels(csv, good, labelAt, labels, where, skipped);
	if (kept.length === 0)
		throw new DataError('empty', `None of its ${csv.n} rows can be used.`, where, skipped.facts().skipped[0]?.reason ?? '');
	return {
		n: kept.length,
		available: csv.n,
		labels,
		description: [note, labels.note].filter((text) => text !== '').join('; '),
		batchAxes: feeds.every(({ port }) => port.shape.length > 0 && typeof port.shape[0] !== 'number')
			? Object.fromEntries(feeds.map(({ port }) => [port.name, 0]))
			: undefined,
		async example(index): Promise<Example> {
			const row = kept[index];
			if (row === undefined) throw new RangeError(`there are ${kept.length} rows, not ${index + 1}`);
			const cells = await csv.record(row);
			return {
				name: `${where}, line ${csv.line(row)}`,
				feeds: Object.fromEntries(feeds.map((feeding) => [feeding.port.name, tensorOf(feeding, cells)])),
				...labels.read(labelAt.map((column) => cells[column] ?? '')),
			};
		},
	};
}

async function withLabels(
	csv: Csv,
	rows: readonly number[],
	labelAt: readonly number[],
	labels: LabelReader,
	where: string,
	skipped: SkippedEntries,
): Promise<number[]> {
	const kept: number[] = [];
	for (const row of rows) {
		const cells = await csv.record(row);
		if (labels.read(labelAt.map((column) => cells[column] ?? ''))) kept.push(row);
		else
			skipped.add(
				`${where}, line ${csv.line(row)}`,
				`Its label "${labelAt.map((column) => cells[column]).join(', ')}" stands for no output.`,
			);
	}
	return kept;
}

function wrongCell(
	cells: readonly string[],
	header: readonly string[],
	wanted: readonly number[],
	width: number,
	feeds: readonly Feeding[],
): string | undefined {
	if (cells.length !== width) return `It has ${cells.length} fields, the table ${width}.`;
	if (feeds.every(({ port }) => port.dtype === 'string')) return undefined;
	const fraction = feeds
		.filter(({ port }) => /^u?int/.test(port.dtype))
		.flatMap(({ columns }) => columns)
		.find((column) => isNumber(cells[column] ?? '') && !Number.isInteger(Number(cells[column])));
	if (fraction !== undefined) return `Column "${header[fraction]}" holds ${cells[fraction]}, and the model takes whole numbers.`;
	const bad = wanted.find((column) => !isNumber(cells[column] ?? ''));
	if (bad === undefined || feeds.some(({ port, columns }) => port.dtype === 'string' && columns.includes(bad))) return undefined;
	return cells[bad] === ''
		? `Column "${header[bad]}" is empty.`
		: `Column "${header[bad]}" holds "${cells[bad]?.slice(0, 40)}", which is no number.`;
}

/** Sizes of one example, with its batch as 1; undefined where an axis other than the first is open and `count` does not settle it. */
function oneExample(port: Port, count: number): number[] | undefined {
	if (port.shape.length === 0) return count === 1 ? [] : undefined;
	const rest = port.shape.slice(1);
	const first = port.shape[0];
	const open = rest.filter((dim) => typeof dim !== 'number').length;
	const known = rest.reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1);
	if (port.shape.length === 1) return typeof first === 'number' ? (first === count ? [first] : undefined) : count === 1 ? [1] : [count];
	if (typeof first === 'number' && first !== 1) return undefined;
	if (open === 0) return known === count ? [1, ...(rest as number[])] : undefined;
	if (open > 1 || known === 0 || count % known !== 0) return undefined;
	return [1, ...rest.map((dim) => (typeof dim === 'number' ? dim : count / known))];
}

async function assign(
	csv: Csv,
	header: readonly string[],
	width: number,
	target: DataTarget,
	where: string,
): Promise<{ feeds: Feeding[]; labels: number[]; note: string }> {
	const takes = target.inputs
		.map(({ name, dtype, shape }) => `"${name}" ${dtype}[${shape.map((dim) => dim ?? '?').join(', ')}]`)
		.join(', ');
	let labels = csv.header ? labelColumns(csv.header) : [];
	if (target.inputs.length > 1) {
		const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');
		const feeds = target.inputs.map((port): Feeding => {
			const column = header.findIndex((name) => plain(name) === plain(port.name));
			const dims = oneExample(port, 1);
			if (column < 0 || !dims) {
				throw new DataError(
					'mismatch',
					`No column of the table stands for the input "${port.name}". The model takes ${takes}.`,
					where,
					`Name a column "${port.name}".`,
				);
			}
			return { port, columns: [column], dims };
		});
		const used = new Set(feeds.flatMap(({ columns }) => columns));
		labels = labels.filter((column) => !used.has(column));
		return { feeds, labels, note: 'columns by the names of the inputs' };
	}
	const [port] = target.inputs;
	if (!port) throw new DataError('mismatch', 'The model takes no inputs.', where);
	const others = (without: readonly number[]): number[] => Array.from({ length: width }, (_, i) => i).filter((i) => !without.includes(i));
	const feed = (without: readonly number[]): Feeding | undefined => {
		const columns = others(without);
		const dims = oneExample(port, columns.length);
		return dims && columns.length > 0 ? { port, columns, dims } : undefined;
	};
	const rows = await Promise.all([0, 1, 2, 3].filter((i) => i < csv.n).map((i) => csv.record(i)));
	const words = others([]).filter((column) => rows.every((cells) => !isNumber(cells[column] ?? '') && (cells[column] ?? '') !== ''));
	const tried: readonly { readonly labels: readonly number[]; readonly extra: readonly number[]; readonly note: string }[] = [
		...(labels.length > 0 ? [{ labels, extra: [], note: '' }] : [{ labels: [], extra: [], note: '' }]),
		// An index in front of the features, as data frames are saved with.
		...(labels.length > 0 && /^(|id|index|unnamed: 0)$/i.test(header[0] ?? '')
			? [{ labels, extra: [0], note: `"${header[0]}" left out` }]
			: []),
		...(labels.length === 0 && words.length === 1
			? [{ labels: words, extra: [], note: `"${header[words[0] as number]}" taken as the label: it holds words` }]
			: []),
		...(labels.length === 0
			? [
					{ labels: [width - 1], extra: [], note: 'the last column taken as the label' },
					{ labels: [0], extra: [], note: 'the first column taken as the label' },
				]
			: []),
	];
	for (const attempt of tried) {
		const feeding = port.dtype === 'string' && width === 1 ? feed([]) : feed([...attempt.labels, ...attempt.extra]);
		if (feeding)
			return {
				feeds: [feeding],
				labels: [...attempt.labels],
				note: [`${feeding.columns.length} columns as "${port.name}"`, attempt.note].filter((text) => text !== '').join('; '),
			};
	}
	throw new DataError(
		'mismatch',
		`The table has ${others(labels).length} columns of features${labels.length > 0 ? ' beside the labels' : ''}, which do not fit the model: it takes ${takes}.`,
		where,
		'Give a column for each feature, in order, and one named "label".',
	);
}

function tensorOf({ port, columns, dims }: Feeding, cells: readonly string[]): TensorData {
	const { dtype } = port;
	if (elementCount(dims) !== columns.length) throw new RangeError(`${columns.length} columns do not fill [${dims.join(', ')}]`);
	if (dtype === 'string') return { dtype, dims, data: columns.map((column) => cells[column] ?? '') };
	return {
		dtype,
		dims,
		data: convert(
			Float64Array.from(columns, (column) => Number(cells[column])),
			'float64',
			dtype,
		),
	};
}

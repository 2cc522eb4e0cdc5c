import { figuresOf, targetsOf } from './figures.ts';
import type { Study } from './study.ts';

type Cell = string | number | null;

/** The variants of a study as rows of plain cells: what a spreadsheet or a script wants. Numbers are unrounded, units in the names. */
export interface VariantTable {
	readonly columns: readonly string[];
	readonly rows: readonly (readonly Cell[])[];
}

export function variantTable(study: Study): VariantTable {
	const targets = targetsOf(study);
	const ids = study.variants.map((variant) => variant.id);
	if (!ids.includes('original')) ids.unshift('original');
	const columns = [
		'name',
		'family',
		'recipe',
		'sha256',
		'bytes',
		'gzip_bytes',
		'brotli_bytes',
		'times_smaller',
		'parameters',
		'non_zeros',
		'synthetic_inputs',
		'top1',
		'top1_low',
		'top1_high',
		'top1_n',
		'top1_difference',
		'top1_difference_low',
		'top1_difference_high',
		'agreement',
		'agreement_low',
		'agreement_high',
		'cosine_lowest',
		'sqnr_db_lowest',
		'max_abs_error',
		...targets.flatMap((target) =>
			['median_ms', 'p95_ms', 'n', 'ratio', 'ratio_low', 'ratio_high', 'load_ms', 'first_ms', 'failure'].map((name) => `${target}_${name}`),
		),
		'failure',
	];
	const rows = ids.map((id): Cell[] => {
		const figures = figuresOf(study, id);
		const { variant, top1, classifier, evaluation } = figures;
		const worst = evaluation?.outputs.length ? Math.max(...evaluation.outputs.map((output) => output.maxAbs)) : null;
		return [
			variant?.name ?? 'original',
			variant?.family ?? 'original',
			variant ? JSON.stringify(variant.recipe.steps) : '[]',
			variant?.file ?? (id === 'original' ? study.model.hash : null),
			figures.bytes ?? null,
			variant?.sizes?.gzip ?? null,
			variant?.sizes?.brotli ?? null,
			figures.timesSmaller ?? null,
			variant?.parameters ?? (id === 'original' ? study.facts.parameters : null),
			variant?.nonZeros ?? null,
			evaluation ? (evaluation.synthetic ? 'yes' : 'no') : null,
			top1?.value ?? null,
			top1?.interval[0] ?? null,
			top1?.interval[1] ?? null,
			top1?.n ?? null,
			top1?.difference?.value ?? null,
			top1?.difference?.interval[0] ?? null,
			top1?.difference?.interval[1] ?? null,
			classifier?.agreement?.value ?? null,
			classifier?.agreement?.interval[0] ?? null,
			classifier?.agreement?.interval[1] ?? null,
			figures.worstCosine ?? null,
			figures.worstSqnrDb === undefined || Number.isFinite(figures.worstSqnrDb) ? (figures.worstSqnrDb ?? null) : 'equal',
			worst,
			...targets.flatMap((target): Cell[] => {
				const run = figures.runs.get(target);
				if (!run) return Array<Cell>(9).fill(null);
				if (run.failure) return [...Array<Cell>(8).fill(null), run.failure.message];
				return [
					run.medianMs,
					run.p95Ms,
					run.sampleCount ?? run.samplesMs.length,
					run.ratio?.value ?? null,
					run.ratio?.interval[0] ?? null,
					run.ratio?.interval[1] ?? null,
					run.loadMs,
					run.firstMs,
					null,
				];
			}),
			variant?.failure?.message ?? null,
		];
	});
	return { columns, rows };
}

/** RFC 4180, CRLF. A text that a spreadsheet would take for a formula is led by an apostrophe (OWASP, CSV injection). */
export function tableCsv(table: VariantTable): string {
	const line = (cells: readonly Cell[]): string => cells.map((cell) => csvCell(cell)).join(',');
	return `${[line(table.columns), ...table.rows.map(line)].join('\r\n')}\r\n`;
}

/** Tab-separated, for pasting: no quotes, tabs and line breaks become spaces. */
export function tableTsv(table: VariantTable): string {
	const line = (cells: readonly Cell[]): string =>
		cells
			.map((cell) => (cell === null ? '' : typeof cell === 'number' ? String(cell) : harmless(cell.replace(/[\t\r\n]+/g, ' '))))
			.join('\t');
	return `${[line(table.columns), ...table.rows.map(line)].join('\n')}\n`;
}

export function tableJson(table: VariantTable): string {
	const objects = table.rows.map((row) => Object.fromEntries(table.columns.map((column, index) => [column, row[index] ?? null])));
	return `${JSON.stringify(objects, null, '\t')}\n`;
}

function csvCell(cell: Cell): string {
	if (cell === null) return '';
	if (typeof cell === 'number') return String(cell);
	const safe = harmless(cell);
	return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function harmless(text: string): string {
	return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

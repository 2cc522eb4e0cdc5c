import { figuresOf, targetsOf } from './figures.ts';
import { metricFacts } from './metrics/metric-facts.ts';
import type { MetricName, Study, TaskMetric } from './study.ts';

type Cell = string | number | null;

/** The variants of a study as rows of plain cells: what a spreadsheet or a script wants. Numbers are unrounded, units in the names. */
export interface VariantTable {
	readonly columns: readonly string[];
	readonly rows: readonly (readonly Cell[])[];
}

const top1Columns = ['', '_low', '_high', '_n', '_difference', '_difference_low', '_difference_high'];

/** Names of the metrics that the study has figures of, in the order of metric-facts; top1 has its columns always. */
function metricsIn(study: Study): MetricName[] {
	const measured = new Set(
		study.evaluations.filter(({ synthetic }) => !synthetic).flatMap(({ metrics }) => metrics.map(({ metric }) => metric)),
	);
	return (Object.keys(metricFacts) as MetricName[]).filter((metric) => metric !== 'top1' && measured.has(metric));
}

function metricCells(metric: TaskMetric | undefined): Cell[] {
	if (!metric) return Array<Cell>(top1Columns.length).fill(null);
	const { value, interval, n, difference } = metric;
	return [value, interval[0], interval[1], n, difference?.value ?? null, difference?.interval[0] ?? null, difference?.interval[1] ?? null];
}

export function variantTable(study: Study): VariantTable {
	const targets = targetsOf(study);
	const ids = study.variants.map((variant) => variant.id);
	if (!ids.includes('original')) ids.unshift('original');
	const others = metricsIn(study);
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
		'task',
		'main_metric',
		...['top1', ...others].flatMap((metric) => top1Columns.map((end) => `${snake(metric)}${end}`)),
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
		const { variant, main, classifier, evaluation } = figures;
		const metrics = evaluation?.synthetic ? [] : (evaluation?.metrics ?? []);
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
			evaluation?.task?.kind ?? null,
			main?.metric ?? null,
			...['top1', ...others].flatMap((name) => metricCells(metrics.find(({ metric }) => metric === name))),
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

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

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

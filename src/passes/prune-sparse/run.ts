import type { Model } from '../../core/ir/model.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { spreadOrder } from '../../core/layerwise/example-runs.ts';
import type { LayerInputs } from '../../core/layerwise/inputs.ts';
import { type Layer, layerOf, storeMatrix } from '../../core/layerwise/layer.ts';
import { type LayerReport, layerByLayer, type Rounder } from '../../core/layerwise/layer-by-layer.ts';
import type { Multiply } from '../../core/numeric/learned-rounding.ts';
import { type SparsePattern, sparsify } from '../../core/numeric/sparse-weights.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import { planWeights, survey as surveyWeights, type WeightForm } from '../../core/pass/weight-plan.ts';
import { OutputTrials, setAside } from '../../core/refit/output-trials.ts';
import { allocate, ScoreCounts } from './allocate.ts';
import { turned } from './basis.ts';
import type { Options } from './options.ts';
import { openTable, ROW_MOST, replace, type SparseTable, tableScores, without, zeroed } from './tables.ts';

/** Columns beyond which the statistics of one layer would take more than about 1.6 GB. */
const mostColumns = 8192;
/** Examples whose outputs tell what a table is worth: they are not counted when its rows are weighed, as those to come are not. */
const TABLE_EXAMPLES = 32;

const honest: readonly Note[] = [
	{ level: 'warn', reason: 'zeros are stored like other numbers: the file gets no smaller, only its gzip or brotli transfer does' },
	{ level: 'warn', reason: 'the runtime multiplies zeros like other numbers: latency does not change' },
];

const form = (options: Options): WeightForm => ({
	bits: 8,
	blockSize: 0,
	symmetric: true,
	method: 'minmax',
	embeddings: options.embeddings && options.scope === 'budget' && options.pattern === 'unstructured' ? '8' : 'off',
	format: 'cast',
	keepEdges: false,
	halfScales: false,
	nodesToExclude: options.nodesToExclude,
	minElements: options.minElements,
});

/** What can be told from the graph alone. */
export function survey(model: Model, options: Options): Note[] {
	return [...honest, ...surveyWeights(model, form(options)).filter(({ level }) => level === 'skip')];
}

export async function run(model: Model, options: Options, context: PassContext): Promise<PassResult> {
	const { plans, notes: planned, eligible } = await planWeights(model, form(options));
	const notes: Note[] = [...honest, ...planned.filter(({ level }) => level === 'skip')];
	const layers: Layer[] = [];
	const tables: SparseTable[] = [];
	for (const plan of plans) {
		const table = plan.form === 'table' ? await openTable(plan, context) : undefined;
		if (table && typeof table !== 'string') tables.push(table);
		const layer = layerOf(model, plan);
		if (table && typeof table !== 'string') continue;
		const reason =
			typeof table === 'string'
				? table
				: typeof layer === 'string'
					? layer
					: layer.groups > 1 && layer.rows * layer.columns < 64
						? 'the kernels of a depthwise convolution have few weights and lose much'
						: layer.columns > mostColumns
							? `sums of ${layer.columns} products are too long for the statistics of its inputs`
							: layer.columns % groupOf(options) !== 0
								? `its sums have ${layer.columns} products, no multiple of ${groupOf(options)}`
								: undefined;
		if (reason !== undefined) notes.push({ level: 'skip', node: plan.value.name, reason });
		else layers.push(layer as Layer);
	}
	const budgeted = options.pattern === 'unstructured' && options.scope === 'budget' && layers.length + tables.length > 1;
	for (const [i, table] of tables.entries()) {
		const other = budgeted && options.turnTables ? await turned(table, context) : undefined;
		if (!other) continue;
		tables[i] = other;
		notes.push({
			level: 'info',
			node: table.plan.value.name,
			reason: `turned to its own main directions; a MatMul with ${table.columns} x ${table.columns} numbers, none of them zero, turns back what is looked up`,
		});
	}
	const shares = budgeted ? await budget(model, layers, tables, options, context) : new Map<Layer | SparseTable, number>();
	let zeros = 0;
	let weights = 0;
	const round: Rounder = async (layer, target, inputs, multiply) => {
		const { groups, rows, columns } = layer;
		const pattern: SparsePattern =
			options.pattern === 'unstructured'
				? { kind: 'share', zeros: shares.get(layer) ?? options.ratio }
				: { kind: 'groups', keep: groupOf(options) / 2, group: groupOf(options) };
		const values = new Float32Array(target.length);
		let [power, zeroed, found] = [0, 0, 0];
		for (let g = 0; g < groups; g++) {
			const from = g * rows * columns;
			const part = await sparsify(target.subarray(from, from + rows * columns), rows, columns, inputs.grams[g] as Float64Array, {
				criterion: options.criterion,
				pattern,
				damping: dampingOf(options, layer, inputs),
				sweeps: options.sweeps,
				multiply: productOf(multiply, rows, columns),
				signal: context.signal,
			});
			values.set(part.values, from);
			power += part.power;
			zeroed += part.zeroedError;
			found += part.error;
		}
		for (const value of values) if (value === 0) zeros += 1;
		weights += values.length;
		return { values, nearest: power > 0 ? zeroed / power : 0, found: power > 0 ? found / power : 0 };
	};
	const part: PassContext = budgeted
		? { ...context, progress: (fraction, detail) => context.progress(0.3 + 0.7 * fraction, detail) }
		: context;
	for (const table of tables) {
		const share = shares.get(table) ?? 0;
		const found = zeroed(table, share);
		zeros += found.zeros;
		weights += found.values.length + (table.basis ?? 0);
		replace(table.plan.value, memoryTensor('float32', [table.rows, table.columns], found.values));
		notes.push({
			level: 'info',
			node: table.plan.value.name,
			reason: `${((100 * found.zeros) / found.values.length).toFixed(0)} % zeros, most of them in rows that sample inputs do not look up; no row loses more than ${ROW_MOST * 100} %`,
		});
	}
	const reports = await layerByLayer(
		model,
		layers,
		part,
		{ ...options, dampingOf: (layer, inputs) => dampingOf(options, layer, inputs) },
		round,
		notes,
	);
	notes.push(...described(reports, shares));
	if (weights > 0) {
		notes.unshift({
			level: 'info',
			reason: `${((100 * zeros) / weights).toFixed(1)} % of ${weights} weights in ${reports.length} layers and ${tables.length} tables are zero now`,
		});
	}
	return {
		changed: reports.length + tables.length,
		eligible,
		bytesTouched: [...reports.map(({ layer }) => layer), ...tables].reduce((sum, { plan }) => sum + plan.tensor.byteLength, 0),
		unit: 'weights',
		notes,
	};
}

/** Fewer rows for each column ask for more, and neighbours in few pictures are hardly rows of their own. */
function dampingOf({ damping, scarceDamping }: Options, { kernel, columns }: Layer, { rows }: LayerInputs): number {
	return Math.max(damping, Math.min(scarceDamping, kernel ? scarceDamping : columns / Math.max(1, rows)));
}

/** Small products are quicker in a plain loop than in a call of the runtime. */
function productOf(multiply: Multiply, rows: number, columns: number): Multiply | undefined {
	return rows * columns * columns > 1_000_000 ? multiply : undefined;
}

function groupOf({ pattern }: Options): number {
	return pattern === '2:4' ? 4 : pattern === '4:8' ? 8 : 1;
}

/**
 * One run over some examples in which nothing changes: what share of its layer's output each weight carries, and what the outputs of the
 * model lose when the layer alone loses half of its weights; so who can spare most.
 */
async function budget(
	model: Model,
	layers: readonly Layer[],
	tables: readonly SparseTable[],
	options: Options,
	context: PassContext,
): Promise<Map<Layer | SparseTable, number>> {
	const counted = new Map<Layer | SparseTable, ScoreCounts>();
	const { held, others } = options.sensitivity ? setAside(context) : { held: undefined, others: context };
	const trials = options.sensitivity ? await OutputTrials.open(model, context, held) : undefined;
	const ofTables = spreadOrder(context.calibration?.n ?? 0).slice(0, TABLE_EXAMPLES);
	const tableTrials = options.sensitivity && tables.length > 0 ? await OutputTrials.open(model, context, ofTables) : undefined;
	for (const table of tables) {
		const scores = tableScores(table);
		counted.set(table, scores);
		if (!tableTrials) continue;
		// Rows that were counted look better than rows to come will: so those of the trial are not counted for it.
		const { values, loss } = zeroed(await without(table, tableTrials.examples, context), 0.5);
		scores.scale = await tableTrials.scale(table.gather, 0, memoryTensor('float32', [table.rows, table.columns], values), loss);
	}
	const look: Rounder = async (layer, weights, inputs, multiply) => {
		const { groups, rows, columns } = layer;
		const scores = new ScoreCounts();
		let power = 0;
		for (let g = 0; g < groups; g++) power += outputPower(weights, g * rows, rows, columns, inputs.grams[g] as Float64Array);
		const each = new Float64Array(weights.length);
		for (let row = 0, at = 0; row < groups * rows; row++) {
			const gram = inputs.grams[Math.floor(row / rows)] as Float64Array;
			for (let c = 0; c < columns; c++, at++) {
				each[at] = power > 0 ? ((weights[at] as number) ** 2 * (gram[c * columns + c] as number)) / power : 0;
				scores.add(each[at] as number);
			}
		}
		counted.set(layer, scores);
		if (trials) {
			// What the outputs lose once the layer has made up for its zeros, for each unit of what the zeros alone would cost it.
			const half = new Float32Array(weights.length);
			for (let g = 0; g < groups; g++) {
				const from = g * rows * columns;
				const part = weights.subarray(from, from + rows * columns);
				const { criterion, signal } = { ...options, signal: context.signal };
				const pattern = { kind: 'share', zeros: 0.5 } as const;
				const damping = dampingOf(options, layer, inputs);
				const found = await sparsify(part, rows, columns, inputs.grams[g] as Float64Array, {
					criterion,
					pattern,
					damping,
					sweeps: Math.min(options.sweeps, 1),
					multiply: productOf(multiply, rows, columns),
					signal,
				});
				half.set(found.values, from);
			}
			const least = each.slice().sort();
			let loss = 0;
			for (let i = 0; i < least.length >> 1; i++) loss += least[i] as number;
			scores.scale = await trials.scale(layer.node, 1, storeMatrix(layer, half), loss);
		}
		return undefined;
	};
	await layerByLayer(
		model,
		layers,
		{ ...others, progress: (fraction, detail) => context.progress(0.3 * fraction, detail) },
		{ ...options, correctBias: false, correctDrift: false },
		look,
		[],
	);
	const known = [...tables, ...layers].filter((entry) => counted.has(entry));
	// Numbers that turning a table added count as weights that stay.
	const added = new ScoreCounts();
	added.total = tables.reduce((sum, { basis = 0 }) => sum + basis, 0);
	const shares = allocate([...known.map((entry) => counted.get(entry) as ScoreCounts), added], options.ratio);
	return new Map(known.map((entry, i) => [entry, shares[i] as number]));
}

/** tr(W H W^T) of rows [first, first + rows). */
function outputPower(weights: Float32Array, first: number, rows: number, columns: number, gram: Float64Array): number {
	let total = 0;
	for (let r = first; r < first + rows; r++) {
		const at = r * columns;
		for (let j = 0; j < columns; j++) {
			const w = weights[at + j] as number;
			if (w === 0) continue;
			let sum = 0;
			for (let k = 0; k < columns; k++) sum += (gram[j * columns + k] as number) * (weights[at + k] as number);
			total += w * sum;
		}
	}
	return total;
}

function described(reports: readonly LayerReport[], shares: ReadonlyMap<Layer | SparseTable, number>): Note[] {
	const decibels = (share: number): string => (-10 * Math.log10(Math.max(share, 1e-30))).toFixed(1);
	const notes: Note[] = reports.map(({ layer, rows, nearest, found }) => {
		const share = shares.get(layer);
		const zeros = share === undefined ? '' : `${(share * 100).toFixed(0)} % zeros; `;
		return {
			level: 'info',
			node: layer.plan.value.name,
			reason: `${zeros}output of the layer: ${decibels(nearest)} dB with zeros alone, ${decibels(found)} dB made up for, on ${rows} rows`,
		};
	});
	const short = reports.filter(({ layer, rows }) => rows < layer.columns);
	if (short.length > 0) {
		notes.push({
			level: 'warn',
			reason: `${short.length} layers had fewer rows of inputs than the length of their sums: what makes up for their zeros leans on the damping. More sample inputs make it better`,
		});
	}
	return notes;
}

import type { Node } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { storedBytes } from '../../core/ir/stored-bytes.ts';
import { type Layer, layerOf } from '../../core/layerwise/layer.ts';
import { layerByLayer, type Rounder } from '../../core/layerwise/layer-by-layer.ts';
import { type Factorization, factorize } from '../../core/numeric/low-rank.ts';
import { readFloats } from '../../core/numeric/quantize-tensor.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import { type Plan, planWeights, survey as surveyWeights, type WeightForm } from '../../core/pass/weight-plan.ts';
import type { Options } from './options.ts';
import { type Candidate, chooseRanks } from './ranks.ts';
import { type Factors, splitLayer, splitTable, unsplittable } from './rewrite.ts';

/** Eigenproblems beyond this many rows and columns take minutes. */
const mostShortSide = 2048;
/** Examples that tell what ranks are worth; the factors themselves are learned from all. */
const surveyExamples = 48;

const form = (options: Options): WeightForm => ({
	bits: 8,
	blockSize: 0,
	symmetric: true,
	method: 'minmax',
	embeddings: options.embeddings ? '8' : 'off',
	format: 'cast',
	keepEdges: false,
	halfScales: false,
	nodesToExclude: options.nodesToExclude,
	minElements: options.minElements,
});

/** What can be told from the graph alone. */
export function survey(model: Model, options: Options): Note[] {
	return surveyWeights(model, form(options));
}

/** A table that one Gather reads by rows. */
interface Table {
	readonly plan: Plan;
	readonly gather: Node;
	readonly rows: number;
	readonly columns: number;
}

export async function run(model: Model, options: Options, context: PassContext): Promise<PassResult> {
	const { plans, notes: planned, eligible } = await planWeights(model, form(options));
	const notes: Note[] = planned.filter(({ level }) => level === 'skip');
	const layers: Layer[] = [];
	const tables: Table[] = [];
	for (const plan of plans) {
		const found = tableOf(plan) ?? splittable(model, plan);
		if (typeof found === 'string') notes.push({ level: 'skip', node: plan.value.name, reason: found });
		else if ('gather' in found) tables.push(found);
		else layers.push(found);
	}
	const bytesBefore = storedBytes(model);
	const elementsOf = (plans: readonly Plan[]): number => plans.reduce((sum, plan) => sum + plan.tensor.byteLength / 4, 0);
	const candidatesElements = elementsOf([...layers, ...tables].map(({ plan }) => plan));
	const result = (changed: number, bytesTouched: number): PassResult => ({ changed, eligible, bytesTouched, unit: 'weights', notes });
	if (candidatesElements === 0) return result(0, 0);

	const tableParts = new Map<Table, Factorization>();
	for (const [index, table] of tables.entries()) {
		context.progress((0.1 * index) / tables.length, table.plan.value.name);
		const values = await readFloats(table.plan.tensor, 0, table.rows * table.columns, context.signal);
		const uses = options.aware ? await rowUses(table, context) : undefined;
		if (options.aware && !uses) {
			notes.push({ level: 'info', node: table.plan.value.name, reason: 'all rows count alike: what is looked up is computed, not given' });
		}
		tableParts.set(table, factorize(values, table.rows, table.columns, undefined, options.damping, uses));
	}
	const energies = await spectra(model, layers, options, within(context, 0.1, 0.4));
	const known = layers.filter((layer) => energies.has(layer));
	const candidates: Candidate[] = [
		...known.map((layer) => candidate(energies.get(layer) as Float64Array, layer.rows, layer.columns, options)),
		...tables.map((table) => candidate((tableParts.get(table) as Factorization).energies, table.rows, table.columns, options)),
	];
	const stored = elementsOf([...known, ...tables].map(({ plan }) => plan));
	const budget = stored + (options.bytesChange * bytesBefore) / 4;
	const ranks = chooseRanks(candidates, budget);
	const chosen = new Map<Layer, number>();
	for (const [i, layer] of known.entries()) if (ranks[i] !== undefined) chosen.set(layer, ranks[i]);

	const found = new Map<Layer, Factors>();
	const round: Rounder = async (layer, weights, inputs) => {
		const rank = chosen.get(layer) as number;
		const { a, b } = factorize(weights, layer.rows, layer.columns, options.aware ? inputs.grams[0] : undefined, options.damping).factors(
			rank,
		);
		found.set(layer, { rank, a, b });
		return { values: multiply(a, b, layer.rows, rank, layer.columns), nearest: 0, found: 0 };
	};
	const asked = [...chosen.keys()];
	await layerByLayer(model, asked, within(context, 0.4, 1), options, round, notes);
	let touched = 0;
	for (const [layer, factors] of found) {
		touched += layer.plan.tensor.byteLength;
		splitLayer(layer, factors);
		const { rows, columns } = layer;
		notes.push({
			level: 'info',
			node: layer.plan.value.name,
			reason: `rank ${factors.rank} of ${Math.min(rows, columns)}: ${rows} x ${columns} in two steps, ${share(factors.rank * (rows + columns), rows * columns)} of its bytes and multiplications`,
		});
	}
	let split = found.size;
	for (const [i, table] of tables.entries()) {
		const rank = ranks[known.length + i];
		if (rank === undefined) continue;
		const { rows, columns } = table;
		touched += table.plan.tensor.byteLength;
		splitTable(table.gather, table.plan.value, rows, columns, {
			rank,
			...(tableParts.get(table) as Factorization).factors(rank),
		});
		split += 1;
		notes.push({
			level: 'info',
			node: table.plan.value.name,
			reason: `rank ${rank} of ${columns}: the table's rows have ${rank} numbers now, expanded after they are looked up`,
		});
	}
	const change = storedBytes(model) / bytesBefore - 1;
	if (change > options.bytesChange + 0.02) {
		notes.push({
			level: 'warn',
			reason: `the weights became ${(-change * 100).toFixed(1)} % smaller instead of ${(-options.bytesChange * 100).toFixed(1)} %: the others gain nothing from lower rank`,
		});
	}
	return result(split, touched);
}

/** Of the weight of all rows together, what rows that no sample input looks up get: they may come all the same. */
const unseenShare = 0.1;

/** How much each row of a table counts: how often the sample inputs look it up. undefined where the indices are computed. */
async function rowUses({ gather, rows }: Table, { calibration, signal }: PassContext): Promise<Float64Array | undefined> {
	const indices = gather.input(1);
	if (!indices?.isGraphInput || !calibration) return undefined;
	const counts = new Float64Array(rows);
	let total = 0;
	for (let i = 0; i < calibration.n; i++) {
		signal?.throwIfAborted();
		const data = (await calibration.example(i, signal)).feeds[indices.name]?.data;
		if (!data || !ArrayBuffer.isView(data)) return undefined;
		for (const value of data as BigInt64Array | Int32Array) {
			const row = Number(value);
			const at = row < 0 ? row + rows : row;
			if (at < 0 || at >= rows) continue;
			counts[at] = (counts[at] as number) + 1;
			total += 1;
		}
	}
	return counts.map((count) => count / Math.max(1, total) + unseenShare / rows);
}

function within(context: PassContext, from: number, to: number): PassContext {
	return { ...context, progress: (fraction, detail) => context.progress(from + (to - from) * fraction, detail) };
}

function tableOf(plan: Plan): Table | string | undefined {
	if (plan.form !== 'table') return undefined;
	const [reader] = plan.readers;
	const [rows = 0, columns = 0] = plan.tensor.dims;
	if (!reader?.direct || plan.readers.length !== 1) return 'several nodes look up in it';
	if (reader.node.int('axis', 0) !== 0 || plan.tensor.dims.length !== 2) return 'it is not looked up by rows';
	if (plan.tensor.dtype !== 'float32') return `its rows are ${plan.tensor.dtype}`;
	if (reader.node.output().isGraphOutput) return 'what is looked up is an output of the model';
	if (columns > mostShortSide) return `rows of ${columns} numbers are too long for the eigenproblem`;
	return { plan, gather: reader.node, rows, columns };
}

function splittable(model: Model, plan: Plan): Layer | string {
	const layer = layerOf(model, plan);
	if (typeof layer === 'string') return layer;
	const short = Math.min(layer.rows, layer.columns);
	return unsplittable(layer) ?? (short > mostShortSide ? `its shorter side of ${short} is too long for the eigenproblem` : layer);
}

/** What each rank of each layer is worth on the original's inputs; one run in which nothing changes. */
async function spectra(model: Model, layers: readonly Layer[], options: Options, context: PassContext): Promise<Map<Layer, Float64Array>> {
	const energies = new Map<Layer, Float64Array>();
	const look: Rounder = async (layer, weights, inputs) => {
		const gram = options.aware ? inputs.grams[0] : undefined;
		energies.set(layer, factorize(weights, layer.rows, layer.columns, gram, options.damping).energies);
		return undefined;
	};
	await layerByLayer(
		model,
		layers,
		context,
		{ ...options, samples: Math.min(options.samples, surveyExamples), rowsPerColumn: 2, correctBias: false, correctDrift: false },
		look,
		[],
	);
	return energies;
}

function candidate(energies: Float64Array, rows: number, columns: number, { multiple }: Options): Candidate {
	return { energies, elements: rows * columns, elementsPerRank: rows + columns, multiple };
}

function multiply(a: Float32Array, b: Float32Array, rows: number, rank: number, columns: number): Float32Array {
	const out = new Float32Array(rows * columns);
	const sum = new Float64Array(columns);
	for (let r = 0; r < rows; r++) {
		sum.fill(0);
		for (let k = 0; k < rank; k++) {
			const x = a[r * rank + k] as number;
			const at = k * columns;
			for (let c = 0; c < columns; c++) sum[c] = (sum[c] as number) + x * (b[at + c] as number);
		}
		out.set(sum, r * columns);
	}
	return out;
}

function share(part: number, whole: number): string {
	return `${((100 * part) / whole).toFixed(0)} %`;
}

import { tableRowWeights } from '../../core/calibrate/table-uses.ts';
import type { Model } from '../../core/ir/model.ts';
import { storedBytes } from '../../core/ir/stored-bytes.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { type Layer, layerOf, storeMatrix } from '../../core/layerwise/layer.ts';
import { layerByLayer, type Rounder } from '../../core/layerwise/layer-by-layer.ts';
import { factorize } from '../../core/numeric/low-rank.ts';
import { readFloats } from '../../core/numeric/quantize-tensor.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import { type Plan, planWeights, survey as surveyWeights, type WeightForm } from '../../core/pass/weight-plan.ts';
import { OutputTrials, setAside } from '../../core/refit/output-trials.ts';
import type { Options } from './options.ts';
import { chooseForms, type Form, rankForms } from './ranks.ts';
import { type Factors, splitLayer, unsplittable } from './rewrite.ts';
import { byRank, byTiers, type Table, type TableForms } from './tables.ts';

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

	const tried = options.allocation === 'sensitivity';
	const { held, others } = tried ? setAside(context) : { held: undefined, others: context };
	const trials = tried ? await OutputTrials.open(model, context, held) : undefined;
	const tableForms = new Map<Table, TableForms>();
	for (const [index, table] of tables.entries()) {
		context.progress((0.1 * index) / tables.length, table.plan.value.name);
		const values = await readFloats(table.plan.tensor, 0, table.rows * table.columns, context.signal);
		const usesBut = async (left: readonly number[]): Promise<Float64Array | undefined> =>
			options.aware ? await tableRowWeights(table.gather, table.rows, context.calibration, context.signal, new Set(left)) : undefined;
		const formsBy = (uses: Float64Array | undefined): TableForms =>
			// Parts of rows are joined along an axis counted from the end.
			uses !== undefined && model.opset >= 11 ? byTiers(table, values, uses, options) : byRank(table, values, uses, options);
		const uses = await usesBut([]);
		if (options.aware && !uses) {
			notes.push({ level: 'info', node: table.plan.value.name, reason: 'all rows count alike: what is looked up is computed, not given' });
		}
		const found = formsBy(uses);
		// Rows that were counted look better than rows to come will: so those of the trial are not counted for it.
		const counted = trials && uses && held ? formsBy(await usesBut(held)) : found;
		const form = counted.forms[trialForm(counted.forms, table.rows * table.columns)];
		const scale = trials && form ? await tableScale(trials, table, counted, form) : 1;
		tableForms.set(table, { ...found, forms: scaled(found.forms, scale) });
	}
	const survey = await spectra(model, layers, trials, options, within(others, 0.1, 0.5));
	const known = layers.filter((layer) => survey.has(layer));
	const elementsIn = ({ rows, columns }: { readonly rows: number; readonly columns: number }): number => rows * columns;
	const candidates = [
		...known.map((layer) => ({ elements: elementsIn(layer), forms: survey.get(layer) ?? [] })),
		...tables.map((table) => ({ elements: elementsIn(table), forms: tableForms.get(table)?.forms ?? [] })),
	];
	const stored = elementsOf([...known, ...tables].map(({ plan }) => plan));
	const budget = stored + (options.bytesChange * bytesBefore) / 4;
	const chosenForms = chooseForms(candidates, budget);
	const chosen = new Map<Layer, number>();
	for (const [i, layer] of known.entries()) {
		const form = chosenForms[i];
		if (form !== undefined) chosen.set(layer, survey.get(layer)?.[form]?.rank ?? 0);
	}

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
	await layerByLayer(model, asked, within(context, 0.5, 1), options, round, notes);
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
		const form = chosenForms[known.length + i];
		if (form === undefined) continue;
		touched += table.plan.tensor.byteLength;
		split += 1;
		notes.push({ level: 'info', node: table.plan.value.name, reason: (tableForms.get(table) as TableForms).apply(form) });
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

/** What the outputs lose with a form of a table, for each unit of its loss. */
async function tableScale(
	trials: OutputTrials,
	{ gather, rows, columns }: Table,
	{ forms, values }: TableForms,
	form: Form,
): Promise<number> {
	return trials.scale(gather, 0, memoryTensor('float32', [rows, columns], values(forms.indexOf(form))), form.loss);
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

type RankForm = Form & { readonly rank: number };

/** What each rank of each layer costs the outputs, on the original's inputs; one run in which nothing changes. */
async function spectra(
	model: Model,
	layers: readonly Layer[],
	trials: OutputTrials | undefined,
	options: Options,
	context: PassContext,
): Promise<Map<Layer, readonly RankForm[]>> {
	const found = new Map<Layer, readonly RankForm[]>();
	const look: Rounder = async (layer, weights, inputs) => {
		const { rows, columns } = layer;
		const gram = options.aware ? inputs.grams[0] : undefined;
		const factors = factorize(weights, rows, columns, gram, options.damping);
		const forms = rankForms(factors.energies, rows + columns, rows * columns, options.multiple);
		const trial = forms[trialForm(forms, rows * columns)];
		let scale = 1;
		if (trials && trial) {
			const { a, b } = factors.factors(trial.rank);
			const tensor = storeMatrix(layer, multiply(a, b, rows, trial.rank, columns));
			scale = await trials.scale(layer.node, 1, tensor, trial.loss);
		}
		found.set(layer, scaled(forms, scale));
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
	return found;
}

/** The form that stores about half. */
function trialForm(forms: readonly Form[], elements: number): number {
	let best = 0;
	for (const [i, form] of forms.entries()) {
		if (Math.abs(form.elements - elements / 2) < Math.abs((forms[best] as Form).elements - elements / 2)) best = i;
	}
	return best;
}

const scaled = <F extends Form>(forms: readonly F[], scale: number): F[] => forms.map((form) => ({ ...form, loss: form.loss * scale }));

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

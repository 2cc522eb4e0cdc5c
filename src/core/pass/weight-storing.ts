import type { Model } from '../ir/model.ts';
import { raiseIr, raiseOpset } from '../onnx/opset.ts';
import type { Note, PassContext, PassResult } from './pass.ts';
import { setSessionHint } from './session-hint.ts';
import { type Plan, planWeights, type WeightForm } from './weight-plan.ts';
import { type Outcome, type Quantizer, type StoreOptions, store } from './weight-store.ts';

/** Finds better codes and scales than the nearest ones, once it is settled how weights are stored. Notes go to the report. */
export type Learn = (plans: readonly Plan[], options: StoreOptions, notes: Note[]) => Promise<Quantizer>;

/**
 * Stores the weights of a model as codes that are expanded before they are used. `learn` finds the codes of those that it can
 * treat; without it each weight is rounded to nearest.
 */
export async function storeWeights(model: Model, options: WeightForm, context: PassContext, learn?: Learn): Promise<PassResult> {
	const { plans, notes, eligible } = await planWeights(model, options);
	if (plans.length === 0) return { changed: 0, eligible, bytesTouched: 0, unit: 'weights', notes };
	// Before IR version 4 every initializer had to be an input too.
	raiseIr(model, 4);
	const form = raiseFor(model, options, plans, notes);

	const settled: StoreOptions = { ...options, ...form };
	const quantize = await learn?.(plans, settled, notes);
	let changed = 0;
	let bytesTouched = 0;
	const counts = new Map<Outcome, number>();
	for (const [index, plan] of plans.entries()) {
		context.signal?.throwIfAborted();
		if (!learn) context.progress(index / plans.length, plan.value.name);
		const before = plan.tensor.byteLength;
		const outcome = await store(model, plan, settled, notes, context.signal, quantize);
		if (!outcome) continue;
		counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
		changed += 1;
		bytesTouched += before;
	}
	closingNotes(model, counts, notes);
	return { changed, eligible, bytesTouched, unit: 'weights', notes };
}

/**
 * Raises the opset as far as the chosen form needs: DequantizeLinear per axis 13, block-wise or int4 21; Cast of int4 21. Where
 * that cannot be, weights fall back to 8 bits with Cast and Mul, which every opset has.
 */
function raiseFor(
	model: Model,
	options: WeightForm,
	plans: readonly Plan[],
	notes: Note[],
): { format: WeightForm['format']; bits4: boolean } {
	const expanded = plans.filter(({ form }) => form === 'expand');
	const four = expanded.some(({ bits }) => bits < 8);
	const blocks = expanded.some(({ granularity }) => granularity.kind === 'block');
	const axis = expanded.some(({ granularity }) => granularity.kind === 'axis');
	const dequantize = options.format !== 'cast';
	const target = four || (dequantize && blocks) ? 21 : dequantize && axis ? 13 : dequantize && expanded.length > 0 ? 10 : 0;
	if (model.opset >= target) {
		if (target === 21) raiseIr(model, 10);
		return { format: options.format, bits4: true };
	}
	const before = model.opset;
	const { raised, refused } = raiseOpset(model, target);
	if (raised) {
		notes.push({ level: 'info', reason: `opset raised from ${before} to ${target}, which the stored form of the weights needs` });
		return { format: options.format, bits4: true };
	}
	for (const { node, reason } of refused) {
		notes.push({
			level: 'warn',
			...(node ? { node } : {}),
			reason: `the opset could not be raised from ${before} to ${target}: ${reason}`,
		});
	}
	notes.push({ level: 'warn', reason: `weights are stored with 8 bits and expanded by Cast and Mul instead, which opset ${before} has` });
	return { format: options.format === 'matmulnbits' ? 'matmulnbits' : 'cast', bits4: false };
}

function closingNotes(model: Model, counts: ReadonlyMap<Outcome, number>, notes: Note[]): void {
	const dequantized = counts.get('dequantize') ?? 0;
	const nbits = counts.get('nbits') ?? 0;
	const cast = counts.get('cast') ?? 0;
	if (cast > 0) {
		notes.push({
			level: 'info',
			reason: `${cast} weights are expanded by Cast and Mul, which runtimes fold when they load the model: the file is small, memory and speed are those of fp32`,
		});
	}
	if (dequantized > 0) {
		setSessionHint(model, 'session.disable_quant_qdq', '1');
		notes.push({
			level: 'warn',
			reason: `${dequantized} weights are expanded by DequantizeLinear. ONNX Runtime does that again in every run, 15 to 20 times slower for one row, unless the session is created with session.disable_quant_qdq = 1; Pare does so, other programs must`,
		});
	}
	if (nbits > 0) {
		notes.push({
			level: 'warn',
			reason: `${nbits} weights are read by MatMulNBits, which is slow for few rows on WASM (a 2048 x 2048 layer: 18 ms instead of 0.9) and meant for WebGPU`,
		});
	}
	if ((counts.get('blocks') ?? 0) > 0) {
		notes.push({ level: 'info', reason: 'GatherBlockQuantized is an operator of ONNX Runtime: other runtimes do not load this model' });
	}
}

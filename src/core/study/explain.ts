import { figuresOf, speedOf, type VariantId } from './figures.ts';
import type { Run, Study } from './study.ts';
import { targetKey } from './study.ts';
import { ratioWords } from './words.ts';

/** One cause, said in words and backed by what was measured. */
export interface Cause {
	readonly title: string;
	readonly detail: string;
	/** Share of the variant's time that it accounts for, 0..1, where the profile tells. */
	readonly share?: number;
}

export interface OperatorTime {
	readonly op: string;
	readonly variantUs: number;
	readonly originalUs: number;
	readonly count: number;
}

/** Answer to "why is it not faster?" on one target. */
export interface SpeedExplanation {
	readonly target: string;
	readonly verdict: string;
	readonly causes: readonly Cause[];
	/** Time by operator, variant beside original, most first; empty without a profile. */
	readonly operators: readonly OperatorTime[];
}

const DEQUANTIZE = new Set(['DequantizeLinear', 'Cast']);
const INTEGER_CONV = new Set(['ConvInteger']);

export function explainSpeed(study: Study, id: VariantId): SpeedExplanation[] {
	const figures = figuresOf(study, id);
	const originals = figuresOf(study, 'original').runs;
	return [...figures.runs].map(([target, run]) => explainRun(study, run, originals.get(target)));
}

function explainRun(study: Study, run: Run, original: Run | undefined): SpeedExplanation {
	const target = targetKey(run.target);
	if (run.failure) {
		return {
			target,
			verdict: `It does not run on ${target}: ${run.failure.message}`,
			causes: run.failure.advice ? [{ title: 'What to do', detail: run.failure.advice }] : [],
			operators: [],
		};
	}
	const speed = speedOf(run);
	const verdict =
		speed === 'unknown'
			? `Measured at ${run.medianMs.toPrecision(3)} ms on ${target}.`
			: speed === 'no measurable difference'
				? `No measurable difference to the original on ${target}: ratio ${run.ratio?.value.toFixed(2)} [${run.ratio?.interval.map((bound) => bound.toFixed(2)).join(', ')}].`
				: `${ratioWords(run.ratio?.value ?? 1)} the original's time on ${target}.`;
	const operators = operatorTimes(run, original);
	const total = operators.reduce((sum, entry) => sum + entry.variantUs, 0);
	const share = (matches: (entry: OperatorTime) => boolean): number =>
		total === 0 ? 0 : operators.filter(matches).reduce((sum, entry) => sum + entry.variantUs, 0) / total;
	const causes: Cause[] = [];

	const dequantizing = share((entry) => DEQUANTIZE.has(entry.op) && entry.variantUs > entry.originalUs);
	if (dequantizing > 0.05) {
		causes.push({
			title: 'Weights are expanded at every run',
			detail: `DequantizeLinear and Cast that the runtime did not fuse take ${percent(dequantizing)} of the time. A smaller download, not a faster model.`,
			share: dequantizing,
		});
	}
	const integerConv = share((entry) => INTEGER_CONV.has(entry.op));
	if (integerConv > 0.05) {
		causes.push({
			title: 'ConvInteger has no fast kernel in this runtime',
			detail: `It takes ${percent(integerConv)} of the time. Static int8 or weight-only int8 suits convolutions better.`,
			share: integerConv,
		});
	}
	const nbits = share((entry) => entry.op.includes('MatMulNBits'));
	if (nbits > 0.2 && speed !== 'faster') {
		causes.push({
			title: 'n-bit MatMul unpacks its weights',
			detail: `MatMulNBits takes ${percent(nbits)} of the time; on WASM it pays in bytes, not in milliseconds, least of all for one row at a time.`,
			share: nbits,
		});
	}
	const quantizing = share((entry) => entry.op === 'DynamicQuantizeLinear' || entry.op === 'QuantizeLinear');
	if (quantizing > 0.05) {
		causes.push({
			title: 'Activations are quantized at run time',
			detail: `Finding their range and rounding them takes ${percent(quantizing)} of the time.`,
			share: quantizing,
		});
	}
	const fallbacks = (run.placement ?? []).filter(
		(entry) => run.target.backend !== 'wasm' && /cpu/i.test(entry.provider) && entry.nodes > 0,
	);
	for (const entry of fallbacks) {
		causes.push({
			title: `${entry.nodes} nodes fell back to the CPU`,
			detail: `${entry.ops.slice(0, 8).join(', ')}${entry.ops.length > 8 ? ' and others' : ''}: ${target} has no kernel for them, so data is copied back and forth.`,
		});
	}
	const variant = study.variants.find((entry) => entry.id === run.variant);
	if (
		variant &&
		(variant.family === 'pruned' || variant.family === 'both') &&
		variant.report.some((report) => report.pass === 'prune-magnitude')
	) {
		causes.push({
			title: 'Zeros are multiplied like any other number',
			detail: 'This runtime has no sparse kernels: zeros make the compressed download smaller, not the run faster.',
		});
	}
	if (variant?.report.some((report) => report.pass === 'float16') && run.target.backend === 'wasm') {
		causes.push({
			title: 'WASM computes in float32',
			detail: 'float16 weights are cast back at load or at run time: half the download, the same arithmetic.',
		});
	}
	if (run.target.backend === 'wasm' && run.threadsUsed < run.target.threads) {
		causes.push({
			title: `${run.threadsUsed} of ${run.target.threads} threads in use`,
			detail: 'Without cross-origin isolation the runtime falls back to one thread.',
		});
	}
	if (run.agreement && !run.agreement.ok) {
		causes.push({
			title: 'Its outputs here are not those of WASM',
			detail: `Cosine ${run.agreement.cosine.toFixed(4)}, largest difference ${run.agreement.maxAbs.toPrecision(3)}: do not ship this file for ${target}.`,
		});
	}
	if (!run.profile?.length && run.samplesMs.length > 0) {
		causes.push({
			title: 'No time by operator',
			detail: `Loading each model again to profile it would have taken too long on ${target}. Re-run this variant alone to take its profile.`,
		});
	}
	for (const caveat of run.caveats) causes.push({ title: 'Care with this figure', detail: caveat });
	return { target, verdict, causes, operators };
}

function operatorTimes(run: Run, original: Run | undefined): OperatorTime[] {
	const times = new Map<string, { variantUs: number; originalUs: number; count: number }>();
	for (const entry of run.profile ?? []) times.set(entry.op, { variantUs: entry.totalUs, originalUs: 0, count: entry.count });
	for (const entry of original?.profile ?? []) {
		const known = times.get(entry.op);
		if (known) known.originalUs = entry.totalUs;
		else times.set(entry.op, { variantUs: 0, originalUs: entry.totalUs, count: entry.count });
	}
	return [...times]
		.map(([op, entry]) => ({ op, ...entry }))
		.sort((a, b) => Math.max(b.variantUs, b.originalUs) - Math.max(a.variantUs, a.originalUs));
}

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

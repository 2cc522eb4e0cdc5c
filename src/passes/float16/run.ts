import { elementCount } from '../../core/ir/dtype.ts';
import { allGraphs, type Model } from '../../core/ir/model.ts';
import { FLOAT16_MAX, FLOAT16_TINY } from '../../core/numeric/float16.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import type { Float16Options } from './index.ts';
import { type Blocks, type Plan, planFloat16 } from './plan.ts';
import { applyPlan } from './rewrite.ts';
import { isGuard, lossesOf } from './weights.ts';

export function blocksOf(options: Float16Options): Blocks {
	return {
		ops: new Set(options.opBlockList),
		names: new Set([...options.nodesToExclude, ...options.keepFp32]),
		keepIoTypes: options.keepIoTypes,
	};
}

/** Element types of stored tensors, counted by dtype. */
function storedTypes(model: Model): Map<string, number> {
	const counts = new Map<string, number>();
	const count = (dtype: string): void => void counts.set(dtype, (counts.get(dtype) ?? 0) + 1);
	for (const graph of allGraphs(model)) {
		for (const value of graph.initializers) if (value.initializer) count(value.initializer.dtype);
		for (const node of graph.nodes()) {
			if (node.op !== 'Constant' || node.domain !== '') continue;
			for (const [name, attr] of node.attributes) {
				if (attr.kind === 'tensor') count(attr.value.dtype);
				else if (name === 'value_float' || name === 'value_floats') count('float32');
			}
		}
	}
	return counts;
}

function modelNotes(model: Model, plan: Plan, options: Float16Options): Note[] {
	const notes: Note[] = [...plan.notes];
	const stored = storedTypes(model);
	for (const dtype of ['bfloat16', 'float64'] as const) {
		const count = stored.get(dtype);
		if (count) notes.push({ level: 'skip', reason: `${count} ${dtype} tensors are left as they are: this pass converts float32` });
	}
	for (const graph of allGraphs(model)) {
		for (const value of graph.initializers) {
			if (value.initializer && 'sparse' in value.initializer && value.initializer.dtype === 'float32') {
				notes.push({ level: 'skip', node: value.name, reason: 'a sparse tensor stays float32' });
			}
		}
	}
	if (model.functions.length > 0) {
		notes.push({ level: 'skip', reason: `the bodies of ${model.functions.length} model functions stay float32` });
	}
	const present = new Set<string>();
	for (const graph of allGraphs(model)) {
		for (const value of graph.initializers) present.add(value.name);
		for (const value of graph.inputs) present.add(value.name);
		for (const node of graph.nodes()) {
			present.add(node.name);
			for (const value of node.outputs) if (value) present.add(value.name);
		}
	}
	for (const name of [...options.nodesToExclude, ...options.keepFp32]) {
		if (!present.has(name))
			notes.push({
				level: 'warn',
				node: name,
				reason: 'the list of names kept in float32 names it, but the model has no such node or tensor',
			});
	}
	return notes;
}

export function describeFloat16(model: Model, options: Float16Options): Note[] {
	const plan = planFloat16(model, blocksOf(options));
	const notes = modelNotes(model, plan, options);
	if (plan.half.size > 0) notes.unshift({ level: 'info', reason: `${plan.half.size} operators would compute in float16` });
	return notes;
}

export async function runFloat16(model: Model, options: Float16Options, context: PassContext): Promise<PassResult> {
	const stored = storedTypes(model);
	const eligible = stored.get('float32') ?? 0;
	const plan = planFloat16(model, blocksOf(options));
	const notes = modelNotes(model, plan, options);
	if (plan.half.size === 0) {
		const reason =
			eligible > 0
				? notes.find((note) => note.level === 'skip')?.reason
				: stored.has('float16')
					? 'the model is float16 already'
					: 'the model computes nothing in float32';
		return {
			changed: 0,
			eligible,
			bytesTouched: 0,
			unit: 'float32 tensors',
			notes,
			headline: `Changed nothing: ${reason ?? 'no operator can compute in float16'}.`,
		};
	}
	const { converted, casts, castsRemoved, overridable } = applyPlan(model, plan);
	let bytesTouched = 0;
	let flushedTensors = 0;
	let flushedElements = 0;
	let bytesDone = 0;
	const bytesAll = converted.reduce((sum, { tensor }) => sum + tensor.byteLength, 0);
	for (const { name, tensor, alsoFloat } of converted) {
		context.signal?.throwIfAborted();
		const losses = await lossesOf(tensor, context.signal);
		const count = elementCount(tensor.dims);
		if (losses.overflowed > 0) {
			notes.push({
				level: 'warn',
				node: name,
				reason: `${losses.overflowed} of ${count} values clamped to ±${FLOAT16_MAX}: the largest is ${losses.absMax.toPrecision(3)}`,
			});
		}
		if (losses.flushed > 0 && isGuard(tensor)) {
			notes.push({
				level: 'warn',
				node: name,
				reason: `raised from ${losses.absMax.toPrecision(3)} to ${FLOAT16_TINY.toPrecision(3)}, the smallest float16, so that it does not become zero`,
			});
		} else if (losses.flushed > 0) {
			flushedTensors += 1;
			flushedElements += losses.flushed;
		}
		if (losses.nan + losses.infinite > 0) {
			notes.push({ level: 'warn', node: name, reason: `holds ${losses.nan} NaN and ${losses.infinite} infinite values, as before` });
		}
		bytesTouched += tensor.byteLength;
		bytesDone += tensor.byteLength;
		if (alsoFloat) notes.push({ level: 'info', node: name, reason: 'kept in float32 as well, for operators that stay float32' });
		context.progress(bytesAll === 0 ? 1 : bytesDone / bytesAll, name);
	}
	if (flushedElements > 0) {
		notes.push({ level: 'info', reason: `${flushedElements} tiny values in ${flushedTensors} tensors became zero (below 2.98e-8)` });
	}
	if (overridable > 0) {
		notes.push({
			level: 'info',
			reason: `${overridable} stored tensors are listed as inputs too; a caller that overrides them must now give float16`,
		});
	}
	notes.push({
		level: 'info',
		reason: `${plan.half.size} operators compute in float16; ${casts} Casts added, ${castsRemoved} that became pointless removed`,
	});
	notes.push({
		level: 'info',
		reason: 'WASM computes float16 operators in float32 inside: the file is smaller, not faster; WebGPU needs an adapter with shader-f16',
	});
	return {
		changed: converted.length,
		eligible,
		bytesTouched,
		unit: 'float32 tensors',
		notes,
		...(converted.length === 0
			? { headline: `Changed no stored tensor: ${plan.half.size} operators compute in float16, the file gets no smaller.` }
			: {}),
	};
}

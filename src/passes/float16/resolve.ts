import { elementCount } from '../../core/ir/dtype.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { Note, Resolution } from '../../core/pass/pass.ts';
import type { Probe } from '../../core/pass/probe.ts';
import type { Float16Options } from './index.ts';
import { planFloat16 } from './plan.ts';
import { blocksOf } from './run.ts';

/** Below the largest float16 by a margin: other inputs than the measured ones may reach further. */
const LIMIT = 60000;
/** From here on a number is a mask's "minus infinity" (-3.4e38), which clamping keeps as good as infinite. */
const SENTINEL = 1e37;
/** Operators that square their input inside. */
const SQUARING: ReadonlySet<string> = new Set(['ReduceL2', 'ReduceSumSquare', 'LpNormalization', 'GlobalLpPool', 'LpPool']);
/** Operators that sum before they divide: the sum is the mean times the number of elements. */
const MEANS: ReadonlySet<string> = new Set(['ReduceMean', 'GlobalAveragePool']);

/**
 * Finds what must stay float32 from the magnitudes that intermediates of the original reach on sample inputs. An overflow can hide
 * without one NaN or infinity in the outputs (Pow overflows, a later Div turns 1/inf into 0), so every intermediate is looked at, and so
 * are sums and squares inside operators. The names go into `keepFp32`.
 */
export async function resolveKeepList(model: Model, options: Float16Options, probe: Probe): Promise<Resolution<Float16Options>> {
	const plan = planFloat16(model, blocksOf(options));
	const observed = new Map<string, Value>();
	let hidden = 0;
	for (const node of plan.half) {
		for (const value of [...node.inputs, ...node.outputs]) {
			if (!value || plan.types.of(value) !== 'float32' || isConstant(value) || value.isGraphInput) continue;
			if (value.graph === model.graph) observed.set(value.name, value);
			else hidden += 1;
		}
	}
	const notes: Note[] = [];
	const magnitudes = await probe.absMax([...observed.keys()]);
	const keep = new Set<string>();
	for (const [name, value] of observed) {
		const found = magnitudes.get(name);
		if (!found) {
			hidden += 1;
			continue;
		}
		const { absMax, hasNaN } = found;
		if (hasNaN || absMax === Number.POSITIVE_INFINITY) {
			notes.push({ level: 'warn', node: name, reason: `reaches ${hasNaN ? 'NaN' : 'infinity'} in the original already` });
		}
		if (absMax > LIMIT && absMax < SENTINEL) {
			keep.add(name);
			notes.push({
				level: 'info',
				node: name,
				reason: `reaches ${absMax.toPrecision(3)}, beyond float16: what makes or reads it stays float32`,
			});
			continue;
		}
		for (const reason of insideReasons(value, absMax)) {
			const producer = value.producer as Node;
			if (!producer.name) {
				keep.add(name);
			} else keep.add(producer.name);
			notes.push({ level: 'info', node: producer.label, reason });
		}
		for (const { node } of value.uses) {
			if (!SQUARING.has(node.op) || node.domain !== '' || !plan.half.has(node) || absMax >= SENTINEL || absMax * absMax <= LIMIT) continue;
			keep.add(node.name || name);
			notes.push({ level: 'info', node: node.label, reason: `squares values up to ${absMax.toPrecision(3)}: it stays float32` });
		}
	}
	if (hidden > 0) {
		notes.push({
			level: 'warn',
			reason: `${hidden} intermediate values could not be observed (they stand in subgraphs); nothing is known of their range`,
		});
	}
	const known = new Set(options.keepFp32);
	const added = [...keep].filter((name) => !known.has(name)).sort();
	if (added.length === 0) return { notes };
	return { changes: { keepFp32: [...options.keepFp32, ...added] }, notes };
}

function isConstant(value: Value): boolean {
	return value.initializer !== undefined || (value.producer?.domain === '' && value.producer.op === 'Constant');
}

/** Sums inside the node that makes this value, where the number of summed elements is known. */
function* insideReasons(value: Value, absMax: number): IterableIterator<string> {
	const node = value.producer;
	if (node?.domain !== '' || !MEANS.has(node.op) || absMax >= SENTINEL) return;
	const before = staticDims(node.input(0));
	const after = staticDims(value);
	if (!before || !after || elementCount(after) === 0) return;
	const summed = elementCount(before) / elementCount(after);
	if (absMax * summed > LIMIT) yield `sums ${summed} values to ${(absMax * summed).toPrecision(3)} before it divides: it stays float32`;
}

function staticDims(value: Value | null): number[] | undefined {
	const type = value?.type;
	const shape = type?.kind === 'tensor' ? type.shape : null;
	if (!shape) return undefined;
	const dims = shape.filter((dim): dim is number => typeof dim === 'number');
	return dims.length === shape.length ? dims : undefined;
}

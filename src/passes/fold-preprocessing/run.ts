import { attribute } from '../../core/ir/attribute.ts';
import { addConstantNode } from '../../core/ir/constants.ts';
import { type DType, dtypeCode } from '../../core/ir/dtype.ts';
import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { float32Tensor, int64Tensor, type TensorRef } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import type { Note, PassResult } from '../../core/pass/pass.ts';
import type { PortChange } from '../../core/pass/ports.ts';
import { type Options, type Plan, planFolding } from './plan.ts';

export function describeFolding(model: Model, options: Options): Note[] {
	const plan = planFolding(model, options);
	return 'input' in plan ? notesOf(plan) : [{ level: 'skip', ...plan }];
}

export async function runFolding(model: Model, options: Options): Promise<PassResult> {
	const plan = planFolding(model, options);
	if (!('input' in plan)) return { changed: 0, eligible: 1, bytesTouched: 0, unit: 'inputs', notes: [{ level: 'skip', ...plan }] };
	const ports = [portChange(plan)];
	fold(model, plan);
	const { input, outerShape, outer } = plan;
	const shape = outerShape ? `[${outerShape.map((dim) => dim ?? '?').join(', ')}]` : '';
	return {
		changed: 1,
		eligible: 1,
		bytesTouched: 0,
		unit: 'inputs',
		notes: notesOf(plan),
		ports,
		headline: `The model takes ${outer}${shape} as ${input.name} and does ${stepsOf(plan).join(', ')} itself.`,
	};
}

function portChange({ input, outer, factor, offset, channelAxis, reversed, permutation }: Plan): PortChange {
	return {
		kind: 'preprocessed',
		name: input.name,
		to: outer,
		factor,
		offset,
		...(channelAxis !== undefined && { channelAxis }),
		reversed: reversed !== undefined,
		...(permutation && { permutation }),
	};
}

function stepsOf(plan: Plan): string[] {
	const steps: string[] = [];
	if (plan.permutation) steps.push('the change of layout');
	if (plan.reversed !== undefined) steps.push('the order of channels');
	if (plan.factor.some((f) => f !== 1)) steps.push('the scale');
	if (plan.offset.some((o) => o !== 0)) steps.push('the mean');
	if (plan.outer !== plan.inner) steps.push(`the cast to ${plan.inner}`);
	return steps;
}

function notesOf(plan: Plan): Note[] {
	const notes: Note[] = [];
	const factor = Math.max(...plan.factor.map(Math.abs));
	if (plan.outer === 'uint8' && plan.factor.every((f) => f === 1) && plan.offset.every((o) => o === 0)) {
		notes.push({
			level: 'info',
			node: plan.input.name,
			reason: 'the model is fed 0 to 255 as they are: give scale, mean and deviation if it was trained on other values',
		});
	}
	if (plan.inner === 'float16' && plan.outer === 'uint8' && factor > 257) {
		notes.push({ level: 'warn', node: plan.input.name, reason: 'values beyond 65504 do not fit float16' });
	}
	return notes;
}

/** input → Transpose → Gather (order) → Cast float32 → Mul → Add → Cast. Bytes are moved before they become floats: a quarter of the traffic. */
function fold(model: Model, plan: Plan): void {
	const { graph } = model;
	const { input, channelAxis } = plan;
	const readers = [...input.uses];
	const first = graph.nodes().next().value as Node | undefined;
	const place = (node: Node): Value => {
		if (first) graph.insertBefore(first, node);
		else graph.append(node);
		return node.output();
	};
	const name = (what: string): string => graph.ledger.fresh(`${input.name}_${what}`);
	const constant = (what: string, tensor: TensorRef): Value => storedBeside(graph, model.irVersion, `${input.name}_${what}`, tensor);
	const along = (values: readonly number[]): TensorRef => {
		const rank = plan.innerShape?.length ?? 0;
		const dims = values.length === 1 ? [] : Array.from({ length: rank }, (_, at) => (at === channelAxis ? values.length : 1));
		return float32Tensor(values, dims);
	};

	let value: Value = input;
	let dtype: DType = plan.outer;
	const step = (
		op: string,
		what: string,
		inputs: (Value | null)[],
		attributes: Record<string, ReturnType<typeof attribute.int>> = {},
	): void => {
		value = place(graph.createNode({ op, name: name(what), inputs, outputs: 1, attributes }));
	};
	const cast = (to: DType, what: string): void => {
		if (dtype === to) return;
		step('Cast', what, [value], { to: attribute.int(dtypeCode(to)) });
		dtype = to;
		value.type = tensorType(to, plan.innerShape);
	};
	if (plan.permutation) {
		step('Transpose', 'layout', [value], { perm: attribute.ints(plan.permutation) });
		value.type = tensorType(dtype, plan.innerShape);
	}
	if (plan.reversed !== undefined && channelAxis !== undefined) {
		const order = Array.from({ length: plan.reversed }, (_, at) => plan.reversed! - 1 - at);
		step('Gather', 'channels', [value, constant('order', int64Tensor(order))], { axis: attribute.int(channelAxis) });
		value.type = tensorType(dtype, plan.innerShape);
	}
	const scales = plan.factor.some((f) => f !== 1);
	const shifts = plan.offset.some((o) => o !== 0);
	// Half precision would round the pixels before the mean is taken off.
	if (scales || shifts) cast('float32', 'float');
	if (scales) {
		step('Mul', 'scaled', [value, constant('factor', along(plan.factor))]);
		value.type = tensorType(dtype, plan.innerShape);
	}
	if (shifts) {
		step('Add', 'normalized', [value, constant('offset', along(plan.offset))]);
		value.type = tensorType(dtype, plan.innerShape);
	}
	cast(plan.inner, 'cast');
	for (const { node, index } of readers) node.setInput(index, value);
	input.type = tensorType(plan.outer, plan.outerShape);
}

/** Before IR version 4 every initializer is an input that a caller sees: there a Constant node holds it. */
function storedBeside(graph: Graph, irVersion: number, name: string, tensor: TensorRef): Value {
	if (irVersion < 4) return addConstantNode(graph, graph.ledger.fresh(name), tensor);
	const value = graph.addInitializer(name, tensor);
	value.type = tensorType(tensor.dtype, tensor.dims);
	return value;
}

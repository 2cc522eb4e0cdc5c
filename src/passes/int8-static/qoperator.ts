import type { Attribute } from '../../core/ir/attribute.ts';
import { constantOf } from '../../core/ir/constants.ts';
import type { DType } from '../../core/ir/dtype.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import { graphsWithin, type Model } from '../../core/ir/model.ts';
import { memoryTensor, type TensorRef } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import type { Note } from '../../core/pass/pass.ts';
import { dropUnused } from '../../core/pass/weights.ts';
import { zeroPointTensor } from './codes.ts';

const MICROSOFT = 'com.microsoft';

/** Operators whose integer form has inputs (X, x_scale, x_zero_point, y_scale, y_zero_point). */
const UNARY: ReadonlyMap<string, string> = new Map([
	['AveragePool', 'QLinearAveragePool'],
	['GlobalAveragePool', 'QLinearGlobalAveragePool'],
	['LeakyRelu', 'QLinearLeakyRelu'],
	['Sigmoid', 'QLinearSigmoid'],
	['Softmax', 'QLinearSoftmax'],
]);

/** Operators that take codes as they take floats; Resize and MaxPool only from the opsets that the plan has checked. */
const MOVES: ReadonlySet<string> = new Set([
	'MaxPool',
	'Reshape',
	'Flatten',
	'Transpose',
	'Squeeze',
	'Unsqueeze',
	'Slice',
	'Split',
	'Gather',
	'GatherElements',
	'Expand',
	'Tile',
	'Identity',
	'DepthToSpace',
	'SpaceToDepth',
	'Resize',
]);

interface Coded {
	readonly codes: Value;
	readonly scale: Value;
	readonly zero: Value | null;
}

interface Target {
	readonly quantize: Node;
	readonly scale: Value;
	readonly zero: Value;
}

/**
 * Turns nodes between QuantizeLinear and DequantizeLinear into the operators that compute on codes: QLinearConv and QLinearMatMul of
 * ONNX, and those of ONNX Runtime for the rest (ContribOperators.md: QGemm, QLinearAdd, QLinearConcat ...). Operators that only move
 * values move the codes. What has no such form stays a pair, which means the same; a note counts them.
 */
export function toQOperators(model: Model): Note[] {
	let left = 0;
	let changed = 0;
	let contrib = false;
	for (const graph of graphsWithin(model.graph)) {
		for (const node of [...graph.nodes()]) {
			if (!node.placed || node.domain !== '' || node.op === 'QuantizeLinear' || node.op === 'DequantizeLinear') continue;
			if (![...node.inputs].some((value) => value && decoded(value))) continue;
			const made = convert(model, node);
			if (made === undefined) left += 1;
			else {
				changed += 1;
				contrib ||= made === MICROSOFT;
			}
		}
	}
	if (contrib && !model.opsets.has(MICROSOFT)) model.setOpset(MICROSOFT, 1);
	const notes: Note[] = [{ level: 'info', reason: `${changed} nodes became operators on codes` }];
	if (left > 0)
		notes.push({
			level: 'info',
			reason: `${left} nodes stay between pairs of QuantizeLinear and DequantizeLinear: they have no form on codes`,
		});
	return notes;
}

/** Domain of the new operator; undefined where the node stays. */
function convert(model: Model, node: Node): string | undefined {
	switch (node.op) {
		case 'Conv':
			return convertConv(model, node);
		case 'MatMul':
			return convertMatMul(model, node);
		case 'Gemm':
			return convertGemm(model, node);
		case 'Add':
		case 'Mul': {
			const [a, b, y] = [decoded(node.input(0)), decoded(node.input(1)), encoded(node.output())];
			if (!a?.zero || !b?.zero || !y) return undefined;
			return replace(node, `QLinear${node.op}`, MICROSOFT, [a.codes, a.scale, a.zero, b.codes, b.scale, b.zero, y.scale, y.zero], y, {});
		}
		case 'Concat': {
			const inputs = node.inputs.map(decoded);
			const y = encoded(node.output());
			if (!y || !inputs.every((input) => input?.zero)) return undefined;
			const triples = inputs.flatMap((input) => (input ? [input.codes, input.scale, input.zero] : []));
			return replace(node, 'QLinearConcat', MICROSOFT, [y.scale, y.zero, ...triples], y, attributesOf(node));
		}
		case 'Where': {
			const [a, b, y] = [decoded(node.input(1)), decoded(node.input(2)), encoded(node.output())];
			if (!a?.zero || !b?.zero || !y) return undefined;
			const inputs = [node.input(0), a.codes, a.scale, a.zero, b.codes, b.scale, b.zero, y.scale, y.zero];
			return replace(node, 'QLinearWhere', MICROSOFT, inputs, y, {});
		}
		default:
			return UNARY.has(node.op) ? convertUnary(model, node) : MOVES.has(node.op) ? convertMove(node) : undefined;
	}
}

function convertConv(model: Model, node: Node): string | undefined {
	const [x, w, y] = [decoded(node.input(0)), decoded(node.input(1)), encoded(node.output())];
	const bias = node.input(2) ? decoded(node.input(2)) : null;
	if (!x?.zero || !w || !y || bias === undefined) return undefined;
	if (bias && stored(model, bias.codes)?.dtype !== 'int32') return undefined;
	const zero = weightZero(model, w);
	if (!zero) return undefined;
	const inputs = [x.codes, x.scale, x.zero, w.codes, w.scale, zero, y.scale, y.zero, ...(bias ? [bias.codes] : [])];
	return replace(node, 'QLinearConv', '', inputs, y, attributesOf(node));
}

function convertMatMul(model: Model, node: Node): string | undefined {
	const [a, b, y] = [decoded(node.input(0)), decoded(node.input(1)), encoded(node.output())];
	if (!a?.zero || !b) return undefined;
	const zero = weightZero(model, b);
	if (!zero) return undefined;
	if (y) return replace(node, 'QLinearMatMul', '', [a.codes, a.scale, a.zero, b.codes, b.scale, zero, y.scale, y.zero], y, {});
	return replace(node, 'MatMulIntegerToFloat', MICROSOFT, [a.codes, b.codes, a.scale, b.scale, a.zero, zero], undefined, {});
}

function convertGemm(model: Model, node: Node): string | undefined {
	const [a, b, y] = [decoded(node.input(0)), decoded(node.input(1)), encoded(node.output())];
	const bias = node.input(2) ? decoded(node.input(2)) : null;
	if (!a?.zero || !b || bias === undefined || (bias && node.float('beta', 1) !== 1)) return undefined;
	if (bias && stored(model, bias.codes)?.dtype !== 'int32') return undefined;
	const zero = weightZero(model, b);
	if (!zero) return undefined;
	const attributes: Record<string, Attribute> = {};
	for (const name of ['alpha', 'transA', 'transB']) {
		const attr = node.attributes.get(name);
		if (attr) attributes[name] = attr;
	}
	const inputs = [a.codes, a.scale, a.zero, b.codes, b.scale, zero, bias ? bias.codes : null];
	return replace(node, 'QGemm', MICROSOFT, y ? [...inputs, y.scale, y.zero] : inputs, y, attributes);
}

function convertUnary(model: Model, node: Node): string | undefined {
	const [x, y] = [decoded(node.input(0)), encoded(node.output())];
	if (!x?.zero || !y) return undefined;
	const attributes = attributesOf(node);
	if (node.op === 'AveragePool' && (node.ints('dilations') ?? []).some((dilation) => dilation !== 1)) return undefined;
	// Its meaning of axis follows the opset that the attribute states.
	if (node.op === 'Softmax') {
		attributes.opset = { kind: 'int', value: BigInt(model.opset) };
		attributes.axis ??= { kind: 'int', value: BigInt(model.opset < 13 ? 1 : -1) };
	}
	return replace(node, UNARY.get(node.op) ?? '', MICROSOFT, [x.codes, x.scale, x.zero, y.scale, y.zero], y, attributes);
}

/** The same operator on codes, where scale and zero point are the same before and behind it. */
function convertMove(node: Node): string | undefined {
	const x = decoded(node.input(0));
	if (!x?.zero) return undefined;
	const targets: { readonly output: Value; readonly target: Target }[] = [];
	for (const output of node.outputs) {
		if (!output || (output.uses.size === 0 && !output.isGraphOutput)) continue;
		const target = encoded(output);
		if (!target || target.scale !== x.scale || target.zero !== x.zero) return undefined;
		targets.push({ output, target });
	}
	if (targets.length === 0) return undefined;
	const before = node.input(0);
	node.setInput(0, x.codes);
	dropUnused(before);
	for (const { output, target } of targets) {
		output.type = undefined;
		const { quantize } = target;
		output.graph.replaceUses(quantize.output(), output);
		output.graph.remove(quantize);
	}
	return '';
}

function replace(
	node: Node,
	op: string,
	domain: string,
	inputs: readonly (Value | null)[],
	target: Target | undefined,
	attributes: Readonly<Record<string, Attribute>>,
): string {
	const { graph } = node;
	const made = graph.insertBefore(
		node,
		graph.createNode({ op, domain, name: node.name, inputs, outputs: [graph.ledger.fresh('o')], attributes }),
	);
	const old = target ? target.quantize.output() : node.output();
	// Checkers know nothing of the other domain: they have to be told what comes out.
	if (domain) made.output().type = old.type ?? tensorType(target ? typeOfZero(target.zero) : 'float32', null);
	const before = [...node.inputs];
	graph.replaceUses(old, made.output());
	if (target) graph.remove(target.quantize);
	graph.remove(node);
	for (const value of before) dropUnused(value);
	return domain;
}

function typeOfZero(zero: Value): DType {
	return (zero.initializer && 'dtype' in zero.initializer ? zero.initializer.dtype : undefined) ?? 'uint8';
}

/** Codes, scale and zero point of a value that DequantizeLinear gives; 8-bit ones and int32 biases only. */
function decoded(value: Value | null): Coded | undefined {
	const node = value?.producer;
	if (node?.op !== 'DequantizeLinear' || node.domain !== '') return undefined;
	const codes = node.input(0);
	const scale = node.input(1);
	return codes && scale ? { codes, scale, zero: node.input(2) } : undefined;
}

/** The QuantizeLinear that alone reads a value. */
function encoded(value: Value): Target | undefined {
	if (value.uses.size !== 1 || value.isGraphOutput) return undefined;
	const [use] = value.uses;
	const quantize = use?.node;
	if (quantize?.op !== 'QuantizeLinear' || quantize.domain !== '' || use?.index !== 0 || quantize.graph !== value.graph) return undefined;
	const scale = quantize.input(1);
	const zero = quantize.input(2);
	return scale && zero ? { quantize, scale, zero } : undefined;
}

/** The weight's zero point; operators on codes ask for one where DequantizeLinear does not. */
function weightZero(model: Model, weight: Coded): Value | undefined {
	if (weight.zero) return weight.zero;
	const tensor = stored(model, weight.codes);
	const scales = stored(model, weight.scale);
	if (!scales || (tensor?.dtype !== 'int8' && tensor?.dtype !== 'uint8')) return undefined;
	const count = scales.dims.reduce((a, b) => a * b, 1);
	const zero = scales.dims.length === 0 ? zeroPointTensor(0, tensor.dtype) : memoryTensor(tensor.dtype, scales.dims, new Uint8Array(count));
	return weight.codes.graph.addInitializer(`${weight.codes.name}_z`, zero);
}

function stored(model: Model, value: Value): TensorRef | undefined {
	return constantOf(value, Math.max(model.irVersion, 4));
}

function attributesOf(node: Node): Record<string, Attribute> {
	return Object.fromEntries(node.attributes);
}

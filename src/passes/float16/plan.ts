import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import { graphsWithin, type Model } from '../../core/ir/model.ts';
import type { Note } from '../../core/pass/pass.ts';
import { ElementTypes } from './element-types.ts';
import { exactNodes } from './exact.ts';
import { MOVES } from './operators.ts';
import { signatureOf } from './signatures.ts';

export type Width = 'half' | 'float';

/** What the options say, ready to be asked. */
export interface Blocks {
	readonly ops: ReadonlySet<string>;
	/** Names of nodes and of tensors that stay float32; a tensor keeps the nodes that read or make it. */
	readonly names: ReadonlySet<string>;
	readonly keepIoTypes: boolean;
}

/** Which width every float32 slot of the model gets. Made without changing anything. */
export interface Plan {
	readonly types: ElementTypes;
	/** Nodes that compute in float16. */
	readonly half: ReadonlySet<Node>;
	/** Width that input `index` of a node wants; `any`: what there is; undefined: no float32 is read there. */
	wants(node: Node, index: number): Width | 'any' | undefined;
	/** Width of a value as it is made; `either`: made in what its readers want. undefined: not a float32 value. */
	gives(value: Value): Width | 'either' | undefined;
	/** Width that output `index` of a graph must have; undefined where it is no float32. */
	outputWidth(graph: Graph, index: number): Width | undefined;
	readonly notes: readonly Note[];
}

/** Operators that make a float32 out of nothing or out of another type: they can make either width. */
function isEither(node: Node, types: ElementTypes): boolean {
	if (node.domain !== '') return false;
	if (node.op === 'Constant') return !node.attributes.has('sparse_value');
	if (node.op === 'ConstantOfShape') return true;
	return node.op === 'Cast' && types.of(node.outputs[0] ?? null) === 'float32';
}

/** Before opset 6 Cast named its type in words. */
const OLDEST_OPSET = 6;

const CONTROL_FLOW: ReadonlySet<string> = new Set(['If', 'Loop', 'Scan']);
const isControlFlow = (node: Node): boolean => node.domain === '' && CONTROL_FLOW.has(node.op);

/** Standard operators whose result type is an attribute or a sequence: kept, for the runtime's kernels make float32 only. */
const ALWAYS_KEPT: ReadonlySet<string> = new Set([
	'BitCast',
	'BlackmanWindow',
	'Bernoulli',
	'ConcatFromSequence',
	'EyeLike',
	'HammingWindow',
	'HannWindow',
	'MelWeightMatrix',
	'Optional',
	'OptionalGetElement',
	'RandomNormal',
	'RandomNormalLike',
	'RandomUniform',
	'RandomUniformLike',
	'SequenceAt',
	'SequenceConstruct',
	'SequenceEmpty',
	'SequenceErase',
	'SequenceInsert',
	'SequenceMap',
	'SplitToSequence',
]);

export function planFloat16(model: Model, blocks: Blocks): Plan {
	const types = new ElementTypes(model);
	const notes: Note[] = [];
	const half = new Set<Node>();
	const floatOf = (value: Value | null): boolean => types.of(value) === 'float32';
	const exact = exactNodes(model.graph, types, model.opset);

	const why = (node: Node): string | undefined => {
		if (model.opset < OLDEST_OPSET) return `the model imports opset ${model.opset}; float16 needs ${OLDEST_OPSET} or later`;
		if (blocks.ops.has(node.op) || blocks.ops.has(node.qualifiedOp)) return `${node.qualifiedOp} is on the operator block list`;
		const named =
			(node.name !== '' && blocks.names.has(node.name)) ||
			node.inputs.some((value) => value && blocks.names.has(value.name)) ||
			node.outputs.some((value) => value && blocks.names.has(value.name));
		if (named) return 'it is on the list of names that stay float32';
		if (isControlFlow(node)) return undefined;
		if (node.domain !== '') {
			const isFunction = model.functions.some((fn) => fn.domain === node.domain && fn.name === node.op);
			return isFunction ? 'it calls a model function, whose body stays float32' : `${node.qualifiedOp} is no standard operator`;
		}
		if (ALWAYS_KEPT.has(node.op)) return `${node.op} has no float16 kernel`;
		const signature = signatureOf(node.op, model.opset);
		if (!signature) return `operator ${node.op} is not known`;
		if (/^Scatter(ND|Elements)$/.test(node.op) && node.string('reduction', 'none') !== 'none')
			return `${node.op} with a reduction has no float16 kernel`;
		if (exact.has(node)) return 'it computes indices or angles, which float16 holds exactly only up to 2048';
		const widths = new Map<string, Set<unknown>>();
		for (const [list, slotOf] of [
			[node.inputs, signature.input],
			[node.outputs, signature.output],
		] as const) {
			for (const [index, value] of list.entries()) {
				const slot = slotOf(index);
				if (!value || slot.kind !== 'variable') continue;
				if (!slot.half && floatOf(value)) return `${node.op} has no float16 form at opset ${model.opset}`;
				const known = widths.get(slot.letter) ?? new Set();
				widths.set(slot.letter, known.add(types.of(value)));
			}
		}
		for (const kinds of widths.values()) if (kinds.size > 1) return 'the element types around it are not known';
		return undefined;
	};

	for (const graph of graphsWithin(model.graph)) {
		for (const node of graph.nodes()) {
			if (!node.inputs.some(floatOf) && !node.outputs.some(floatOf)) continue;
			if (isEither(node, types)) continue;
			const reason = why(node);
			if (reason === undefined) half.add(node);
			else notes.push({ level: 'skip', node: node.label, reason });
		}
	}

	/** Nodes that only ask about their one float input and give none: whichever width is there will do. */
	const isPassive = (node: Node): boolean => {
		if (node.domain !== '') return false;
		if (node.op === 'Cast') return true;
		if (node.outputs.some(floatOf) || isControlFlow(node)) return false;
		return half.has(node) && node.inputs.filter((value) => value && floatOf(value)).length === 1;
	};

	const slotIsFixed = (node: Node, index: number, side: 'input' | 'output'): boolean =>
		node.domain === '' && signatureOf(node.op, model.opset)?.[side](index).kind === 'fixed';

	/** Carried and scanned values of loops: node input -> body input, body output -> node output share one width. */
	const outputWidth = (graph: Graph, index: number): Width | undefined => {
		const value = graph.outputs[index];
		if (!value || !floatOf(value)) return undefined;
		if (!graph.owner) return blocks.keepIoTypes ? 'float' : 'half';
		return half.has(graph.owner) ? 'half' : 'float';
	};

	const wants = (node: Node, index: number): Width | 'any' | undefined => {
		if (!floatOf(node.input(index))) return undefined;
		if (isPassive(node)) return 'any';
		if (!half.has(node)) return 'float';
		return slotIsFixed(node, index, 'input') ? 'float' : 'half';
	};

	const gives = (value: Value): Width | 'either' | undefined => {
		if (!floatOf(value)) return undefined;
		if (value.initializer) return 'sparse' in value.initializer ? 'float' : 'either';
		const producer = value.producer;
		if (!producer) {
			const owner = value.graph.owner;
			if (!owner) return blocks.keepIoTypes ? 'float' : 'half';
			return half.has(owner) ? 'half' : 'float';
		}
		if (isEither(producer, types)) return 'either';
		if (!half.has(producer)) return 'float';
		return slotIsFixed(producer, value.outputIndex, 'output') ? 'float' : 'half';
	};

	keepMovesBetweenFloats(model, half, wants, gives, outputWidth);
	return { types, half, wants, gives, outputWidth, notes };
}

/**
 * Operators that only move numbers, between float32 on both sides, stay float32: two casts and a rounding less. A chain of them is
 * taken as a whole: forwards for what makes their input, backwards for what reads their output.
 */
function keepMovesBetweenFloats(
	model: Model,
	half: Set<Node>,
	wants: Plan['wants'],
	gives: Plan['gives'],
	outputWidth: Plan['outputWidth'],
): void {
	const order: Node[] = [];
	for (const graph of graphsWithin(model.graph)) {
		for (const node of graph.nodes()) if (half.has(node) && node.domain === '' && MOVES.has(node.op)) order.push(node);
	}
	const fromFloat = new Set<Node>();
	for (const node of order) {
		const sources = node.inputs.filter(
			(value): value is Value => value !== null && gives(value) !== undefined && gives(value) !== 'either',
		);
		const isFloat = (value: Value): boolean => gives(value) === 'float' || (value.producer !== undefined && fromFloat.has(value.producer));
		if (sources.length > 0 && sources.every(isFloat)) fromFloat.add(node);
	}
	const toFloat = new Set<Node>();
	for (const node of order.reverse()) {
		if (!fromFloat.has(node)) continue;
		const readByFloats = node.outputs.every((value) => {
			if (!value) return true;
			const outputs = value.graph.outputs.every((output, index) => output !== value || outputWidth(value.graph, index) === 'float');
			return outputs && [...value.uses].every((use) => toFloat.has(use.node) || wants(use.node, use.index) === 'float');
		});
		if (readByFloats) toFloat.add(node);
	}
	for (const node of toFloat) half.delete(node);
}

import type { DType } from '../../core/ir/dtype.ts';
import { dtypeFromCode } from '../../core/ir/dtype.ts';
import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { ValueType } from '../../core/ir/type.ts';
import { signatureOf } from './signatures.ts';

/** Element type of a value as far as this pass cares; `sequence of …` for sequences and optionals; undefined where it is not known. */
export type ElementType = 'float32' | 'float16' | 'other' | 'sequence of float32' | 'sequence of float16' | 'sequence of other' | undefined;

const SEQUENCE = 'sequence of ';

function ofDtype(dtype: DType): ElementType {
	return dtype === 'float32' || dtype === 'float16' ? dtype : 'other';
}

function sequenceOf(element: ElementType): ElementType {
	return element === 'float32' || element === 'float16' || element === 'other' ? `${SEQUENCE}${element}` : undefined;
}

function elementOf(sequence: ElementType): ElementType {
	return sequence?.startsWith(SEQUENCE) ? (sequence.slice(SEQUENCE.length) as ElementType) : undefined;
}

function declared(type: ValueType | undefined): ElementType {
	if (type?.kind === 'tensor' || type?.kind === 'sparse') return ofDtype(type.dtype);
	if (type?.kind === 'sequence' || type?.kind === 'optional') return sequenceOf(declared(type.element));
	return undefined;
}

/** Types of com.microsoft operators that files in the wild hold: the types of their first outputs, or the input that gives it. */
const CONTRIB_OUTPUTS: Readonly<Record<string, readonly (number | ElementType)[]>> = {
	Attention: [0, 0],
	BiasGelu: [0],
	DynamicQuantizeLSTM: [0, 0, 0],
	DynamicQuantizeMatMul: [0],
	EmbedLayerNormalization: [2, 'other', 2],
	FastGelu: [0],
	FusedConv: [0],
	FusedGemm: [0],
	FusedMatMul: [0],
	GatherBlockQuantized: [2],
	Gelu: [0],
	GroupQueryAttention: [0, 3, 4],
	MatMulIntegerToFloat: [2],
	MatMulNBits: [0],
	MultiHeadAttention: [0, 0, 0],
	QuickGelu: [0],
	RotaryEmbedding: [0],
	SkipLayerNormalization: [0, 'float32', 'float32', 0],
	SkipSimplifiedLayerNormalization: [0, 'float32', 'float32', 0],
};

/** Element types of all values of the main graph and its subgraphs. A type that a file declares is believed: the checker compares. */
export class ElementTypes {
	readonly #types = new Map<Value, ElementType>();
	readonly #model: Model;

	constructor(model: Model) {
		this.#model = model;
		this.#graph(model.graph, model.opset, 0);
	}

	of(value: Value | null): ElementType {
		if (!value) return undefined;
		const known = this.#types.get(value);
		if (known) return known;
		return value.initializer ? ofDtype(value.initializer.dtype) : declared(value.type);
	}

	#graph(graph: Graph, opset: number, depth: number): void {
		for (const node of graph.nodes()) {
			const types = this.#outputs(node, opset, depth);
			for (const [index, output] of node.outputs.entries()) {
				if (output) this.#types.set(output, declared(output.type) ?? types(index));
			}
		}
	}

	#outputs(node: Node, opset: number, depth: number): (index: number) => ElementType {
		const input = (index: number): ElementType => this.of(node.input(index));
		if (node.domain === 'com.microsoft' || node.domain === 'com.ms.internal.nhwc') {
			const known = CONTRIB_OUTPUTS[node.op];
			if (known) {
				return (index) => {
					const entry = known[index];
					return typeof entry === 'number' ? input(entry) : entry;
				};
			}
		}
		const called = this.#model.functions.find((fn) => fn.name === node.op && fn.domain === node.domain && fn.overload === node.overload);
		if (called) {
			if (depth >= 16) return () => undefined;
			called.body.inputs.forEach((parameter, index) => {
				this.#types.set(parameter, input(index));
			});
			this.#graph(called.body, called.opsets.get('') ?? opset, depth + 1);
			const results = called.body.outputs.map((value) => this.of(value));
			return (index) => results[index];
		}
		if (node.domain !== '') return () => undefined;
		switch (node.op) {
			case 'If': {
				const branches = node.subgraphs;
				for (const branch of branches) this.#graph(branch, opset, depth);
				return (index) => branches.map((branch) => this.of(branch.outputs[index] ?? null)).find((type) => type);
			}
			case 'Loop':
			case 'Scan':
				return this.#loop(node, opset, depth);
			case 'Cast':
				return () => codeType(node.int('to', 0));
			case 'CastLike':
				return () => input(1);
			case 'Constant': {
				const value = node.attributes.get('value') ?? node.attributes.get('sparse_value');
				if (value?.kind === 'tensor' || value?.kind === 'sparseTensor') return () => ofDtype(value.value.dtype);
				const isFloat = node.attributes.has('value_float') || node.attributes.has('value_floats');
				return () => (isFloat ? 'float32' : 'other');
			}
			case 'ConstantOfShape': {
				const value = node.attributes.get('value');
				return () => (value?.kind === 'tensor' ? ofDtype(value.value.dtype) : 'float32');
			}
			case 'RandomNormal':
			case 'RandomUniform':
				return () => codeType(node.int('dtype', 1));
			case 'RandomNormalLike':
			case 'RandomUniformLike':
			case 'EyeLike':
			case 'Bernoulli':
				return () => (node.attributes.has('dtype') ? codeType(node.int('dtype', 1)) : input(0));
			case 'HannWindow':
			case 'HammingWindow':
			case 'BlackmanWindow':
			case 'MelWeightMatrix':
				return () => codeType(node.int('output_datatype', 1));
			case 'DequantizeLinear':
				return () => (node.int('output_dtype', 0) ? codeType(node.int('output_dtype', 0)) : input(1));
			case 'BitCast':
				return () => codeType(node.int('to', 0));
			case 'SequenceEmpty':
				return () => sequenceOf(codeType(node.int('dtype', 1)));
			case 'SequenceConstruct':
			case 'SplitToSequence':
				return () => sequenceOf(input(0));
			case 'SequenceInsert':
			case 'SequenceErase':
				return () => input(0);
			case 'SequenceAt':
			case 'ConcatFromSequence':
				return () => elementOf(input(0));
			case 'Optional':
				return () => (input(0)?.startsWith(SEQUENCE) ? undefined : sequenceOf(input(0)));
			case 'OptionalGetElement':
				return () => elementOf(input(0)) ?? input(0);
			default:
				return this.#standard(node, opset);
		}
	}

	#standard(node: Node, opset: number): (index: number) => ElementType {
		const signature = signatureOf(node.op, opset);
		if (!signature) return () => 'other';
		const bound = new Map<string, ElementType>();
		node.inputs.forEach((value, index) => {
			const slot = signature.input(index);
			if (value && slot.kind === 'variable' && !bound.get(slot.letter)) bound.set(slot.letter, this.of(value));
		});
		return (index) => {
			const slot = signature.output(index);
			if (slot.kind === 'fixed') return 'float32';
			if (slot.kind === 'variable') return bound.get(slot.letter);
			return slot.kind === 'none' ? 'other' : undefined;
		};
	}

	/** Loop: body takes (iteration, condition, carried…), gives (condition, carried…, scanned…). Scan: body takes (state…, slices…), gives (state…, slices…). */
	#loop(node: Node, opset: number, depth: number): (index: number) => ElementType {
		const body = node.subgraphs[0];
		if (!body) return () => undefined;
		const { fromNode, toBody } = loopOffsets(node, opset);
		body.inputs.forEach((value, index) => {
			const source = node.input(index - toBody + fromNode);
			if (index >= toBody && !declared(value.type)) this.#types.set(value, this.of(source));
			else if (index < toBody) this.#types.set(value, 'other');
		});
		this.#graph(body, opset, depth);
		const skipped = node.op === 'Loop' ? 1 : 0;
		return (index) => this.of(body.outputs[index + skipped] ?? null);
	}
}

/** Which input of the node feeds which input of the body: node input `fromNode + i` goes to body input `toBody + i`. */
export function loopOffsets(node: Node, opset: number): { readonly fromNode: number; readonly toBody: number } {
	if (node.op === 'Loop') return { fromNode: 2, toBody: 2 };
	return { fromNode: opset < 9 ? 1 : 0, toBody: 0 };
}

function codeType(code: number): ElementType {
	const dtype = dtypeFromCode(code);
	return dtype ? ofDtype(dtype) : undefined;
}

import { attribute } from '../../core/ir/attribute.ts';
import { type DType, dtypeCode, isDType } from '../../core/ir/dtype.ts';
import type { Graph, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { type Dim, tensorType, type ValueType } from '../../core/ir/type.ts';
import { inferTypes } from '../../core/onnx/infer.ts';
import type { OptionsOf } from '../../core/pass/options.ts';
import type { Note, PassResult } from '../../core/pass/pass.ts';
import type { PortChange } from '../../core/pass/ports.ts';
import type { retypeIoOptions } from './index.ts';

type Options = OptionsOf<typeof retypeIoOptions>;

interface Change {
	readonly value: Value;
	readonly from: DType;
	readonly to: DType;
	readonly shape: readonly Dim[] | null;
}

const unknownType = 'its element type is neither stated in the file nor told by the operators before it';

/** The version of ai.onnx since which Cast takes each of these. All of them are types that the runtime's Cast has a kernel for. */
const since: Readonly<Partial<Record<DType, number>>> = {
	float32: 1,
	float64: 1,
	float16: 1,
	int8: 1,
	int16: 1,
	int32: 1,
	int64: 1,
	uint8: 1,
	uint16: 1,
	uint32: 1,
	uint64: 1,
	bool: 1,
	bfloat16: 13,
};

type TypeOf = (value: Value) => ValueType | undefined;

/** Types that the file leaves open are inferred when the pass runs: until then they stand in nobody's way. */
export function describeRetyping(model: Model, options: Options): Note[] {
	const stated = plan(model, options, (value) => value.type).notes;
	return stated.filter(({ reason }) => reason !== unknownType);
}

export async function runRetyping(model: Model, options: Options): Promise<PassResult> {
	const types = await inferTypes(model);
	const { changes, notes } = plan(model, options, (value) => value.type ?? types.typeOf(value));
	const told = changes.map(({ value, from, to }) => `${value.name} from ${from} to ${to}`).join(', ');
	const ports = changes.map(({ value, from, to }): PortChange => {
		return { kind: 'retyped', port: value.isGraphInput ? 'input' : 'output', name: value.name, from, to };
	});
	for (const change of changes) {
		if (change.value.isGraphInput) retypeInput(model.graph, change, model.opset);
		else retypeOutput(model.graph, change, model.opset);
	}
	return {
		changed: changes.length,
		eligible: options.types.length,
		bytesTouched: 0,
		unit: 'types',
		notes,
		ports,
		...(changes.length > 0 && {
			headline: `Retyped ${told}.`,
		}),
	};
}

function plan(model: Model, options: Options, typeOf: TypeOf): { changes: Change[]; notes: Note[] } {
	const ports = new Map<string, Value>();
	for (const value of [...model.graph.inputs, ...model.graph.outputs]) ports.set(value.name, value);
	const changes: Change[] = [];
	const notes: Note[] = [];
	for (const text of options.types) {
		const change = read(text, ports, model, typeOf);
		if (typeof change === 'string') notes.push({ level: 'skip', node: text, reason: change });
		else if (changes.some(({ value }) => value === change.value))
			notes.push({ level: 'skip', node: text, reason: `${change.value.name} has been given a type already` });
		else {
			changes.push(change);
			const loss = lossOf(change);
			if (loss) notes.push({ level: 'warn', node: change.value.name, reason: loss });
		}
	}
	return { changes, notes };
}

function read(text: string, ports: ReadonlyMap<string, Value>, model: Model, typeOf: TypeOf): Change | string {
	const at = text.lastIndexOf('=');
	if (at < 0) return 'it is not of the form NAME=TYPE';
	const value = ports.get(text.slice(0, at));
	const to = text.slice(at + 1).trim();
	if (!value) return `no input or output of the model has this name; there are ${[...ports.keys()].slice(0, 12).join(', ')}`;
	const known = isDType(to) ? since[to] : undefined;
	if (!isDType(to) || known === undefined) return `"${to}" is not one of ${Object.keys(since).join(', ')}`;
	if (known > model.opset) return `Cast knows ${to} from opset ${known} on, the model has ${model.opset}; raise the opset first`;
	const type = typeOf(value);
	if (!type) return unknownType;
	if (type.kind !== 'tensor') return 'it is no tensor';
	if (since[type.dtype] === undefined) return `${type.dtype} cannot be cast to a number`;
	if (type.dtype === to) return `it is ${to} already`;
	if (value.initializer) return 'it has a stored value, which would have to be rewritten';
	if (value.isGraphInput && value.isGraphOutput) return 'it is input and output at once: nothing is computed between';
	return { value, from: type.dtype, to, shape: type.shape };
}

/** What values may suffer at the border. */
function lossOf({ value, from, to }: Change): string | undefined {
	const [outer, inner] = value.isGraphInput ? [to, from] : [from, to];
	// The side that is cast from is wider: what it holds may not fit.
	if (inner === 'bool') return 'anything but zero becomes true';
	const source = rangeOf(outer);
	const target = rangeOf(inner);
	if (source.float && !target.float) return `fractions are cut off, and values outside ${inner} have no defined result`;
	if (source.low < target.low || source.high > target.high)
		return `values that do not fit ${inner} ${target.float ? 'become infinite' : 'wrap around'}`;
	return source.bits > target.bits ? `${outer} has more digits than ${inner}: values are rounded` : undefined;
}

/** Bounds and bits of precision. */
function rangeOf(dtype: DType): { readonly low: number; readonly high: number; readonly bits: number; readonly float: boolean } {
	if (dtype === 'float16') return { low: -65504, high: 65504, bits: 11, float: true };
	if (dtype === 'bfloat16') return { low: -3.39e38, high: 3.39e38, bits: 8, float: true };
	if (dtype === 'float32') return { low: -3.4028234663852886e38, high: 3.4028234663852886e38, bits: 24, float: true };
	if (dtype === 'float64') return { low: -Number.MAX_VALUE, high: Number.MAX_VALUE, bits: 53, float: true };
	if (dtype === 'bool') return { low: 0, high: 1, bits: 1, float: false };
	const width = Number(dtype.replace(/\D/g, ''));
	if (dtype.startsWith('u')) return { low: 0, high: 2 ** width - 1, bits: width, float: false };
	return { low: -(2 ** (width - 1)), high: 2 ** (width - 1) - 1, bits: width - 1, float: false };
}

function retypeInput(graph: Graph, { value, from, to, shape }: Change, opset: number): void {
	const readers = [...value.uses];
	const cast = graph.prepend(castNode(graph, value, from, opset));
	for (const { node, index } of readers) node.setInput(index, cast.output());
	cast.output().type = tensorType(from, shape);
	value.type = tensorType(to, shape);
}

function retypeOutput(graph: Graph, { value, from, to, shape }: Change, opset: number): void {
	const { name } = value;
	value.name = graph.ledger.fresh(`${name}_${from}`);
	const cast = castNode(graph, value, to, opset, name);
	graph.append(cast);
	cast.output().type = tensorType(to, shape);
	graph.setOutputs(graph.outputs.map((output) => (output === value ? cast.output() : output)));
}

/** Until opset 5 Cast took the name of the type in capitals. */
function castNode(graph: Graph, input: Value, to: DType, opset: number, output?: string) {
	const code = opset < 6 ? attribute.string(onnxName(to)) : attribute.int(dtypeCode(to));
	const name = graph.ledger.fresh(`${output ?? input.name}_cast`);
	return graph.createNode({ op: 'Cast', name, inputs: [input], outputs: output ? [output] : 1, attributes: { to: code } });
}

function onnxName(dtype: DType): string {
	if (dtype === 'float32') return 'FLOAT';
	return dtype === 'float64' ? 'DOUBLE' : dtype.toUpperCase();
}

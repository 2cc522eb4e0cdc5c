import { attribute } from '../../core/ir/attribute.ts';
import { dtypeCode } from '../../core/ir/dtype.ts';
import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import { graphsWithin, type Model } from '../../core/ir/model.ts';
import { float32Tensor, isSparse, type TensorRef } from '../../core/ir/tensor.ts';
import { tensorType, type ValueType } from '../../core/ir/type.ts';
import type { Plan, Width } from './plan.ts';
import { float16Tensor } from './weights.ts';

/** A stored tensor that became float16: where it stands and what it was. */
export interface ConvertedTensor {
	readonly name: string;
	readonly tensor: TensorRef;
	/** Kept in float32 as well, for readers that stay float32. */
	readonly alsoFloat: boolean;
}

export interface Rewritten {
	readonly converted: readonly ConvertedTensor[];
	readonly casts: number;
	/** Casts of the original that became pointless and were taken out. */
	readonly castsRemoved: number;
	/** Stored tensors that callers may override and that changed their type. */
	readonly overridable: number;
}

/** Carries out a plan. Afterwards every float32 slot has its planned width, with one Cast per value and direction at most. */
export function applyPlan(model: Model, plan: Plan): Rewritten {
	const changes = new Rewriting(model, plan);
	const graphs = [...graphsWithin(model.graph)];
	const values = graphs.flatMap((graph) => [...valuesOf(graph)]);
	// Everything is asked of the plan before anything changes, for the plan looks at the graph.
	const decisions = values.map((value) => ({ value, gives: plan.gives(value), readers: readersOf(value, plan) }));
	for (const decision of decisions) if (decision.gives) changes.settle(decision.value, decision.gives, decision.readers);
	changes.dropPointlessCasts(graphs);
	return changes;
}

function* valuesOf(graph: Graph): IterableIterator<Value> {
	const listed = new Set([...graph.inputs, ...graph.initializers]);
	yield* listed;
	for (const node of graph.nodes()) for (const value of node.outputs) if (value) yield value;
}

interface Reader {
	readonly width: Width | 'any';
	/** Lets this reader read another value. */
	readonly turn: (to: Value) => void;
	/** A graph output, whose name must stay. */
	readonly output: boolean;
}

function readersOf(value: Value, plan: Plan): Reader[] {
	const readers: Reader[] = [];
	for (const { node, index } of value.uses) {
		const width = plan.wants(node, index);
		if (width) readers.push({ width, turn: (to) => node.setInput(index, to), output: false });
	}
	if (!value.isGraphOutput) return readers;
	for (const graph of [value.graph, ...subgraphsUnder(value.graph)]) {
		for (const [index, output] of graph.outputs.entries()) {
			if (output !== value) continue;
			const turn = (to: Value): void => graph.setOutputs(graph.outputs.map((old, at) => (at === index ? to : old)));
			readers.push({ width: plan.outputWidth(graph, index) ?? 'any', turn, output: graph === value.graph });
		}
	}
	return readers;
}

function* subgraphsUnder(graph: Graph): IterableIterator<Graph> {
	for (const inner of graphsWithin(graph)) if (inner !== graph) yield inner;
}

const widthOfType: Readonly<Record<Width, 'float16' | 'float32'>> = { half: 'float16', float: 'float32' };

class Rewriting implements Rewritten {
	readonly converted: ConvertedTensor[] = [];
	casts = 0;
	castsRemoved = 0;
	overridable = 0;
	readonly #model: Model;
	readonly #plan: Plan;
	/** Width that float values have by now. */
	readonly #widths = new Map<Value, Width>();

	constructor(model: Model, plan: Plan) {
		this.#model = model;
		this.#plan = plan;
	}

	settle(value: Value, gives: Width | 'either', readers: readonly Reader[]): void {
		const wanted = new Set(readers.map((reader) => reader.width));
		// The output keeps its name and with it the value, so its width decides which copy is the original one.
		const width: Width = gives === 'either' ? this.#preferred(value, wanted, readers) : gives;
		if (width === 'half') {
			if (gives === 'either' && !this.#makeHalf(value, wanted.has('float'))) return;
			value.type = halved(value.type);
		}
		this.#widths.set(value, width);
		const others = readers.filter((reader) => reader.width !== 'any' && reader.width !== width);
		if (others.length === 0) return;
		const other: Width = width === 'half' ? 'float' : 'half';
		const kept = others.find((reader) => reader.output);
		const copy = (gives === 'either' ? this.#second(value, other) : undefined) ?? this.#cast(value, other);
		this.#widths.set(copy, other);
		if (kept && value.isGraphOutput) {
			const name = value.name;
			value.name = value.graph.ledger.fresh(`${name}_${widthOfType[width]}`);
			copy.name = name;
			copy.docString = value.docString;
		}
		for (const reader of others) reader.turn(copy);
	}

	#preferred(value: Value, wanted: ReadonlySet<Width | 'any'>, readers: readonly Reader[]): Width {
		const output = readers.find((reader) => reader.output && reader.width !== 'any');
		if (output) return output.width as Width;
		// A sparse tensor or one that nobody reads stays as it is.
		if (wanted.has('half')) return wanted.has('float') ? 'float' : 'half';
		return wanted.has('float') || (readers.length === 0 && !value.initializer) ? 'float' : 'half';
	}

	/** Turns a tensor or its maker to float16 in place. false where there is nothing to turn. */
	#makeHalf(value: Value, alsoFloat: boolean): boolean {
		const stored = value.initializer;
		if (stored) {
			if (isSparse(stored)) return false;
			value.initializer = float16Tensor(stored);
			this.converted.push({ name: value.name, tensor: stored, alsoFloat });
			if (value.isGraphInput && this.#model.irVersion >= 4) this.overridable += 1;
			return true;
		}
		const node = value.producer;
		if (!node) return false;
		if (node.op === 'Cast') {
			node.setAttribute('to', attribute.int(dtypeCode('float16')));
			return true;
		}
		const tensor = tensorOf(node);
		if (node.op === 'Constant') for (const name of ['value_float', 'value_floats']) node.removeAttribute(name);
		node.setAttribute('value', attribute.tensor(float16Tensor(tensor)));
		if (node.op === 'Constant') this.converted.push({ name: value.name, tensor, alsoFloat });
		return true;
	}

	/** Another copy of a tensor, or of what makes it, in the other width: exact, and cheaper than a Cast of the first. */
	#second(value: Value, width: Width): Value | undefined {
		const stored = value.initializer;
		if (stored && !isSparse(stored)) {
			if (width === 'half') {
				this.converted.push({ name: value.name, tensor: stored, alsoFloat: true });
				return value.graph.addInitializer(`${value.name}_float16`, float16Tensor(stored));
			}
			return undefined;
		}
		const node = value.producer;
		if (!node || width === 'float') return undefined;
		const graph = node.graph;
		const name = `${value.name}_float16`;
		if (node.op === 'Cast') {
			const source = node.input(0);
			if (source && this.#plan.types.of(source) === 'float16') return source;
			return this.#placeCast(source, node, name, width);
		}
		const tensor = tensorOf(node);
		const copy = graph.createNode({
			op: node.op,
			name: node.name && `${node.name}_float16`,
			inputs: node.inputs,
			outputs: [graph.ledger.fresh(name)],
			attributes: { value: attribute.tensor(float16Tensor(tensor)) },
		});
		graph.insertAfter(node, copy);
		if (node.op === 'Constant') this.converted.push({ name: value.name, tensor, alsoFloat: true });
		return this.#typed(copy.output(), value, width);
	}

	#cast(value: Value, width: Width): Value {
		const result = this.#placeCast(value, value.producer, `${value.name}_${widthOfType[width]}`, width);
		return this.#typed(result, value, width);
	}

	#placeCast(source: Value | null, after: Node | undefined, name: string, width: Width): Value {
		const graph = after?.graph ?? source?.graph ?? this.#model.graph;
		const node = graph.createNode({
			op: 'Cast',
			name: `${name}_cast`,
			inputs: [source],
			outputs: [graph.ledger.fresh(name)],
			attributes: { to: attribute.int(dtypeCode(widthOfType[width])) },
		});
		if (after) graph.insertAfter(after, node);
		else graph.prepend(node);
		this.casts += 1;
		return node.output();
	}

	#typed(copy: Value, original: Value, width: Width): Value {
		const type = original.type;
		if (type?.kind === 'tensor') copy.type = tensorType(widthOfType[width], type.shape);
		return copy;
	}

	/** Takes out Casts of the original whose input now has the type they cast to. */
	dropPointlessCasts(graphs: readonly Graph[]): void {
		for (const graph of graphs) {
			for (const node of graph.nodes()) {
				const source = node.input(0);
				const output = node.outputs[0];
				if (node.op !== 'Cast' || node.domain !== '' || !source || !output || output.isGraphOutput) continue;
				if (output.uses.size === 0) {
					graph.remove(node);
					this.castsRemoved += 1;
					continue;
				}
				const to = node.int('to', 0);
				if (to !== dtypeCode('float16') || !this.#isHalf(source)) continue;
				graph.replaceUses(output, source);
				graph.remove(node);
				this.castsRemoved += 1;
			}
		}
	}

	#isHalf(value: Value): boolean {
		if (this.#plan.types.of(value) === 'float16') return true;
		return this.#widths.get(value) === 'half';
	}
}

function halved(type: ValueType | undefined): ValueType | undefined {
	return type?.kind === 'tensor' && type.dtype === 'float32' ? tensorType('float16', type.shape) : type;
}

/** The tensor that a Constant or ConstantOfShape makes its output from. */
function tensorOf(node: Node): TensorRef {
	const value = node.attributes.get('value');
	if (value?.kind === 'tensor') return value.value;
	const single = node.attributes.get('value_float');
	if (single?.kind === 'float') return float32Tensor([single.value], []);
	const list = node.attributes.get('value_floats');
	if (list?.kind === 'floats') return float32Tensor(list.value);
	return float32Tensor([0]);
}

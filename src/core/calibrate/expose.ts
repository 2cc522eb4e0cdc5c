import { attribute } from '../ir/attribute.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { memoryTensor } from '../ir/tensor.ts';
import { tensorType, type ValueType } from '../ir/type.ts';

/** Values listed as outputs of the main graph, those of subgraphs led out through If, Loop and Scan. */
export interface ExposedValues {
	/** For each value that can be observed: the output of the main graph that shows it. */
	readonly outputs: ReadonlyMap<Value, Value>;
	/** Why others cannot be. */
	readonly refused: ReadonlyMap<Value, string>;
	/** Gives the model its own outputs back; everything added is gone. */
	restore(): void;
}

/**
 * Makes values visible to a run, in place: the main graph's outputs become exactly these. A value inside an If branch leaves
 * through an extra output of the If, empty where the other branch ran; inside Loop and Scan through an extra scan output, one
 * entry for each iteration along axis 0. `typeOf` gives declared or inferred types.
 */
export function exposeForRun(model: Model, values: readonly Value[], typeOf: (value: Value) => ValueType | undefined): ExposedValues {
	const undo: (() => void)[] = [];
	const outputs = new Map<Value, Value>();
	const refused = new Map<Value, string>();
	const own = [...model.graph.outputs];
	const led = new Map<Value, Value>();
	for (const value of new Set(values)) {
		const found = leadOut(value, model.graph, typeOf, undo, led);
		if (typeof found === 'string') refused.set(value, found);
		else outputs.set(value, found);
	}
	const listed = [...new Set(outputs.values())];
	if (listed.length > 0) model.graph.setOutputs(listed);
	return {
		outputs,
		refused,
		restore: () => {
			model.graph.setOutputs(own);
			while (undo.length > 0) undo.pop()?.();
		},
	};
}

/** The value of the main graph that shows `value`, or why there is none. */
function leadOut(
	value: Value,
	main: Graph,
	typeOf: (value: Value) => ValueType | undefined,
	undo: (() => void)[],
	led: Map<Value, Value>,
): Value | string {
	let current = value;
	const type = typeOf(value);
	while (current.graph !== main) {
		const known = led.get(current);
		if (known) {
			current = known;
			continue;
		}
		const { owner } = current.graph;
		if (!owner) return 'it stands in a model function';
		if (owner.domain !== '' || !['If', 'Loop', 'Scan'].includes(owner.op)) return `${owner.qualifiedOp} does not let inner values out`;
		const dtype = type?.kind === 'tensor' ? type.dtype : undefined;
		if (!dtype) return 'its type is not known';
		const shown = ownOutput(owner, current, dtype, undo);
		led.set(current, shown);
		current = shown;
	}
	if (!current.type) {
		// A runtime finds the type of an output that declares none; telling it is enough where it is known.
		const inferred = current === value ? type : undefined;
		if (inferred?.kind === 'tensor') {
			current.type = tensorType(inferred.dtype, null);
			undo.push(() => {
				current.type = undefined;
			});
		}
	}
	return current;
}

/** One more output of a control-flow node, which shows `value` of one of its bodies. */
function ownOutput(owner: Node, value: Value, dtype: 'float32' | string, undo: (() => void)[]): Value {
	const elementType = dtype as Parameters<typeof tensorType>[0];
	const inner = value.graph;
	const shown = append(inner, 'Identity', [value], undo);
	shown.type = tensorType(elementType, null);
	addGraphOutput(inner, shown, undo);
	if (owner.op === 'If') {
		for (const other of owner.subgraphs) {
			if (other === inner) continue;
			const bytes = new Uint8Array(0);
			const empty = append(other, 'Constant', [], undo, memoryTensor(elementType, [0], bytes));
			empty.type = tensorType(elementType, null);
			addGraphOutput(other, empty, undo);
		}
	}
	if (owner.op === 'Scan') {
		for (const name of ['scan_output_axes', 'scan_output_directions']) {
			const attr = owner.attributes.get(name);
			if (attr?.kind !== 'ints') continue;
			owner.setAttribute(name, attribute.ints([...(owner.ints(name) ?? []), 0]));
			undo.push(() => owner.setAttribute(name, attr));
		}
	}
	const output = owner.addOutput(owner.graph.ledger.fresh(`${owner.name || owner.op}_shown`), tensorType(elementType, null));
	undo.push(() => owner.removeLastOutput());
	return output;
}

function append(graph: Graph, op: string, inputs: Value[], undo: (() => void)[], tensor?: ReturnType<typeof memoryTensor>): Value {
	const node = graph.append(graph.createNode({ op, inputs, outputs: 1, attributes: tensor ? { value: attribute.tensor(tensor) } : {} }));
	undo.push(() => graph.remove(node));
	return node.output();
}

function addGraphOutput(graph: Graph, value: Value, undo: (() => void)[]): void {
	const before = [...graph.outputs];
	graph.setOutputs([...before, value]);
	undo.push(() => graph.setOutputs(before));
}

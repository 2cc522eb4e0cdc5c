import { attribute } from '../ir/attribute.ts';
import { addConstantNode } from '../ir/constants.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { float32Tensor, int64Tensor, type TensorRef } from '../ir/tensor.ts';

/** Oldest opset that can be raised: broadcasting got its present meaning there. */
export const oldestOpset = 7;

export type Refusal = string;

/** Constants that adapters have added so far, so that equal ones are shared. One per raise. */
export type AddedConstants = Map<Graph, Map<string, Value>>;

type Adapter = (node: Node, added: AddedConstants) => void;

/** One version of an operator whose meaning or form differs from the one before (onnx/docs/Changelog.md). */
interface Change {
	readonly version: number;
	/** Why this node cannot follow, or undefined. */
	readonly refuse?: (node: Node, from: number) => Refusal | undefined;
	readonly adapt?: Adapter;
}

/** A Constant node at the head of the graph: IR version 3 asks that initializers be inputs, which subgraphs cannot have. */
function constant(added: AddedConstants, graph: Graph, key: string, make: () => TensorRef): Value {
	let known = added.get(graph);
	if (!known) {
		known = new Map();
		added.set(graph, known);
	}
	let value = known.get(key);
	if (!value) {
		value = addConstantNode(graph, graph.ledger.fresh('constant'), make());
		known.set(key, value);
	}
	return value;
}

function ints(added: AddedConstants, graph: Graph, values: readonly number[], dims?: readonly number[]): Value {
	return constant(added, graph, `i${dims ?? ''}:${values}`, () => int64Tensor(values, dims));
}

function floats(added: AddedConstants, graph: Graph, values: readonly number[], dims?: readonly number[]): Value {
	return constant(added, graph, `f${dims ?? ''}:${values}`, () => float32Tensor(values, dims));
}

/** An attribute with a list of integers becomes input `index`. */
function intsToInput(name: string, index: number): Adapter {
	return (node, added) => {
		const values = node.ints(name);
		node.removeAttribute(name);
		if (values) node.setInput(index, ints(added, node.graph, values));
	};
}

/**
 * Softmax and its kin before opset 13 flattened the input to two axes at `axis` and worked on the second. That equals the
 * newer meaning only for the last axis; elsewhere the flattening is written out.
 */
function overFlattened(): Adapter {
	return (node) => {
		const axis = node.int('axis', 1);
		const input = node.input(0);
		if (!input) return;
		const shape = input.type?.kind === 'tensor' ? input.type.shape : undefined;
		if (axis === -1 || (shape && axis === shape.length - 1)) {
			node.setAttribute('axis', attribute.int(axis));
			return;
		}
		const { graph } = node;
		const output = node.output();
		const dims = graph.insertBefore(node, graph.createNode({ op: 'Shape', inputs: [input], outputs: 1 }));
		const flat = graph.insertBefore(
			node,
			graph.createNode({ op: 'Flatten', inputs: [input], outputs: 1, attributes: { axis: attribute.int(axis) } }),
		);
		node.setInput(0, flat.output());
		node.setAttribute('axis', attribute.int(-1));
		const back = graph.createNode({ op: 'Reshape', inputs: [output, dims.output()], outputs: 1 });
		graph.insertAfter(node, back);
		const type = output.type;
		graph.replaceUses(output, back.output(), new Set([back]));
		back.output().type = type;
		output.type = undefined;
	};
}

/** Attributes of a Pad become inputs (opset 11). */
const padInputs: Adapter = (node, added) => {
	const pads = node.ints('pads') ?? [];
	const value = node.float('value', 0);
	node.removeAttribute('pads');
	node.removeAttribute('value');
	node.setInput(1, ints(added, node.graph, pads));
	if (value !== 0) node.setInput(2, floats(added, node.graph, [value], []));
};

const clipInputs: Adapter = (node, added) => {
	for (const [index, name] of [
		[1, 'min'],
		[2, 'max'],
	] as const) {
		const attr = node.attributes.get(name);
		node.removeAttribute(name);
		if (attr?.kind === 'float') node.setInput(index, floats(added, node.graph, [attr.value], []));
	}
};

const sliceInputs: Adapter = (node, added) => {
	const starts = node.ints('starts') ?? [];
	const ends = node.ints('ends') ?? [];
	const axes = node.ints('axes');
	for (const name of ['starts', 'ends', 'axes']) node.removeAttribute(name);
	node.setInput(1, ints(added, node.graph, starts));
	node.setInput(2, ints(added, node.graph, ends));
	if (axes) node.setInput(3, ints(added, node.graph, axes));
};

/** Upsample (deprecated in opset 10): Resize with the coordinates that it used, `asymmetric`, rounding down. */
const upsampleToResize: Adapter = (node, added) => {
	const scales = node.attributes.get('scales');
	node.removeAttribute('scales');
	if (scales?.kind === 'floats') node.setInput(1, floats(added, node.graph, scales.value));
	node.setOp('Resize');
};

const resizeInputs: Adapter = (node, added) => {
	const scales = node.input(1);
	const empty = floats(added, node.graph, []);
	node.setInputs([node.input(0), empty, scales]);
	node.setAttribute('coordinate_transformation_mode', attribute.string('asymmetric'));
	if (node.string('mode', 'nearest') === 'nearest') node.setAttribute('nearest_mode', attribute.string('floor'));
};

const halfPixel: Adapter = (node) => {
	// Opset 16 made half_pixel the default; before, regions were not shifted.
	if (!node.attributes.has('coordinate_transformation_mode')) {
		node.setAttribute('coordinate_transformation_mode', attribute.string('output_half_pixel'));
	}
};

const gridSampleModes: Adapter = (node) => {
	const mode = node.string('mode', 'bilinear');
	node.setAttribute('mode', attribute.string(mode === 'bilinear' ? 'linear' : mode === 'bicubic' ? 'cubic' : mode));
};

const dropoutRatio: Adapter = (node) => {
	// Without training_mode it passes its input through, whatever the ratio.
	node.removeAttribute('ratio');
	node.removeAttribute('seed');
};

const splitOutputs: Adapter = (node) => {
	if (!node.input(1)) node.setAttribute('num_outputs', attribute.int(node.outputs.length));
};

const maskIsRead = (node: Node): Refusal | undefined => {
	const mask = node.outputs[1];
	return mask && (mask.uses.size > 0 || mask.isGraphOutput) ? 'its mask is read, which has another type since' : undefined;
};

const severalOutputs = (node: Node): Refusal | undefined =>
	node.outputs.slice(1).some((output) => output && (output.uses.size > 0 || output.isGraphOutput))
		? 'it gives training statistics, which it no longer does'
		: undefined;

const axesToInput18: Change = { version: 18, adapt: intsToInput('axes', 1) };

/** Where an operator's meaning or form changed after opset 7. Operators that are missing only gained types or optional parts. */
export const CHANGES: ReadonlyMap<string, readonly Change[]> = new Map<string, readonly Change[]>([
	[
		'BatchNormalization',
		[
			{
				version: 9,
				refuse: (node) => (node.int('spatial', 1) === 0 ? 'statistics per element (spatial 0) are gone' : undefined),
				adapt: (node) => node.removeAttribute('spatial'),
			},
			{
				version: 14,
				refuse: severalOutputs,
				adapt: (node) => {
					for (let index = 1; index < node.outputs.length; index++) node.dropOutput(index);
				},
			},
		],
	],
	['Clip', [{ version: 11, adapt: clipInputs }]],
	[
		'DFT',
		[
			{
				version: 20,
				adapt: (node, added) => {
					const axis = node.int('axis', 1);
					node.removeAttribute('axis');
					node.setInput(2, ints(added, node.graph, [axis], []));
				},
			},
		],
	],
	[
		'Dropout',
		[
			{ version: 10, refuse: maskIsRead },
			{ version: 12, adapt: dropoutRatio },
		],
	],
	['GridSample', [{ version: 20, adapt: gridSampleModes }]],
	['GroupNormalization', [{ version: 21, refuse: () => 'scale and bias are per channel since, not per group' }]],
	['Hardmax', [{ version: 13, adapt: overFlattened() }]],
	['LogSoftmax', [{ version: 13, adapt: overFlattened() }]],
	['Softmax', [{ version: 13, adapt: overFlattened() }]],
	['Pad', [{ version: 11, adapt: padInputs }]],
	['ReduceL1', [axesToInput18]],
	['ReduceL2', [axesToInput18]],
	['ReduceLogSum', [axesToInput18]],
	['ReduceLogSumExp', [axesToInput18]],
	['ReduceMax', [axesToInput18]],
	['ReduceMean', [axesToInput18]],
	['ReduceMin', [axesToInput18]],
	['ReduceProd', [axesToInput18]],
	['ReduceSumSquare', [axesToInput18]],
	['ReduceSum', [{ version: 13, adapt: intsToInput('axes', 1) }]],
	[
		'Resize',
		[
			{ version: 11, adapt: resizeInputs },
			{
				version: 13,
				refuse: (node) =>
					node.string('coordinate_transformation_mode', '') === 'tf_half_pixel_for_nn' ? 'tf_half_pixel_for_nn is gone' : undefined,
			},
		],
	],
	['RoiAlign', [{ version: 16, adapt: halfPixel }]],
	['Scan', [{ version: 9, refuse: () => 'it lost its batch axis and its sequence lengths' }]],
	['Scatter', [{ version: 11, adapt: (node) => node.setOp('ScatterElements') }]],
	['Slice', [{ version: 10, adapt: sliceInputs }]],
	[
		'Split',
		[
			{ version: 13, adapt: intsToInput('split', 1) },
			{ version: 18, adapt: splitOutputs },
		],
	],
	['Squeeze', [{ version: 13, adapt: intsToInput('axes', 1) }]],
	[
		'TopK',
		[
			{
				version: 10,
				adapt: (node, added) => {
					const k = node.int('k', 1);
					node.removeAttribute('k');
					node.setInput(1, ints(added, node.graph, [k]));
				},
			},
		],
	],
	['Unsqueeze', [{ version: 13, adapt: intsToInput('axes', 1) }]],
	[
		'Upsample',
		[
			{
				version: 10,
				refuse: (node) => (node.attributes.has('scales') || node.input(1) ? undefined : 'it gives no scales'),
				adapt: upsampleToResize,
			},
			{ version: 11, adapt: resizeInputs },
		],
	],
]);

/** Adapters of an operator for one opset. A renamed operator is looked up under the name that it had before. */
export function adapters(op: string, version: number): Adapter[] {
	return (CHANGES.get(op) ?? []).flatMap((change) => (change.version === version && change.adapt ? [change.adapt] : []));
}

import { elementCount } from '../ir/dtype.ts';
import type { Node, Value } from '../ir/graph.ts';
import { allGraphs, type Model } from '../ir/model.ts';
import { isSparse, type SparseTensorRef, type TensorRef } from '../ir/tensor.ts';
import { printType } from '../ir/type.ts';
import type { LayerFacts, ModelFacts, PortFacts } from '../study/study.ts';
import { missingExternalData } from './external.ts';
import { inferTypes } from './infer.ts';
import { countMacs } from './macs.ts';
import { estimateRunBytes, type Hazard, hazardsWithShapes } from './memory.ts';
import { isStandardOperator, NEWEST_OPSET } from './schema.ts';

export interface SummaryInput {
	readonly fileName: string;
	/** All files together. */
	readonly byteLength: number;
}

const MOST_LAYERS = 200;
const MOST_METADATA = 50;
const MOST_HAZARDS = 3;
/** Address space of 32-bit WebAssembly. */
const RUNTIME_BYTES = 2 ** 32;
const KNOWN_DOMAINS: ReadonlySet<string> = new Set(['', 'ai.onnx.ml', 'com.microsoft']);

/** The facts of a model for people. Reads the structure and tiny shape constants, never a weight. */
export async function summarize(model: Model, { fileName, byteLength }: SummaryInput): Promise<ModelFacts> {
	const operators = new Map<string, { count: number; parameterBytes: number }>();
	const layers: LayerFacts[] = [];
	let parameters = 0;
	let weightBytes = 0;
	let nodeCount = 0;
	let float64Bytes = 0;
	let quantized = 0;
	for (const graph of allGraphs(model)) {
		for (const value of graph.initializers) {
			const tensor = value.initializer;
			if (!tensor) continue;
			parameters += elementCount(tensor.dims);
			weightBytes += tensor.byteLength;
			if (tensor.dtype === 'float64') float64Bytes += tensor.byteLength;
			addLayer(layers, value, tensor);
			const reader = readerOf(value);
			if (reader) entryOf(operators, reader.qualifiedOp).parameterBytes += tensor.byteLength;
		}
		for (const node of graph.nodes()) {
			nodeCount += 1;
			entryOf(operators, node.qualifiedOp).count += 1;
			if (QUANTIZED_OPERATORS.has(node.op)) quantized += 1;
			const attr = node.op === 'Constant' ? node.attributes.get('value') : undefined;
			if (attr?.kind !== 'tensor') continue;
			parameters += elementCount(attr.value.dims);
			weightBytes += attr.value.byteLength;
			const value = node.outputs[0];
			if (!value) continue;
			addLayer(layers, value, attr.value);
			const reader = readerOf(value);
			entryOf(operators, (reader ?? node).qualifiedOp).parameterBytes += attr.value.byteLength;
		}
	}
	layers.sort((a, b) => b.byteLength - a.byteLength);
	const types = await inferTypes(model);
	const macs = countMacs(model, types);
	const missingData = missingExternalData(model);
	return {
		fileName,
		byteLength,
		irVersion: model.irVersion,
		opsets: [...model.opsets].map(([domain, version]) => ({ domain, version })),
		producer: [model.producerName, model.producerVersion].filter(Boolean).join(' ').slice(0, 200),
		parameters,
		weightBytes,
		...(macs === undefined ? {} : { macs }),
		nodeCount,
		inputs: model.graph.inputs.filter((value) => !value.initializer).map(portFacts),
		outputs: model.graph.outputs.map(portFacts),
		operators: [...operators].map(([op, entry]) => ({ op, ...entry })).sort((a, b) => b.count - a.count || (a.op < b.op ? -1 : 1)),
		layers: layers.slice(0, MOST_LAYERS),
		missingData,
		warnings: warnings(model, {
			float64Bytes,
			weightBytes,
			quantized,
			hazards: await hazardsWithShapes(model, types),
			runBytes: estimateRunBytes(model, types),
		}),
		metadata: Object.fromEntries(
			[...model.metadata].slice(0, MOST_METADATA).map(([key, value]) => [key.slice(0, 200), value.slice(0, 2000)]),
		),
	};
}

const QUANTIZED_OPERATORS: ReadonlySet<string> = new Set([
	'DequantizeLinear',
	'MatMulInteger',
	'ConvInteger',
	'QLinearConv',
	'QLinearMatMul',
	'MatMulNBits',
	'DynamicQuantizeMatMul',
	'GatherBlockQuantized',
	'DynamicQuantizeLSTM',
]);

function entryOf(map: Map<string, { count: number; parameterBytes: number }>, op: string): { count: number; parameterBytes: number } {
	let entry = map.get(op);
	if (!entry) {
		entry = { count: 0, parameterBytes: 0 };
		map.set(op, entry);
	}
	return entry;
}

/** Operators between a weight and the node that works with it: sizes are told for that node. */
const PASSES_ON: ReadonlySet<string> = new Set(['DequantizeLinear', 'Cast', 'Identity', 'Transpose', 'Reshape', 'Squeeze', 'Unsqueeze']);

/** The first node that works with a stored value, looked for through casts and rearrangements. */
function readerOf(value: Value): Node | undefined {
	let current: Value = value;
	for (let steps = 0; steps < 8; steps++) {
		const node = current.uses.values().next().value?.node;
		if (!node) return undefined;
		const output = node.outputs[0];
		if (!PASSES_ON.has(node.op) || !output || output.uses.size === 0) return node;
		current = output;
	}
	return undefined;
}

function addLayer(layers: LayerFacts[], value: Value, tensor: TensorRef | SparseTensorRef): void {
	if (tensor.byteLength < 64 && tensor.dims.length < 2) return;
	const reader = readerOf(value);
	layers.push({
		node: reader?.label ?? value.name,
		op: reader?.qualifiedOp ?? '',
		tensor: value.name,
		dtype: isSparse(tensor) ? `sparse ${tensor.dtype}` : tensor.dtype,
		dims: tensor.dims,
		byteLength: tensor.byteLength,
	});
}

function portFacts(value: Value): PortFacts {
	const { type } = value;
	const tensor = type?.kind === 'tensor' ? type : undefined;
	return { name: value.name, type: printType(type), dtype: tensor?.dtype ?? type?.kind ?? '?', shape: tensor?.shape ?? null };
}

function warnings(
	model: Model,
	counts: {
		readonly float64Bytes: number;
		readonly weightBytes: number;
		readonly quantized: number;
		readonly hazards: readonly Hazard[];
		readonly runBytes: number;
	},
): string[] {
	const found: string[] = [];
	const { opset } = model;
	if (opset < 7) found.push(`Opset ${opset} is older than 7: the runtime does not promise to run it.`);
	if (opset > NEWEST_OPSET)
		found.push(`Opset ${opset} is newer than this version of Pare knows (${NEWEST_OPSET}): passes leave unknown operators alone.`);
	const foreign = new Set<string>();
	const functions = new Set(model.functions.map((fn) => `${fn.domain}.${fn.name}`));
	for (const graph of allGraphs(model)) {
		for (const node of graph.nodes()) {
			if (functions.has(`${node.domain}.${node.op}`)) continue;
			if (!KNOWN_DOMAINS.has(node.domain) || (node.domain === '' && !isStandardOperator(node.op))) foreign.add(node.qualifiedOp);
		}
	}
	if (foreign.size > 0) {
		found.push(
			`Operators that onnxruntime-web does not have: ${[...foreign].slice(0, 5).join(', ')}${foreign.size > 5 ? ` and ${foreign.size - 5} more` : ''}. The model can be changed here, but not run.`,
		);
	}
	for (const kind of ['may-not-end', 'huge-tensor'] as const) {
		const some = counts.hazards.filter((hazard) => hazard.kind === kind);
		for (const hazard of some.slice(0, MOST_HAZARDS)) found.push(hazard.reason);
		if (some.length > MOST_HAZARDS) found.push(`${some.length - MOST_HAZARDS} more such nodes.`);
	}
	if (counts.runBytes > RUNTIME_BYTES) {
		found.push(
			`One run takes at least ${(counts.runBytes / 1e9).toFixed(1)} GB: stored tensors twice and the two largest results. The runtime here has 4.3 GB at most.`,
		);
	}
	if (counts.quantized > 0) found.push(`It is quantized already in ${counts.quantized} places: what is integer stays as it is.`);
	if (counts.float64Bytes > counts.weightBytes / 2) found.push('Most weights are float64: passes for float32 leave them alone.');
	const overridable = model.irVersion >= 4 ? model.graph.inputs.filter((value) => value.initializer).length : 0;
	if (overridable > 0)
		found.push(
			`${overridable} weights are inputs too, so a caller may replace them: passes that change one make it a constant and say so.`,
		);
	for (const problem of model.readProblems.slice(0, 3))
		found.push(`The file breaks a rule of ONNX: ${problem.message} (${problem.where}).`);
	return found;
}

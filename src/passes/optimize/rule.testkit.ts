import { type Attribute, attribute } from '../../core/ir/attribute.ts';
import { type DType, elementCount } from '../../core/ir/dtype.ts';
import type { Value } from '../../core/ir/graph.ts';
import { allNodes, Model } from '../../core/ir/model.ts';
import { int64Tensor, memoryTensor } from '../../core/ir/tensor.ts';
import type { Feeds, TensorData } from '../../core/ir/tensor-data.ts';
import { type Dim, tensorType } from '../../core/ir/type.ts';
import { seededRandom } from '../../core/numeric/random.ts';
import { checkModel } from '../../core/onnx/check.ts';
import { serialize } from '../../core/onnx/write.ts';
import { createNodeEngine } from '../../engine/node/index.ts';
import { OptimizeContext } from './context.ts';
import { optimizeGraph } from './driver.ts';
import type { Rule, Sweep } from './rule.ts';

/** Builds small float32 graphs for tests of single rules. */
export class RuleGraph {
	readonly model = new Model();
	readonly feeds: Record<string, TensorData> = {};
	readonly #random = seededRandom(7);

	constructor(opset: number) {
		this.model.setOpset('', opset);
	}

	/** An input of these dimensions; `shape`, where given, is what the file tells of them. */
	input(dims: readonly number[], shape: readonly Dim[] = dims): Value {
		const name = `x${Object.keys(this.feeds).length}`;
		this.feeds[name] = { dtype: 'float32', dims, data: this.#normal(elementCount(dims)) };
		return this.model.graph.addInput(name, tensorType('float32', shape));
	}

	#normal(count: number, scale = 1, shift = 0): Float32Array {
		return Float32Array.from({ length: count }, () => this.#random.normal() * scale + shift);
	}

	/** Random numbers around `shift`. */
	weight(dims: readonly number[], scale = 0.5, shift = 0): Value {
		return this.model.graph.addInitializer('w', memoryTensor('float32', dims, this.#normal(elementCount(dims), scale, shift)));
	}

	numbers(values: readonly number[], dims: readonly number[] = [values.length], dtype: DType = 'float32'): Value {
		const data = dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values);
		return this.model.graph.addInitializer('n', memoryTensor(dtype, dims, data));
	}

	scalar(value: number): Value {
		return this.numbers([value], []);
	}

	ints(values: readonly number[]): Value {
		return this.model.graph.addInitializer('i', int64Tensor(values));
	}

	op(op: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
		const name = this.model.ledger.fresh(op.toLowerCase());
		return this.model.graph.append(this.model.graph.createNode({ op, name, inputs, outputs: [`${name}_y`], attributes })).output();
	}

	/** Dimensions are left to the runtime. */
	output(...values: readonly Value[]): void {
		this.model.graph.setOutputs(values);
	}
}

export interface Outcome {
	/** Operators left, in order, Constant nodes aside. */
	readonly ops: string;
	readonly refused: readonly string[];
	readonly applied: ReadonlyMap<string, number>;
	/** Largest difference of an output, by its largest number (at least 1). */
	readonly difference: number;
	readonly model: Model;
}

/** Applies rules alone to a graph built by `make` and compares what it gives in the runtime, before and after. */
export async function applyAlone(
	rules: readonly Rule[],
	make: (graph: RuleGraph) => void,
	{ opset = 17, allowContrib = false, sweeps = [] as readonly Sweep[], sizeBudget = 0 } = {},
): Promise<Outcome> {
	const graph = new RuleGraph(opset);
	make(graph);
	const { model } = graph;
	const before = await run(model, graph.feeds);
	const context = new OptimizeContext(model, { allowContrib, sizeBudget, compute: undefined, signal: undefined });
	const { applied, notes } = await optimizeGraph(model, context, { phases: [{ sweeps, rules }] });
	const [problem] = checkModel(model);
	if (problem) throw new Error(problem.message);
	const after = await run(model, graph.feeds);
	return {
		ops: [...allNodes(model)]
			.filter((node) => node.op !== 'Constant')
			.map((node) => node.qualifiedOp)
			.join(' '),
		refused: notes.map((note) => note.reason),
		applied,
		difference: Math.max(...Object.entries(before).map(([name, want]) => difference(want, after[name]))),
		model,
	};
}

async function run(model: Model, feeds: Feeds): Promise<Record<string, TensorData>> {
	const engine = await createNodeEngine();
	const session = await engine.load({ model: await serialize(model) }, { graphOptimization: 'disabled' });
	try {
		return await session.run(feeds);
	} finally {
		await session.release();
	}
}

function difference(want: TensorData, is: TensorData | undefined): number {
	if (is?.dims.join() !== want.dims.join()) return Number.POSITIVE_INFINITY;
	let largest = 1;
	let worst = 0;
	for (let i = 0; i < want.data.length; i++) {
		largest = Math.max(largest, Math.abs(Number(want.data[i])));
		worst = Math.max(worst, Math.abs(Number(want.data[i]) - Number(is.data[i])));
	}
	return worst / largest;
}

export const ints = attribute.ints;
export const int = attribute.int;
export const text = attribute.string;

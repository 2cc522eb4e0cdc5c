import { giveBack } from '../bytes/give-back.ts';
import type { Node, Value } from '../ir/graph.ts';
import { graphsWithin, type Model } from '../ir/model.ts';
import type { TensorData } from '../ir/tensor-data.ts';
import { tensorType } from '../ir/type.ts';
import type { CalibrationSet, Compute, ComputeOptions } from '../pass/calibration.ts';
import { releaseExample } from '../study/examples.ts';
import { ExamplesAhead } from '../study/examples-ahead.ts';
import { extractModel } from './extract.ts';

export interface StagedOptions {
	readonly compute: Compute;
	readonly calibration: CalibrationSet;
	/** Indices of the examples that run. */
	readonly indices: readonly number[];
	/** Visitors keep nothing of the data they are shown: memory of what no stage reads again is given back at once. default false */
	readonly passing?: boolean;
	/** Inputs are asked for again by each stage that reads them instead of being held for all examples; they cannot be changed then. default false */
	readonly inputsAgain?: boolean;
	/** How far the runtime may rewrite the pieces. default 'basic' */
	readonly graphOptimization?: NonNullable<ComputeOptions['graphOptimization']>;
	readonly signal?: AbortSignal | undefined;
}

/** Called for each example when a stage has computed its target; may change the data in place. `beside`: see StagedRun.advance. */
export type StageVisitor = (data: TensorData, example: number, beside?: TensorData) => void | Promise<void>;

/**
 * Runs a model piece by piece on a few examples: each stage computes one target from what earlier stages left, so a pass that
 * changes layer after layer sees what the changed part really gives and every node runs once. Between stages only values that
 * later nodes read are kept; codes are kept instead of what DequantizeLinear makes of them. Main graph only: a node with
 * subgraphs runs as a whole. The model may be changed between stages behind what has run.
 */
export class StagedRun {
	readonly #model: Model;
	readonly #options: StagedOptions;
	/** Values at the border of what has run, one tensor for each example. */
	readonly #live = new Map<Value, TensorData[]>();
	readonly #done = new Set<Node>();
	/** Values whose tensors belong to the calibration set. */
	readonly #lent = new Set<Value>();
	/** Nodes that some target needs. */
	readonly #needed = new Set<Node>();
	/** Inputs of the model that stages will ask for: they stay, whoever else reads them. */
	readonly #asked: ReadonlySet<Value>;

	/** `targets`: all values that stages will ask for, in graph order; what none of them needs never runs. */
	constructor(model: Model, targets: readonly Value[], options: StagedOptions) {
		this.#model = model;
		this.#options = options;
		this.#asked = new Set(targets.filter((value) => value.isGraphInput));
		const stack: Value[] = [...targets];
		while (stack.length > 0) {
			const node = stack.pop()?.producer;
			if (!node || this.#needed.has(node)) continue;
			this.#needed.add(node);
			stack.push(...readsOf(node));
		}
	}

	/** Loads the examples' inputs. */
	async start(): Promise<void> {
		const { calibration, indices, signal } = this.#options;
		const inputs = this.#model.graph.inputs.filter(
			(value) => this.#asked.has(value) || [...this.#needed].some((node) => readsOf(node).includes(value)),
		);
		for (const value of inputs) {
			this.#live.set(value, []);
			this.#lent.add(value);
		}
		const again = this.#options.inputsAgain ?? false;
		const ahead = new ExamplesAhead(calibration, again ? indices.slice(0, 1) : indices, signal);
		for (const position of again ? indices.slice(0, 1).keys() : indices.keys()) {
			const { feeds } = await ahead.take(position);
			for (const value of inputs) {
				const tensor = feeds[value.name];
				if (tensor) this.#live.get(value)?.push(tensor);
			}
		}
		// Inputs that no example gives have a stored default.
		for (const value of inputs) if (this.#live.get(value)?.length === 0) this.#live.delete(value);
	}

	/** The examples, where these inputs are to be read again. */
	#readAgain(values: Iterable<Value>): ExamplesAhead | undefined {
		const { calibration, indices, signal, inputsAgain } = this.#options;
		return inputsAgain && [...values].some((value) => this.#lent.has(value)) ? new ExamplesAhead(calibration, indices, signal) : undefined;
	}

	/**
	 * Computes `target` for every example and shows it. It then stays until everything that reads it has run. `beside`: another
	 * value made of the same inputs, shown with it and not kept.
	 */
	async advance(target: Value, visit: StageVisitor, beside?: Value): Promise<void> {
		if (!this.#live.has(target)) return this.#stage(target, visit, beside);
		const again = this.#readAgain([target]);
		if (again) {
			for (const example of this.#options.indices.keys()) {
				const tensor = (await again.take(example)).feeds[target.name];
				if (tensor) await visit(tensor, example);
			}
			return;
		}
		const tensors = this.#live.get(target) ?? [];
		for (const [example, data] of tensors.entries()) await visit(data, example);
	}

	/** Changes a value that has been computed and is still live, in all examples. */
	async change(target: Value, visit: StageVisitor): Promise<void> {
		for (const [example, data] of (this.#live.get(target) ?? []).entries()) await visit(data, example);
	}

	/**
	 * What a value that has been computed is in each example. With `passing` the numbers are there until a stage has run behind which nothing
	 * that a target needs reads them.
	 */
	tensors(value: Value): readonly TensorData[] {
		return this.#live.get(value) ?? [];
	}

	/** Lets go of all values; no stage can run any more. */
	end(): void {
		for (const [value, tensors] of this.#live) {
			if (this.#emptied(value)) for (const { data } of tensors) giveBack(data);
		}
		this.#live.clear();
	}

	/** Whether a target needs what a node computes. */
	needs(node: Node): boolean {
		return this.#needed.has(node);
	}

	/** Bytes kept at this moment. */
	get liveBytes(): number {
		let bytes = 0;
		for (const tensors of this.#live.values()) {
			for (const { data } of tensors) if (ArrayBuffer.isView(data)) bytes += data.byteLength;
		}
		return bytes;
	}

	async #stage(target: Value, visit: StageVisitor, beside: Value | undefined): Promise<void> {
		const { compute, signal } = this.#options;
		const part = new Set<Node>();
		const inputs = new Set<Value>();
		const stack: Value[] = beside ? [target, beside] : [target];
		while (stack.length > 0) {
			const value = stack.pop() as Value;
			if (this.#live.has(value)) {
				inputs.add(value);
				continue;
			}
			const node = value.producer;
			if (!node || part.has(node)) continue;
			part.add(node);
			stack.push(...readsOf(node));
		}
		const nodes = [...this.#model.graph.nodes()].filter((node) => part.has(node));
		for (const node of nodes) if (!isCheap(node)) this.#done.add(node);
		// What later nodes read of this part; values that cost nothing to make are made again.
		const kept = nodes
			.filter((node) => !isCheap(node))
			.flatMap((node) => node.outputs)
			.filter((value): value is Value => value !== null && (value === target || this.#readLater(value)));
		if (!kept.includes(target)) kept.push(target);
		const types = new Map([...inputs].map((value) => [value, this.#live.get(value)?.[0]]));
		const extracted = extractModel(this.#model, nodes, [...inputs], beside ? [...kept, beside] : kept, (value) => {
			const tensor = types.get(value);
			return tensorType(tensor?.dtype ?? 'float32', tensor ? tensor.dims.map(() => null) : null);
		});
		const session = await compute.load(extracted.model, { graphOptimization: this.#options.graphOptimization ?? 'basic' });
		const fed = [...extracted.inputs];
		const outgoing = [...inputs].filter((value) => !this.#readLater(value));
		const again = this.#readAgain(inputs);
		for (const value of kept) this.#live.set(value, []);
		try {
			for (let example = 0; example < this.#options.indices.length; example++) {
				signal?.throwIfAborted();
				const feeds: Record<string, TensorData> = {};
				const taken = await again?.take(example);
				const read = taken?.feeds;
				for (const [value, name] of fed) {
					const held = read && this.#lent.has(value) ? read[value.name] : this.#live.get(value)?.[example];
					feeds[name] = held as TensorData;
				}
				const results = await session.run(feeds);
				for (const value of kept) this.#live.get(value)?.push(results[extracted.outputs.get(value) ?? ''] as TensorData);
				const shown = this.#live.get(target)?.[example];
				const other = beside && results[extracted.outputs.get(beside) ?? ''];
				if (shown) await visit(shown, example, other);
				if (this.#options.passing) giveBack(other?.data);
				// Freed one by one, so that not both sides are held for all examples.
				for (const value of outgoing) {
					const list = this.#live.get(value);
					if (!list || (read && this.#lent.has(value))) continue;
					if (this.#emptied(value)) giveBack(list[example]?.data);
					list[example] = EMPTY;
				}
				if (taken && this.#options.passing) releaseExample(taken);
			}
		} finally {
			await session.release();
		}
		for (const value of outgoing) this.#live.delete(value);
		for (const [value, tensors] of [...this.#live]) {
			if (value === target || this.#readLater(value)) continue;
			if (this.#emptied(value)) for (const { data } of tensors) giveBack(data);
			this.#live.delete(value);
		}
	}

	/** Whether the memory of a value that nothing reads again may be given back. */
	#emptied(value: Value): boolean {
		return this.#options.passing === true && !this.#lent.has(value);
	}

	/** Whether a node that is needed and has not run reads the value, nodes that are made again looked through. */
	#readLater(value: Value): boolean {
		if (this.#asked.has(value)) return true;
		for (const { node } of value.uses) {
			const top = topNode(node, this.#model);
			if (!top || !this.#needed.has(top)) continue;
			if (isCheap(top)) {
				if (top.outputs.some((output) => output && this.#readLater(output))) return true;
			} else if (!this.#done.has(top)) return true;
		}
		return false;
	}
}

const EMPTY: TensorData = { dtype: 'float32', dims: [0], data: new Float32Array(0) };

/** Nodes that are computed again by every part that needs them: what they read is smaller, or stored. */
function isCheap(node: Node): boolean {
	return (
		node.op === 'DequantizeLinear' ||
		(node.op === 'Constant' && node.domain === '') ||
		(node.inputs.length > 0 && readsOf(node).every((value) => isConstant(value)))
	);
}

function isConstant(value: Value, depth = 0): boolean {
	if (value.isGraphInput) return false;
	if (value.initializer) return true;
	const node = value.producer;
	if (!node || depth > 8) return false;
	return (
		node.op === 'Constant' ||
		(node.inputs.length > 0 && node.subgraphs.length === 0 && readsOf(node).every((input) => isConstant(input, depth + 1)))
	);
}

/** Values of the main graph that a node reads, bodies included. */
function readsOf(node: Node): Value[] {
	const reads = node.inputs.filter((value): value is Value => value !== null);
	for (const sub of node.subgraphs) {
		for (const graph of graphsWithin(sub)) {
			for (const inner of graph.nodes()) for (const value of inner.inputs) if (value && value.graph === node.graph) reads.push(value);
			for (const value of graph.outputs) if (value.graph === node.graph) reads.push(value);
		}
	}
	return reads;
}

/** The node of the main graph that a node stands in. */
function topNode(node: Node, model: Model): Node | undefined {
	let current: Node | undefined = node;
	while (current && current.graph !== model.graph) current = current.graph.owner;
	return current;
}

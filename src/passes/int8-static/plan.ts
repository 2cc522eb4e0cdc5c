import { constantOf } from '../../core/ir/constants.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import { graphsWithin, type Model } from '../../core/ir/model.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import { inferTypes } from '../../core/onnx/infer.ts';
import type { InferredTypes } from '../../core/onnx/infer-rules.ts';
import { type ConstantView, constantView } from '../../core/pass/constant-view.ts';
import type { Note } from '../../core/pass/pass.ts';
import { reachesOutput, readersOf } from '../../core/pass/weights.ts';
import { ABSORBED, type OperatorTrait, traits } from './operators.ts';
import type { Options } from './options.ts';

/** A node that will compute on codes, or whose weight alone becomes codes. */
export interface PlannedNode {
	readonly node: Node;
	readonly trait: OperatorTrait;
	/** The weight, with the axis of its output channels (null: one scale for all). */
	readonly weight: { readonly slot: number; readonly view: ConstantView; readonly axis: number | null } | undefined;
	/** Slots whose values get codes. Empty where only the weight is stored as codes. */
	readonly activations: readonly number[];
	/** Constant operands that get codes as activations do (the addend of an Add). */
	readonly constants: readonly { readonly slot: number; readonly view: ConstantView }[];
}

/** A value that becomes codes. Values in one share group use the same scale and zero point. */
export interface QuantizedValue {
	readonly value: Value;
	/** The value of the group whose range counts: the one that the others are taken from. */
	share: Value;
	/** Its producer's kernel gives codes: every reader gets what the codes stand for. */
	forced: boolean;
	/** Input slots that read the codes. */
	readonly readers: { readonly node: Node; readonly slot: number }[];
	/** Range that its operator implies. */
	readonly implied: readonly [number, number] | undefined;
	/** Relu or Clip that made it from `through`, to go where saturation does its work. */
	readonly absorbs: { readonly node: Node; readonly low: number; readonly high: number } | undefined;
}

export interface Plan {
	readonly nodes: readonly PlannedNode[];
	/** In graph order. */
	readonly values: ReadonlyMap<Value, QuantizedValue>;
	readonly notes: Note[];
	/** Nodes of the chosen operators, treated or not. */
	readonly eligible: number;
	readonly types: InferredTypes;
}

/** Decides from graph and weights' shapes what becomes codes. Nothing is changed. */
export async function planModel(model: Model, options: Options): Promise<Plan> {
	const types = await inferTypes(model);
	const planner = new Planner(model, options, types);
	return planner.plan();
}

class Planner {
	readonly #model: Model;
	readonly #options: Options;
	readonly #types: InferredTypes;
	readonly #notes: Note[] = [];
	readonly #planned = new Map<Node, PlannedNode>();
	readonly #values = new Map<Value, QuantizedValue>();
	#eligible = 0;

	constructor(model: Model, options: Options, types: InferredTypes) {
		this.#model = model;
		this.#options = options;
		this.#types = types;
	}

	async plan(): Promise<Plan> {
		const chosen = new Set(this.#options.opTypesToQuantize);
		const graphs = [...graphsWithin(this.#model.graph)];
		for (const graph of graphs) {
			for (const node of graph.nodes()) {
				const trait = node.domain === '' ? traits.get(node.op) : undefined;
				if (!trait || trait.treatment === 'move' || !chosen.has(node.op)) continue;
				await this.#consider(node, trait);
			}
		}
		this.#keepSharedWeights();
		for (const graph of graphs) await this.#valuesOf(graph);
		this.#followMoves(graphs);
		return {
			nodes: [...this.#planned.values()],
			values: this.#values,
			notes: this.#notes,
			eligible: this.#eligible,
			types: this.#types,
		};
	}

	#skip(node: Node, reason: string): void {
		this.#notes.push({ level: 'skip', node: node.label, reason });
	}

	#isFloat(value: Value | null): boolean {
		const type = this.#types.typeOf(value);
		return type?.kind === 'tensor' && type.dtype === 'float32';
	}

	async #consider(node: Node, trait: OperatorTrait): Promise<void> {
		const { options } = { options: this.#options };
		const slots = trait.slots(node).filter((slot) => node.input(slot) !== null);
		if (!slots.every((slot) => this.#isFloat(node.input(slot)))) {
			// Integer arithmetic (shapes, indices) is no business of this pass.
			if (slots.some((slot) => this.#isFloat(node.input(slot))) || trait.weight) {
				const type = this.#types.typeOf(node.input(0));
				this.#skip(node, `its input is ${type?.kind === 'tensor' ? type.dtype : 'of unknown type'}; float32 is quantized`);
			}
			return;
		}
		this.#eligible += 1;
		if (options.nodesToExclude.includes(node.name)) return this.#skip(node, 'excluded by name');
		const refusal = trait.refuse?.(node, this.#model.opset);
		if (refusal) return this.#skip(node, refusal);
		const constants: { slot: number; view: ConstantView }[] = [];
		const activations: number[] = [];
		let weight: PlannedNode['weight'];
		for (const slot of new Set(trait.weight ? [...slots, trait.weight.slot] : slots)) {
			const view = await constantView(node.input(slot));
			if (!view) activations.push(slot);
			else if (trait.weight?.slot === slot) weight = this.#weightOf(node, trait, slot, view);
			else constants.push({ slot, view });
		}
		if (activations.length === 0) return this.#skip(node, 'all its inputs are constant');
		if (trait.weight && !weight) {
			if (!activations.includes(trait.weight.slot)) return;
			if (node.op === 'Conv' || node.op === 'ConvTranspose') return this.#skip(node, 'its weight is computed while the model runs');
		}
		const weightOnly = options.nodesWeightOnly.includes(node.name);
		if (weightOnly && !weight) return this.#skip(node, 'excluded by name');
		this.#planned.set(node, { node, trait, weight, activations: weightOnly ? [] : activations, constants: weightOnly ? [] : constants });
	}

	#weightOf(node: Node, trait: OperatorTrait, slot: number, view: ConstantView): PlannedNode['weight'] {
		const { dims, dtype } = view.tensor;
		if (dtype !== 'float32') {
			this.#skip(node, `its weight is ${dtype}; float32 is quantized`);
			return undefined;
		}
		const count = elementCount(dims);
		if (count < this.#options.minElements) {
			this.#skip(node, `its weight has fewer than ${this.#options.minElements} elements`);
			return undefined;
		}
		const rank = dims.length;
		if (rank < 2) return { slot, view, axis: null };
		const axis = trait.weight?.axis(node, rank) ?? 0;
		// One channel per group: the channels of such layers differ by orders of magnitude, one scale destroys them.
		const depthwise = node.op === 'Conv' && node.int('group', 1) > 1 && dims[1] === 1;
		return { slot, view, axis: this.#options.perChannel || depthwise ? axis : null };
	}

	/** A weight that somebody else reads as fp32 would be stored twice: the file would grow. */
	#keepSharedWeights(): void {
		for (let again = true; again; ) {
			again = false;
			for (const { node, weight } of [...this.#planned.values()]) {
				if (!weight) continue;
				for (const { value } of weight.view.roots) {
					const other = readersOf(value).find((use) => this.#planned.get(use.node)?.weight?.slot !== use.index);
					const reason = other
						? `its weight is also read by ${other.node.label}, which keeps it in fp32`
						: reachesOutput(value)
							? 'its weight is an output of the model'
							: undefined;
					if (!reason) continue;
					this.#planned.delete(node);
					this.#skip(node, reason);
					again = true;
					break;
				}
			}
		}
	}

	async #valuesOf(graph: Graph): Promise<void> {
		for (const node of graph.nodes()) {
			const planned = this.#planned.get(node);
			if (!planned || planned.activations.length === 0) continue;
			for (const slot of planned.activations) this.#read(node, slot);
			if (planned.trait.floatOutput) continue;
			const output = node.output();
			const absorbed = await this.#absorbed(output);
			const entry = this.#entry(absorbed ? absorbed.node.output() : output, absorbed, planned.trait.outputRange);
			entry.forced = true;
		}
		// Kernels that can give float values give codes where a Relu or Clip would stand between them and the codes.
	}

	#entry(value: Value, absorbs?: QuantizedValue['absorbs'], implied?: readonly [number, number]): QuantizedValue {
		let entry = this.#values.get(value);
		if (!entry) {
			entry = { value, share: value, forced: false, readers: [], implied: implied ?? this.#impliedBy(value), absorbs };
			this.#values.set(value, entry);
		}
		return entry;
	}

	/** Range of a value whose producer, treated or not, implies one. */
	#impliedBy(value: Value): readonly [number, number] | undefined {
		const producer = value.producer;
		return producer?.domain === '' ? traits.get(producer.op)?.outputRange : undefined;
	}

	#read(node: Node, slot: number): void {
		const value = node.input(slot);
		if (value) this.#entry(value).readers.push({ node, slot });
	}

	/** The Relu or Clip that alone reads a value, with constant bounds around 0. */
	async #absorbed(output: Value): Promise<QuantizedValue['absorbs']> {
		if (output.uses.size !== 1 || output.isGraphOutput) return undefined;
		const [use] = output.uses;
		const node = use?.node;
		if (!node || node.domain !== '' || !ABSORBED.has(node.op) || use.index !== 0 || node.graph !== output.graph) return undefined;
		if (this.#options.nodesToExclude.includes(node.name)) return undefined;
		if (node.op === 'Relu') return { node, low: 0, high: Number.POSITIVE_INFINITY };
		const low = await this.#bound(node, 1, 'min', Number.NEGATIVE_INFINITY);
		const high = await this.#bound(node, 2, 'max', Number.POSITIVE_INFINITY);
		return low !== undefined && high !== undefined && low <= 0 && high >= 0 ? { node, low, high } : undefined;
	}

	async #bound(node: Node, slot: number, name: string, fallback: number): Promise<number | undefined> {
		const attr = node.attributes.get(name);
		if (attr?.kind === 'float') return attr.value;
		const input = node.input(slot);
		if (!input) return fallback;
		const tensor = constantOf(input, this.#model.irVersion);
		if (tensor?.dtype !== 'float32' || tensor.byteLength !== 4) return undefined;
		return float32View(await tensor.bytes())[0];
	}

	/**
	 * Operators that only move values stand between codes: where the input has codes anyway and somebody wants the output's, both
	 * share one scale and the operator moves codes.
	 */
	#followMoves(graphs: readonly Graph[]): void {
		const moves: Node[] = [];
		for (const graph of graphs) {
			for (const node of graph.nodes()) {
				const trait = node.domain === '' ? traits.get(node.op) : undefined;
				if (trait?.treatment !== 'move' || this.#options.nodesToExclude.includes(node.name)) continue;
				if (!this.#isFloat(node.input(0)) || trait.refuse?.(node, this.#model.opset)) continue;
				moves.push(node);
			}
		}
		const done = new Set<Node>();
		for (let again = true; again; ) {
			again = false;
			for (const node of moves) {
				const input = node.input(0);
				const source = input && this.#values.get(input);
				if (done.has(node) || !input || !source) continue;
				const outputs = node.outputs.filter((output): output is Value => output !== null);
				const wanted = outputs.filter((output) => this.#values.has(output) || this.#leadsToCodes(output, moves));
				if (wanted.length === 0) continue;
				done.add(node);
				again = true;
				source.readers.push({ node, slot: 0 });
				for (const output of wanted) {
					const entry = this.#entry(output);
					entry.share = source.share;
					entry.forced = true;
					this.#reshare(output, source.share);
				}
			}
		}
	}

	/** Whether a chain of moving operators leads from here to a reader of codes. */
	#leadsToCodes(value: Value, moves: readonly Node[], depth = 0): boolean {
		if (depth > 16) return false;
		for (const { node, index } of value.uses) {
			if (index !== 0 || !moves.includes(node)) continue;
			for (const output of node.outputs) {
				if (output && (this.#values.has(output) || this.#leadsToCodes(output, moves, depth + 1))) return true;
			}
		}
		return false;
	}

	#reshare(old: Value, share: Value): void {
		for (const entry of this.#values.values()) if (entry.share === old) entry.share = share;
	}
}

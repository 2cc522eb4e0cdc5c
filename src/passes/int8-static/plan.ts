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
	/** Operators without weights, treated where they stand between codes. */
	readonly #followers = new Map<Node, PlannedNode>();
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
				const trait = node.domain === '' ? traitOf(node.op, this.#options) : undefined;
				if (!trait) continue;
				if (trait.treatment === 'move') this.#considerMove(node, trait);
				else if (chosen.has(node.op)) await this.#consider(node, trait);
			}
		}
		this.#keepSharedWeights();
		for (const graph of graphs) await this.#valuesOf(graph);
		// Integer products give floats: there is nothing between codes.
		if (this.#options.format !== 'integer') this.#follow(graphs);
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
		const options = this.#options;
		const { nodesToQuantize } = options;
		if (trait.treatment === 'weighted' && nodesToQuantize.length > 0 && !nodesToQuantize.includes(node.label)) return;
		const slots = trait.slots(node).filter((slot) => node.input(slot) !== null);
		if (!slots.every((slot) => this.#isFloat(node.input(slot)))) {
			// Integer arithmetic (shapes, indices) is no business of this pass.
			if (slots.some((slot) => this.#isFloat(node.input(slot))) || trait.weight) {
				const type = this.#types.typeOf(node.input(0));
				this.#skip(node, `its input is ${type?.kind === 'tensor' ? type.dtype : 'of unknown type'}; float32 is quantized`);
			}
			return;
		}
		if (trait.treatment === 'weighted') this.#eligible += 1;
		if (options.nodesToExclude.includes(node.label)) return this.#skip(node, 'excluded by name');
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
			if (options.format === 'integer') return this.#skip(node, 'both operands are computed; integer products take stored weights');
		}
		const weightOnly = options.nodesWeightOnly.includes(node.label);
		if (weightOnly && !weight) return this.#skip(node, 'excluded by name');
		const planned = { node, trait, weight, activations: weightOnly ? [] : activations, constants: weightOnly ? [] : constants };
		if (trait.treatment === 'weighted') this.#planned.set(node, planned);
		else this.#followers.set(node, planned);
	}

	#considerMove(node: Node, trait: OperatorTrait): void {
		if (!this.#isFloat(node.input(0)) || this.#options.nodesToExclude.includes(node.label)) return;
		if (trait.refuse?.(node, this.#model.opset)) return;
		this.#followers.set(node, { node, trait, weight: undefined, activations: [0], constants: [] });
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
			for (const slot of planned.activations) {
				const value = node.input(slot);
				const behind = this.#options.format === 'integer' && value ? await this.#absorbedBy(value) : undefined;
				this.#read(node, slot, behind);
			}
			if (planned.trait.floatOutput) continue;
			const output = node.output();
			const absorbed = this.#options.symmetricActivations ? undefined : await this.#absorbed(output);
			const entry = this.#entry(absorbed ? absorbed.node.output() : output, absorbed, planned.trait.outputRange);
			entry.forced = true;
		}
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

	#read(node: Node, slot: number, absorbs?: QuantizedValue['absorbs']): void {
		const value = node.input(slot);
		if (value) this.#entry(value, absorbs).readers.push({ node, slot });
	}

	/** The Relu or Clip that makes a value which only planned nodes read: its codes saturate where it does. */
	async #absorbedBy(value: Value): Promise<QuantizedValue['absorbs']> {
		const { producer } = value;
		if (!producer || this.#options.symmetricActivations || value.isGraphOutput) return undefined;
		if (![...value.uses].every(({ node, index }) => this.#planned.get(node)?.activations.includes(index))) return undefined;
		return this.#bounds(producer, 0, value.graph);
	}

	/** The Relu or Clip that alone reads a value, with constant bounds around 0. */
	async #absorbed(output: Value): Promise<QuantizedValue['absorbs']> {
		if (output.uses.size !== 1 || output.isGraphOutput) return undefined;
		const [use] = output.uses;
		if (!use) return undefined;
		return this.#bounds(use.node, use.index, output.graph);
	}

	async #bounds(node: Node, index: number, graph: Graph): Promise<QuantizedValue['absorbs']> {
		if (node.domain !== '' || !ABSORBED.has(node.op) || index !== 0 || node.graph !== graph) return undefined;
		if (this.#options.nodesToExclude.includes(node.label)) return undefined;
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
	 * Operators without weights between codes: where all inputs have codes anyway, or come from codes through such operators, and
	 * the output is wanted as codes. Elsewhere they stay as they are: codes would cost accuracy and gain nothing.
	 */
	#follow(graphs: readonly Graph[]): void {
		const between = new Between(this.#values, this.#followers);
		const chosen: Node[] = [];
		for (const graph of graphs) for (const node of graph.nodes()) if (this.#followers.has(node) && between.holds(node)) chosen.push(node);
		for (const node of chosen) {
			const planned = this.#followers.get(node) as PlannedNode;
			if (planned.trait.treatment !== 'move') {
				this.#planned.set(node, planned);
				for (const slot of planned.activations) this.#read(node, slot);
				this.#entry(node.output(), undefined, planned.trait.outputRange).forced = true;
				continue;
			}
			const source = this.#entry(node.input(0) as Value);
			source.readers.push({ node, slot: 0 });
			for (const output of node.outputs) {
				if (!output || !between.wanted(output)) continue;
				this.#entry(output).forced = true;
				this.#reshare(output, source.share);
			}
		}
	}

	#reshare(old: Value, share: Value): void {
		for (const entry of this.#values.values()) if (entry.share === old) entry.share = share;
	}
}

/** Integer products of convolutions give floats, as those of MatMul do in any format. */
function traitOf(op: string, options: Options): OperatorTrait | undefined {
	const trait = traits.get(op);
	if (options.format !== 'integer') return trait;
	return op === 'Conv' || op === 'MatMul' || op === 'Gemm' ? trait && { ...trait, floatOutput: true } : undefined;
}

const DEEPEST = 64;

/** Tells whether an operator without weights stands between codes. */
class Between {
	readonly #coded: ReadonlySet<Value>;
	readonly #followers: ReadonlyMap<Node, PlannedNode>;
	readonly #from = new Map<Value, boolean>();
	readonly #wanted = new Map<Value, boolean>();

	constructor(values: ReadonlyMap<Value, QuantizedValue>, followers: ReadonlyMap<Node, PlannedNode>) {
		this.#coded = new Set(values.keys());
		this.#followers = followers;
	}

	holds(node: Node): boolean {
		const planned = this.#followers.get(node);
		if (!planned) return false;
		const inputs = planned.activations.map((slot) => node.input(slot));
		return (
			inputs.every((value) => value !== null && this.from(value)) && node.outputs.some((output) => output !== null && this.wanted(output))
		);
	}

	/** Whether a value has codes, or comes from codes through followers. */
	from(value: Value, depth = 0): boolean {
		if (this.#coded.has(value)) return true;
		const known = this.#from.get(value);
		if (known !== undefined) return known;
		const planned = value.producer && this.#followers.get(value.producer);
		const found =
			depth < DEEPEST &&
			planned !== undefined &&
			planned.activations.every((slot) => {
				const input = planned.node.input(slot);
				return input !== null && this.from(input, depth + 1);
			});
		this.#from.set(value, found);
		return found;
	}

	/** Whether a value is read as codes, or leads to such a reader through followers. */
	wanted(value: Value, depth = 0): boolean {
		if (this.#coded.has(value)) return true;
		const known = this.#wanted.get(value);
		if (known !== undefined) return known;
		const found =
			depth < DEEPEST &&
			[...value.uses].some(({ node, index }) => {
				const planned = this.#followers.get(node);
				return (
					planned?.activations.includes(index) === true && node.outputs.some((output) => output !== null && this.wanted(output, depth + 1))
				);
			});
		this.#wanted.set(value, found);
		return found;
	}
}

import { cloneNode } from '../../core/calibrate/extract.ts';
import { attribute } from '../../core/ir/attribute.ts';
import { dtypeCode } from '../../core/ir/dtype.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import { graphsWithin, type Model } from '../../core/ir/model.ts';
import { sortNodes } from '../../core/ir/sort.ts';
import type { Feeds, TensorData } from '../../core/ir/tensor-data.ts';
import { tensorType } from '../../core/ir/type.ts';
import type { Compute, ComputeSession } from '../../core/pass/calibration.ts';
import type { PlainOutputs } from '../../core/search/sensitivity.ts';
import type { LayerPair } from './align.ts';
import type { Compared } from './comparable.ts';
import { outputNames } from './errors.ts';
import { floatsOf } from './exposed.ts';

/**
 * The variant with the original's form of every layer beside its own and a switch between them, in one loaded graph: any set of layers is restored
 * by a run, nothing is made or loaded anew. All that stands behind a restored layer sees what it gives, so sets are exact.
 */
export class RestoringBoard {
	readonly #session: ComputeSession;
	readonly #switches: ReadonlyMap<LayerPair, string>;
	readonly #outputs: readonly { readonly name: string; readonly loaded: string }[];

	private constructor(
		session: ComputeSession,
		switches: ReadonlyMap<LayerPair, string>,
		outputs: readonly { name: string; loaded: string }[],
	) {
		this.#session = session;
		this.#switches = switches;
		this.#outputs = outputs;
	}

	/** Changes `variant` for good: give a graph of its own. Throws EngineError. */
	static async load(
		original: Model,
		variant: Model,
		layers: readonly LayerPair[],
		{ shapes }: Pick<Compared, 'shapes'>,
		compute: Compute,
	): Promise<RestoringBoard> {
		const names = outputNames({ original, variant });
		const { graph } = variant;
		for (const [domain, version] of original.opsets) if (!variant.opsets.has(domain)) variant.setOpset(domain, version);
		const outputs = names.map((name) => ({ name, at: graph.outputs.findIndex((value) => value.name === name) }));
		const switches = new Map<LayerPair, string>();
		// What readers of a common value read once layers before them have switches: the chosen one.
		const chosen = new Map<Value, Value>();
		const touched = new Set([graph]);
		for (const layer of layers) {
			const output = layer.output.variant;
			const inside = output.graph;
			touched.add(inside);
			const as = (value: Value, from: string | undefined, to: string | undefined): Value => {
				if (from === to || to === undefined || from === undefined) return value;
				const cast = inside.createNode({
					op: 'Cast',
					inputs: [value],
					outputs: [inside.ledger.fresh('cast')],
					attributes: { to: attribute.int(dtypeCode(to as Parameters<typeof dtypeCode>[0])) },
				});
				return inside.append(cast).output();
			};
			const known = new Map<Value, Value>();
			for (const input of layer.inputs) {
				const types = shapes.get(input);
				known.set(input.original, as(chosen.get(input.variant) ?? input.variant, types?.variant, types?.original));
			}
			for (const node of layer.originalPart) {
				cloneNode(node, inside, known, graph);
				clearNames(known, node);
			}
			const plain = known.get(layer.output.original);
			if (!plain) continue;
			const types = shapes.get(layer.output);
			const restored = as(plain, types?.original, types?.variant);
			const input = graph.addInput(graph.ledger.fresh('restore'), tensorType('bool', []));
			const uses = [...output.uses].map(({ node, index }) => ({ node, index }));
			const where = inside.append(
				inside.createNode({ op: 'Where', inputs: [input, restored, output], outputs: [inside.ledger.fresh('switched')] }),
			);
			for (const { node, index } of uses) node.setInput(index, where.output());
			if (output.isGraphOutput) inside.setOutputs(inside.outputs.map((value) => (value === output ? where.output() : value)));
			chosen.set(output, where.output());
			switches.set(layer, input.name);
		}
		for (const inside of touched) sortNodes(inside);
		const session = await compute.load(variant);
		return new RestoringBoard(
			session,
			switches,
			outputs.map(({ name, at }) => ({ name, loaded: graph.outputs[at]?.name ?? name })),
		);
	}

	/** Float outputs with these layers as the original has them. */
	async run(feeds: Feeds, restored: ReadonlySet<LayerPair>): Promise<PlainOutputs> {
		const given: Record<string, TensorData> = { ...feeds };
		for (const [layer, name] of this.#switches) given[name] = { dtype: 'bool', dims: [], data: Uint8Array.of(restored.has(layer) ? 1 : 0) };
		const results = await this.#session.run(given, [...new Set(this.#outputs.map(({ loaded }) => loaded))]);
		const outputs = new Map<string, Float32Array>();
		for (const { name, loaded } of this.#outputs) {
			const floats = floatsOf(results[loaded]);
			if (floats) outputs.set(name, floats.slice());
		}
		return outputs;
	}

	async release(): Promise<void> {
		await this.#session.release();
	}
}

/** Names of nodes must be unique; the copies have none. */
function clearNames(known: ReadonlyMap<Value, Value>, node: Node): void {
	for (const output of node.outputs) {
		const copy = output && known.get(output)?.producer;
		if (!copy) continue;
		copy.name = '';
		for (const sub of copy.subgraphs) for (const graph of graphsWithin(sub)) for (const inner of graph.nodes()) inner.name = '';
	}
}

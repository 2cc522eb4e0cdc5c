import { attribute } from '../ir/attribute.ts';
import { Graph } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { int64Tensor, memoryTensor } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { Encoder } from './encoder.ts';
import { serialize } from './write.ts';

function emptyModel(name: string): Model {
	const model = new Model(undefined, name);
	model.irVersion = 8;
	model.setOpset('', 17);
	model.producerName = 'hostile';
	return model;
}

/** A valid model of a few hundred bytes whose Loop runs 2^60 times: only ending the worker stops it. Output `y`. */
export async function endlessLoop(): Promise<Uint8Array<ArrayBuffer>> {
	const model = emptyModel('endless');
	const { graph } = model;
	const start = graph.addInput('x', tensorType('float32', [1]));
	const trips = graph.addInitializer('trips', memoryTensor('int64', [], BigInt64Array.of(2n ** 60n)));
	const go = graph.addInitializer('go', memoryTensor('bool', [], Uint8Array.of(1)));
	const body = new Graph(model.ledger, 'body');
	body.addInput('i', tensorType('int64', []));
	const condition = body.addInput('keep_going', tensorType('bool', []));
	const state = body.addInput('state', tensorType('float32', [1]));
	const same = body.append(body.createNode({ op: 'Identity', inputs: [condition], outputs: ['keep_going_out'] }));
	const sum = body.append(body.createNode({ op: 'Add', inputs: [state, state], outputs: ['state_out'] }));
	same.output().type = tensorType('bool', []);
	sum.output().type = tensorType('float32', [1]);
	body.setOutputs([same.output(), sum.output()]);
	const loop = graph.append(
		graph.createNode({ op: 'Loop', inputs: [trips, go, start], outputs: ['y'], attributes: { body: attribute.graph(body) } }),
	);
	loop.output().type = tensorType('float32', [1]);
	graph.setOutputs([loop.output()]);
	return serialize(model);
}

/** A valid model of about 100 bytes whose ConstantOfShape asks for `elements` float32 zeros; 805,306,368 are 3 GiB. Output `y`. */
export async function constantOfShapeBomb(elements = 805_306_368): Promise<Uint8Array<ArrayBuffer>> {
	const model = emptyModel('bomb');
	const { graph } = model;
	const shape = graph.addInitializer('shape', int64Tensor([elements]));
	const node = graph.append(graph.createNode({ op: 'ConstantOfShape', inputs: [shape], outputs: ['y'] }));
	node.output().type = tensorType('float32', [elements]);
	graph.setOutputs([node.output()]);
	return serialize(model);
}

/** A ModelProto around what `fill` writes into its graph: for files that no honest writer makes. */
export function rawModel(fill: (graph: Encoder) => void, irVersion = 8): Uint8Array {
	const encoder = new Encoder();
	encoder.int(1, irVersion);
	encoder.message(7, () => fill(encoder));
	encoder.message(8, () => encoder.int(2, 17));
	return encoder.bytes.slice();
}

/** An If inside an If, `depth` times. Built from the inside out, so that no stack limits the depth. */
export function nestedGraphs(depth: number): Uint8Array {
	let graph = new Uint8Array(0);
	for (let level = 0; level < depth; level++) {
		const inner = graph;
		const encoder = new Encoder();
		encoder.message(1, () => {
			encoder.string(4, 'If');
			encoder.message(5, () => {
				encoder.string(1, 'then_branch');
				encoder.bytesField(6, inner);
				encoder.int(20, 5);
			});
		});
		graph = encoder.bytes.slice();
	}
	const encoder = new Encoder();
	encoder.int(1, 8);
	encoder.bytesField(7, graph);
	return encoder.bytes.slice();
}

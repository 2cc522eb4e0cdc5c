import { Model } from '../src/core/ir/model.ts';
import { computedTensor } from '../src/core/ir/tensor.ts';
import { tensorType } from '../src/core/ir/type.ts';
import { seededRandom } from '../src/core/numeric/random.ts';

const WIDTH = 2048;

/** A chain of MatMuls of WIDTH x WIDTH, 16 MiB of float32 each; weights are uniform in +-1/sqrt(WIDTH). */
export function chain(layers: number): Model {
	const model = new Model(undefined, 'chain');
	model.irVersion = 8;
	model.producerName = 'pare bench';
	model.setOpset('', 17);
	const { graph } = model;
	let value = graph.addInput('x', tensorType('float32', ['rows', WIDTH]));
	const scale = 2 / Math.sqrt(WIDTH);
	for (let layer = 0; layer < layers; layer++) {
		const weight = graph.addInitializer(
			`weight_${layer}`,
			computedTensor('float32', [WIDTH, WIDTH], async () => {
				const random = seededRandom(layer + 1);
				const data = new Float32Array(WIDTH * WIDTH);
				for (let i = 0; i < data.length; i++) data[i] = (random.next() - 0.5) * scale;
				return data;
			}),
		);
		const node = graph.append(graph.createNode({ op: 'MatMul', name: `layer_${layer}`, inputs: [value, weight], outputs: [`h_${layer}`] }));
		value = node.output();
	}
	value.type = tensorType('float32', ['rows', WIDTH]);
	graph.setOutputs([value]);
	return model;
}

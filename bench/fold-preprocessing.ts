/**
 * efficientnet-lite0 fed bytes as a canvas has them (uint8, channels last) with its preprocessing in the graph, against the original
 * with the preprocessing outside: top-1 on the 400 evaluation pictures, answers that agree, largest difference of a logit.
 */
import type { TensorData } from '../src/core/ir/tensor-data.ts';
import { openSubject } from './subjects.ts';

const subject = await openSubject('efficientnet-lite0');
if (subject) {
	const limit = Number(process.argv[2] ?? subject.evaluation.n);
	const step = {
		pass: 'fold-preprocessing',
		options: { dtype: 'uint8', layout: 'nhwc', mean: ['127'], std: ['128'] },
	};
	const { file, reports } = await subject.compress({ v: 1, seed: 0, steps: [step, { pass: 'optimize', options: {} }] });
	for (const report of reports) console.log(report.headline);
	const [outside, inside] = [await subject.engine.load({ model: subject.bytes }), await subject.engine.load({ model: file })];
	let [rightOutside, rightInside, agree, largest] = [0, 0, 0, 0];
	for (let index = 0; index < limit; index++) {
		const { feeds, label } = await subject.evaluation.example(index);
		const [name, tensor] = Object.entries(feeds)[0] as [string, TensorData];
		const a = logits(await outside.run({ [name]: tensor }));
		const b = logits(await inside.run({ [name]: pixelsOf(tensor) }));
		if (best(a) === label) rightOutside += 1;
		if (best(b) === label) rightInside += 1;
		if (best(a) === best(b)) agree += 1;
		for (const [i, value] of a.entries()) largest = Math.max(largest, Math.abs(value - b[i]!));
	}
	console.log(`input ${JSON.stringify(inside.inputs)}`);
	console.log(
		`top-1 outside ${rightOutside}, inside ${rightInside} of ${limit}; agree ${agree}; largest difference of a logit ${largest.toExponential(2)}`,
	);
	await subject.close();
}

/** The bytes that the preprocessing (x - 127)/128 came from, channels last. */
function pixelsOf({ data, dims }: TensorData): TensorData {
	const [n, channels, height, width] = dims as [number, number, number, number];
	const pixels = new Uint8Array(data.length);
	for (let c = 0; c < channels; c++)
		for (let at = 0; at < height * width; at++) pixels[at * channels + c] = Math.round(Number(data[c * height * width + at]) * 128 + 127);
	return { dtype: 'uint8', dims: [n, height, width, channels], data: pixels };
}

function logits(outputs: Readonly<Record<string, TensorData>>): Float32Array {
	return Object.values(outputs)[0]!.data as Float32Array;
}

function best(values: Float32Array): number {
	return values.reduce((at, value, index) => (value > values[at]! ? index : at), 0);
}

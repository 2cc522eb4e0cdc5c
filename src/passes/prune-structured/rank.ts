import type { TensorRef } from '../../core/ir/tensor.ts';
import type { SeededRandom } from '../../core/numeric/random.ts';
import type { Group } from '../../core/structure/groups.ts';
import type { Trace } from '../../core/structure/trace.ts';

export type WeightCriterion = 'l1' | 'l2' | 'geometric-median' | 'random';

/** Units of a group, those that go first in front, by their producing weights alone. */
export async function rankByWeights(trace: Trace, group: Group, criterion: WeightCriterion, random: SeededRandom): Promise<number[]> {
	const count = group.units.length;
	const scores = new Float64Array(count);
	if (criterion === 'random') for (let unit = 0; unit < count; unit++) scores[unit] = random.next();
	else {
		const consumed = new Set(group.consumers.map((consumer) => consumer.node.input(consumer.weight)));
		const making = group.places.filter((place) => !consumed.has(place.value));
		for (const place of making.length > 0 ? making : group.places) {
			const tensor = trace.tensorOf(place.value);
			// Vectors are biases and norms: filters decide.
			if (!tensor || tensor.dims.length < 2 || tensor.dtype !== 'float32') continue;
			const rows = await filters(trace, group, place, tensor);
			if (criterion === 'geometric-median') addDistances(scores, rows);
			else {
				for (const [unit, row] of rows.entries()) {
					let sum = 0;
					for (const w of row) sum += criterion === 'l1' ? Math.abs(w) : w * w;
					scores[unit] = (scores[unit] as number) + sum;
				}
			}
		}
	}
	return Array.from(scores.keys()).sort((a, b) => (scores[a] as number) - (scores[b] as number) || a - b);
}

/** The weights of each unit along one axis of a tensor. */
async function filters(trace: Trace, group: Group, place: Group['places'][number], tensor: TensorRef): Promise<Float32Array[]> {
	const data = new Float32Array((await tensor.bytes()).slice().buffer);
	const unitOf = new Map(group.units.map((root, unit) => [root, unit]));
	const inner = tensor.dims.slice(place.axis + 1).reduce((product, size) => product * size, 1);
	const outer = tensor.dims.slice(0, place.axis).reduce((product, size) => product * size, 1);
	const parts: number[][] = group.units.map(() => []);
	for (const [index, atom] of place.labels.entries()) {
		const unit = unitOf.get(trace.atoms.find(atom));
		if (unit === undefined) continue;
		for (let o = 0; o < outer; o++) {
			const from = (o * place.labels.length + index) * inner;
			for (let i = 0; i < inner; i++) parts[unit]?.push(data[from + i] as number);
		}
	}
	return parts.map((part) => Float32Array.from(part));
}

/** Sum of distances to all other filters (He et al. 2019): the smallest is the easiest to replace. */
function addDistances(scores: Float64Array, rows: readonly Float32Array[]): void {
	for (const [a, x] of rows.entries()) {
		for (const [b, y] of rows.entries()) {
			if (b <= a) continue;
			let sum = 0;
			for (let i = 0; i < x.length; i++) sum += ((x[i] as number) - (y[i] as number)) ** 2;
			const distance = Math.sqrt(sum);
			scores[a] = (scores[a] as number) + distance;
			scores[b] = (scores[b] as number) + distance;
		}
	}
}

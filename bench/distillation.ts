/**
 * Which 32 examples out of 100 calibrate best: efficientnet-lite0 with static int8 (min-max ranges, per-channel weights, no correction),
 * calibrated on a choice of ../shared/data/imagenet-calibration-100.zip, judged by the SQNR of the logits on pictures that no choice saw.
 *
 *     node scripts/run-ts.mjs bench/distillation.ts [--seeds N, default 10] [--judge N pictures, default 100] [--choose N, default 32]
 */

import { extremes } from '../src/core/calibrate/min-max.ts';
import { observe } from '../src/core/calibrate/observe.ts';
import { coverage, herding, kCenter } from '../src/core/data-health/choose.ts';
import { modelFeatures, type Rows } from '../src/core/data-health/features.ts';
import { seededRandom } from '../src/core/numeric/random.ts';
import { serialize } from '../src/core/onnx/write.ts';
import type { CalibrationSet } from '../src/core/pass/calibration.ts';
import { runRecipe } from '../src/core/pass/pipeline.ts';
import type { Recipe } from '../src/core/pass/recipe.ts';
import { engineCompute } from '../src/engine/compute.ts';
import { passes } from '../src/passes/registry.ts';
import { openSubject } from './subjects.ts';

const args = process.argv.slice(2);
const take = (flag: string, fallback: number): number => {
	const at = args.indexOf(flag);
	return at < 0 ? fallback : Number(args[at + 1]);
};
const seeds = take('--seeds', 10);
const judged = take('--judge', 100);
const count = take('--choose', 32);

const subject = await openSubject('efficientnet-lite0');
if (subject) {
	const { calibration } = subject;
	const compute = engineCompute(subject.engine);
	const recipe: Recipe = {
		v: 1,
		seed: 0,
		steps: [
			{ pass: 'optimize', options: {} },
			{ pass: 'int8-static', options: { calibrateMethod: 'minmax', biasCorrection: 'none', leastSqnr: 0 } },
		],
	};
	const { features } = await modelFeatures(await subject.model(), { compute, examples: calibration });
	const ranges = await rangesOf();
	const sqnr = async (indices: readonly number[]): Promise<number> => {
		const chosen: CalibrationSet = {
			...calibration,
			n: indices.length,
			hash: `${calibration.hash}:${indices.join(',')}`,
			example: (index, signal) => calibration.example(indices[index] as number, signal),
		};
		const model = await subject.model();
		await runRecipe(model, recipe, passes, { compute, calibration: chosen });
		const score = await subject.score(await serialize(model), judged);
		return Object.values(score.sqnrDb)[0] ?? Number.NaN;
	};
	const all = Array.from({ length: calibration.n }, (_, i) => i);
	const show = async (name: string, indices: readonly number[]): Promise<number> => {
		const value = await sqnr(indices);
		const { mean, most } = coverage(features, indices);
		console.log(
			`${name}: ${value.toFixed(2)} dB (${indices.length} pictures; to the nearest chosen ${mean.toFixed(3)} on average, ${most.toFixed(3)} at most)`,
		);
		return value;
	};
	await show('all', all);
	await show('first', all.slice(0, count));
	await show('k-center', kCenter(features, count));
	await show('herding', herding(features, count));
	await show('k-center on ranges', kCenter(ranges, count));
	await show('herding on ranges', herding(ranges, count));
	const random: number[] = [];
	for (let seed = 1; seed <= seeds; seed++) {
		const source = seededRandom(seed);
		const order = all.map((i) => ({ i, at: source.next() })).sort((a, b) => a.at - b.at);
		random.push(
			await show(
				`random, seed ${seed}`,
				order
					.slice(0, count)
					.map(({ i }) => i)
					.sort((a, b) => a - b),
			),
		);
	}
	const mean = random.reduce((sum, x) => sum + x, 0) / random.length;
	const deviation = Math.sqrt(random.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, random.length - 1));
	console.log(
		`random: mean ${mean.toFixed(2)} dB, deviation ${deviation.toFixed(2)}, from ${Math.min(...random).toFixed(2)} to ${Math.max(...random).toFixed(2)}`,
	);
	await subject.close();

	/** The least and the largest value of each layer's input, by picture. */
	async function rangesOf(): Promise<Rows> {
		const model = await subject?.model();
		if (!model) throw new Error('no model');
		const values = [...model.graph.nodes()].flatMap((node) =>
			node.op === 'Conv' || node.op === 'Gemm' || node.op === 'MatMul' ? (node.input(0) ?? []) : [],
		);
		const rows = Array.from({ length: calibration.n }, () => new Float32Array(2 * values.length));
		await observe(
			model,
			values,
			({ value, data, example }) => {
				const { min, max } = extremes(data);
				const row = rows[example];
				const at = values.indexOf(value);
				if (!row) return;
				row[2 * at] = min;
				row[2 * at + 1] = max;
			},
			{ compute, calibration, batch: 1 },
		);
		// Each layer counts alike, however large its values.
		const width = 2 * values.length;
		const data = new Float32Array(rows.length * width);
		for (let j = 0; j < width; j++) {
			const column = rows.map((row) => row[j] as number);
			const middle = column.reduce((sum, x) => sum + x, 0) / column.length;
			const spread = Math.sqrt(column.reduce((sum, x) => sum + (x - middle) ** 2, 0) / column.length) || 1;
			for (const [i, x] of column.entries()) data[i * width + j] = (x - middle) / spread;
		}
		return { n: rows.length, width, data };
	}
}

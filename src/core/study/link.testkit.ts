import { seededRandom } from '../numeric/random.ts';
import type { RecipeStep } from '../pass/recipe.ts';
import type { Evaluation, Interval, Run, Study, Target, Variant } from './study.ts';

/** A study as a diligent person would have it: the original and `variants - 1` distinct recipes, two targets, evaluations. */
export function generatedStudy(options: { readonly variants: number; readonly seed: number }): Study {
	const random = seededRandom(options.seed);
	const hex = (): string => Array.from({ length: 64 }, () => random.below(16).toString(16)).join('');
	const between = (low: number, high: number): number => low + (high - low) * random.next();
	const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
	const when = '2026-11-23T02:44:26.123Z';
	const parameters = 22_713_216;
	const n = 400;
	const targets: readonly Target[] = [
		{ backend: 'wasm', threads: 2 },
		{ backend: 'webgpu', threads: 1 },
	];
	const dataset = hex();

	const step = (index: number): { step: RecipeStep; name: string; headline: string } => {
		const total = 36 + random.below(40);
		const changed = total - random.below(6);
		const headline = `Changed ${changed} of ${total} weights, ${80 + random.below(20)} % of the stored bytes.`;
		switch (index % 5) {
			case 0:
				return {
					step: {
						pass: 'float16',
						options: { keep_io_types: true, min_positive: pick([1e-8, 5.96e-8, 1e-7]), op_block_list: pick([[], ['Resize'], ['Softmax']]) },
					},
					name: 'float16',
					headline,
				};
			case 1:
				return {
					step: {
						pass: 'int8-dynamic',
						options: {
							weight_type: pick(['int8', 'uint8']),
							per_channel: random.next() < 0.5,
							reduce_range: random.next() < 0.5,
							op_types: pick([['MatMul'], ['MatMul', 'Gemm'], ['MatMul', 'Gemm', 'Conv']]),
						},
					},
					name: 'int8 dynamic',
					headline,
				};
			case 2: {
				const block = pick([16, 32, 64, 128]);
				return {
					step: {
						pass: 'weight-only',
						options: { bits: 4, block_size: block, symmetric: random.next() < 0.5, embedding_bits: pick([4, 8]) },
					},
					name: `int4 weights, block ${block}`,
					headline,
				};
			}
			case 3:
				return {
					step: {
						pass: 'weight-only',
						options: {
							bits: 8,
							block_size: 0,
							symmetric: true,
							nodes_to_exclude: [`/encoder/layer.${random.below(6)}/MatMul_${random.below(12)}`],
						},
					},
					name: 'int8 weights',
					headline,
				};
			default: {
				const sparsity = 5 * (1 + random.below(18));
				return {
					step: {
						pass: 'magnitude-prune',
						options: { sparsity: sparsity / 100, scope: pick(['global', 'layer']), pattern: pick(['none', '2:4', '4:8']) },
					},
					name: `pruned ${sparsity} %`,
					headline,
				};
			}
		}
	};
	const variants: Variant[] = Array.from({ length: options.variants }, (_, index) => {
		const parts = index === 0 ? [] : [step(index), ...(index % 6 === 0 ? [step(index + 2)] : [])];
		const bytes = index === 0 ? 90_387_606 : 10_000_000 + random.below(80_000_000);
		return {
			id: index === 0 ? 'original' : hex(),
			name: index === 0 ? 'minilm-l6-v2' : parts.map((part) => part.name).join(' + '),
			family: index === 0 ? 'original' : pick(['quantized', 'pruned', 'both']),
			recipe: { v: 1, seed: 1, steps: parts.map((part) => part.step) },
			file: hex(),
			sizes: { bytes, gzip: Math.round(bytes * between(0.5, 0.93)), brotli: Math.round(bytes * between(0.5, 0.9)) },
			parameters,
			nonZeros: index % 5 === 4 ? Math.round(parameters * between(0.1, 0.9)) : parameters,
			report: parts.map((part) => ({
				pass: part.step.pass,
				version: 1,
				options: part.step.options,
				headline: part.headline,
				changed: Number(/\d+/.exec(part.headline)?.[0]),
				eligible: Number(/of (\d+)/.exec(part.headline)?.[1]),
				bytesBefore: 90_261_504,
				bytesAfter: Math.round(bytes * 0.99),
				coverage: Number(/(\d+) %/.exec(part.headline)?.[1]) / 100 + between(-0.004, 0.004),
				notes: [{ level: 'skip', node: `/layer.${index}/MatMul`, reason: 'Its weights are not constant.' }],
				durationMs: between(100, 3000),
			})),
			createdAt: when,
		};
	});
	const around = (value: number, spread: number): Interval => [value - spread * between(0.5, 1), value + spread * between(0.5, 1)];
	const runs: Run[] = variants.flatMap((variant) =>
		targets.map((target): Run => {
			const medianMs = between(4, 120);
			const ratio = between(0.4, 1.9);
			return {
				variant: variant.id,
				target,
				threadsUsed: target.threads,
				loadMs: between(50, 900),
				firstMs: medianMs * between(1.1, 4),
				samplesMs: Array.from({ length: 30 }, () => medianMs * between(0.9, 1.3)),
				referenceMs: Array.from({ length: 30 }, () => 20 * between(0.9, 1.3)),
				medianMs,
				p95Ms: medianMs * between(1.05, 1.6),
				...(variant.id === 'original' ? {} : { ratio: { value: ratio, interval: around(ratio, ratio * 0.06) } }),
				agreement: { cosine: 1 - between(0, 1e-6), maxAbs: between(1e-7, 1e-5), ok: true },
				caveats: [],
				measuredAt: when,
			};
		}),
	);
	const evaluations: Evaluation[] = variants.map((variant): Evaluation => {
		const cosine = 1 - 10 ** -between(1.5, 6);
		const agreed = n - random.below(40);
		const right = variant.id === 'original' ? 340 : n - 40 - random.below(60);
		return {
			variant: variant.id,
			dataset,
			synthetic: false,
			target: { backend: 'wasm', threads: 1 },
			outputs: [
				{
					output: 'last_hidden_state',
					n,
					cosine,
					worstCosine: cosine - (1 - cosine) * between(0.5, 3),
					sqnrDb: between(12, 70),
					maxAbs: between(0.001, 0.9),
					agreement: { value: agreed / n, interval: around(agreed / n, 0.02), n },
				},
			],
			metrics: [
				{
					metric: 'top1',
					value: right / n,
					interval: around(right / n, 0.03),
					n,
					...(variant.id === 'original'
						? {}
						: { difference: { value: (right - 340) / n, interval: around((right - 340) / n, 0.02), pValue: between(0, 1) } }),
				},
			],
			disagreements: [{ index: 3, label: 'terrier', original: 'terrier', variant: 'collie', cosine: 0.9 }],
			measuredAt: when,
		};
	});
	return {
		v: 1,
		id: 'generated',
		model: { name: 'minilm-l6-v2.onnx', hash: hex(), byteLength: 90_387_606 },
		facts: {
			fileName: 'minilm-l6-v2.onnx',
			byteLength: 90_387_606,
			irVersion: 7,
			opsets: [{ domain: '', version: 11 }],
			producer: 'pytorch 1.10',
			parameters,
			weightBytes: 90_261_504,
			macs: 178_000_000,
			nodeCount: 456,
			inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => ({
				name,
				type: 'int64[batch_size, sequence_length]',
				dtype: 'int64',
				shape: ['batch_size', 'sequence_length'],
			})),
			outputs: [
				{
					name: 'last_hidden_state',
					type: 'float32[batch_size, sequence_length, 384]',
					dtype: 'float32',
					shape: ['batch_size', 'sequence_length', 384],
				},
			],
			operators: [{ op: 'MatMul', count: 48, parameterBytes: 42_000_000 }],
			layers: [],
			missingData: [],
			warnings: [],
			metadata: {},
		},
		dataset: {
			hash: dataset,
			name: 'sentences.npz',
			kind: 'arrays',
			n,
			labelled: true,
			classes: 10,
			preprocessing: 'taken as they are',
			skipped: [],
		},
		environment: {
			browser: 'Chrome 156',
			platform: 'Linux x86_64',
			cores: 8,
			isolated: true,
			runtime: 'onnxruntime-web 1.30.0',
			gpu: 'NVIDIA GeForce RTX 4070',
			pare: '0.1.0',
		},
		variants,
		runs,
		evaluations,
		createdAt: when,
		updatedAt: when,
	};
}

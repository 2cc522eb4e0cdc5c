import type { Evaluation, Run, Study, TaskMetric, Variant } from './study.ts';

/** Small studies for tests of what is derived from them. Figures are made up; none of this reaches the product. */

export function testVariant(id: string, bytes: number, part: Partial<Variant> = {}): Variant {
	return {
		id,
		name: id,
		family: id === 'original' ? 'original' : 'quantized',
		recipe: { v: 1, seed: 1, steps: id === 'original' ? [] : [{ pass: id, options: {} }] },
		sizes: { bytes },
		report: [],
		createdAt: '2026-01-01T00:00:00.000Z',
		...part,
	};
}

export function testRun(variant: string, medianMs: number, part: Partial<Run> = {}): Run {
	return {
		variant,
		target: { backend: 'wasm', threads: 1 },
		threadsUsed: 1,
		loadMs: 20,
		firstMs: medianMs * 2,
		samplesMs: [medianMs, medianMs, medianMs],
		referenceMs: [medianMs],
		medianMs,
		p95Ms: medianMs * 1.2,
		caveats: [],
		measuredAt: '2026-01-01T00:00:00.000Z',
		...part,
	};
}

export function testEvaluation(
	variant: string,
	sqnrDb: number | null,
	part: Partial<Evaluation> & { readonly top1?: TaskMetric } = {},
): Evaluation {
	const { top1, ...rest } = part;
	return {
		variant,
		dataset: 'd'.repeat(64),
		synthetic: false,
		target: { backend: 'wasm', threads: 1 },
		outputs: [{ output: 'logits', n: 400, cosine: 0.999, worstCosine: 0.98, sqnrDb, maxAbs: 0.1 }],
		metrics: top1 ? [top1] : [],
		disagreements: [],
		measuredAt: '2026-01-01T00:00:00.000Z',
		...rest,
	};
}

export function testStudy(part: Partial<Study> = {}): Study {
	return {
		v: 1,
		id: 'test',
		model: { name: 'model.onnx', hash: 'a'.repeat(64), byteLength: 18_600_000 },
		facts: {
			fileName: 'model.onnx',
			byteLength: 18_600_000,
			irVersion: 8,
			opsets: [{ domain: '', version: 17 }],
			producer: 'test',
			parameters: 4_650_000,
			weightBytes: 18_500_000,
			nodeCount: 2,
			inputs: [],
			outputs: [],
			operators: [{ op: 'Conv', count: 2, parameterBytes: 18_500_000 }],
			layers: [],
			missingData: [],
			warnings: [],
			metadata: {},
		},
		environment: { browser: 'test', platform: 'test', cores: 2, isolated: true, runtime: 'onnxruntime-web', pare: '0.1.0' },
		variants: [testVariant('original', 18_600_000)],
		runs: [],
		evaluations: [],
		createdAt: '2026-01-01T00:00:00.000Z',
		updatedAt: '2026-01-01T00:00:00.000Z',
		...part,
	};
}

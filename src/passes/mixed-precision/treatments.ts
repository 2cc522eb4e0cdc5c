import type { Treatment } from '../../core/search/layer-trials.ts';

const DENSE = ['Conv', 'Gemm', 'MatMul'];
const STORED = [...DENSE, 'ConvTranspose', 'LSTM', 'GRU', 'RNN'];

/** Forms that a layer can take, made by other passes. Passes are named, not imported: the pipeline runs them. */
export const treatments: readonly Treatment[] = [
	{
		id: 'int8-static',
		operators: DENSE,
		computes: true,
		steps: (layers) => [{ pass: 'int8-static', options: { format: 'integer', leastSqnr: 0, nodesToQuantize: layers } }],
	},
	{
		id: 'int8-qdq',
		operators: [...DENSE, 'ConvTranspose'],
		computes: true,
		steps: (layers) => [{ pass: 'int8-static', options: { format: 'qdq', leastSqnr: 0, nodesToQuantize: layers } }],
	},
	{
		id: 'int8-dynamic',
		operators: [...DENSE, 'LSTM'],
		computes: true,
		steps: (layers) => [{ pass: 'int8-dynamic', options: { groupedConv: true, embeddings: false, nodesToQuantize: layers } }],
	},
	{
		id: 'float16-weights',
		operators: STORED,
		computes: false,
		steps: (layers) => [{ pass: 'weight-only', options: { bits: 16, nodesToQuantize: layers } }],
	},
	{
		id: 'int8-weights',
		operators: STORED,
		computes: false,
		steps: (layers) => [{ pass: 'weight-only', options: { bits: 8, keepEdges: false, nodesToQuantize: layers } }],
	},
	{
		id: 'int4-weights',
		operators: STORED,
		computes: false,
		steps: (layers) => [
			{
				pass: 'weight-only',
				options: { bits: 4, blockSize: 32, symmetric: false, method: 'mse', keepEdges: false, nodesToQuantize: layers },
			},
		],
	},
];

export const treatmentIds: readonly string[] = treatments.map(({ id }) => id);

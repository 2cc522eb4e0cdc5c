import type { Dim } from '../ir/type.ts';
import { addDims, counted } from './infer-dims.ts';
import { each, type InferContext, type InferRule, shaped } from './infer-rules.ts';

/** Attention and its kin of the standard domain (opset 23 and newer). */

/** Heads, length and head size of query, key or value, given as [B, H, L, D] or as [B, L, H * D]. */
interface Heads {
	readonly batch: Dim;
	readonly heads: Dim;
	readonly length: Dim;
	readonly size: Dim;
}

function headsOf(context: InferContext, input: number, attribute: string): Heads | undefined {
	const shape = context.shape(input);
	if (shape?.length === 4) {
		const [batch = null, heads = null, length = null, size = null] = shape;
		return { batch, heads, length, size };
	}
	if (shape?.length !== 3) return undefined;
	const [batch = null, length = null, width = null] = shape;
	const heads = context.int(attribute, 0) || null;
	return { batch, length, heads, size: typeof width === 'number' && heads ? counted(width / heads) : null };
}

const attention: InferRule = (context) => {
	const query = headsOf(context, 0, 'q_num_heads');
	const key = headsOf(context, 1, 'kv_num_heads');
	const value = headsOf(context, 2, 'kv_num_heads');
	if (!query || !key || !value) return [];
	const past = context.has(4) ? (context.shape(4)?.[2] ?? null) : 0;
	const total = addDims(past, key.length);
	const flat = context.shape(0)?.length === 3;
	const width = typeof query.heads === 'number' && typeof value.size === 'number' ? query.heads * value.size : null;
	return [
		{ shape: flat ? [query.batch, query.length, width] : [query.batch, query.heads, query.length, value.size] },
		{ shape: [key.batch, key.heads, total, key.size] },
		{ shape: [value.batch, value.heads, total, value.size] },
		{ shape: [query.batch, query.heads, query.length, total] },
	];
};

/** [B, C, L] convolved along L with a state of the last K - 1 columns. */
const causalConv: InferRule = (context) => {
	const shape = context.shape(0);
	const kernel = context.shape(1)?.at(-1);
	const state = shape && typeof kernel === 'number' ? [shape[0] ?? null, shape[1] ?? null, counted(kernel - 1)] : undefined;
	return [{ shape }, { shape: state }];
};

export const attentionRules: Readonly<Record<string, InferRule>> = {
	Attention: attention,
	...each('CausalConvWithState com.microsoft.CausalConvWithState', causalConv),
	RotaryEmbedding: (context) => shaped(context.shape(0)),
};

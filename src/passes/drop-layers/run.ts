import { observe } from '../../core/calibrate/observe.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { inferTypes } from '../../core/onnx/infer.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import type { BlockEntry } from '../../core/pass/report.ts';
import { nodeKey } from '../../core/study/node-figures.ts';
import { type Block, findBlocks } from './blocks.ts';
import type { Options } from './options.ts';
import { Search, sizeOf } from './search.ts';

export async function run(model: Model, options: Options, context: PassContext): Promise<PassResult> {
	const { compute, calibration } = context;
	if (!compute || !calibration) throw new Error('a runtime and sample inputs are needed');
	if (calibration.n < 2) throw new Error('at least two sample inputs are needed: some to fit on, some to judge by');
	const found = findBlocks(model, await inferTypes(model));
	const excluded = new Set(options.nodesToExclude);
	const named = found.blocks.filter(
		({ kind, layers }) =>
			(options.kinds === 'all' || kind === options.kinds) && !layers.some((node) => excluded.has(node.name) || excluded.has(node.label)),
	);
	const { same, differ } = await observedShapes(model, named, context);
	const blocks = named.filter((block) => block.proven || same.has(block));
	const notes: Note[] = found.refused.map(({ node, reason }): Note => ({ level: 'skip', node, reason: `the block stays: ${reason}` }));
	for (const { name } of differ)
		notes.push({ level: 'skip', node: name, reason: 'the block stays: on sample inputs its output has another shape than its input' });
	if (same.size > 0) {
		notes.push({
			level: 'info',
			reason: `the graph leaves the shapes around ${same.size} blocks open; on the sample inputs both ends are alike`,
		});
	}
	if (blocks.length === 0) {
		notes.push({ level: 'skip', reason: 'no residual branch and no repeated part that keeps its shape was found' });
		return { changed: 0, eligible: 0, bytesTouched: 0, unit: 'blocks', notes };
	}
	if (calibration.synthetic) {
		notes.push({ level: 'warn', reason: 'the sample inputs are made up: what is dropped and fitted on them may not suit real ones' });
	}
	const keys = new Map(blocks.map((block) => [block, block.exit.producer && nodeKey(block.exit.producer)]));
	const search = await Search.open(model, blocks, options, { ...context, compute, calibration });
	const gone = await search.solve();
	const before = search.whole;
	const after = await sizeOf(model);
	const entries = search.candidates.map((candidate): BlockEntry => {
		const key = keys.get(candidate.block);
		return {
			kind: 'block',
			node: candidate.block.name,
			...(key !== undefined && { key }),
			block: candidate.block.kind,
			gone: gone.includes(candidate),
			...(gone.includes(candidate) && { replacement: candidate.stand ? 'affine' : 'identity' }),
			...candidate.saved,
			divergence: candidate.alone,
		};
	});
	for (const { block, alone, stand } of gone) {
		const how = stand ? 'an affine map stands in its place' : 'what goes in comes out';
		notes.push({
			level: 'info',
			node: block.name,
			reason: `${block.kind === 'residual' ? 'residual branch' : 'repeated part'} of ${block.layers.length} layers is gone, ${how}; alone it moves the outputs by ${alone.toPrecision(3)}`,
		});
	}
	if (gone.length > 0)
		notes.push({ level: 'info', reason: `outputs of ${search.held} held-out examples diverge by ${search.reached.toPrecision(3)}` });
	const short = search.unmet(after, gone.length);
	if (short) notes.unshift({ level: 'warn', reason: short });
	return {
		changed: gone.length,
		eligible: blocks.length,
		bytesTouched: Math.max(0, before.bytes - after.bytes),
		unit: 'blocks',
		notes,
		entries,
		...(gone.length > 0 && {
			headline: `${gone.length} of ${blocks.length} blocks are gone: ${percent(after.macs / before.macs)} of the multiply-accumulates and ${percent(after.bytes / before.bytes)} of the weights are left.`,
		}),
	};
}

/** Blocks whose ends the graph does not tell to be alike, by what sample inputs make of them. Axes of one element prove nothing. */
async function observedShapes(
	model: Model,
	blocks: readonly Block[],
	{ compute, calibration, signal }: PassContext,
): Promise<{ same: Set<Block>; differ: Block[] }> {
	const open = blocks.filter((block) => !block.proven);
	const same = new Set<Block>();
	if (open.length === 0 || !compute || !calibration) return { same, differ: open };
	const seen = new Map<Value, string[]>();
	const indices = Array.from({ length: Math.min(4, calibration.n) }, (_, i) => i);
	await observe(
		model,
		[...new Set(open.flatMap(({ entry, exit }) => [entry, exit]))],
		({ value, dims }) => void seen.set(value, [...(seen.get(value) ?? []), dims.join('x')]),
		{ compute, calibration, indices, batch: 1, signal },
	);
	for (const block of open) {
		const [a, b] = [seen.get(block.entry), seen.get(block.exit)];
		const unclear = block.shape.some((dim, axis) => dim === null && (a ?? []).every((dims) => dims.split('x')[axis] === '1'));
		if (a && b && a.length > 0 && a.join() === b.join() && !unclear) same.add(block);
	}
	return { same, differ: open.filter((block) => !same.has(block)) };
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

import type { Dataset } from './dataset.ts';
import { DataError } from './errors.ts';

/**
 * A set without the examples of these content hashes; `copies:` before a hash keeps the first example with that content. Throws DataError
 * `empty` where none is left.
 */
export async function withoutExamples<T extends Pick<Dataset, 'n' | 'example' | 'preview' | 'source' | 'exampleFacts'>>(
	opened: T,
	leftOut: readonly string[] | undefined,
	where: string,
	signal?: AbortSignal,
): Promise<T> {
	if (!leftOut || leftOut.length === 0) return opened;
	const gone = new Set(leftOut);
	const facts = await opened.exampleFacts(signal);
	const met = new Set<string>();
	const kept = facts.flatMap(({ contentHash }, index) => {
		const copy = met.has(contentHash) && gone.has(`copies:${contentHash}`);
		met.add(contentHash);
		return copy || gone.has(contentHash) ? [] : [index];
	});
	if (kept.length === opened.n) return opened;
	if (kept.length === 0) throw new DataError('empty', 'All its examples are left out.', where, 'Take some of them back.');
	const at = (index: number): number => {
		const place = kept[index];
		if (place === undefined) throw new RangeError(`there are ${kept.length} examples, not ${index + 1}`);
		return place;
	};
	const { preview, source } = opened;
	return {
		...opened,
		n: kept.length,
		example: async (index, own) => opened.example(at(index), own),
		exampleFacts: async () => kept.map((index) => facts[index] as (typeof facts)[number]),
		...(preview && { preview: async (index: number, as?: Parameters<typeof preview>[1]) => preview(at(index), as) }),
		...(source && { source: async (index: number) => source(at(index)) }),
	};
}

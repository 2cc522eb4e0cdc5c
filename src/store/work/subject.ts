import type { DatasetFacts, Hash, Target } from '../../core/study/study.ts';
import { variantDataName, variantFiles } from '../../platform/artifacts.ts';
import type { EngineSubject, MeasuredFile } from '../../workers/engine-protocol.ts';
import type { Context, OpenStudy } from '../context.ts';
import { cancelled } from './words.ts';

/** The engine worker is bound to a target. */
export function engineKey(target: Target): string {
	return `${target.backend}:${target.threads}`;
}

/** What every call to the engine says of the open study. Throws the cancellation where it is not open any more. */
export function engineSubject({ get }: Context, open: OpenStudy, target: Target): EngineSubject {
	const { study, settings } = get();
	if (!study || !open.model || !open.inputs) throw cancelled();
	const picture = study.dataset?.picture;
	return {
		target,
		modelHash: study.model.hash,
		original: open.model,
		inputs: open.inputs,
		// As many as were asked for when the set was opened: its hash and its split rest on them.
		maxExamples: study.dataset?.limit ?? settings.maxExamples,
		memoryBudgetBytes: settings.memoryBudgetBytes,
		...(study.dataset?.split && { split: { seed: study.dataset.split.seed, calibration: study.dataset.split.calibration.length } }),
		...(picture && { found: picture }),
		...(study.dataset && study.dataset.kind !== 'synthetic' && { opened: { readable: allReadable(study.dataset) } }),
	};
}

/** Whether no entry of a set was left out because it could not be read. */
function allReadable({ n, split, leftOutCount = 0, available, limit }: DatasetFacts): boolean {
	return available === undefined || (split?.of ?? n) + leftOutCount === limit;
}

/** The stored file of a variant. Throws with code `file-gone` where it is not there any more. */
export async function filesOf({ get, storage, held }: Context, id: Hash | 'original', open: OpenStudy): Promise<MeasuredFile['files']> {
	if (!open.model) throw new Error('The model is not here.');
	if (id === 'original') return open.model;
	const variant = get().study?.variants.find((entry) => entry.id === id);
	const root = await storage();
	const stored = variant?.file && (root ? await variantFiles(root, variant.file) : held.get(variant.file));
	if (!variant || !stored) {
		const gone = new Error('The file of this variant is not stored any more.') as Error & { code: string };
		gone.code = 'file-gone';
		throw gone;
	}
	return {
		name: `${variant.name}.onnx`,
		model: stored.model,
		external: stored.data ? [{ name: variantDataName, blob: stored.data }] : [],
	};
}

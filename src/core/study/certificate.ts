import { canonicalJson } from '../pass/recipe.ts';
import { type Run, type Study, targetKey, type Variant } from './study.ts';

/** Written beside a downloaded model: what it is, what it was made from, what was measured and where. Plain JSON. */
export interface Certificate {
	readonly v: 1;
	readonly kind: 'pare-certificate';
	readonly file: { readonly name: string; readonly sha256: string; readonly bytes: number };
	readonly original: { readonly name: string; readonly sha256: string; readonly bytes: number };
	readonly recipe: Variant['recipe'];
	readonly passes: readonly { readonly id: string; readonly version: number; readonly options: unknown; readonly said: string }[];
	readonly data?: { readonly name: string; readonly sha256: string; readonly examples: number; readonly synthetic: boolean };
	readonly fidelity: readonly unknown[];
	readonly metrics: readonly unknown[];
	/** Backends that ran exactly this file; one that failed says why. */
	readonly backends: readonly unknown[];
	readonly environment: Study['environment'];
	readonly measuredAt: string;
}

/** A variant that has no file, or that no backend has run, gets no certificate and is no download. */
export class NotCertifiable extends Error {
	override readonly name = 'NotCertifiable';
}

/**
 * The certificate of one variant. `fileName` is the name of the download. Throws NotCertifiable where the file was never
 * written or no backend ran it.
 */
export function certificateOf(study: Study, variantId: string, fileName: string): Certificate {
	const variant = study.variants.find((entry) => entry.id === variantId);
	const isOriginal = variantId === 'original';
	const sha256 = isOriginal ? study.model.hash : variant?.file;
	const bytes = isOriginal ? study.model.byteLength : variant?.sizes?.bytes;
	if (sha256 === undefined || bytes === undefined) throw new NotCertifiable('This variant has no file yet. Run its recipe first.');
	const runs = newestByTarget(study.runs.filter((run) => run.variant === variantId));
	const evaluations = study.evaluations.filter((entry) => entry.variant === variantId);
	const ran = runs.some((run) => !run.failure) || evaluations.some((entry) => !entry.failure);
	if (!ran) throw new NotCertifiable('No backend has run this file yet. Measure it first; a file that was never run is not handed out.');
	const evaluation = evaluations.findLast((entry) => !entry.failure);
	const measured = [...runs.map((run) => run.measuredAt), ...(evaluation ? [evaluation.measuredAt] : [])].sort();
	return {
		v: 1,
		kind: 'pare-certificate',
		file: { name: fileName, sha256, bytes },
		original: { name: study.model.name, sha256: study.model.hash, bytes: study.model.byteLength },
		recipe: variant?.recipe ?? { v: 1, seed: 0, steps: [] },
		passes: (variant?.report ?? []).map(({ pass, version, options, headline }) => ({ id: pass, version, options, said: headline })),
		...(evaluation && study.dataset
			? {
					data: {
						name: study.dataset.name,
						sha256: evaluation.dataset,
						examples: evaluation.outputs[0]?.n ?? evaluation.metrics[0]?.n ?? study.dataset.n,
						synthetic: evaluation.synthetic,
					},
				}
			: {}),
		fidelity: (evaluation?.outputs ?? []).map(({ output, n, cosine, worstCosine, sqnrDb, maxAbs, agreement }) => ({
			output,
			n,
			cosine,
			worstCosine,
			sqnrDb,
			maxAbs,
			...(agreement ? { agreement } : {}),
		})),
		metrics: (evaluation?.metrics ?? []).map((metric) => ({ ...metric })),
		backends: runs.map((run) =>
			run.failure
				? { target: targetKey(run.target), failed: run.failure.message }
				: {
						target: targetKey(run.target),
						threadsUsed: run.threadsUsed,
						loadMs: run.loadMs,
						firstMs: run.firstMs,
						medianMs: run.medianMs,
						p95Ms: run.p95Ms,
						n: run.sampleCount ?? run.samplesMs.length,
						...(run.ratio ? { ratioToOriginal: run.ratio } : {}),
						...(run.agreement ? { agreement: run.agreement } : {}),
						caveats: run.caveats,
					},
		),
		environment: study.environment,
		measuredAt: measured.at(-1) ?? study.updatedAt,
	};
}

/** As text, keys sorted, so that equal certificates are equal bytes. */
export function certificateText(certificate: Certificate): string {
	return `${JSON.stringify(JSON.parse(canonicalJson(certificate)), null, '\t')}\n`;
}

function newestByTarget(runs: readonly Run[]): Run[] {
	const newest = new Map<string, Run>();
	for (const run of runs) newest.set(targetKey(run.target), run);
	return [...newest.values()];
}

import type { Model } from '../../core/ir/model.ts';
import type { TensorData } from '../../core/ir/tensor-data.ts';
import { fidelity } from '../../core/numeric/statistics.ts';
import { inferTypes } from '../../core/onnx/infer.ts';
import type { InferredTypes } from '../../core/onnx/infer-rules.ts';
import { raiseOpset } from '../../core/onnx/opset.ts';
import type { Compute } from '../../core/pass/calibration.ts';
import type { Examples } from '../../core/study/examples.ts';
import { type Alignment, alignModels, type CommonValue, commonValues } from './align.ts';
import { ExposedModel, floatsOf } from './exposed.ts';
import { DiagnosisError } from './report.ts';

export interface Subjects {
	/**
	 * What the variant is compared with: the original, or the original after those steps of the recipe that change nothing it computes (a clean
	 * graph has the variant's values, which a raw one may not have).
	 */
	readonly original: Model;
	readonly variant: Model;
	readonly compute: Compute;
	readonly examples: Examples;
	readonly synthetic: boolean;
	readonly signal?: AbortSignal | undefined;
	/** fraction 0..1 */
	readonly onProgress?: (fraction: number, stage: string) => void;
}

/** What was found out about two models before anything is measured. */
export interface Compared extends Alignment {
	readonly originalTypes: InferredTypes;
	readonly variantTypes: InferredTypes;
	/** Shape and element types of the common values on an example that reached them. */
	readonly shapes: ReadonlyMap<
		CommonValue,
		{ readonly dims: readonly number[]; readonly original: TensorData['dtype']; readonly variant: TensorData['dtype'] }
	>;
	readonly notes: readonly string[];
}

/** Values fetched by one run of the first look. */
const GROUP = 24;
/** Agreement under which a value cannot mean the same in both graphs, where the outputs agree this much better, dB. */
const STRANGE_DB = 3;
const BETTER_DB = 8;
/** Examples that are tried until every value was reached. */
const MOST_LOOKS = 3;

/**
 * Finds the values that original and variant share and cuts both at them. A common name is believed only where a run shows equal shapes and
 * values that agree: passes that rescale channels (equalization, smoothing) leave names and change what they hold. The original's opset is raised
 * to the variant's where every operator allows. Throws DiagnosisError where the two cannot be compared at all, and EngineError.
 */
export async function compareGraphs(subjects: Subjects): Promise<Compared> {
	const { original, variant, compute, examples, signal } = subjects;
	const notes: string[] = [];
	checkInterface(original, variant);
	if (original.opset < variant.opset) {
		const { raised, refused } = raiseOpset(original, variant.opset);
		if (!raised) notes.push(`The original stays at opset ${original.opset}: ${refused[0]?.reason ?? 'an operator has no adapter'}.`);
	}
	const originalTypes = await inferTypes(original);
	const variantTypes = await inferTypes(variant);
	const candidates = commonValues(original, variant).filter((point) => {
		const type = originalTypes.typeOf(point.original);
		return !type || type.kind === 'tensor';
	});
	const shapes = new Map<CommonValue, { dims: readonly number[]; original: TensorData['dtype']; variant: TensorData['dtype'] }>();
	const agreement = new Map<CommonValue, number>();
	const unequal = new Set<CommonValue>();
	const ours = await ExposedModel.load(
		original,
		candidates.map((point) => point.original),
		originalTypes,
		compute,
	);
	try {
		const theirs = await ExposedModel.load(
			variant,
			candidates.map((point) => point.variant),
			variantTypes,
			compute,
		);
		try {
			for (let look = 0; look < Math.min(MOST_LOOKS, examples.n); look++) {
				const open = candidates.filter((point) => !shapes.has(point) && !unequal.has(point));
				if (open.length === 0) break;
				const { feeds } = await examples.example(Math.floor((look * examples.n) / MOST_LOOKS), signal);
				for (let at = 0; at < open.length; at += GROUP) {
					signal?.throwIfAborted();
					subjects.onProgress?.(at / open.length, 'Matching values of both graphs');
					const group = open.slice(at, at + GROUP);
					const a = await ours.run(
						feeds,
						group.map((point) => point.original),
					);
					const b = await theirs.run(
						feeds,
						group.map((point) => point.variant),
					);
					for (const point of group) {
						const [one, two] = [a.get(point.original), b.get(point.variant)];
						if (!one || !two) continue;
						if (one.dims.join() !== two.dims.join()) {
							unequal.add(point);
							continue;
						}
						shapes.set(point, { dims: [...one.dims], original: one.dtype, variant: two.dtype });
						const [x, y] = [floatsOf(one), floatsOf(two)];
						if (x && y) agreement.set(point, fidelity(x, y).sqnrDb);
						else if (one.dtype !== two.dtype) unequal.add(point);
					}
				}
			}
		} finally {
			await theirs.release();
		}
	} finally {
		await ours.release();
	}
	const outputs = candidates.filter((point) => point.original.isGraphOutput && point.original.graph === original.graph);
	const worstOutput = Math.min(
		...outputs.map((point) => decibelsOr(agreement.get(point), Number.POSITIVE_INFINITY)),
		Number.POSITIVE_INFINITY,
	);
	const rescaled = candidates.filter((point) => {
		const db = agreement.get(point);
		return (
			db !== undefined &&
			!outputs.includes(point) &&
			db < STRANGE_DB &&
			worstOutput > db + BETTER_DB &&
			worstOutput > STRANGE_DB + BETTER_DB
		);
	});
	for (const point of rescaled) unequal.add(point);
	if (rescaled.length > 0)
		notes.push(
			`${rescaled.length} values with the same name hold something else in the variant (rescaled channels, for one) and are not compared.`,
		);
	const points = candidates.filter((point) => !unequal.has(point) && (shapes.has(point) || neverReached(point)));
	const ends = new Set(
		points.filter((point) => {
			const type = originalTypes.typeOf(point.original);
			return agreement.has(point) || (!shapes.has(point) && type?.kind === 'tensor' && type.dtype === 'float32');
		}),
	);
	const { layers, unmatched } = await alignModels(points, ends, variant);
	if (agreement.size === 0) {
		throw new DiagnosisError(
			'unmatched',
			'Original and variant have no computed values in common that could be compared.',
			'Compare with the model that this variant was made from.',
		);
	}
	return { layers, unmatched, originalTypes, variantTypes, shapes, notes };
}

/** Values of a branch that no example took: they cut the graph all the same. */
function neverReached(point: CommonValue): boolean {
	return point.original.graph.owner !== undefined;
}

const decibelsOr = (db: number | undefined, otherwise: number): number => (db === undefined || Number.isNaN(db) ? otherwise : db);

function checkInterface(original: Model, variant: Model): void {
	const names = (model: Model, port: 'inputs' | 'outputs'): string[] =>
		model.graph[port].filter((value) => port === 'outputs' || !value.initializer).map(({ name }) => name);
	const had = new Set(names(original, 'inputs'));
	const extra = names(variant, 'inputs').filter((name) => !had.has(name));
	if (extra.length > 0) {
		throw new DiagnosisError(
			'interface',
			`The variant takes ${extra.join(', ')}, which the original does not have as an input.`,
			'Diagnose a variant whose inputs were not changed.',
		);
	}
	const outputs = new Set(names(original, 'outputs'));
	if (!names(variant, 'outputs').some((name) => outputs.has(name))) {
		throw new DiagnosisError(
			'interface',
			'Original and variant have no output of the same name.',
			'Compare with the model that this variant was made from.',
		);
	}
}

/** Bytes of a tensor with these dims in float32, for budgets. */
export function floatBytes(dims: readonly number[]): number {
	return 4 * dims.reduce((product, dim) => product * dim, 1);
}

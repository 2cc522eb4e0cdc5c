import type { AnyPass } from '../pass/pass.ts';
import { canonicalJson, canonicalRecipe, type Recipe } from '../pass/recipe.ts';
import type { Hash } from './study.ts';

const encoder = new TextEncoder();

/** SHA-256 of the UTF-8 bytes of a text, in lower-case hex. */
export async function hashText(text: string): Promise<Hash> {
	const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text)));
	return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The name of a variant before it exists: what it is made from (model bytes, steps that run with their options, seed) and what makes it
 * (version of each pass). Recipes that differ only in name or in switched-off steps are one variant. A pass that this version does not
 * know counts as version 0. `learntFrom` names the sample inputs, for recipes whose passes learn from some.
 */
export async function variantId(
	modelHash: Hash,
	recipe: Recipe,
	registry: ReadonlyMap<string, Pick<AnyPass, 'version'>>,
	learntFrom?: string,
): Promise<Hash> {
	const versions = recipe.steps.filter((step) => !step.off).map((step) => registry.get(step.pass)?.version ?? 0);
	return hashText(canonicalJson({ model: modelHash, recipe: canonicalRecipe(recipe), versions, learntFrom }));
}

/**
 * One hash for a model of several files: that of the .onnx file where it stands alone, otherwise of the sorted list of its parts, so that
 * a change of the external weights is another model.
 */
export async function filesHash(model: Hash, external: readonly { readonly path: string; readonly hash: Hash }[]): Promise<Hash> {
	if (external.length === 0) return model;
	const parts = [...external].sort((a, b) => (a.path < b.path ? -1 : 1)).map(({ path, hash }) => ({ path, hash }));
	return hashText(canonicalJson({ model, external: parts }));
}

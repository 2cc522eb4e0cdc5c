import * as z from 'zod/mini';

/** One pass with its options. `off` keeps a step in the recipe without running it. */
export interface RecipeStep {
	readonly pass: string;
	readonly options: Readonly<Record<string, unknown>>;
	readonly off?: boolean;
}

/** What to do to a model, as data. The same recipe on the same bytes gives the same bytes, in any browser and in Node. */
export interface Recipe {
	readonly v: 1;
	readonly seed: number;
	/** What people call it; no part of its identity. */
	readonly name?: string;
	readonly steps: readonly RecipeStep[];
}

const recipeSchema = z.strictObject({
	v: z.literal(1),
	seed: z.int().check(z.gte(0), z.lte(0xffffffff)),
	name: z.optional(z.string().check(z.maxLength(200))),
	steps: z
		.array(
			z.strictObject({
				pass: z.string().check(z.regex(/^[a-z0-9][a-z0-9-]{0,63}$/)),
				options: z.record(z.string(), z.unknown()),
				off: z.optional(z.boolean()),
			}),
		)
		.check(z.maxLength(64)),
});

export class InvalidRecipe extends Error {
	override readonly name = 'InvalidRecipe';
}

/** A recipe out of foreign data (file, link, flag). Throws InvalidRecipe with what, where and what to do. */
export function parseRecipe(input: unknown): Recipe {
	const version = typeof input === 'object' && input !== null && 'v' in input ? input.v : undefined;
	if (typeof version === 'number' && version > 1) {
		throw new InvalidRecipe(
			`This recipe was written by a newer Pare (recipe format ${version}; this one reads format 1). Update Pare and try again.`,
		);
	}
	const result = recipeSchema.safeParse(input);
	if (result.success) return result.data as Recipe;
	const issue = result.error.issues[0];
	throw new InvalidRecipe(`Not a recipe: ${issue?.path.length ? `${issue.path.join('.')}: ` : ''}${issue?.message ?? 'wrong shape'}.`);
}

/** JSON with sorted keys and no spaces: equal data gives equal text. */
export function canonicalJson(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map((entry) => canonicalJson(entry ?? null)).join(',')}]`;
	if (typeof value === 'object' && value !== null) {
		const entries = Object.entries(value)
			.filter(([, entry]) => entry !== undefined)
			.sort(([a], [b]) => (a < b ? -1 : 1));
		return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`;
	}
	return JSON.stringify(value) ?? 'null';
}

/** The part of a recipe that decides the bytes: steps that run, without names, options as given. */
export function canonicalRecipe(recipe: Recipe): string {
	return canonicalJson({
		v: recipe.v,
		seed: recipe.seed,
		steps: recipe.steps.filter((step) => !step.off).map(({ pass, options }) => ({ pass, options })),
	});
}

import * as z from 'zod/mini';

/**
 * Options of a pass, declared once: validation, the page's forms, the command line's flags, the documentation and later
 * the search spaces all come from this schema. Field builders attach what people read; `describeOptions` gives it back.
 */
export interface FieldText {
	readonly title: string;
	/** One line: what it does and when to change it. */
	readonly help: string;
	/** Folded away under "Advanced" in forms. */
	readonly advanced?: boolean;
	/** Shown behind the number, e.g. `%`. */
	readonly unit?: string;
	/** Step of the slider or number box. */
	readonly step?: number;
	/** Name of the same option in ONNX Runtime's Python tools, where there is one. */
	readonly onnxruntime?: string;
}

/** What a form or a command line needs to know about one option. */
export type OptionField = FieldText & { readonly key: string } & (
		| { readonly kind: 'flag'; readonly default: boolean }
		| {
				readonly kind: 'choice';
				readonly default: string | number;
				readonly choices: readonly { readonly value: string | number; readonly label: string }[];
		  }
		| { readonly kind: 'number'; readonly default: number; readonly min: number; readonly max: number; readonly integer: boolean }
		| { readonly kind: 'names'; readonly default: readonly string[] }
		| { readonly kind: 'shares'; readonly default: Readonly<Record<string, number>>; readonly max: number }
	);

type Described = Omit<OptionField, 'key'>;
const descriptions = new WeakMap<object, Described>();

function described<T extends object>(schema: T, description: Described): T {
	descriptions.set(schema, description);
	return schema;
}

export function flag(text: FieldText & { readonly default: boolean }) {
	return described(z._default(z.boolean(), text.default), { kind: 'flag', ...text } as Described);
}

/** One of a few values; labels say what they mean. */
export function choice<const T extends string | number>(
	text: FieldText & { readonly default: NoInfer<T>; readonly choices: readonly { readonly value: T; readonly label: string }[] },
) {
	const literals = text.choices.map((entry) => entry.value) as [T, ...T[]];
	return described(z._default(z.literal(literals), text.default as never), {
		kind: 'choice',
		...text,
	} as Described) as unknown as z.ZodMiniType<T, T | undefined>;
}

export function number(
	text: FieldText & { readonly default: number; readonly min: number; readonly max: number; readonly integer?: boolean },
) {
	const base = text.integer ? z.int() : z.number();
	return described(z._default(base.check(z.gte(text.min), z.lte(text.max)), text.default), {
		kind: 'number',
		...text,
		integer: text.integer ?? false,
	} as Described);
}

/** Names of nodes, tensors or operators. */
export function names(text: FieldText & { readonly default?: readonly string[] }) {
	const fallback = text.default ?? [];
	return described(z._default(z.array(z.string().check(z.maxLength(4096))).check(z.maxLength(100_000)), [...fallback]), {
		kind: 'names',
		...text,
		default: fallback,
	} as Described);
}

/** A share from 0 to `max` for each of several things that a model has, by name: what the names mean, the pass says and checks. */
export function shares(text: FieldText & { readonly max: number }) {
	const share = z.number().check(z.gte(0), z.lte(text.max));
	const record = z
		.record(z.string().check(z.minLength(1), z.maxLength(4096)), share)
		.check(z.refine((all) => Object.keys(all).length <= 100_000));
	return described(z._default(record, {}), { kind: 'shares', ...text, default: {} } as Described);
}

export type OptionsSchema = z.ZodMiniObject;
export type OptionsOf<S extends OptionsSchema> = z.output<S>;

/** Options are always strict: a misspelt option is an error, never silently ignored. */
export function options<const Shape extends Record<string, z.ZodMiniType>>(shape: Shape) {
	return z.strictObject(shape);
}

/** The fields of a schema in declaration order. */
export function describeOptions(schema: OptionsSchema): OptionField[] {
	return Object.entries(schema.shape).map(([key, field]) => {
		const description = descriptions.get(field as object);
		if (!description) throw new Error(`option ${key} was not made with a field builder`);
		return { key, ...description } as OptionField;
	});
}

/** Validated options with defaults filled in. Throws InvalidOptions naming field and rule. */
export function parseOptions<S extends OptionsSchema>(schema: S, input: unknown): OptionsOf<S> {
	const result = schema.safeParse(input ?? {});
	if (result.success) return result.data as OptionsOf<S>;
	const issue = result.error.issues[0];
	const field = issue?.code === 'unrecognized_keys' ? issue.keys.join(', ') : (issue?.path.join('.') ?? '');
	throw new InvalidOptions(field, issue?.code === 'unrecognized_keys' ? 'there is no such option' : (issue?.message ?? 'not valid'));
}

export class InvalidOptions extends Error {
	override readonly name = 'InvalidOptions';
	constructor(
		readonly field: string,
		readonly reason: string,
	) {
		super(`option ${field}: ${reason}`);
	}
}

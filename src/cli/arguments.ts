import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UsageError } from './failure.ts';

/** Options that every command takes. */
const common = {
	json: { type: 'boolean' },
	debug: { type: 'boolean' },
	help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options'];

export type OptionSpecs = NonNullable<ParseArgsConfig['options']>;

/** Values of options as given; an option that may be repeated has a list. */
export interface Parsed {
	readonly positionals: readonly string[];
	flag(name: string): boolean;
	text(name: string): string | undefined;
	texts(name: string): readonly string[];
	/** A whole number of at least `least`. Throws UsageError. */
	count(name: string, least?: number): number | undefined;
}

/** Reads the arguments of one command. Throws UsageError that names what is wrong. */
export function parseArguments(argv: readonly string[], specs: OptionSpecs): Parsed {
	let values: Readonly<Record<string, unknown>>;
	let positionals: readonly string[];
	try {
		({ values, positionals } = parseArgs({ args: [...argv], options: { ...specs, ...common }, allowPositionals: true, strict: true }));
	} catch (error) {
		const message = error instanceof Error ? error.message : String(error);
		throw new UsageError(`${(message.split('. ')[0] ?? message).replace(/\.$/, '')}.`);
	}
	const text = (name: string): string | undefined => {
		const value = values[name];
		return typeof value === 'string' ? value : undefined;
	};
	return {
		positionals,
		flag: (name) => values[name] === true,
		text,
		texts: (name) => {
			const value = values[name];
			return Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : [];
		},
		count: (name, least = 1) => {
			const given = text(name);
			if (given === undefined) return undefined;
			const value = /^[0-9]{1,9}$/.test(given) ? Number(given) : Number.NaN;
			if (!(value >= least)) throw new UsageError(`--${name} takes a whole number from ${least} up, not "${given}".`);
			return value;
		},
	};
}

import type { Node } from '../../core/ir/graph.ts';
import { factorize } from '../../core/numeric/low-rank.ts';
import { TieredTable } from '../../core/numeric/tiered-table.ts';
import type { Plan } from '../../core/pass/weight-plan.ts';
import type { Options } from './options.ts';
import { type Form, rankForms } from './ranks.ts';
import { splitTable, splitTieredTable } from './rewrite.ts';

/** A table that one Gather reads by rows. */
export interface Table {
	readonly plan: Plan;
	readonly gather: Node;
	readonly rows: number;
	readonly columns: number;
}

/** What a table may become. */
export interface TableForms {
	readonly forms: readonly Form[];
	/** The table as a form stands for it, [rows, columns]. */
	values(form: number): Float32Array;
	/** Rewrites the model; says what was done. */
	apply(form: number): string;
}

/** All rows at one rank. `uses`: how much each row counts; all alike where absent (the plain decomposition). */
export function byRank(table: Table, values: Float32Array, uses: Float64Array | undefined, { damping, multiple }: Options): TableForms {
	const { rows, columns, gather, plan } = table;
	const found = factorize(values, rows, columns, undefined, damping, uses);
	const forms = rankForms(found.energies, rows + columns, rows * columns, multiple);
	const rankOf = (form: number): number => forms[form]?.rank ?? columns;
	return {
		forms,
		values: (form) => {
			const { a, b } = found.factors(rankOf(form));
			return product(a, b, rows, rankOf(form), columns);
		},
		apply: (form) => {
			const rank = rankOf(form);
			splitTable(gather, plan.value, rows, columns, { rank, ...found.factors(rank) });
			return `rank ${rank} of ${columns}: the table's rows have ${rank} numbers now, expanded after they are looked up`;
		},
	};
}

/**
 * Prices of a number at which forms are looked at, from 1e-3 down, each a twelfth less than the one before: a table can be half of a
 * model, and steps between its forms are what a budget can be missed by.
 */
const PRICES = 265;
const PRICE_STEP = 12 / 13;

/** Rows that matter more keep more numbers. */
export function byTiers(table: Table, values: Float32Array, uses: Float64Array, { multiple }: Options): TableForms {
	const { rows, columns, gather, plan } = table;
	const ranks = [
		...new Set([1 / 12, 1 / 4, 1 / 2, 1].map((share) => Math.max(1, Math.round((share * columns) / multiple) * multiple))),
	].filter((rank) => rank <= columns);
	const tiered = new TieredTable(values, rows, columns, uses, ranks);
	const forms: (Form & { readonly price: number })[] = [];
	for (let step = 0, price = 1e-3; step < PRICES; step++, price *= PRICE_STEP) {
		const { choice, loss } = tiered.choose(price);
		const elements = tiered.elements(choice);
		if (elements < rows * columns && forms.at(-1)?.elements !== elements) forms.push({ price, loss, elements });
	}
	const choiceOf = (form: number): Uint8Array => tiered.choose(forms[form]?.price ?? 1).choice;
	return {
		forms,
		values: (form) => {
			const out = new Float32Array(rows * columns);
			const basis = Float32Array.from(tiered.basis);
			for (const tier of tiered.tiers(choiceOf(form))) {
				const part = product(tiered.part(tier.rows, 0, tier.rank), basis, tier.rows.length, tier.rank, columns);
				for (const [i, row] of tier.rows.entries()) out.set(part.subarray(i * columns, (i + 1) * columns), row * columns);
			}
			return out;
		},
		apply: (form) => {
			const tiers = tiered.tiers(choiceOf(form));
			splitTieredTable(gather, plan.value, tiered, tiers);
			const parts = tiers.map((tier) => `${tier.rank} for ${tier.rows.length}`).join(', ');
			return `numbers kept of ${columns} along common directions: ${parts} rows; rows that are looked up more keep more`;
		},
	};
}

function product(a: Float32Array, b: Float32Array, rows: number, rank: number, columns: number): Float32Array {
	const out = new Float32Array(rows * columns);
	for (let r = 0; r < rows; r++) {
		const row = out.subarray(r * columns, (r + 1) * columns);
		for (let k = 0; k < rank; k++) {
			const x = a[r * rank + k] as number;
			if (x === 0) continue;
			const at = k * columns;
			for (let c = 0; c < columns; c++) row[c] = (row[c] as number) + x * (b[at + c] as number);
		}
	}
	return out;
}

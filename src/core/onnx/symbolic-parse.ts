import {
	collect,
	constantPolynomial,
	type Factor,
	factorPolynomial,
	multiply,
	negate,
	type Polynomial,
	type Term,
} from './symbolic-algebra.ts';

/** Formulas read lately: inference meets the same few again and again. */
const known = new Map<string, Polynomial | null>();
const MOST_KNOWN = 4096;
const DEEPEST = 40;

/**
 * Reads a formula as `dimOf` writes it: a sum in parentheses. Any other text is none, so that a file may name a dimension as it
 * likes.
 */
export function parseFormula(text: string): Polynomial | undefined {
	if (text[0] !== '(') return undefined;
	const before = known.get(text);
	if (before !== undefined) return before ?? undefined;
	const parser = new Parser(text);
	const parsed = parser.whole();
	if (known.size >= MOST_KNOWN) known.clear();
	known.set(text, parsed ?? null);
	return parsed;
}

class Mismatch extends Error {}

class Parser {
	readonly #text: string;
	#at = 0;
	#depth = 0;

	constructor(text: string) {
		this.#text = text;
	}

	whole(): Polynomial | undefined {
		try {
			const sum = this.#group();
			return this.#at === this.#text.length ? sum : undefined;
		} catch (error) {
			if (error instanceof Mismatch) return undefined;
			throw error;
		}
	}

	#take(literal: string): boolean {
		if (!this.#text.startsWith(literal, this.#at)) return false;
		this.#at += literal.length;
		return true;
	}

	#expect(literal: string): void {
		if (!this.#take(literal)) throw new Mismatch();
	}

	/** `(sum)` */
	#group(): Polynomial {
		if (++this.#depth > DEEPEST) throw new Mismatch();
		this.#expect('(');
		const sum = this.#sum();
		this.#expect(')');
		this.#depth -= 1;
		return sum;
	}

	/** A sum in parentheses, or one number or factor. */
	#operand(): Polynomial {
		return this.#text[this.#at] === '(' ? this.#group() : this.#factor();
	}

	#sum(): Polynomial {
		if (++this.#depth > DEEPEST) throw new Mismatch();
		const terms: Term[] = [];
		let sign = this.#take('-') ? -1 : 1;
		for (;;) {
			const term = this.#term();
			terms.push(...(sign < 0 ? negate(term) : term));
			if (this.#take(' + ')) sign = 1;
			else if (this.#take(' - ')) sign = -1;
			else break;
		}
		this.#depth -= 1;
		return collect(terms) ?? this.#fail();
	}

	#term(): Polynomial {
		let product = this.#factor();
		while (this.#take('*')) product = multiply(product, this.#factor()) ?? this.#fail();
		return product;
	}

	#factor(): Polynomial {
		const number = /^\d{1,16}/.exec(this.#text.slice(this.#at, this.#at + 17));
		if (number) {
			this.#at += number[0].length;
			return constantPolynomial(Number(number[0]));
		}
		for (const kind of ['max', 'min'] as const) {
			if (!this.#take(`${kind}(`)) continue;
			const a = this.#sum();
			this.#expect(', ');
			const b = this.#sum();
			this.#expect(')');
			return factorPolynomial({ kind, a, b });
		}
		if (this.#take('floor(')) {
			const numerator = this.#operand();
			this.#expect('/');
			const denominator = this.#operand();
			this.#expect(')');
			return factorPolynomial({ kind: 'floor', numerator, denominator });
		}
		return factorPolynomial(this.#symbol());
	}

	#symbol(): Factor {
		if (!this.#take('`')) {
			const name = /^[A-Za-z_][A-Za-z0-9_.]*/.exec(this.#text.slice(this.#at))?.[0] ?? this.#fail();
			this.#at += name.length;
			return { kind: 'symbol', name };
		}
		let name = '';
		for (;;) {
			const end = this.#text.indexOf('`', this.#at);
			if (end < 0) this.#fail();
			name += this.#text.slice(this.#at, end);
			this.#at = end + 1;
			if (!this.#take('`')) return { kind: 'symbol', name };
			name += '`';
		}
	}

	#fail(): never {
		throw new Mismatch();
	}
}

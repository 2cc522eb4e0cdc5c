/**
 * Sizes as polynomials of symbols with whole coefficients. A dimension is a number, a symbol, or a formula: text in parentheses
 * such as `(2*N + 1)` or `(floor((W + 1)/2))`, canonical, so that equal texts are equal sizes. Symbols stand for whole numbers of
 * at least 0. Where a result has no formula of bearable length there is none (undefined).
 */

/** A factor that is not a number: a symbol, or a function of polynomials. */
export type Factor =
	| { readonly kind: 'symbol'; readonly name: string }
	/** Rounded down. */
	| { readonly kind: 'floor'; readonly numerator: Polynomial; readonly denominator: Polynomial }
	| { readonly kind: 'max' | 'min'; readonly a: Polynomial; readonly b: Polynomial };

export interface Term {
	readonly coefficient: number;
	/** In the order of their texts; a power repeats its factor. */
	readonly factors: readonly Factor[];
}

/** A sum: terms with different factors, none with coefficient 0, the constant last. */
export type Polynomial = readonly Term[];

const MOST_TERMS = 12;
const MOST_FACTORS = 8;
const LONGEST_TEXT = 400;

export const constantPolynomial = (value: number): Polynomial => (value === 0 ? [] : [{ coefficient: value, factors: [] }]);
export const factorPolynomial = (factor: Factor): Polynomial => [{ coefficient: 1, factors: [factor] }];

/** The number that a polynomial is, or undefined where symbols are left. */
export function constantValue(polynomial: Polynomial): number | undefined {
	if (polynomial.length === 0) return 0;
	return polynomial.length === 1 && polynomial[0]?.factors.length === 0 ? polynomial[0].coefficient : undefined;
}

/** Back to a dimension; null where it is too long, or beyond exact integers. */
export function dimOf(polynomial: Polynomial | undefined): number | string | null {
	if (!polynomial) return null;
	const value = constantValue(polynomial);
	if (value !== undefined) return Number.isSafeInteger(value) ? value : null;
	if (polynomial.length === 1 && polynomial[0]?.coefficient === 1 && polynomial[0].factors.length === 1) {
		const [factor] = polynomial[0].factors;
		if (factor?.kind === 'symbol') return factor.name;
	}
	if (!polynomial.every(({ coefficient }) => Number.isSafeInteger(coefficient))) return null;
	const text = `(${sumText(polynomial)})`;
	return text.length <= LONGEST_TEXT ? text : null;
}

export function sumText(polynomial: Polynomial): string {
	if (polynomial.length === 0) return '0';
	return polynomial
		.map((term, index) => {
			const sign = term.coefficient < 0 ? (index === 0 ? '-' : ' - ') : index === 0 ? '' : ' + ';
			const size = Math.abs(term.coefficient);
			const factors = term.factors.map(factorText);
			return sign + (size === 1 && factors.length > 0 ? factors : [size, ...factors]).join('*');
		})
		.join('');
}

/** Names that stand as they are; others are put in backquotes. */
const PLAIN = /^[A-Za-z_][A-Za-z0-9_.]*$/;

/** Formulas share their parts: each text is made once. */
const factorTexts = new WeakMap<Factor, string>();

export function factorText(factor: Factor): string {
	let text = factorTexts.get(factor);
	if (text === undefined) {
		text = madeText(factor);
		factorTexts.set(factor, text);
	}
	return text;
}

function madeText(factor: Factor): string {
	switch (factor.kind) {
		case 'symbol':
			return PLAIN.test(factor.name) && !/^(floor|max|min)$/.test(factor.name) ? factor.name : `\`${factor.name.replaceAll('`', '``')}\``;
		case 'floor':
			return `floor(${group(factor.numerator)}/${group(factor.denominator)})`;
		default:
			return `${factor.kind}(${sumText(factor.a)}, ${sumText(factor.b)})`;
	}
}

/** In parentheses where it is more than one number or factor. */
function group(polynomial: Polynomial): string {
	const [first] = polynomial;
	const single =
		polynomial.length === 1 &&
		first &&
		(first.factors.length === 0 ? first.coefficient > 0 : first.coefficient === 1 && first.factors.length === 1);
	return single || polynomial.length === 0 ? sumText(polynomial) : `(${sumText(polynomial)})`;
}

function termKey(factors: readonly Factor[]): string {
	return factors.map(factorText).join('*');
}

/** Terms with equal factors put together, in a fixed order. undefined where there are too many. */
export function collect(terms: readonly Term[]): Polynomial | undefined {
	const byKey = new Map<string, Term>();
	for (const term of terms) {
		if (term.factors.length > MOST_FACTORS) return undefined;
		const factors = term.factors.length < 2 ? term.factors : [...term.factors].sort((a, b) => compareTexts(factorText(a), factorText(b)));
		const key = termKey(factors);
		byKey.set(key, { coefficient: (byKey.get(key)?.coefficient ?? 0) + term.coefficient, factors });
	}
	const left = [...byKey].filter(([, term]) => term.coefficient !== 0);
	if (left.length > MOST_TERMS) return undefined;
	// Higher degrees first, the constant last.
	return left.sort(([a, x], [b, y]) => y.factors.length - x.factors.length || compareTexts(a, b)).map(([, term]) => term);
}

function compareTexts(a: string, b: string): number {
	return a < b ? -1 : Number(a > b);
}

export function add(a: Polynomial, b: Polynomial): Polynomial | undefined {
	return collect([...a, ...b]);
}

export function negate(a: Polynomial): Polynomial {
	return a.map(({ coefficient, factors }) => ({ coefficient: -coefficient, factors }));
}

export function subtract(a: Polynomial, b: Polynomial): Polynomial | undefined {
	return add(a, negate(b));
}

export function multiply(a: Polynomial, b: Polynomial): Polynomial | undefined {
	if (a.length * b.length > MOST_TERMS * MOST_TERMS) return undefined;
	return collect(a.flatMap((x) => b.map((y) => ({ coefficient: x.coefficient * y.coefficient, factors: [...x.factors, ...y.factors] }))));
}

/** a / b where that is a polynomial: b is one term that every term of a holds, or a multiple of b. */
export function divideExactly(a: Polynomial, b: Polynomial): Polynomial | undefined {
	if (b.length === 0) return undefined;
	if (a.length === 0) return [];
	if (b.length === 1) {
		const [divisor] = b as readonly [Term];
		const out: Term[] = [];
		for (const term of a) {
			const factors = withoutFactors(term.factors, divisor.factors);
			if (!factors || term.coefficient % divisor.coefficient !== 0) return undefined;
			out.push({ coefficient: term.coefficient / divisor.coefficient, factors });
		}
		return collect(out);
	}
	// Divide leading terms, as on paper; give up where it does not come out even.
	let rest: Polynomial = a;
	const quotient: Term[] = [];
	while (rest.length > 0) {
		const [first] = rest as readonly [Term];
		const lead = b[0] as Term;
		const factors = withoutFactors(first.factors, lead.factors);
		if (!factors || first.coefficient % lead.coefficient !== 0 || quotient.length >= MOST_TERMS) return undefined;
		const term = { coefficient: first.coefficient / lead.coefficient, factors };
		quotient.push(term);
		const product = multiply([term], b);
		const next = product && subtract(rest, product);
		if (!next) return undefined;
		rest = next;
	}
	return collect(quotient);
}

function withoutFactors(factors: readonly Factor[], remove: readonly Factor[]): Factor[] | undefined {
	const left = [...factors];
	for (const factor of remove) {
		const text = factorText(factor);
		const at = left.findIndex((other) => factorText(other) === text);
		if (at < 0) return undefined;
		left.splice(at, 1);
	}
	return left;
}

/** a / b rounded down. What b divides comes out of the fraction, so that equal fractions have equal texts. */
export function floorDivide(a: Polynomial, b: Polynomial): Polynomial | undefined {
	const exact = divideExactly(a, b);
	if (exact) return exact;
	const divisor = constantValue(b);
	if (divisor === undefined) return factorPolynomial({ kind: 'floor', numerator: a, denominator: b });
	if (divisor <= 0) return undefined;
	const whole: Term[] = [];
	const rest: Term[] = [];
	for (const { coefficient, factors } of a) {
		const remainder = ((coefficient % divisor) + divisor) % divisor;
		// Only the constant is split: 3*N/2 stays as it is, N + 5 becomes 2 + (N + 1)/2.
		if (factors.length === 0) {
			whole.push({ coefficient: (coefficient - remainder) / divisor, factors });
			rest.push({ coefficient: remainder, factors });
		} else if (remainder === 0) whole.push({ coefficient: coefficient / divisor, factors });
		else rest.push({ coefficient, factors });
	}
	const numerator = collect(rest);
	const outside = collect(whole);
	if (!numerator || !outside) return undefined;
	const value = constantValue(numerator);
	if (value !== undefined) return outside;
	return add(outside, factorPolynomial({ kind: 'floor', numerator, denominator: b }));
}

/** Whether a polynomial is sure to be at least 0: symbols are. */
export function isNonNegative(polynomial: Polynomial): boolean {
	return polynomial.every(({ coefficient, factors }) => coefficient > 0 && factors.every(factorIsNonNegative));
}

function factorIsNonNegative(factor: Factor): boolean {
	switch (factor.kind) {
		case 'symbol':
			return true;
		case 'floor':
			return isNonNegative(factor.numerator) && isNonNegative(factor.denominator);
		case 'max':
			return isNonNegative(factor.a) || isNonNegative(factor.b);
		case 'min':
			return isNonNegative(factor.a) && isNonNegative(factor.b);
	}
}

export function larger(a: Polynomial, b: Polynomial): Polynomial | undefined {
	return chosen('max', a, b);
}

export function smaller(a: Polynomial, b: Polynomial): Polynomial | undefined {
	return chosen('min', a, b);
}

function chosen(kind: 'max' | 'min', a: Polynomial, b: Polynomial): Polynomial | undefined {
	const difference = subtract(a, b);
	if (!difference) return undefined;
	if (isNonNegative(difference)) return kind === 'max' ? a : b;
	if (isNonNegative(negate(difference))) return kind === 'max' ? b : a;
	const [first, second] = compareTexts(sumText(a), sumText(b)) <= 0 ? [a, b] : [b, a];
	return factorPolynomial({ kind, a: first, b: second });
}

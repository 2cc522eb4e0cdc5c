import { constantPolynomial, type Factor, factorPolynomial, type Polynomial } from './symbolic-algebra.ts';
import { parseFormula } from './symbolic-parse.ts';

/** A dimension as a polynomial. A text that is no formula is a symbol of that name. */
export function polynomialOf(dim: number | string): Polynomial {
	if (typeof dim === 'number') return constantPolynomial(dim);
	return parseFormula(dim) ?? factorPolynomial({ kind: 'symbol', name: dim });
}

/** The number that a dimension is once every symbol has a value; NaN where a division by 0 comes up. */
export function evaluateDim(dim: number | string, sizeOf: (symbol: string) => number): number {
	return typeof dim === 'number' ? dim : evaluate(polynomialOf(dim), sizeOf);
}

function evaluate(polynomial: Polynomial, sizeOf: (symbol: string) => number): number {
	const ofFactor = (factor: Factor): number => {
		switch (factor.kind) {
			case 'symbol':
				return sizeOf(factor.name);
			case 'floor':
				return Math.floor(evaluate(factor.numerator, sizeOf) / evaluate(factor.denominator, sizeOf));
			default:
				return Math[factor.kind](evaluate(factor.a, sizeOf), evaluate(factor.b, sizeOf));
		}
	};
	return polynomial.reduce((sum, term) => sum + term.factors.reduce((product, factor) => product * ofFactor(factor), term.coefficient), 0);
}

/** Symbols that a dimension is made of. */
export function symbolsOf(dim: number | string | null): Set<string> {
	const found = new Set<string>();
	const walk = (polynomial: Polynomial): void => {
		for (const { factors } of polynomial) {
			for (const factor of factors) {
				if (factor.kind === 'symbol') found.add(factor.name);
				else if (factor.kind === 'floor') {
					walk(factor.numerator);
					walk(factor.denominator);
				} else {
					walk(factor.a);
					walk(factor.b);
				}
			}
		}
	};
	if (typeof dim === 'string') walk(polynomialOf(dim));
	return found;
}

/** Open dimensions at their smallest sensible size: every symbol 1, unknown 1. For lower bounds of memory and work. */
export function sizeWithOpenAsOne(dim: number | string | null): number {
	if (dim === null) return 1;
	if (typeof dim === 'number') return Math.max(0, dim);
	const size = evaluateDim(dim, () => 1);
	return Number.isFinite(size) ? Math.max(1, size) : 1;
}

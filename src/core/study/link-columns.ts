import type { Interval } from './study.ts';

/** Rows as columns of whole numbers: n rows; a column that has one value throughout is that value. */
export interface Table {
	n: number;
	c: Record<string, (number | null)[] | number>;
}

interface Sentence {
	readonly template: number | undefined;
	readonly numbers: readonly number[];
}

/** What a row can put into columns. Absent values are null in their column. */
export interface RowWriter {
	integer(key: string, value: number | undefined): void;
	/** A row number that seldom differs much from the row before: its difference. */
	delta(key: string, value: number): void;
	/** A real number with so many significant digits: mantissa in `key`, exponent of ten in `key^`. */
	figure(key: string, value: number | undefined, digits: number): void;
	/** A real number near a figure of the same row, in that figure's last digit. */
	offset(key: string, value: number, base: string, sign?: 1 | -1): void;
	/** A figure that is mostly equal to another: nothing is written then, and -1 where there is none. */
	below(key: string, value: number | undefined, base: number | undefined, digits: number): void;
	/** A cosine: its distance to 1, with three significant digits unless told. */
	distance(key: string, value: number, digits?: number): void;
	/** k of n: n - k, n and the interval's distances. */
	share(key: string, value: number, interval: Interval, n: number): void;
	/** As share, but k; left out where it is `expected`, which the reader can work out. */
	difference(key: string, value: number, interval: Interval, n: number, expected: number | undefined): void;
	sentence(key: string, value: Sentence): void;
}

/** Shares of up to 1,000 examples are told to a tenth of a point, larger ones to a hundredth. */
function shareUnit(n: number): number {
	return n > 1000 ? 1e4 : 1e3;
}

export function writeTable<T>(rows: readonly T[], write: (row: T, put: RowWriter) => void): Table {
	const columns = new Map<string, (number | null)[]>();
	const last = new Map<string, number>();
	let row = 0;
	const set = (key: string, value: number | null): void => {
		let column = columns.get(key);
		if (!column) {
			column = [];
			columns.set(key, column);
		}
		while (column.length < row) column.push(null);
		column[row] = value;
	};
	const put: RowWriter = {
		integer: (key, value) => {
			if (value !== undefined && Number.isFinite(value)) set(key, Math.round(value));
		},
		delta: (key, value) => {
			set(key, value - (last.get(key) ?? 0));
			last.set(key, value);
		},
		figure: (key, value, digits) => {
			if (value === undefined || !Number.isFinite(value)) return;
			const [mantissa, exponent] = significant(value, digits);
			set(key, mantissa);
			set(`${key}^`, exponent);
		},
		offset: (key, value, base, sign = 1) => {
			const mantissa = columns.get(base)?.[row];
			const exponent = columns.get(`${base}^`)?.[row];
			if (typeof mantissa !== 'number' || typeof exponent !== 'number' || !Number.isFinite(value)) return;
			set(key, sign * (Math.round(scaled(value, -exponent)) - mantissa));
		},
		below: (key, value, base, digits) => {
			if (value === undefined) set(key, -1);
			else if (value !== base) put.figure(key, value, digits);
		},
		distance: (key, value, digits = 3) => put.figure(key, 1 - value, digits),
		share: (key, value, interval, n) => {
			const unit = shareUnit(n);
			set(key, n - Math.round(value * n));
			set(`${key}n`, n);
			set(`${key}l`, Math.round(value * unit) - Math.round(interval[0] * unit));
			set(`${key}h`, Math.round(interval[1] * unit) - Math.round(value * unit));
		},
		difference: (key, value, interval, n, expected) => {
			const unit = shareUnit(n);
			if (Math.round(value * n) !== expected) set(key, Math.round(value * n));
			set(`${key}l`, Math.round(value * unit) - Math.round(interval[0] * unit));
			set(`${key}h`, Math.round(interval[1] * unit) - Math.round(value * unit));
		},
		sentence: (key, value) => {
			if (value.template === undefined) return;
			set(key, value.template);
			for (const [index, number] of value.numbers.entries()) set(`${key}${index}`, number);
		},
	};
	for (; row < rows.length; row++) write(rows[row] as T, put);
	const c: Table['c'] = {};
	for (const [key, column] of columns) {
		while (column.length < rows.length) column.push(null);
		const first = column[0];
		c[key] = typeof first === 'number' && column.every((value) => value === first) ? first : column;
	}
	return { n: rows.length, c };
}

/** Reads what writeTable wrote. Rows must be read in order once per delta column. */
export function columnsOf(table: Table) {
	const value = (key: string, row: number): number | undefined => {
		if (!Object.hasOwn(table.c, key)) return undefined;
		const column = table.c[key];
		return (typeof column === 'number' ? column : column?.[row]) ?? undefined;
	};
	const last = new Map<string, number>();
	const figure = (key: string, row: number): number | undefined => {
		const mantissa = value(key, row);
		const exponent = value(`${key}^`, row);
		return mantissa === undefined || exponent === undefined ? undefined : bounded(scaled(mantissa, exponent));
	};
	return {
		integer: value,
		figure,
		delta(key: string, row: number): number {
			const now = (last.get(key) ?? 0) + (value(key, row) ?? 0);
			last.set(key, now);
			return now;
		},
		offset(key: string, row: number, base: string, sign: 1 | -1 = 1): number | undefined {
			const difference = value(key, row);
			const mantissa = value(base, row);
			const exponent = value(`${base}^`, row);
			if (difference === undefined || mantissa === undefined || exponent === undefined) return undefined;
			return bounded(scaled(mantissa + sign * difference, exponent));
		},
		below(key: string, row: number, base: number | undefined): number | undefined {
			if (value(key, row) === undefined) return base;
			return figure(key, row);
		},
		distance(key: string, row: number): number | undefined {
			const distance = figure(key, row);
			return distance === undefined ? undefined : Number((1 - distance).toPrecision(15));
		},
		share(key: string, row: number): { value: number; interval: Interval; n: number } | undefined {
			const missed = value(key, row);
			const n = value(`${key}n`, row);
			if (missed === undefined || n === undefined || n <= 0 || missed < 0 || missed > n) return undefined;
			const share = (n - missed) / n;
			return { value: share, interval: around(share, value(`${key}l`, row), value(`${key}h`, row), n), n };
		},
		difference(key: string, row: number, n: number, expected: number | undefined): { value: number; interval: Interval } | undefined {
			const total = value(key, row) ?? expected;
			if (total === undefined || n <= 0 || value(`${key}l`, row) === undefined) return undefined;
			const share = total / n;
			return { value: share, interval: around(share, value(`${key}l`, row), value(`${key}h`, row), n) };
		},
		numbers(key: string, row: number): number[] {
			const numbers: number[] = [];
			for (let index = 0; index < 6; index++) {
				const number = value(`${key}${index}`, row);
				if (number === undefined) break;
				numbers.push(number);
			}
			return numbers;
		},
	};
}

function around(value: number, below: number | undefined, above: number | undefined, n: number): Interval {
	const unit = shareUnit(n);
	const middle = Math.round(value * unit);
	return [(middle - (below ?? 0)) / unit, (middle + (above ?? 0)) / unit];
}

/** value = mantissa * 10 ** exponent with so many digits; trailing zeros of whole numbers are kept in the mantissa. */
function significant(value: number, digits: number): [mantissa: number, exponent: number] {
	if (value === 0) return [0, 0];
	const [mantissa = '0', exponent = '0'] = value.toExponential(digits - 1).split('e');
	return [Number(mantissa.replace('.', '')), Number(exponent) - (digits - 1)];
}

/** value * 10 ** exponent as decimal text would have it: 456 and -2 give 4.56 exactly. */
function scaled(value: number, exponent: number): number {
	const [digits = '0', power = '0'] = String(value).split('e');
	return Number(`${digits}e${Number(power) + exponent}`);
}

function bounded(value: number): number {
	if (!Number.isFinite(value)) throw new RangeError('a figure is out of range');
	return value;
}

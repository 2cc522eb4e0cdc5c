import { type DType, dtypeFromCode, elementCount } from '../../../core/ir/dtype.ts';
import { decodeFloat16, encodeFloat16 } from '../../../core/numeric/float16.ts';
import { arrayFor, broadcastDims, broadcastStrides, type Dense, isBig, largerBig, type Numbers, offsetsOf, smallerBig } from './dense.ts';
import type { Evaluator } from './evaluate.ts';

/**
 * Element by element arithmetic whose results are fixed by IEEE 754 or by the integers: float32 is rounded after each operation by
 * its array, integers wrap at their width. Functions such as exp differ between engines of JavaScript and are left to the runtime.
 */

interface Binary {
	readonly onNumbers: (a: number, b: number) => number;
	readonly onBig: (a: bigint, b: bigint) => bigint;
	/** Integer division by 0 has no result. */
	readonly divides?: boolean;
}

const floorMod = (a: number, b: number): number => ((a % b) + b) % b;
const bigFloorMod = (a: bigint, b: bigint): bigint => ((a % b) + b) % b;

const BINARY: Readonly<Record<string, Binary>> = {
	Add: { onNumbers: (a, b) => a + b, onBig: (a, b) => a + b },
	Sub: { onNumbers: (a, b) => a - b, onBig: (a, b) => a - b },
	Mul: { onNumbers: (a, b) => a * b, onBig: (a, b) => a * b },
	Div: { onNumbers: (a, b) => a / b, onBig: (a, b) => a / b, divides: true },
	Max: { onNumbers: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b)), onBig: largerBig },
	Min: { onNumbers: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.min(a, b)), onBig: smallerBig },
};

const isWhole = (dtype: DType): boolean => dtype.startsWith('int') || dtype.startsWith('uint');

/** float16 computes as float32 and is rounded at the end, as the runtime does. */
function widened(dense: Dense): Dense | undefined {
	if (dense.dtype === 'bfloat16') return undefined;
	if (dense.dtype !== 'float16') return dense;
	return { dtype: 'float32', dims: dense.dims, data: decodeFloat16(dense.data as Uint16Array) };
}

function narrowed(dense: Dense, dtype: DType): Dense {
	if (dtype !== 'float16') return dense;
	return { dtype, dims: dense.dims, data: encodeFloat16(dense.data as Float32Array) };
}

function combined(a: Dense, b: Dense, operation: Binary): Dense | undefined {
	if (a.dtype !== b.dtype) return undefined;
	const [x, y] = [widened(a), widened(b)];
	const dims = broadcastDims([a.dims, b.dims]);
	const out = x && dims && arrayFor(x.dtype, elementCount(dims));
	if (!x || !y || !dims || !out) return undefined;
	const [at, bt] = [offsetsOf(dims, broadcastStrides(a.dims, dims)), offsetsOf(dims, broadcastStrides(b.dims, dims))];
	if (isBig(out)) {
		const [p, q] = [x.data as BigInt64Array, y.data as BigInt64Array];
		for (let index = 0; index < out.length; index++) {
			const divisor = q[bt[index] as number] as bigint;
			if (operation.divides && divisor === 0n) return undefined;
			out[index] = operation.onBig(p[at[index] as number] as bigint, divisor);
		}
	} else {
		const [p, q] = [x.data as Numbers, y.data as Numbers];
		const whole = isWhole(x.dtype);
		for (let index = 0; index < out.length; index++) {
			const divisor = q[bt[index] as number] as number;
			if (operation.divides && whole && divisor === 0) return undefined;
			const value = operation.onNumbers(p[at[index] as number] as number, divisor);
			// Products of 32-bit integers can pass 2^53: those have no exact number.
			if (whole && !Number.isSafeInteger(Math.trunc(value))) return undefined;
			out[index] = whole ? Math.trunc(value) : value;
		}
	}
	return narrowed({ dtype: x.dtype, dims, data: out }, a.dtype);
}

const binary =
	(operation: Binary): Evaluator =>
	({ inputs, opset }) => {
		if (opset < 7 || inputs.some((input) => !input)) return undefined;
		let result = inputs[0] ?? undefined;
		for (const input of inputs.slice(1)) result = result && input ? combined(result, input, operation) : undefined;
		return result && [result];
	};

const mod: Evaluator = ({ node, inputs: [a, b] }) => {
	if (!a || !b) return undefined;
	const truncated = node.int('fmod', 0) === 1;
	if (!truncated && !isWhole(a.dtype)) return undefined;
	const operation: Binary = truncated
		? { onNumbers: (x, y) => x % y, onBig: (x, y) => x % y, divides: true }
		: { onNumbers: floorMod, onBig: bigFloorMod, divides: true };
	const out = combined(a, b, operation);
	return out && [out];
};

/** Whole exponents of integers, and squares: other powers are rounded differently from engine to engine. */
const pow: Evaluator = ({ inputs: [a, b] }) => {
	if (!a || !b || elementCount(b.dims) !== 1) return undefined;
	const exponent = Number(b.data[0]);
	if (b.dtype === 'float16' || b.dtype === 'bfloat16' || !(exponent === 1 || exponent === 2)) return undefined;
	if (b.dims.length > a.dims.length) return undefined;
	const out = exponent === 1 ? a : combined(a, a, BINARY.Mul as Binary);
	return out && [out];
};

const compare =
	(apply: (a: number | bigint, b: number | bigint) => boolean): Evaluator =>
	({ inputs: [a, b] }) => {
		if (!a || !b || a.dtype !== b.dtype) return undefined;
		const [x, y] = [widened(a), widened(b)];
		const dims = broadcastDims([a.dims, b.dims]);
		if (!x || !y || !dims) return undefined;
		const data = new Uint8Array(elementCount(dims));
		const [at, bt] = [offsetsOf(dims, broadcastStrides(a.dims, dims)), offsetsOf(dims, broadcastStrides(b.dims, dims))];
		for (let index = 0; index < data.length; index++) {
			data[index] = Number(apply(x.data[at[index] as number] as number, y.data[bt[index] as number] as number));
		}
		return [{ dtype: 'bool', dims, data }];
	};

const unary =
	(onNumber: (value: number) => number, onBig?: (value: bigint) => bigint): Evaluator =>
	({ inputs: [source] }) => {
		const wide = source && widened(source);
		const out = wide && arrayFor(wide.dtype, wide.data.length);
		if (!source || !wide || !out) return undefined;
		if (isBig(out)) {
			if (!onBig) return undefined;
			for (let index = 0; index < out.length; index++) out[index] = onBig((wide.data as BigInt64Array)[index] as bigint);
		} else for (let index = 0; index < out.length; index++) out[index] = onNumber((wide.data as Numbers)[index] as number);
		return [narrowed({ dtype: wide.dtype, dims: wide.dims, data: out }, source.dtype)];
	};

/** To the nearest, halves to even. */
function roundHalfEven(value: number): number {
	const floor = Math.floor(value);
	const rest = value - floor;
	if (rest !== 0.5) return Math.round(value);
	return floor % 2 === 0 ? floor : floor + 1;
}

const cast: Evaluator = ({ node, inputs: [source, like] }) => {
	const dtype = node.op === 'CastLike' ? like?.dtype : dtypeFromCode(node.int('to', 0));
	const wide = source && widened(source);
	if (!source || !wide || !dtype || dtype === 'bfloat16' || dtype.startsWith('float8')) return undefined;
	if (dtype === source.dtype) return [source];
	const target: DType = dtype === 'float16' ? 'float32' : dtype;
	// Two roundings on the way to float16 can differ from one.
	if (dtype === 'float16' && wide.dtype !== 'float32' && !isWhole(wide.dtype) && wide.dtype !== 'bool') return undefined;
	const out = arrayFor(target, wide.data.length);
	if (!out) return undefined;
	const fromWhole = isWhole(wide.dtype) || wide.dtype === 'bool';
	for (let index = 0; index < out.length; index++) {
		const value = wide.data[index] as number | bigint;
		if (dtype === 'bool') out[index] = Number(Boolean(value) || Number.isNaN(Number(value)));
		else if (isBig(out)) {
			if (!fromWhole && !Number.isSafeInteger(Math.trunc(value as number))) return undefined;
			out[index] = typeof value === 'bigint' ? value : BigInt(Math.trunc(value));
			if (out instanceof BigUint64Array && BigInt(Math.trunc(Number(value))) < 0n) return undefined;
		} else {
			const number = isWhole(target) ? Math.trunc(Number(value)) : Number(value);
			out[index] = number;
			// What does not fit has no defined result.
			if (isWhole(target) && out[index] !== number) return undefined;
		}
	}
	return [narrowed({ dtype: target, dims: wide.dims, data: out }, dtype)];
};

const clip: Evaluator = (call) => {
	const [source, low, high] = call.inputs;
	if (!source || call.opset < 11) return undefined;
	const raised = low ? combined(source, low, BINARY.Max as Binary) : source;
	const out = raised && high ? combined(raised, high, BINARY.Min as Binary) : raised;
	return out && [out];
};

const logic = (apply: (a: number, b: number) => number): Evaluator => binary({ onNumbers: apply, onBig: (a) => a });

export const ARITHMETIC: Readonly<Record<string, Evaluator>> = {
	...Object.fromEntries(Object.entries(BINARY).map(([op, operation]) => [op, binary(operation)])),
	Mod: mod,
	Pow: pow,
	And: logic((a, b) => a & b),
	Or: logic((a, b) => a | b),
	Xor: logic((a, b) => a ^ b),
	Not: unary((value) => Number(!value)),
	Neg: unary(
		(value) => -value,
		(value) => -value,
	),
	Abs: unary(Math.abs, (value) => (value < 0n ? -value : value)),
	Floor: unary(Math.floor),
	Ceil: unary(Math.ceil),
	Round: unary(roundHalfEven),
	Sqrt: unary(Math.sqrt),
	Reciprocal: unary((value) => 1 / value),
	Sign: unary(Math.sign, (value) => (value > 0n ? 1n : value < 0n ? -1n : 0n)),
	Relu: unary(
		(value) => (value > 0 || Number.isNaN(value) ? value : 0),
		(value) => (value > 0n ? value : 0n),
	),
	Clip: clip,
	Equal: compare((a, b) => a === b),
	Less: compare((a, b) => a < b),
	LessOrEqual: compare((a, b) => a <= b),
	Greater: compare((a, b) => a > b),
	GreaterOrEqual: compare((a, b) => a >= b),
	Cast: cast,
	CastLike: cast,
};

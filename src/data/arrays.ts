import type { DType } from '../core/ir/dtype.ts';
import { elementCount } from '../core/ir/dtype.ts';
import type { Feeds, Port, TensorData } from '../core/ir/tensor-data.ts';
import { convert, convertible } from '../core/numeric/convert.ts';
import type { ClassMapping } from '../core/study/data-settings.ts';
import type { Example } from '../core/study/examples.ts';
import type { LabelKind, Labels } from '../core/study/task.ts';
import { classCount } from './class-labels.ts';
import type { DataTarget } from './dataset.ts';
import { DataError } from './errors.ts';
import { LabelSurvey, readLabels as readLabelCells } from './label-column.ts';
import type { StoredArray } from './npy.ts';

export interface NamedArray {
	readonly name: string;
	readonly array: StoredArray;
}

/** Arrays as examples of a model. */
export interface ArrayExamples {
	readonly n: number;
	readonly labelKind: LabelKind | undefined;
	readonly classes: number | undefined;
	/** How words stand for outputs, where labels are words. */
	readonly mapping?: ClassMapping | undefined;
	readonly classNames?: readonly string[] | undefined;
	/** As in Examples; undefined where examples cannot be joined. */
	readonly batchAxes: Readonly<Record<string, number | null>> | undefined;
	/** What stands for what, in words. */
	readonly notes: readonly string[];
	example(index: number): Promise<Example>;
}

const labelNames = /^(labels?|y|y_(test|true|train|val)|targets?|class(es)?)$/i;

/** What names classes, where labels are words. */
export interface ClassNaming {
	/** Lines of classes.txt. */
	readonly classes?: readonly string[] | undefined;
	/** A mapping that a person gave. */
	readonly given?: ClassMapping['classes'] | undefined;
}

/** How one input is cut out of its array. */
interface Binding {
	readonly port: Port;
	readonly source: NamedArray;
	/** Axis of the array that counts examples; undefined where all examples share the array. */
	readonly axis: number | undefined;
	/** Elements of that axis in one example: the model's fixed batch, 1 elsewhere. */
	readonly step: number;
	/** Shape of one example as the model takes it. */
	readonly dims: readonly number[];
}

/**
 * Matches arrays to a model's inputs, by name, then by what is left over, and cuts them into examples along the axis that the model
 * leaves open (or has as 1). Arrays named label, labels, y or target are labels. Masks and token types that are missing are filled in.
 * Throws DataError `mismatch`, which says what does not fit.
 */
export async function arrayExamples(
	arrays: readonly NamedArray[],
	target: DataTarget,
	where: string,
	naming: ClassNaming = {},
): Promise<ArrayExamples> {
	const { matched, rest, notes } = matchNames(arrays, target, where);
	const n = countExamples(matched, target, where);
	const labels = findLabels(rest, n, [...matched.values()], target, notes);
	const bindings = new Map<string, Binding>();
	for (const port of target.inputs) {
		const source = matched.get(port.name);
		if (source) bindings.set(port.name, bind(port, source, n, where));
	}
	const model = [...bindings.values()][0];
	const missing = target.inputs.filter((port) => !bindings.has(port.name));
	const like = [...bindings.values()].find(({ port }) => port.dtype === 'int64' || port.dtype === 'int32');
	for (const port of missing) {
		const filled = fillIn(port, like);
		if (!filled || !model) {
			throw new DataError(
				'mismatch',
				`Nothing in it stands for the model's input "${port.name}". It holds ${list(arrays.map(describe))}.`,
				where,
				`Name an array "${port.name}".`,
			);
		}
		notes.push(filled.note);
	}
	const single = [...bindings.values()].every(({ step }) => step === 1);
	const read = labels && (await readLabels(labels, n, single, target, naming, notes));
	for (const { port, source } of bindings.values()) {
		if (source.array.dtype !== port.dtype) notes.push(`"${source.name}" ${source.array.dtype} as ${port.dtype}`);
	}
	const batchAxes: Record<string, number | null> = {};
	let joinable = true;
	for (const port of target.inputs) {
		const binding = bindings.get(port.name);
		if (binding && binding.axis === undefined) {
			batchAxes[port.name] = null;
			continue;
		}
		const axis = openAxis(port, binding);
		if (axis === undefined) joinable = false;
		else batchAxes[port.name] = axis;
	}
	return {
		n,
		labelKind: read?.kind,
		classes: read?.classes,
		mapping: read?.mapping,
		classNames: read?.names,
		batchAxes: joinable ? batchAxes : undefined,
		notes,
		async example(index) {
			const feeds: Record<string, TensorData> = {};
			for (const [name, binding] of bindings) feeds[name] = await cut(binding, index);
			for (const port of missing) feeds[port.name] = (fillIn(port, like) as Filled).make(feeds);
			return { name: `${where} #${index}`, feeds: feeds satisfies Feeds, ...(await read?.of(index)) };
		},
	};
}

const plainName = (name: string): string =>
	name
		.replace(/^.*[\\/]/, '')
		.replace(/\.npy$/i, '')
		.replace(/:\d+$/, '')
		.toLowerCase()
		.replace(/[^a-z0-9]/g, '');

/** The part of a set that an array is of, by its name: x_test, train_images. */
const partOf = (name: string): string | undefined =>
	/(?:^|[^a-z])(train|test|val|valid|validation)(?:[^a-z]|$)/i.exec(name)?.[1]?.toLowerCase();
const plainEnding = (name: string): string => name.replace(/^.*[\\/]/, '').replace(/\.npy$/i, '');
const isLabelName = (name: string): boolean => labelNames.test(plainEnding(name));

function matchNames(
	arrays: readonly NamedArray[],
	target: DataTarget,
	where: string,
): { matched: Map<string, NamedArray>; rest: readonly NamedArray[]; notes: string[] } {
	if (arrays.length === 0) throw new DataError('empty', 'It holds no arrays.', where);
	const notes: string[] = [];
	const matched = new Map<string, NamedArray>();
	const left = new Set(arrays);
	for (const same of [(a: string, b: string) => a === b, (a: string, b: string) => plainName(a) === plainName(b)]) {
		for (const port of target.inputs) {
			if (matched.has(port.name)) continue;
			const found = [...left].find(({ name }) => same(name, port.name));
			if (!found) continue;
			matched.set(port.name, found);
			left.delete(found);
		}
	}
	// A set in parts is measured on the one that was kept back.
	const unlabelled = [...left].filter(({ name }) => !isLabelName(name));
	const tested = unlabelled.filter(({ name }) => /^(test|val)/.test(partOf(name) ?? ''));
	const trained = tested.length > 0 ? unlabelled.filter(({ name }) => partOf(name) === 'train') : [];
	if (trained.length > 0 && matched.size === 0) notes.push(`${list(trained.map(({ name }) => `"${name}"`))} left out`);
	// What is left over goes by position, if the numbers agree and types and axes could fit.
	const open = target.inputs.filter((port) => !matched.has(port.name));
	const rest = unlabelled.filter((array) => matched.size > 0 || !trained.includes(array));
	const byPosition = rest.length > 0 && open.length > 0 && (rest.length === open.length || matched.size === 0);
	if (byPosition) {
		for (const [i, port] of open.entries()) {
			const source = rest[i];
			if (!source || !convertible(source.array.dtype, port.dtype)) break;
			matched.set(port.name, source);
			left.delete(source);
			notes.push(`"${source.name}" as input "${port.name}"`);
		}
	}
	if (matched.size === 0) {
		throw new DataError(
			'mismatch',
			`None of its arrays fits the model: it holds ${list(arrays.map(describe))}, the model takes ${list(target.inputs.map(describePort))}.`,
			where,
			'Name the arrays as the model names its inputs.',
		);
	}
	return { matched, rest: [...left], notes };
}

/**
 * The array that holds what is right for the examples: one with such a name (of several the one for as many examples, of the same part of the set), else the
 * only one beside the inputs that has no name (arr_1) or one like it, and holds a class for each.
 */
function findLabels(
	rest: readonly NamedArray[],
	n: number,
	inputs: readonly NamedArray[],
	target: DataTarget,
	notes: string[],
): NamedArray | undefined {
	const parts = new Set(inputs.map(({ name }) => partOf(name)));
	const rank = ({ name, array }: NamedArray): number => (array.shape[0] === n ? 2 : 0) + (parts.has(partOf(name)) ? 1 : 0);
	const named = rest.filter(({ name }) => isLabelName(name)).sort((a, b) => rank(b) - rank(a));
	if (named[0]) return named[0];
	const outputs = classCount(target);
	const like = rest.filter(({ name, array: { shape, dtype } }) => {
		if (!/^arr_\d+$|label|target|class|truth/i.test(plainEnding(name))) return false;
		const width = elementCount(shape.slice(1));
		return (
			shape.length >= 1 &&
			shape[0] === n &&
			((width === 1 && /^u?int/.test(dtype)) || (shape.length === 2 && width > 1 && width === outputs))
		);
	});
	const [only] = like;
	if (!only || like.length > 1) return undefined;
	notes.push(`"${only.name}" taken as the labels`);
	return only;
}

/** Ways to read an array as examples of a port: axis that counts them, how many there are, what one looks like. */
function readings(port: Port, shape: readonly number[]): { axis: number | undefined; n: number; step: number; dims: number[] }[] {
	const found: { axis: number | undefined; n: number; step: number; dims: number[] }[] = [];
	const fits = (dims: readonly number[], except = -1): boolean =>
		dims.length === port.shape.length && port.shape.every((dim, i) => i === except || typeof dim !== 'number' || dim === dims[i]);
	if (shape.length === port.shape.length) {
		const open = port.shape.some((dim) => typeof dim !== 'number');
		for (const [axis, dim] of port.shape.entries()) {
			const size = shape[axis] as number;
			if (!fits(shape, axis) || size === 0) continue;
			// A fixed batch of several: only where nothing is open, and where the array holds several batches.
			const step = typeof dim === 'number' ? dim : 1;
			if (step > 1 && (open || size === step)) continue;
			if (step > 0 && size % step === 0) found.push({ axis, n: size / step, step, dims: shape.with(axis, step) as number[] });
		}
		// Shared by all examples, unless an open axis of it counts something.
		const counts = port.shape.some((dim, axis) => typeof dim !== 'number' && shape[axis] !== 1);
		if (fits(shape) && !counts) found.push({ axis: undefined, n: 1, step: 1, dims: [...shape] });
	}
	// An axis of examples in front of the model's own.
	if (shape.length === port.shape.length + 1 && fits(shape.slice(1))) {
		found.push({ axis: 0, n: shape[0] as number, step: 1, dims: shape.slice(1) });
	}
	// An axis of length 1 that the array leaves out: the batch, or the channel of grey pictures.
	if (shape.length === port.shape.length - 1) {
		for (const [gap, dim] of port.shape.entries()) {
			if (dim === 1 || (gap === 0 && typeof dim !== 'number')) {
				const padded = [...shape.slice(0, gap), 1, ...shape.slice(gap)];
				if (gap > 0) {
					const size = padded[0] as number;
					const step = typeof port.shape[0] === 'number' ? port.shape[0] : 1;
					if (fits(padded, 0) && step > 0 && size % step === 0) found.push({ axis: 0, n: size / step, step, dims: padded.with(0, step) });
				} else if (fits(padded)) found.push({ axis: undefined, n: 1, step: 1, dims: padded });
			}
		}
	}
	if (port.shape.length === 0 && shape.length === 1 && shape[0] === 1) found.push({ axis: undefined, n: 1, step: 1, dims: [] });
	return found;
}

/** The number of examples: of the array with the most axes, the others decide between its readings. */
function countExamples(matched: ReadonlyMap<string, NamedArray>, target: DataTarget, where: string): number {
	const options: { readonly counts: number[]; readonly shared: boolean; readonly rank: number }[] = [];
	for (const port of target.inputs) {
		const source = matched.get(port.name);
		if (!source) continue;
		const found = readings(port, source.array.shape);
		if (found.length === 0) throw mismatch(port, source, where);
		options.push({
			counts: found.filter(({ axis }) => axis !== undefined).map(({ n }) => n),
			shared: found.some(({ axis }) => axis === undefined),
			rank: source.array.shape.length,
		});
	}
	const candidates = options.flatMap(({ counts }) => counts);
	// A count that every array has or can ignore; among several the one most arrays count by, then the first found.
	const votes = (n: number): number => options.filter(({ counts }) => counts.includes(n)).length;
	const possible = candidates.filter((n) => options.every(({ counts, shared }) => shared || counts.includes(n)));
	const most = Math.max(0, ...possible.map(votes));
	return possible.find((n) => votes(n) === most) ?? (options.every(({ shared }) => shared) ? 1 : disagree(matched, where));
}

function disagree(matched: ReadonlyMap<string, NamedArray>, where: string): never {
	throw new DataError(
		'mismatch',
		`Its arrays do not have the same number of examples: ${list([...matched.values()].map(describe))}.`,
		where,
	);
}

function bind(port: Port, source: NamedArray, n: number, where: string): Binding {
	const { array } = source;
	if (!convertible(array.dtype, port.dtype)) {
		throw new DataError(
			'mismatch',
			`"${source.name}" holds ${array.dtype}, input "${port.name}" takes ${port.dtype}.`,
			where,
			`Save it as ${port.dtype}.`,
		);
	}
	const found = readings(port, array.shape);
	const reading = found.find((entry) => entry.axis !== undefined && entry.n === n) ?? found.find((entry) => entry.axis === undefined);
	if (!reading) throw mismatch(port, source, where);
	return { port, source, axis: reading.axis, step: reading.step, dims: reading.dims };
}

function mismatch(port: Port, source: NamedArray, where: string): DataError {
	return new DataError(
		'mismatch',
		`"${source.name}" has shape [${source.array.shape.join(', ')}], which does not fit input ${describePort(port)}.`,
		where,
		turned(port, source.array.shape) ?? 'Save one example after the other along the first axis.',
	);
}

/** Advice where channels stand last and the model has them first, or the other way round. */
function turned(port: Port, shape: readonly number[]): string | undefined {
	const [n, a, b, c] = shape;
	if (shape.length !== 4 || n === undefined || a === undefined || b === undefined || c === undefined) return undefined;
	if (readings(port, [n, c, a, b]).length > 0) return 'Its channels stand last: save it as x.transpose(0, 3, 1, 2).';
	if (readings(port, [n, b, c, a]).length > 0) return 'Its channels stand first: save it as x.transpose(0, 2, 3, 1).';
	return undefined;
}

async function cut({ port, source, axis, step, dims }: Binding, index: number): Promise<TensorData> {
	const { array } = source;
	const { shape } = array;
	let data: TensorData['data'];
	if (axis === undefined) data = await array.read(0, elementCount(shape));
	else {
		const inner = elementCount(shape.slice(axis + 1)) * step;
		const outer = elementCount(shape.slice(0, axis));
		const stride = (shape[axis] as number) * (inner / step);
		if (outer === 1) data = await array.read(index * inner, inner);
		else {
			// Not the first axis: a piece out of every block.
			const pieces: TensorData['data'][] = [];
			for (let block = 0; block < outer; block++) pieces.push(await array.read(block * stride + index * inner, inner));
			data = concatenate(pieces, inner);
		}
	}
	return { dtype: port.dtype, dims, data: convert(data, array.dtype, port.dtype) };
}

function concatenate(pieces: readonly TensorData['data'][], length: number): TensorData['data'] {
	const first = pieces[0] as TensorData['data'];
	if (!ArrayBuffer.isView(first)) return pieces.flatMap((piece) => [...(piece as readonly string[])]);
	const joined = new (first.constructor as new (length: number) => Float32Array)(pieces.length * length);
	pieces.forEach((piece, i) => {
		joined.set(piece as Float32Array, i * length);
	});
	return joined;
}

/** The axis along which examples may be joined: one that the model leaves open and one example has as 1. */
function openAxis(port: Port, binding: Binding | undefined): number | undefined {
	const axis = binding ? (binding.axis !== undefined && binding.source.array.shape.length === port.shape.length ? binding.axis : 0) : 0;
	return typeof port.shape[axis] === 'number' || axis >= port.shape.length || (binding && binding.dims[axis] !== 1) ? undefined : axis;
}

interface Filled {
	readonly note: string;
	make(feeds: Readonly<Record<string, TensorData>>): TensorData;
}

/** Inputs of text models that files often leave out. */
function fillIn(port: Port, like: Binding | undefined): Filled | undefined {
	if (!like || port.shape.length !== like.port.shape.length) return undefined;
	const value = /mask/i.test(port.name) ? 1 : /token_type|segment/i.test(port.name) ? 0 : undefined;
	if (value === undefined || !convertible('uint8', port.dtype as DType)) return undefined;
	return {
		note: `"${port.name}" filled with ${value === 1 ? 'ones' : 'zeros'}`,
		make: (feeds) => {
			const { dims } = feeds[like.port.name] as TensorData;
			return { dtype: port.dtype, dims, data: convert(new Uint8Array(elementCount(dims)).fill(value), 'uint8', port.dtype) };
		},
	};
}

/** Most values of a label array that are looked at to tell what it holds; rows beyond are read when asked for. */
const mostSurveyed = 1 << 22;

interface ReadLabels {
	readonly kind: LabelKind;
	readonly classes: number | undefined;
	readonly mapping?: ClassMapping | undefined;
	readonly names?: readonly string[] | undefined;
	of(index: number): Labels | Promise<Labels>;
}

/**
 * What is right for each example: a class out of whole numbers [n], [n, 1] or one-hot rows [n, C]; several classes out of rows of 0 and 1;
 * values of a regression out of anything else.
 */
async function readLabels(
	{ name, array }: NamedArray,
	n: number,
	single: boolean,
	target: DataTarget,
	naming: ClassNaming,
	notes: string[],
): Promise<ReadLabels | undefined> {
	const { shape, dtype } = array;
	const width = shape.slice(1).reduce((product, dim) => product * dim, 1);
	if (dtype === 'string' && single && shape[0] === n && width === 1) return readWords(array, n, target, naming, notes);
	if (!single || shape[0] !== n || width < 1 || !convertible(dtype, 'float64')) {
		notes.push(`"${name}" is left out: it does not give one class for each example`);
		return undefined;
	}
	const outputs = classCount(target);
	const rows = Math.min(n, Math.max(1, Math.floor(mostSurveyed / width)));
	const surveyed = convert(await array.read(0, rows * width), dtype, 'float64') as Float64Array;
	const row = async (index: number): Promise<Float64Array> =>
		index < rows
			? surveyed.subarray(index * width, (index + 1) * width)
			: (convert(await array.read(index * width, width), dtype, 'float64') as Float64Array);
	if (surveyed.some((x) => !Number.isFinite(x))) {
		notes.push(`"${name}" is left out: it holds values that are no numbers`);
		return undefined;
	}
	const binary = surveyed.every((x) => x === 0 || x === 1);
	const values: ReadLabels = { kind: 'values', classes: undefined, of: async (index) => ({ targets: [...(await row(index))] }) };
	if (width > 1) {
		let oneHot = true;
		for (let i = 0; i < rows; i++) {
			const sum = surveyed.subarray(i * width, (i + 1) * width).reduce((total, x) => total + x, 0);
			if (Math.abs(sum - 1) > 1e-3) oneHot = false;
		}
		if (oneHot && surveyed.every((x) => x >= 0)) {
			const best = (cells: Float64Array): number => cells.indexOf(cells.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY));
			const met = new Set(Array.from({ length: rows }, (_, i) => best(surveyed.subarray(i * width, (i + 1) * width))));
			return { kind: 'class', classes: met.size, of: async (index) => ({ label: best(await row(index)) }) };
		}
		if (binary && (outputs === width || outputs === 'open')) {
			return { kind: 'classes', classes: width, of: async (index) => ({ labels: [...(await row(index))] }) };
		}
		return values;
	}
	const whole = surveyed.every((x) => Number.isInteger(x) && x >= -1);
	const scoresOnly = outputs === undefined && target.outputs.length > 0;
	if (!whole || (scoresOnly && !binary)) return values;
	return {
		kind: 'class',
		classes: new Set(surveyed).size - (surveyed.includes(-1) ? 1 : 0),
		// -1 stands for no label, as in many sets of arrays.
		of: async (index) => {
			const label = (await row(index))[0] ?? -1;
			return label >= 0 ? { label } : {};
		},
	};
}

/** Labels that are words, one for each example: through a list of classes or a mapping that is proposed. */
async function readWords(
	array: StoredArray,
	n: number,
	target: DataTarget,
	{ classes, given }: ClassNaming,
	notes: string[],
): Promise<ReadLabels | undefined> {
	const words = (await array.read(0, n)) as readonly string[];
	const survey = new LabelSurvey();
	for (const word of words) if (word !== '') survey.add([word]);
	const reader = readLabelCells(survey, target, [], classes, given);
	if (reader.note !== '') notes.push(reader.note);
	if (reader.kind === undefined) return undefined;
	return {
		kind: reader.kind,
		classes: reader.classes,
		mapping: reader.mapping,
		names: reader.names,
		of: (index) => reader.read([words[index] ?? '']) ?? {},
	};
}

const list = (items: readonly string[]): string =>
	items.length > 6 ? `${items.slice(0, 6).join(', ')} and ${items.length - 6} more` : items.join(', ');
const describe = ({ name, array }: NamedArray): string => `"${name}" ${array.dtype}[${array.shape.join(', ')}]`;
const describePort = (port: Port): string => `"${port.name}" ${port.dtype}[${port.shape.map((dim) => dim ?? '?').join(', ')}]`;

import { type DType, isDType } from '../ir/dtype.ts';
import { STANDARD_SIGNATURES, TYPE_SETS } from './schema-table.ts';
import { OTHER_SIGNATURES } from './schema-table-contrib.ts';

/** Element types that a place of an operator takes or gives. */
export interface TypeSet {
	readonly dtypes: ReadonlySet<DType>;
	/** Whether sequences, maps or optionals may stand there too. */
	readonly other: boolean;
}

/** One input or output of an operator; the last may stand for any number. */
export interface Parameter {
	/** Places with the same letter have the same type. */
	readonly letter: string;
	readonly kind: 'required' | 'optional' | 'variadic';
	/** Of a variadic place: whether all have one type, and how many there are at least. */
	readonly uniform: boolean;
	readonly least: number;
}

/** What one operator takes and gives from the opset `since` on. */
export interface Signature {
	readonly since: number;
	readonly inputs: readonly Parameter[];
	readonly outputs: readonly Parameter[];
	readonly types: ReadonlyMap<string, TypeSet>;
}

interface Version {
	readonly since: number;
	/** undefined: removed from this opset on. */
	readonly text: string | undefined;
	signature?: Signature;
}

/** The newest opset of the standard domain that the table knows. */
export const NEWEST_OPSET = 28;

const versions = new Map<string, Version[]>();
for (const line of `${STANDARD_SIGNATURES.trim()}\n${OTHER_SIGNATURES.trim()}`.split('\n')) {
	const [op = '', rest = ''] = line.split(': ');
	versions.set(
		op,
		rest.split(' | ').map((version): Version => {
			const space = version.indexOf(' ');
			const text = version.slice(space + 1);
			return { since: Number(version.slice(0, space)), text: text === 'x' ? undefined : text };
		}),
	);
}

let sets: ReadonlyMap<string, TypeSet> | undefined;

function typeSet(name: string): TypeSet {
	sets ??= parseSets();
	return sets.get(name) as TypeSet;
}

function parseSets(): ReadonlyMap<string, TypeSet> {
	const all = new Map<string, TypeSet>();
	for (const line of TYPE_SETS.trim().split('\n')) {
		const [name = '', members = ''] = line.split(': ');
		const found = new Set<DType>();
		let other = false;
		for (const member of members.split(' ')) {
			if (member === 'other') other = true;
			else if (member.startsWith('+')) for (const dtype of all.get(member.slice(1))?.dtypes ?? []) found.add(dtype);
			else if (isDType(member)) found.add(member);
		}
		all.set(name, { dtypes: found, other });
	}
	return all;
}

function parseSignature(since: number, text: string): Signature {
	const [places = '', names = ''] = text.split(' ');
	const [inputs = '', outputs = ''] = places.split('>');
	const types = new Map<string, TypeSet>();
	for (const [index, name] of names.split(',').entries()) types.set(String.fromCharCode(65 + index), typeSet(name));
	return { since, inputs: parameters(inputs), outputs: parameters(outputs), types };
}

function parameters(text: string): Parameter[] {
	return Array.from(text.matchAll(/([A-Z])(?:(\?)|([*~])(\d))?/g), ([, letter = '', optional, variadic, least]) => ({
		letter,
		kind: variadic ? 'variadic' : optional ? 'optional' : 'required',
		uniform: variadic !== '~',
		least: variadic ? Number(least) : optional ? 0 : 1,
	}));
}

/** Whether ONNX defines the operator in its standard domain, in any opset this version knows. */
export function isStandardOperator(op: string): boolean {
	return !op.includes('.') && versions.has(op);
}

/** The version of an operator that `opset` means; undefined where it has none then, or is not in the table. */
export function signatureOf(qualifiedOp: string, opset: number): Signature | undefined {
	const version = versionOf(qualifiedOp, opset);
	if (version?.text === undefined) return undefined;
	version.signature ??= parseSignature(version.since, version.text);
	return version.signature;
}

function versionOf(qualifiedOp: string, opset: number): Version | undefined {
	let current: Version | undefined;
	for (const version of versions.get(qualifiedOp) ?? []) if (version.since <= opset) current = version;
	return current;
}

/** What stands at a place: the parameter of an index, the variadic one for all that follow. */
export function parameterAt(parameters: readonly Parameter[], index: number): Parameter | undefined {
	const found = parameters[index];
	if (found) return found;
	const last = parameters[parameters.length - 1];
	return last?.kind === 'variadic' ? last : undefined;
}

/** Why a standard operator does not exist in `opset`; undefined where it does, or where the table is too old to tell. */
export function versionProblem(op: string, opset: number): string | undefined {
	const known = versions.get(op);
	if (!known || op.includes('.')) return opset > 0 && opset <= NEWEST_OPSET ? `ONNX has no operator ${op}` : undefined;
	const version = versionOf(op, opset);
	if (!version) return `${op} comes with opset ${known[0]?.since}; the model imports ${opset}`;
	if (version.text === undefined) return `${op} was removed in opset ${version.since}; the model imports ${opset}`;
	return undefined;
}

/** What is wrong with the number of inputs or outputs of a node; undefined where nothing is. `present` tells which inputs are given. */
export function arityProblem(
	op: string,
	signature: Signature,
	inputs: readonly (object | null)[],
	outputs: readonly (object | null)[],
): string | undefined {
	const takes = range(signature.inputs);
	const given = trimmed(inputs);
	if (given < takes[0] || given > takes[1]) return `${op} takes ${words(takes)} inputs, this one has ${given}`;
	const gives = range(signature.outputs);
	const made = trimmed(outputs);
	if (outputs.length < gives[0] || made > gives[1]) return `${op} gives ${words(gives)} outputs, this one has ${made}`;
	const absent = inputs.findIndex((input, index) => !input && parameterAt(signature.inputs, index)?.kind === 'required');
	return absent >= 0 ? `${op} needs input ${absent}, this one leaves it out` : undefined;
}

function range(parameters: readonly Parameter[]): [number, number] {
	let least = 0;
	for (const [index, parameter] of parameters.entries()) {
		if (parameter.least > 0) least = index + parameter.least;
	}
	return [least, parameters.at(-1)?.kind === 'variadic' ? Number.POSITIVE_INFINITY : parameters.length];
}

function trimmed(values: readonly (object | null)[]): number {
	let length = values.length;
	while (length > 0 && !values[length - 1]) length -= 1;
	return length;
}

function words([low, high]: readonly [number, number]): string {
	if (low === high) return `${low}`;
	return high === Number.POSITIVE_INFINITY ? `${low} or more` : `${low} to ${high}`;
}

import type { Value } from '../../core/ir/graph.ts';
import { allGraphs, type Model } from '../../core/ir/model.ts';
import { type Dim, tensorType, type ValueType } from '../../core/ir/type.ts';
import type { OptionsOf } from '../../core/pass/options.ts';
import type { Note, PassResult } from '../../core/pass/pass.ts';
import type { fixDimsOptions } from './index.ts';

type Options = OptionsOf<typeof fixDimsOptions>;

/** One wish, understood. */
interface Change {
	readonly text: string;
	/** A symbol everywhere, or one axis of one input. */
	readonly place: { readonly symbol: string } | { readonly input: Value; readonly axis: number };
	readonly to: number | string;
}

export function describeFixing(model: Model, options: Options): Note[] {
	return read(model, options).notes;
}

export async function runFixing(model: Model, options: Options): Promise<PassResult> {
	const { changes, notes } = read(model, options);
	let changed = 0;
	for (const { place, to } of changes) {
		if ('symbol' in place) {
			renameEverywhere(model, place.symbol, to);
			changed += 1;
			continue;
		}
		const { input, axis } = place;
		const old = shapeOf(input)?.[axis] ?? null;
		if (typeof old === 'string') renameEverywhere(model, old, to);
		else setDim(input, axis, to);
		changed += 1;
	}
	const open = model.graph.inputs.filter((input) => !input.initializer && shapeOf(input)?.some((dim) => typeof dim !== 'number'));
	return {
		changed,
		eligible: options.dims.length,
		bytesTouched: 0,
		unit: 'dimensions',
		notes,
		headline:
			changed === 0
				? `Changed nothing: ${notes[0]?.reason ?? 'no dimension was named.'}`
				: `Set ${changed} of ${options.dims.length} dimensions${open.length > 0 ? `; still open: ${open.map((input) => input.name).join(', ')}` : '; every input has a fixed shape'}.`,
	};
}

function read(model: Model, options: Options): { changes: Change[]; notes: Note[] } {
	const changes: Change[] = [];
	const notes: Note[] = [];
	const symbols = new Set<string>();
	for (const input of model.graph.inputs) for (const dim of shapeOf(input) ?? []) if (typeof dim === 'string') symbols.add(dim);
	const skip = (text: string, reason: string): void => {
		notes.push({ level: 'skip', node: text, reason });
	};
	for (const text of options.dims) {
		const at = text.lastIndexOf('=');
		const to = at < 0 ? '' : text.slice(at + 1).trim();
		const left = text.slice(0, Math.max(0, at)).trim();
		const size = /^\d{1,9}$/.test(to) ? Number(to) : undefined;
		if (left === '' || to === '') skip(text, 'it is not of the form NAME=SIZE or INPUT[AXIS]=SIZE');
		else if (size === 0) skip(text, 'a size is at least 1');
		else if (symbols.has(left)) changes.push({ text, place: { symbol: left }, to: size ?? to });
		else {
			const place = axisOf(model, left);
			if (!place) {
				const known = [...symbols].join(', ');
				skip(text, `no input has a dimension "${left}"${known ? `; named ones are ${known}` : ''}; an axis is written INPUT[AXIS]`);
			} else if (typeof place === 'string') skip(text, place);
			else changes.push({ text, place, to: size ?? to });
		}
	}
	return { changes, notes };
}

function axisOf(model: Model, text: string): { input: Value; axis: number } | string | undefined {
	const parts = /^(.*)\[(\d{1,3})\]$/.exec(text);
	const input = parts && model.graph.inputs.find((value) => value.name === parts[1]);
	if (!parts || !input) return undefined;
	const axis = Number(parts[2]);
	const shape = shapeOf(input);
	if (!shape) return `the file does not say how many axes ${input.name} has`;
	if (axis >= shape.length) return `${input.name} has ${shape.length} axes, counted from 0`;
	if (typeof shape[axis] === 'number') return `it is ${shape[axis]} already, and what follows may rely on it`;
	return { input, axis };
}

function shapeOf(value: Value): readonly Dim[] | undefined {
	const { type } = value;
	return type?.kind === 'tensor' ? (type.shape ?? undefined) : undefined;
}

function setDim(value: Value, axis: number, to: Dim): void {
	const { type } = value;
	if (type?.kind !== 'tensor' || !type.shape) return;
	value.type = tensorType(
		type.dtype,
		type.shape.map((dim, index) => (index === axis ? to : dim)),
	);
}

/** A symbol stands for one size in the whole model: inputs, outputs and what the file declares between them. */
function renameEverywhere(model: Model, symbol: string, to: Dim): void {
	for (const graph of allGraphs(model)) {
		const values: Value[] = [...graph.inputs, ...graph.outputs];
		for (const node of graph.nodes()) for (const output of node.outputs) if (output) values.push(output);
		for (const value of values) {
			const type = value.type && renamed(value.type, symbol, to);
			if (type && type !== value.type) value.type = type;
		}
	}
}

function renamed(type: ValueType, symbol: string, to: Dim): ValueType {
	if (type.kind === 'tensor') {
		if (!type.shape?.includes(symbol)) return type;
		return tensorType(
			type.dtype,
			type.shape.map((dim) => (dim === symbol ? to : dim)),
		);
	}
	if ((type.kind === 'sequence' || type.kind === 'optional') && type.element) {
		const element = renamed(type.element, symbol, to);
		return element === type.element ? type : { kind: type.kind, element };
	}
	return type;
}

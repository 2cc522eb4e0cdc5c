import type { Value } from '../../core/ir/graph.ts';
import { graphsWithin, type Model } from '../../core/ir/model.ts';
import type { OptionsOf } from '../../core/pass/options.ts';
import type { Note, PassResult } from '../../core/pass/pass.ts';
import type { PortChange } from '../../core/pass/ports.ts';
import type { renameIoOptions } from './index.ts';

type Options = OptionsOf<typeof renameIoOptions>;

interface Plan {
	readonly renames: ReadonlyMap<Value, string>;
	readonly notes: readonly Note[];
}

export function describeRenaming(model: Model, options: Options): Note[] {
	return [...plan(model, options).notes];
}

export async function runRenaming(model: Model, options: Options): Promise<PassResult> {
	const { renames, notes } = plan(model, options);
	const taken = new Set(renames.values());
	// Tensors between may be called anything: those that stand in the way get another name.
	for (const value of valuesOf(model)) {
		if (taken.has(value.name) && !renames.has(value)) value.name = model.ledger.fresh(`${value.name}_inner`);
	}
	const ports = (['input', 'output'] as const).flatMap((port): PortChange[] => {
		const names = [...renames]
			.filter(([value]) => (port === 'input' ? value.isGraphInput : value.isGraphOutput))
			.map(([value, to]) => ({ from: value.name, to }));
		return names.length > 0 ? [{ kind: 'renamed', port, names }] : [];
	});
	for (const [value, name] of renames) {
		model.ledger.take(name);
		value.name = name;
	}
	return {
		changed: renames.size,
		eligible: options.renames.length,
		bytesTouched: 0,
		unit: 'names',
		notes,
		ports,
		...(renames.size > 0 && { headline: `Renamed ${renames.size} of ${options.renames.length} inputs and outputs.` }),
	};
}

/** All renames at once, so that two names can be exchanged. */
function plan(model: Model, options: Options): Plan {
	const { graph } = model;
	const ports = new Map<string, Value>();
	for (const value of [...graph.inputs, ...graph.outputs]) ports.set(value.name, value);
	const renames = new Map<Value, string>();
	const notes: Note[] = [];
	const skip = (node: string, reason: string): void => {
		notes.push({ level: 'skip', node, reason });
	};
	for (const text of options.renames) {
		const wish = split(text, ports);
		if (typeof wish === 'string') skip(text, wish);
		else if (wish.name === '') skip(text, 'a name cannot be empty');
		else if (renames.has(wish.value)) skip(text, `${wish.value.name} is renamed already`);
		else if ([...renames.values()].includes(wish.name)) skip(text, `"${wish.name}" is given to another tensor already`);
		else if (wish.name === wish.value.name) skip(text, 'it has this name already');
		else renames.set(wish.value, wish.name);
	}
	// A name that a port keeps cannot be given away; taking one rename back may bring another's obstacle back.
	for (let blocked = findBlocked(renames, ports); blocked; blocked = findBlocked(renames, ports)) {
		skip(`${blocked.name}=${renames.get(blocked)}`, 'an input or output of the model has this name');
		renames.delete(blocked);
	}
	return { renames, notes };
}

function findBlocked(renames: ReadonlyMap<Value, string>, ports: ReadonlyMap<string, Value>): Value | undefined {
	for (const [value, name] of renames) {
		const holder = ports.get(name);
		if (holder && !renames.has(holder)) return value;
	}
	return undefined;
}

/** Names may hold `=` themselves: the first split whose left side is an input or output counts. */
function split(text: string, ports: ReadonlyMap<string, Value>): { readonly value: Value; readonly name: string } | string {
	for (let at = text.indexOf('='); at >= 0; at = text.indexOf('=', at + 1)) {
		const value = ports.get(text.slice(0, at));
		if (value) return { value, name: text.slice(at + 1) };
	}
	if (!text.includes('=')) return 'it is not of the form OLD=NEW';
	return `no input or output of the model has the name on the left; there are ${[...ports.keys()].slice(0, 12).join(', ')}`;
}

/** Every value of the main graph and the graphs inside it. Function bodies have names of their own. */
function* valuesOf(model: Model): IterableIterator<Value> {
	for (const graph of graphsWithin(model.graph)) {
		const seen = new Set<Value>([...graph.inputs, ...graph.initializers]);
		for (const node of graph.nodes()) for (const output of node.outputs) if (output) seen.add(output);
		yield* seen;
	}
}

import { describe, expect, it } from 'vitest';
import { choice, describeOptions, flag, InvalidOptions, names, number, options, parseOptions } from './options.ts';

const schema = options({
	perChannel: flag({ title: 'One scale per channel', help: 'Each channel has its own scale.', default: true, onnxruntime: 'per_channel' }),
	bits: choice({
		title: 'Bits',
		help: 'Bits of each weight.',
		default: 8,
		choices: [
			{ value: 8, label: '8' },
			{ value: 4, label: '4' },
		],
	}),
	ratio: number({ title: 'Ratio', help: 'Share of zeros.', default: 0.5, min: 0, max: 0.99, unit: '%' }),
	count: number({ title: 'Count', help: 'A whole number.', default: 3, min: 1, max: 9, integer: true, advanced: true }),
	nodes: names({ title: 'Nodes', help: 'Names of nodes.' }),
});

const refusal = (input: unknown): InvalidOptions => {
	try {
		parseOptions(schema, input);
	} catch (error) {
		if (error instanceof InvalidOptions) return error;
	}
	throw new Error('was not refused');
};

describe('parseOptions', () => {
	it('fills in defaults', () => {
		expect(parseOptions(schema, {})).toEqual({ perChannel: true, bits: 8, ratio: 0.5, count: 3, nodes: [] });
		expect(parseOptions(schema, undefined)).toEqual(parseOptions(schema, {}));
	});
	it('names the field that is wrong', () => {
		expect(refusal({ ratio: 2 }).field).toBe('ratio');
		expect(refusal({ bits: 5 }).field).toBe('bits');
		expect(refusal({ count: 1.5 }).field).toBe('count');
		expect(refusal({ nodes: [1] }).field).toBe('nodes.0');
	});
	it('refuses an option that does not exist instead of ignoring it', () => {
		const error = refusal({ perChanel: true });
		expect(error.field).toBe('perChanel');
		expect(error.message).toBe('option perChanel: there is no such option');
	});
	it('does not share default arrays between callers', () => {
		const first = parseOptions(schema, {});
		first.nodes.push('x');
		expect(parseOptions(schema, {}).nodes).toEqual([]);
	});
});

describe('describeOptions', () => {
	it('gives forms what they need, in order', () => {
		expect(describeOptions(schema).map((field) => [field.key, field.kind, field.default])).toEqual([
			['perChannel', 'flag', true],
			['bits', 'choice', 8],
			['ratio', 'number', 0.5],
			['count', 'number', 3],
			['nodes', 'names', []],
		]);
		const [, , ratio, count] = describeOptions(schema);
		expect(ratio).toMatchObject({ unit: '%', min: 0, max: 0.99, integer: false });
		expect(count).toMatchObject({ advanced: true, integer: true });
	});
});

import { describe, expect, it } from 'vitest';
import { parsePlacement, parseProfile, profileByOperator } from './runtime-log.ts';

describe('placement', () => {
	it('reads one provider for all nodes', () => {
		const lines = [
			'2026-01-01 [V:onnxruntime:, session_state.cc:1377 VerifyEachNodeIsAssignedToAnEp] Node placements',
			'2026-01-01 [V:onnxruntime:, session_state.cc:1380 VerifyEachNodeIsAssignedToAnEp]  All nodes placed on [CPUExecutionProvider]. Number of nodes: 6',
		];
		expect(parsePlacement(lines)).toEqual([{ provider: 'cpu', nodes: 6, ops: [] }]);
	});

	it('reads several providers with their operators, most nodes first', () => {
		const prefix = '2026-01-01 [V:onnxruntime:, session_state.cc:1385 VerifyEachNodeIsAssignedToAnEp]';
		const lines = [
			`${prefix}  Node(s) placed on [CPUExecutionProvider]. Number of nodes: 2`,
			`${prefix}   Shape (shape_1)`,
			`${prefix}   ConvInteger (conv (1) of 2)`,
			`${prefix}  Node(s) placed on [WebGpuExecutionProvider]. Number of nodes: 3\n${prefix}   Conv (a)\n${prefix}   Conv (b)`,
			`${prefix}   com.microsoft:FusedConv (c)`,
			'2026-01-01 [V:onnxruntime:, session_state.cc:128 CreateGraphInfo] SaveMLValueNameIndexMapping',
			`${prefix}   Later (not of the list)`,
		];
		expect(parsePlacement(lines)).toEqual([
			{ provider: 'webgpu', nodes: 3, ops: ['Conv', 'com.microsoft:FusedConv'] },
			{ provider: 'cpu', nodes: 2, ops: ['Shape', 'ConvInteger'] },
		]);
	});

	it('gives nothing for other text', () => {
		expect(parsePlacement(['nothing', ''])).toEqual([]);
	});
});

describe('profile', () => {
	const node = (name: string, op: string, ts: number, dur: number): object => ({
		cat: 'Node',
		name: `${name}_kernel_time`,
		ts,
		dur,
		args: { op_name: op, provider: 'CPUExecutionProvider' },
	});
	const end = { cat: 'Session', name: 'model_run', ts: 0, dur: 0, args: {} };
	const text = (records: readonly object[]): string[] => [
		'[',
		...records.map((record, i) => `${JSON.stringify(record)}${i + 1 < records.length ? ',' : ''}`),
		']',
	];

	it('takes what control flow spends in its bodies off its own time', () => {
		const entries = parseProfile(
			text([
				node('inner', 'Conv', 110, 50),
				node('nested body', 'Relu', 170, 5),
				node('nested', 'If', 165, 20),
				node('outer', 'If', 100, 100),
				node('after', 'Add', 200, 7),
				end,
			]),
		);
		expect(entries.map(({ node: name, durationUs }) => [name, durationUs])).toEqual([
			['inner', 50],
			['nested body', 5],
			['nested', 15],
			['outer', 30],
			['after', 7],
		]);
	});

	it('sums by operator over the runs after the cold one', () => {
		const entries = parseProfile(
			text([
				node('a', 'Conv', 0, 900),
				end,
				node('a', 'Conv', 1000, 10),
				node('b', 'Add', 1010, 4),
				end,
				node('a', 'Conv', 2000, 20),
				node('b', 'Add', 2020, 2),
				end,
			]),
		);
		expect(entries.map(({ run }) => run)).toEqual([0, 1, 1, 2, 2]);
		expect(profileByOperator(entries)).toEqual([
			{ op: 'Conv', count: 1, totalUs: 15, provider: 'cpu' },
			{ op: 'Add', count: 1, totalUs: 3, provider: 'cpu' },
		]);
		expect(profileByOperator(entries.filter(({ run }) => run === 0))).toEqual([{ op: 'Conv', count: 1, totalUs: 900, provider: 'cpu' }]);
	});

	it('gives nothing for what is no profile', () => {
		expect(parseProfile([])).toEqual([]);
		expect(parseProfile(['[', '{ "cat": ', ']'])).toEqual([]);
	});
});

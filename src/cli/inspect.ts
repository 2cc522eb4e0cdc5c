import { checkModel } from '../core/onnx/check.ts';
import { summarize } from '../core/onnx/summary.ts';
import { findStructure } from '../core/structure/groups.ts';
import { type PruningPlan, planOf } from '../core/structure/plan.ts';
import type { Command } from './command.ts';
import { UsageError } from './failure.ts';
import { openModel } from './model-file.ts';
import { bytesText, countText, printable, table } from './text.ts';

const mostOperators = 20;
const mostLayers = 15;
const mostProblems = 20;

export const inspect: Command = {
	name: 'inspect',
	usage: 'pare inspect MODEL [--groups]',
	summary: 'Facts of a model: inputs, outputs, operators, where the bytes are, what to know before compressing it.',
	details: 'Reads the structure only, so a model of any size takes a moment. External data is looked for beside the model.',
	options: { groups: { type: 'boolean' } },
	optionHelp: [['--groups', 'what structured pruning can cut, with the ids that its option ratios takes, and what cannot be cut']],
	run: async ({ args, terminal, signal }) => {
		const [path, ...more] = args.positionals;
		if (path === undefined || more.length > 0) throw new UsageError('inspect takes one model.');
		const file = await openModel(path, { signal, onProgress: (fraction) => terminal.progress(fraction, 'Reading the structure') });
		try {
			const facts = await summarize(file.model, { fileName: file.name, byteLength: file.byteLength });
			const problems = checkModel(file.model);
			const opsets = facts.opsets.map(({ domain, version }) => `${domain || 'ai.onnx'} ${version}`).join(', ');
			const lines = [
				`${printable(file.name)}: ${bytesText(facts.byteLength)}, ${countText(facts.parameters)} parameters, ${facts.nodeCount} nodes`,
				`IR ${facts.irVersion}, opset ${printable(opsets)}${facts.producer ? `, made by ${printable(facts.producer)}` : ''}`,
				...(facts.macs === undefined ? [] : [`${countText(facts.macs)} multiply-accumulates in one run, dimensions left open taken as 1`]),
				'',
				...facts.inputs.map((port) => `input   ${printable(port.name)}  ${printable(port.type)}`),
				...facts.outputs.map((port) => `output  ${printable(port.name)}  ${printable(port.type)}`),
				'',
			];
			const operators = table(
				[{ title: 'operator' }, { title: 'count', right: true }, { title: 'weights', right: true }],
				facts.operators
					.slice(0, mostOperators)
					.map(({ op, count, parameterBytes }) => [printable(op), String(count), bytesText(parameterBytes)]),
			);
			const layers = table(
				[{ title: 'largest weights' }, { title: 'type' }, { title: 'bytes', right: true }, { title: 'read by' }],
				facts.layers
					.slice(0, mostLayers)
					.map((layer) => [
						printable(layer.tensor),
						`${layer.dtype}[${layer.dims.join(', ')}]`,
						bytesText(layer.byteLength),
						printable(layer.op ? `${layer.op} ${layer.node}` : '-'),
					]),
			);
			const rest = facts.operators.length - mostOperators;
			const notes = [
				...facts.missingData.map((name) => `Missing: the weights in "${printable(name)}", which is not beside the model.`),
				...facts.warnings.map((warning) => printable(warning)),
				...problems.slice(0, mostProblems).map((problem) => printable(`Breaks a rule of ONNX: ${problem.message} (${problem.where})`)),
				...(problems.length > mostProblems ? [`${problems.length - mostProblems} more broken rules.`] : []),
			];
			const text = [
				`${lines.join('\n')}\n`,
				operators,
				...(rest > 0 ? [`and ${rest} more kinds of operators\n`] : []),
				...(facts.layers.length > 0 ? ['\n', layers] : []),
				...(notes.length > 0 ? ['\n', ...notes.map((note) => `! ${note}\n`)] : []),
			].join('');
			const plan = args.flag('groups') ? planOf(await findStructure(file.model)) : undefined;
			return {
				document: { ...facts, problems, ...(plan && { groups: plan.groups, kept: plan.kept }) },
				text: plan ? `${text}\n${groupText(plan)}` : text,
			};
		} finally {
			await file.close();
		}
	},
};

function groupText({ groups, kept }: PruningPlan): string {
	const listed = table(
		[
			{ title: 'group' },
			{ title: 'what' },
			{ title: 'width', right: true },
			{ title: 'parameters', right: true },
			{ title: 'MACs', right: true },
			{ title: 'bytes', right: true },
			{ title: 'read by' },
		],
		groups.map(({ id, kind, units, width, parameters, macs, bytes, readers }) => [
			printable(id),
			width > 1 ? `${kind} of ${width}` : kind,
			String(units),
			countText(parameters),
			countText(macs),
			bytesText(bytes),
			printable(readers.slice(0, 2).join(', ') + (readers.length > 2 ? ` and ${readers.length - 2} more` : '')),
		]),
	);
	const stays = kept.map(({ layer, reason, node }) => printable(`! the outputs of ${layer} stay: ${reason} (${node})`));
	return `${groups.length === 0 ? 'Nothing of it can be cut.\n' : listed}${stays.map((line) => `${line}\n`).join('')}`;
}

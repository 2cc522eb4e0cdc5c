import { describeOptions, type OptionField } from '../core/pass/options.ts';
import { presets as presetList } from '../passes/presets.ts';
import { passes as registry } from '../passes/registry.ts';
import type { Command } from './command.ts';
import { UsageError } from './failure.ts';
import { expected } from './recipe-argument.ts';

function refuseArguments(name: string, positionals: readonly string[]): void {
	if (positionals.length > 0) throw new UsageError(`${name} takes no arguments.`);
}

export const passes: Command = {
	name: 'passes',
	usage: 'pare passes',
	summary: 'The passes that a recipe may hold, with their options.',
	options: {},
	optionHelp: [],
	run: async ({ args }) => {
		refuseArguments('passes', args.positionals);
		const list = [...registry.values()].map(({ id, version, title, summary, family, needs, options }) => ({
			id,
			version,
			title,
			summary,
			family,
			needs,
			options: describeOptions(options),
		}));
		const text = list
			.map((pass) => [`${pass.id}  ${pass.title}`, `  ${pass.summary}`, ...pass.options.map(optionLine)].join('\n'))
			.join('\n\n');
		return { document: { passes: list }, text: `${text}\n` };
	},
};

function optionLine(field: OptionField): string {
	const fallback = field.kind === 'names' ? field.default.join(',') || 'none' : field.kind === 'shares' ? 'none' : String(field.default);
	return `  ${field.key}: ${expected(field)}; default ${fallback}\n    ${field.help}`;
}

export const presets: Command = {
	name: 'presets',
	usage: 'pare presets',
	summary: 'Recipes with stable names.',
	options: {},
	optionHelp: [],
	run: async ({ args }) => {
		refuseArguments('presets', args.positionals);
		const width = Math.max(...presetList.map(({ id }) => id.length));
		const text = presetList
			.map(({ id, title, summary, recipe }) => {
				const steps = recipe.steps.map((step) => `${step.pass} ${JSON.stringify(step.options)}`).join(', then ');
				const indent = ' '.repeat(width + 2);
				return `${id.padEnd(width)}  ${title}. ${summary}\n${indent}${steps}`;
			})
			.join('\n');
		return { document: { presets: presetList }, text: `${text}\n` };
	},
};

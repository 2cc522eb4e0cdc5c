import { readFile } from 'node:fs/promises';
import { describeOptions, type OptionField, parseOptions } from '../core/pass/options.ts';
import type { AnyPass } from '../core/pass/pass.ts';
import { UnknownPass } from '../core/pass/pipeline.ts';
import { InvalidRecipe, parseRecipe, type Recipe } from '../core/pass/recipe.ts';
import { presets } from '../passes/presets.ts';
import { passes } from '../passes/registry.ts';
import { UsageError } from './failure.ts';
import { unreadable } from './model-file.ts';

const largestRecipeBytes = 10_000_000;

/** A recipe by preset id or out of a JSON file; a study's or certificate's recipe is taken out of its field `recipe`. */
export async function recipeFrom(argument: string): Promise<Recipe> {
	const preset = presets.find(({ id }) => id === argument);
	if (preset) return preset.recipe;
	let text: string;
	try {
		text = await readFile(argument, 'utf8');
	} catch (error) {
		const missing = (error as { code?: unknown }).code === 'ENOENT';
		if (!missing) throw unreadable(argument, error);
		throw new UsageError(
			`There is no preset and no file called "${argument}".`,
			`Presets: ${presets.map(({ id }) => id).join(', ')}. A recipe file is JSON: see "pare help compress".`,
		);
	}
	if (text.length > largestRecipeBytes) throw new InvalidRecipe(`${argument} is too large to be a recipe.`);
	let parsed: unknown;
	try {
		parsed = JSON.parse(text);
	} catch {
		throw new InvalidRecipe(`${argument} is not JSON.`);
	}
	const inner = typeof parsed === 'object' && parsed !== null && !('steps' in parsed) && 'recipe' in parsed ? parsed.recipe : parsed;
	const recipe = parseRecipe(inner);
	// Wrong options in the file are told before any work is done.
	for (const step of recipe.steps) {
		const pass = passes.get(step.pass);
		if (!pass) throw new UnknownPass(step.pass);
		if (!step.off) parseOptions(pass.options, step.options);
	}
	return recipe;
}

/** Applies `pass.option=value` settings to every step of that pass. Throws UsageError. */
export function withSettings(recipe: Recipe, settings: readonly string[]): Recipe {
	let steps = recipe.steps;
	for (const setting of settings) {
		const match = /^([^.=\s]+)\.([^.=\s]+)=(.*)$/s.exec(setting);
		if (!match) throw new UsageError(`--set takes pass.option=value, not "${setting}".`);
		const [, id = '', key = '', value = ''] = match;
		const pass = passes.get(id);
		if (!pass || !steps.some((step) => step.pass === id)) {
			const there = [...new Set(steps.map((step) => step.pass))].join(', ') || 'none';
			throw new UsageError(`--set ${setting}: the recipe has no step "${id}".`, `Its passes: ${there}.`);
		}
		const parsed = settingValue(pass, key, value, setting);
		steps = steps.map((step) => (step.pass === id ? { ...step, options: { ...step.options, [key]: parsed } } : step));
		for (const step of steps) if (step.pass === id) parseOptions(pass.options, step.options);
	}
	return steps === recipe.steps ? recipe : { ...recipe, steps };
}

/** Sets the accuracy that may be lost, in points, on every step that has such a limit. Throws UsageError. */
export function withLimitDrop(recipe: Recipe, text: string): Recipe {
	const points = Number(text);
	if (text.trim() === '' || !Number.isFinite(points) || points < 0) {
		throw new UsageError(`--limit-drop takes a number of points, not "${text}".`, 'For example --limit-drop 0.5.');
	}
	return withOption(recipe, 'limitDrop', points, `--limit-drop ${text}`);
}

const budgetKeys = { macs: 'macsChange', bytes: 'bytesChange', ms: 'msChange' } as const;

/** Sets how much is to be cut (`macs=-25%`), or what must stay of the answers (`floor=0.95`), on every step that prunes to a budget. Throws UsageError. */
export function withBudget(recipe: Recipe, text: string): Recipe {
	const floor = /^floor=(\d+(?:\.\d+)?)(%?)$/.exec(text.trim());
	if (floor) {
		const share = Number(floor[1]) / (floor[2] ? 100 : 1);
		if (!(share > 0 && share <= 1))
			throw new UsageError(`--budget floor takes a share of 1, not "${floor[1]}${floor[2]}".`, 'For example --budget floor=0.95.');
		return withOption(recipe, 'floor', share, `--budget ${text}`);
	}
	const match = /^(macs|bytes|ms)=(-?\d+(?:\.\d+)?)(%?)$/.exec(text.trim());
	const change = match ? Number(match[2]) / (match[3] ? 100 : 1) : Number.NaN;
	if (!match || !(change < 0 && change > -1)) {
		throw new UsageError(
			`--budget takes a metric and a change, not "${text}".`,
			'For example --budget macs=-25%, bytes=-50%, ms=-25% or floor=0.95.',
		);
	}
	return withOption(recipe, budgetKeys[match[1] as keyof typeof budgetKeys], change, `--budget ${text}`);
}

/** Sets one option on every step whose pass has it. */
function withOption(recipe: Recipe, key: string, value: unknown, flag: string): Recipe {
	let found = false;
	const steps = recipe.steps.map((step) => {
		const pass = passes.get(step.pass);
		if (step.off || !pass || !describeOptions(pass.options).some((field) => field.key === key)) return step;
		found = true;
		const options = { ...step.options, [key]: value };
		parseOptions(pass.options, options);
		return { ...step, options };
	});
	if (!found)
		throw new UsageError(`${flag}: no step of this recipe has such an option.`, 'Run "pare passes" for the options of each pass.');
	return { ...recipe, steps };
}

function settingValue(pass: AnyPass, key: string, value: string, setting: string): unknown {
	const fields = describeOptions(pass.options);
	const field = fields.find((entry) => entry.key === key);
	if (!field) {
		throw new UsageError(
			`--set ${setting}: ${pass.id} has no option "${key}".`,
			`Its options: ${fields.map((entry) => entry.key).join(', ')}.`,
		);
	}
	const parsed = readSetting(field, value);
	if (parsed === undefined) throw new UsageError(`--set ${setting}: ${key} takes ${expected(field)}.`);
	return parsed;
}

function readSetting(field: OptionField, value: string): unknown {
	switch (field.kind) {
		case 'flag':
			return value === 'true' ? true : value === 'false' ? false : undefined;
		case 'choice':
			return field.choices.find((entry) => String(entry.value) === value)?.value;
		case 'number': {
			const number = value.trim() === '' ? Number.NaN : Number(value);
			const fits = number >= field.min && number <= field.max && (!field.integer || Number.isInteger(number));
			return fits ? number : undefined;
		}
		case 'names':
			return value === '' ? [] : value.split(',');
		case 'shares':
			return readShares(value, field.max);
	}
}

/** What an option takes, for help and errors. */
export function expected(field: OptionField): string {
	switch (field.kind) {
		case 'flag':
			return 'true or false';
		case 'choice':
			return `one of ${field.choices.map(({ value }) => value).join(', ')}`;
		case 'number':
			return `a ${field.integer ? 'whole ' : ''}number from ${field.min} to ${field.max}`;
		case 'names':
			return 'names with commas between them';
		case 'shares':
			return `name=share with commas between them, shares from 0 to ${field.max}`;
	}
}

/** `a=0.5,b=0.25`; names may hold = themselves. undefined where a share is none. */
function readShares(value: string, max: number): Record<string, number> | undefined {
	const found: Record<string, number> = {};
	for (const entry of value === '' ? [] : value.split(',')) {
		const at = entry.lastIndexOf('=');
		const share = Number(entry.slice(at + 1));
		if (at < 1 || at === entry.length - 1 || !(share >= 0 && share <= max)) return undefined;
		found[entry.slice(0, at)] = share;
	}
	return found;
}

import type { RecipeStep } from '../core/pass/recipe.ts';
import { UsageError } from './failure.ts';

/** Passes that do what a person named: where one of them cannot, nothing is written. */
export const surgeryPasses: ReadonlySet<string> = new Set(['extract', 'fold-preprocessing', 'retype-io', 'rename-io']);

/** `A,B` and `A` `B` alike. */
export function listed(texts: readonly string[]): string[] {
	return texts.flatMap((text) => text.split(',')).filter((name) => name !== '');
}

const words: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
	uint8: { dtype: 'uint8' },
	float32: { dtype: 'float32' },
	nhwc: { layout: 'nhwc' },
	nchw: { layout: 'nchw' },
	bgr: { channels: 'reversed' },
};

/** `uint8,nhwc,scale=1/255,mean=0.485:0.456:0.406,std=…,input=NAME` as a step. Throws UsageError that names the part. */
export function preprocessingStep(text: string): RecipeStep {
	const options: Record<string, unknown> = {};
	for (const part of text.split(',')) {
		const at = part.indexOf('=');
		const [key, value] = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
		if (at < 0 && words[key]) Object.assign(options, words[key]);
		else if (key === 'scale' && at > 0) options[key] = numberOf(value, part);
		else if ((key === 'mean' || key === 'std') && at > 0) options[key] = value.split(':').map((each) => String(numberOf(each, part)));
		else if (key === 'model' && (value === 'nchw' || value === 'nhwc')) options.modelLayout = value;
		else if (key === 'input' && value !== '') options.input = [value];
		else
			throw new UsageError(
				`--preprocess does not know "${part}".`,
				`It takes ${Object.keys(words).join(', ')}, scale=NUMBER, mean=A:B:C, std=A:B:C, input=NAME, model=nchw or model=nhwc, with commas between.`,
			);
	}
	return { pass: 'fold-preprocessing', options };
}

/** `0.5`, or a quotient such as `1/255`. */
function numberOf(text: string, part: string): number {
	const [top, bottom, ...more] = text.split('/').map((each) => (each.trim() === '' ? Number.NaN : Number(each)));
	const value = (top ?? Number.NaN) / (bottom ?? 1);
	if (more.length > 0 || !Number.isFinite(value)) throw new UsageError(`--preprocess: "${part}" holds no number.`);
	return value;
}

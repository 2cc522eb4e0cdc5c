import { zipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { npy, npz } from '../src/data/npy.testkit.ts';
import { normal } from '../src/engine/models.testkit.ts';
import { axeInBothThemes } from './axe.ts';
import { painted, tokenizer, tone } from './data-files.ts';
import { chain } from './hostile.ts';
import { seriesModel, upscaler } from './pages/picture-model.ts';
import { Studio } from './pages/studio.ts';
import { check, look, spec, until } from './runner.ts';

const minute = 60_000;
const view = (page: Page) => page.getByRole('region', { name: 'Examples', exact: true });

/** Two discs before a slope of colour. */
const discs = (i: number): Uint8Array =>
	painted(48, (x, y) => {
		if (Math.hypot(x - 14 - i, y - 16) < 9) return [230, 60, 40];
		if (Math.hypot(x - 32, y - 30 + i) < 11) return [250, 220, 90];
		return [40 + 3 * x, 90 + 2 * y, 200 - 2 * x];
	});

async function openPictures(page: Page, studio: Studio): Promise<void> {
	await studio.openWith([
		{ name: 'upscale.onnx', bytes: await upscaler(48) },
		{ name: 'pictures.zip', bytes: zipSync(Object.fromEntries([0, 1, 2, 3, 4, 5].map((i) => [`${i}.png`, discs(i)]))) },
	]);
	await page.getByRole('region', { name: 'Make variants' }).waitFor({ timeout: minute, state: 'attached' });
	const tabs = page.getByRole('group', { name: 'Part of the study' });
	const narrow = await tabs.isVisible();
	if (narrow) await tabs.getByText('model', { exact: true }).click();
	await page.getByText('6 unlabelled').first().waitFor({ timeout: minute });
	if (narrow) await tabs.getByText('recipe', { exact: true }).click();
	const make = page.getByRole('region', { name: 'Make variants' });
	await make.getByRole('checkbox', { name: 'Half the weights zero', exact: true }).check();
	await make.getByRole('button', { name: 'Run preset' }).click();
	if (narrow) await tabs.getByText('variants', { exact: true }).click();
	await studio.untilDone(2, 2 * minute);
	await page.locator('body').press('s');
	await view(page).getByText('6 examples').waitFor({ timeout: minute });
	const variants = view(page).getByRole('combobox', { name: 'Variant' });
	await variants.selectOption({
		label: (await variants.getByRole('option').allInnerTexts()).find((text) => /zero|prune/i.test(text)) ?? '',
	});
	await view(page).getByText('6 examples').waitFor({ timeout: minute });
	await view(page).getByRole('listitem').first().getByRole('button').first().waitFor();
}

/** Colours of a canvas in the middle of its left and of its right half. */
function canvasFacts(page: Page, name: RegExp): Promise<{ width: number; height: number; distinct: number }> {
	return page
		.getByRole('dialog')
		.getByRole('img', { name })
		.first()
		.evaluate((element) => {
			const canvas = element as HTMLCanvasElement;
			const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(0, 0, canvas.width, canvas.height);
			const seen = new Set<number>();
			for (let i = 0; i < data.length; i += 4) {
				seen.add(((data[i] as number) << 16) | ((data[i + 1] as number) << 8) | (data[i + 2] as number));
			}
			return { width: canvas.width, height: canvas.height, distinct: seen.size };
		});
}

spec(
	'examples: pictures that a model puts out, compared by a slider and a difference map, by keyboard',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await openPictures(page, studio);
		await view(page).getByRole('listitem').first().getByRole('button').first().focus();
		await page.keyboard.press('Enter');
		const dialog = page.getByRole('dialog');
		const slider = dialog.getByRole('slider', { name: 'Share of the original shown' });
		await slider.waitFor({ timeout: minute });
		for (const name of [/of the original$/, /of .*(zero|prune)/i]) {
			const facts = await canvasFacts(page, name);
			check(facts.width === 96 && facts.height === 96 && facts.distinct > 20, `${name} shows ${JSON.stringify(facts)}`);
		}
		await dialog.getByText(/Values 0\.?\d* to .* in the original, .* in the variant; black is 0, white 1/).waitFor();
		await slider.focus();
		const value = () => slider.getAttribute('aria-valuenow');
		check((await value()) === '50', 'the handle starts in the middle');
		await page.keyboard.press('ArrowRight');
		check((await value()) === '52', 'an arrow moves the handle');
		await page.keyboard.press('Shift+ArrowLeft');
		check((await value()) === '42', 'shift moves it further');
		await page.keyboard.press('Home');
		check((await value()) === '0' && (await slider.getAttribute('aria-valuetext')) === '0 % original, 100 % variant', 'Home: the variant');
		await page.keyboard.press('2');
		check((await value()) === '50', '2: the middle');
		await look(page, 'samples-slider');
		await axeInBothThemes(page, 'compare slider');
		const box = await slider.locator('xpath=..').boundingBox();
		check(box, 'the pictures have a place');
		await page.mouse.move(box.x + 0.5 * box.width, box.y + 0.5 * box.height);
		await page.mouse.down();
		await page.mouse.move(box.x + 0.25 * box.width, box.y + 0.5 * box.height, { steps: 4 });
		await page.mouse.up();
		check(Math.abs(Number(await value()) - 25) <= 1, `dragged to ${await value()}`);
		await dialog.getByRole('checkbox', { name: 'side by side' }).focus();
		await page.keyboard.press('Space');
		check((await dialog.getByRole('img', { name: /^Output picture of/ }).count()) === 2, 'two pictures side by side');
		await dialog.getByRole('checkbox', { name: 'difference' }).focus();
		await page.keyboard.press('Space');
		await dialog.getByRole('img', { name: 'Difference of output picture' }).waitFor();
		check((await canvasFacts(page, /^Difference/)).distinct > 5, 'the difference of a pruned variant is not empty');
		await dialog.getByText(/Difference: \d.* on average, .* at most/).waitFor();
		await look(page, 'samples-difference');
		await page.keyboard.press('Escape');
	},
	{ timeoutMs: 6 * minute },
);

spec(
	'examples: the compare slider at 390 px',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await openPictures(page, studio);
		await view(page).getByRole('listitem').first().getByRole('button').first().click();
		await page.getByRole('dialog').getByRole('slider').waitFor({ timeout: minute });
		await page.getByRole('dialog').getByRole('checkbox', { name: 'difference' }).scrollIntoViewIfNeeded();
		await look(page, 'samples-slider-390');
		await studio.noSidewaysScroll();
	},
	{ timeoutMs: 6 * minute, viewport: { width: 390, height: 844 } },
);

const inputs: readonly {
	readonly what: string;
	readonly examples: RegExp;
	readonly files: () => Promise<readonly { readonly name: string; readonly bytes: Uint8Array }[]>;
	readonly see: (page: Page) => Promise<void>;
}[] = [
	{
		what: 'sound',
		examples: /31 examples/,
		files: async () => [
			{ name: 'sound.onnx', bytes: chain({ whole: false, dims: [1, 512] }, ['Abs', 'Softmax'], [1, 512]) },
			{ name: 'tone.wav', bytes: tone() },
		],
		see: async (page) => {
			const dialog = page.getByRole('dialog');
			await dialog.getByRole('img', { name: /tone\.wav/ }).waitFor({ timeout: minute });
			await dialog.getByText(/The model is fed the marked 32 ms/).waitFor();
			await dialog.getByRole('button', { name: 'Play' }).focus();
			await page.keyboard.press('Enter');
			await dialog.getByRole('button', { name: 'Stop' }).waitFor({ timeout: 5000 });
			await dialog.getByRole('button', { name: 'Play' }).waitFor({ timeout: 20_000 });
			check((await dialog.getByRole('alert').count()) === 0, 'the browser plays it');
		},
	},
	{
		what: 'text',
		examples: /4 examples/,
		files: async () => [
			{ name: 'text.onnx', bytes: chain({ whole: true, dims: [1, 8] }, ['Softmax'], [1, 8]) },
			{ name: 'lines.txt', bytes: new TextEncoder().encode('a b c\nd e\nf f f f\nb\n') },
			{ name: 'tokenizer.json', bytes: tokenizer() },
		],
		see: async (page) => {
			const tokens = page.getByRole('dialog').getByRole('list', { name: 'Tokens' });
			await tokens.waitFor({ timeout: minute });
			check((await tokens.getByRole('listitem').count()) >= 1, 'tokens are listed');
		},
	},
	{
		what: 'series',
		examples: /5 examples/,
		files: async () => [
			{ name: 'series.onnx', bytes: await seriesModel(200) },
			{ name: 'series.npz', bytes: npz({ series: npy('<f4', [5, 2, 200], normal(2000)) }) },
		],
		see: async (page) => {
			const drawn = page.getByRole('dialog').getByRole('img', { name: 'Input series' });
			await drawn.waitFor({ timeout: minute });
			check((await drawn.locator('polyline').count()) === 2, 'a line for each row');
			await page
				.getByRole('dialog')
				.getByText(/2 of 2 rows, 200 values each/)
				.waitFor();
		},
	},
];

for (const { what, examples, files, see } of inputs) {
	spec(
		`examples: inputs that are ${what} are shown`,
		async ({ page, address }) => {
			const studio = new Studio(page, address);
			await studio.openWith(await files());
			await studio.table().waitFor({ timeout: minute });
			await page.getByRole('button', { name: 'Look at examples…' }).waitFor({ timeout: minute });
			await page.locator('body').press('s');
			await view(page)
				.getByText(examples)
				.waitFor({ timeout: 2 * minute });
			const cards = view(page).getByRole('listitem');
			await until('drawings on the cards', async () => (await cards.locator('svg, .drawn-text').count()) > 0, minute);
			await look(page, `samples-${what}`);
			await cards.first().getByRole('button').first().click();
			await see(page);
			await look(page, `samples-${what}-detail`);
			await axeInBothThemes(page, `examples of ${what}`);
			await page.keyboard.press('Escape');
		},
		{ timeoutMs: 4 * minute },
	);
}

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../core/numeric/random.ts';
import { canonicalRecipe } from '../core/pass/recipe.ts';
import { generatedStudy } from '../core/study/link.testkit.ts';
import { decodeComparison, encodeComparison, LinkError } from '../core/study/link.ts';
import { comparisonHash, comparisonLink, readComparison } from './links.ts';

const study = generatedStudy({ variants: 40, seed: 7 });
const shown = (value: number, digits = 3): string => value.toPrecision(digits);

async function packed(json: string): Promise<string> {
	const stream = new Blob([json]).stream().pipeThrough(new CompressionStream('deflate-raw'));
	return `#c=1.${Buffer.from(await new Response(stream).arrayBuffer()).toString('base64url')}.AwA`;
}

async function problem(hash: string): Promise<LinkError> {
	const error = await readComparison(hash).then(
		() => undefined,
		(caught: unknown) => caught,
	);
	expect(error).toBeInstanceOf(LinkError);
	return error as LinkError;
}

describe('a link of a comparison', () => {
	it('is at most 4,000 characters for 40 variants on 2 targets', async () => {
		const lengths = await Promise.all(
			[1, 2, 3, 4, 5, 6, 7].map(async (seed) => (await comparisonHash(generatedStudy({ variants: 40, seed }))).length),
		);
		console.log(`links of 40-variant studies: ${lengths.join(', ')} characters`);
		expect(Math.max(...lengths)).toBeLessThanOrEqual(4000);
	});

	it('gives back the same figures, as shown', async () => {
		const read = await readComparison(await comparisonHash(study));
		expect(read.model).toEqual(study.model);
		expect(read.environment).toEqual(study.environment);
		expect(read.dataset).toEqual(study.dataset);
		expect(read.variants.map((variant) => variant.name)).toEqual(study.variants.map((variant) => variant.name));
		expect(read.variants.map((variant) => variant.family)).toEqual(study.variants.map((variant) => variant.family));
		expect(read.variants.map((variant) => canonicalRecipe(variant.recipe))).toEqual(
			study.variants.map((variant) => canonicalRecipe(variant.recipe)),
		);
		expect(read.variants.map((variant) => variant.sizes?.bytes)).toEqual(study.variants.map((variant) => variant.sizes?.bytes));
		expect(read.variants.map((variant) => variant.report.map((report) => report.headline))).toEqual(
			study.variants.map((variant) => variant.report.map((report) => report.headline)),
		);
		expect(read.runs.length).toBe(study.runs.length);
		for (const [index, run] of study.runs.entries()) {
			const back = read.runs[index];
			expect(back?.target).toEqual(run.target);
			expect(back?.sampleCount).toBe(30);
			expect(shown(back?.medianMs ?? 0)).toBe(shown(run.medianMs));
			expect(shown(back?.p95Ms ?? 0)).toBe(shown(run.p95Ms));
			expect(shown(back?.loadMs ?? 0)).toBe(shown(run.loadMs));
			expect(shown(back?.firstMs ?? 0)).toBe(shown(run.firstMs));
			expect(back?.ratio?.value.toFixed(2)).toBe(run.ratio?.value.toFixed(2));
			expect(back?.agreement?.ok).toBe(run.agreement?.ok);
		}
		for (const [index, evaluation] of study.evaluations.entries()) {
			const back = read.evaluations[index];
			const output = evaluation.outputs[0];
			const backOutput = back?.outputs[0];
			expect(Math.abs((backOutput?.cosine ?? 0) - (output?.cosine ?? 1))).toBeLessThanOrEqual(0.0006 * (1 - (output?.cosine ?? 1)) * 10);
			expect(backOutput?.sqnrDb?.toFixed(1)).toBe(output?.sqnrDb?.toFixed(1));
			expect(backOutput?.agreement?.value).toBe(output?.agreement?.value);
			const metric = evaluation.metrics[0];
			const backMetric = back?.metrics[0];
			expect(backMetric?.value).toBe(metric?.value);
			expect(backMetric?.n).toBe(400);
			for (const side of [0, 1] as const) {
				expect(backMetric?.interval[side]).toBeCloseTo(Math.round((metric?.interval[side] ?? 0) * 1000) / 1000, 9);
				const bound = metric?.difference?.interval[side];
				if (bound !== undefined) expect(backMetric?.difference?.interval[side]).toBeCloseTo(Math.round(bound * 1000) / 1000, 9);
			}
		}
	});

	it('says the same after being copied on', async () => {
		const once = await readComparison(await comparisonHash(study));
		expect(await readComparison(await comparisonHash(once))).toEqual(once);
	});

	it('has no weights, examples, files, layers or raw samples in it', () => {
		const { json } = encodeComparison(study);
		for (const secret of [
			'terrier',
			study.variants[3]?.file ?? '-',
			study.variants[3]?.id ?? '-',
			'not constant',
			String(study.runs[0]?.samplesMs[0]),
		]) {
			expect(json).not.toContain(secret);
		}
	});

	it('never makes an overflow look good', () => {
		const [evaluation] = study.evaluations;
		const [output] = evaluation?.outputs ?? [];
		if (!evaluation || !output) throw new Error('the generated study has no evaluation');
		const broken = { ...output, cosine: Number.NaN, worstCosine: Number.NaN, sqnrDb: Number.NaN, maxAbs: Number.POSITIVE_INFINITY };
		const back = decodeComparison(encodeComparison({ ...study, evaluations: [{ ...evaluation, outputs: [broken] }] }));
		expect(back.evaluations[0]?.outputs[0]).toMatchObject({ cosine: 0, worstCosine: 0, sqnrDb: -9999, maxAbs: Number.POSITIVE_INFINITY });
	});

	it('keeps the figures of an original that is not in the list of variants', () => {
		const back = decodeComparison(encodeComparison({ ...study, variants: study.variants.slice(1) }));
		expect(back.variants.length).toBe(39);
		expect(back.runs.filter((run) => run.variant === 'original').length).toBe(2);
		expect(back.evaluations.filter((evaluation) => evaluation.variant === 'original').length).toBe(1);
	});

	it('keeps what failed and why, and caveats', () => {
		const first = study.runs[0];
		if (!first) throw new Error('the generated study has no run');
		const failed = {
			...first,
			failure: { code: 'unsupported', message: 'WebGPU has no kernel for # MatMulInteger (node 12).' },
			caveats: ['The tab was hidden.', 'Not isolated: 1 thread.'],
		};
		const back = decodeComparison(encodeComparison({ ...study, runs: [failed] }));
		expect(back.runs[0]?.failure).toEqual(failed.failure);
		expect(back.runs[0]?.caveats).toEqual(failed.caveats);
	});

	it('keeps sentences with decimals, hashes and names with numbers as they are', () => {
		const [, variant] = study.variants;
		if (!variant) throw new Error('the generated study has one variant');
		for (const name of ['int4 0.977 #1 block 32, 007', '12345678901234', '\\u0023 5', '']) {
			const back = decodeComparison(encodeComparison({ ...study, variants: [{ ...variant, name }], runs: [], evaluations: [] }));
			expect(back.variants[0]?.name).toBe(name);
		}
	});

	it('is an address of this page with nothing but the hash', async () => {
		const link = await comparisonLink(study, 'https://example.org/pare/?shared#old');
		expect(link.startsWith('https://example.org/pare/#c=1.')).toBe(true);
	});
});

describe('links of released versions', () => {
	/** Made by 0.1.0 from generatedStudy({ variants: 3, seed: 1 }). Never to be changed: such links are in people's mail. */
	const version1 =
		'#c=1.nVPBbpwwEP0Va1a9Dcg2xsDeqlSNIjU9VFFVFSFkYFjQgtmC2WRT9d8rs0qUQ6VK4WYz896bec-_4Qx7gTDCPoext_0wBoMOzjKcrH0ChCSrqKJKa610EretkJWMjEqzNlOVTtqkSmrBRV1Foo10q0WUCWM4zxoZ1TIhwIxHaaK5LhBa2OcJ5jkAClEUCKeLm-a6YyIUHFDKRERSaMy41CLmCkWS8u1DFWvf2NvT6sq-WQDtOgwIvXVaAeZQGVd35dI_EyAs9GslW1M5kD24DooCczDOkXX9ZMvRLMd3ALjpSLZ0lxO9R0Hh9Q9mcWXXNw3ZcnHG0QtKO0zGRfK_OBilqvBg0HjLsoxapbLEqEg0JNq4jrnKKIszSVWckeZJliVtHEW1VEKKWpiIUtnoWlVaiWZjsM4zLKE9PQOCmWdzWQAV5-jmlVBwBGeOZJlZmOvowsxMUCCQV3DTzdNITMQaEL70dn1iT6ku_UrSaz_4KM2rdf1IwSNVTIQRDzkgfP1-9-nuI7ulz9NcE_v28IMpnvg_PBQh9xzL22DugvMOto3vWHOxZuzrl-Mj9YfOLciqYaqPzJfddMYeqGE7NrXsTcWOffA3riO2uGmmhlUXR0sI-A97fEhhvyXPpcEraQ5XuC0NgHCiuaw7Yy0NgDBTs9ZUzp4fEKbTVrZcU3RtDCY7XDa3e7cAwib71fTLOJKbt-lorKhpensot8rN-skvZfWK4LriHO6Nu1899y2Nox9-smcoUKHwD89tIzyaZQSUVxHV4bQCiu2w3W8P0sAeJJc6ECKQ0QOXe6X2UodCRj_hz18.ASUB2v4AA4AClg0CY2EhChwBAAc5BZl5KbpZ6s5Hj9fyaIAAAIxPEZYed2oACGkSjBBxQoAhqmI30NAAAAkFgACoCAA5wKDmgsEgFAAAAAAAAAkFEFQnDKg-2hlwhwQ6mH1AACOtIbQr4s9ghsAA0AASoAAqgIr0QjCZL8AQw-tgIUHhXyIAAfFQpQSIdwJgBfQiOsKAAQEQzCV5HuiepO2AgcBFx3QiPBlQAW7hcBP7DQSPFIr4aB54B2IBAQSDNMR4PwF9BQAA4AAtCSAAAA4AAtDRJZCJR4iBZKAEP4hCE55Whm8H4CohbERFqABEIgldMgYCDwBcKuHg3pLIQiwwTwiwq4AAOAALQEMsEcsiSyEKwExoVENEQxHhTexFBLJiMFm9hhYAYA';

	it('format 1 opens with its figures', async () => {
		const [read, made] = [await readComparison(version1), generatedStudy({ variants: 3, seed: 1 })];
		expect(read.model).toEqual(made.model);
		expect(read.variants.map((variant) => [variant.name, variant.sizes?.bytes])).toEqual(
			made.variants.map((variant) => [variant.name, variant.sizes?.bytes]),
		);
		expect(read.runs.map((run) => shown(run.medianMs))).toEqual(made.runs.map((run) => shown(run.medianMs)));
	});
});

describe('a link from a stranger', () => {
	it('of another kind, newer, cut short or too long is told apart', async () => {
		expect((await problem('#hello')).code).toBe('not-a-link');
		expect((await problem('#c=9.abc')).code).toBe('newer');
		expect((await problem(await packed('{"v":3}'))).code).toBe('newer');
		expect((await problem((await comparisonHash(study)).slice(0, 900))).code).toBe('corrupt');
		expect((await problem(`#c=1.${'A'.repeat(33_000)}`)).code).toBe('too-large');
		expect((await problem(await packed(`"${' '.repeat(2_000_000)}"`))).code).toBe('too-large');
	});

	it('cannot nest deeply or reach a prototype', async () => {
		expect((await problem(await packed('['.repeat(33) + ']'.repeat(33)))).message).toContain('nested');
		for (const key of ['__proto__', 'constructor', 'prototype']) {
			expect((await problem(await packed(`{"v":1,"x":{"${key}":{"polluted":1}}}`))).message).toContain('key');
		}
		expect(({} as { polluted?: number }).polluted).toBeUndefined();
	});

	it('raises nothing but LinkError over 10,000 mutations', async () => {
		const random = seededRandom(20261123);
		const small = generatedStudy({ variants: 6, seed: 3 });
		const hash = await comparisonHash(small);
		const { json, figures } = encodeComparison(small);
		const alphabet = 'ABCxyz019-_.#=%[]{}":,nul\\ ';
		const mutate = (text: string): string => {
			let result = text;
			for (let count = 1 + random.below(4); count > 0; count--) {
				const at = random.below(result.length + 1);
				const insert = alphabet[random.below(alphabet.length)] ?? '';
				const kind = random.below(4);
				if (kind === 0) result = result.slice(0, at) + insert + result.slice(at + 1);
				else if (kind === 1) result = result.slice(0, at) + insert + result.slice(at);
				else if (kind === 2) result = result.slice(0, at) + result.slice(at + 1 + random.below(8));
				else result = result.slice(0, at) + result.slice(random.below(result.length + 1));
			}
			return result;
		};
		/** Changes one number, text or list of the valid JSON: reaches behind the syntax. */
		const mutateData = (): string => {
			const data = JSON.parse(json) as Record<string, unknown>;
			let node: Record<string, unknown> = data;
			for (;;) {
				const keys = Object.keys(node);
				const key = keys[random.below(keys.length)];
				if (key === undefined) break;
				const value = node[key];
				if (typeof value === 'object' && value !== null && random.next() < 0.85) {
					node = value as Record<string, unknown>;
					continue;
				}
				node[key] = [null, -1, 1e300, 2 ** 40, 'x', '', [], {}, true, 0.5, [[]], { a: 1 }][random.below(12)];
				break;
			}
			return JSON.stringify(data);
		};
		let ok = 0;
		for (let index = 0; index < 10_000; index++) {
			try {
				if (index % 3 === 0) await readComparison(mutate(hash));
				else if (index % 3 === 1) decodeComparison({ json: random.next() < 0.5 ? mutate(json) : mutateData(), figures });
				else {
					const changed = figures.slice(0, random.next() < 0.2 ? random.below(figures.length) : figures.length);
					for (let count = 1 + random.below(4); count > 0; count--) changed[random.below(changed.length)] = random.below(256);
					decodeComparison({ json, figures: changed });
				}
				ok++;
			} catch (error) {
				if (!(error instanceof LinkError)) throw new Error(`mutation ${index} raised ${String(error)}`, { cause: error });
			}
		}
		console.log(`10,000 mutated links: ${ok} still read, ${10_000 - ok} refused with a LinkError`);
	});
});

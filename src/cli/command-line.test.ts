import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemorySink } from '../core/bytes/source.ts';
import { Model } from '../core/ir/model.ts';
import { memoryTensor } from '../core/ir/tensor.ts';
import { tensorType } from '../core/ir/type.ts';
import { seededRandom } from '../core/numeric/random.ts';
import { serialize, writeModel } from '../core/onnx/write.ts';
import { pare, pareHere } from './pare.testkit.ts';

let folder = '';
const at = (name: string): string => join(folder, name);

/** Two dense layers with enough weights for every pass. */
function denseModel(): Model {
	const model = new Model(undefined, 'dense');
	model.irVersion = 8;
	model.setOpset('', 17);
	const { graph } = model;
	const random = seededRandom(7);
	const weights = (name: string, rows: number, columns: number) => {
		const values = Float32Array.from({ length: rows * columns }, () => random.normal() / Math.sqrt(rows));
		return graph.addInitializer(name, memoryTensor('float32', [rows, columns], values));
	};
	const x = graph.addInput('x', tensorType('float32', ['batch', 64]));
	const hidden = graph.append(graph.createNode({ op: 'MatMul', name: 'first', inputs: [x, weights('w1', 64, 128)], outputs: ['h'] }));
	const active = graph.append(graph.createNode({ op: 'Relu', name: 'relu', inputs: [hidden.output()], outputs: ['a'] }));
	const last = graph.append(
		graph.createNode({ op: 'MatMul', name: 'second', inputs: [active.output(), weights('w2', 128, 10)], outputs: ['y'] }),
	);
	last.output().type = tensorType('float32', ['batch', 10]);
	graph.setOutputs([last.output()]);
	return model;
}

/** Valid, but of an operator that no runtime has. */
function foreignModel(): Model {
	const model = denseModel();
	model.setOpset('test.nowhere', 1);
	const { graph } = model;
	const y = graph.outputs[0];
	if (!y) throw new Error('no output');
	const node = graph.append(graph.createNode({ op: 'Vanish', domain: 'test.nowhere', inputs: [y], outputs: ['z'] }));
	node.output().type = tensorType('float32', ['batch', 10]);
	graph.setOutputs([node.output()]);
	return model;
}

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'pare-cli-'));
	await writeFile(at('dense.onnx'), await serialize(denseModel()));
	await writeFile(at('foreign.onnx'), await serialize(foreignModel()));
	await writeFile(at('text.onnx'), '<html><body>Not found</body></html>');
	await writeFile(at('cut.onnx'), (await serialize(denseModel())).subarray(0, 30_000));
	// Builds the program once, so that no test waits for it.
	await pare(['--version']);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** File names among arguments, in the test's folder. */
function placed(args: readonly string[]): string[] {
	return args.map((arg) => (/^[\w/-]+\.(onnx|json|npz)$|^\.$/.test(arg) ? at(arg) : arg));
}

async function leftOvers(): Promise<string[]> {
	return (await readdir(folder)).filter((name) => name.includes('.part'));
}

describe('help and usage errors', () => {
	it('tells the commands, their options and the exit codes', async () => {
		const general = await pareHere(['help']);
		expect(general.code).toBe(0);
		for (const word of ['inspect', 'compress', 'compare', 'bench', 'passes', 'presets', 'Exit codes']) expect(general.out).toContain(word);
		const one = await pareHere(['compress', '--help']);
		expect(one.out).toContain('--recipe');
		expect((await pareHere(['help', 'compress'])).out).toBe(one.out);
	});

	it.each([
		[[], 'No command'],
		[['squash'], 'no command "squash"'],
		[['inspect'], 'takes one model'],
		[['inspect', 'a', '--colour'], "Unknown option '--colour'"],
		[['compress', 'dense.onnx', '-o', 'x.onnx'], 'needs --recipe'],
		[['compress', 'dense.onnx', '-r', 'float16'], 'needs -o'],
		[['compress', 'dense.onnx', '-r', 'float-16', '-o', 'x.onnx'], 'no preset and no file called "float-16"'],
		[['compress', 'dense.onnx', '-r', 'float16', '-o', 'dense.onnx'], 'a file of the model itself'],
		[['compress', 'dense.onnx', '-r', 'float16', '-o', 'nowhere/x.onnx'], 'does not exist'],
		[['compress', 'dense.onnx', '-r', 'float16', '-o', 'x.onnx', '--set', 'float16.speed=9'], 'no option "speed"'],
		[['compress', 'dense.onnx', '-r', 'float16', '-o', 'x.onnx', '--set', 'weight-only.bits=4'], 'no step "weight-only"'],
		[['compress', 'dense.onnx', '-r', 'int8-weights', '-o', 'x.onnx', '--set', 'weight-only.bits=5'], 'one of'],
		[['compare', 'dense.onnx'], 'at least one variant'],
		[['compare', 'dense.onnx', 'dense.onnx', '--limit', '0'], 'whole number from 1'],
		[['bench'], 'at least one model'],
		[['presets', 'x'], 'takes no arguments'],
	])('%j ends with 2 and one line', async (args, expected) => {
		const ran = await pareHere(placed(args as string[]));
		expect(ran.code).toBe(2);
		expect(ran.out).toBe('');
		expect(ran.err).toContain(expected);
		expect(ran.err.match(/^pare: .+$/gm)).toHaveLength(1);
		expect(ran.err).not.toMatch(/^\s+at /m);
	});
});

describe('bad input files', () => {
	it.each([
		[['inspect', 'none.onnx'], 'none.onnx'],
		[['inspect', '.'], 'is a folder'],
		[['inspect', 'text.onnx'], 'text.onnx'],
		[['inspect', 'cut.onnx'], ''],
		[['compress', 'cut.onnx', '-r', 'float16', '-o', 'x.onnx'], ''],
		[['compare', 'dense.onnx', 'text.onnx'], 'text.onnx'],
		[['compare', 'dense.onnx', 'dense.onnx', '--data', 'text.onnx'], 'neither a picture nor an array'],
		[['compare', 'dense.onnx', 'dense.onnx', '--data', 'none.npz'], 'none.npz'],
	])('%j ends with 3, in words and without a stack', async (args, expected) => {
		const ran = await pareHere(placed(args as string[]));
		expect(ran.err).toContain(expected);
		expect(ran.err).toMatch(/^pare: .+$/m);
		expect(ran.err).not.toMatch(/^\s+at /m);
		expect(ran.err).not.toContain('fault of Pare');
		expect(ran.code).toBe(3);
	});

	it('says it in JSON where JSON was asked for, and shows the place with --debug', async () => {
		const ran = await pareHere(['inspect', at('text.onnx'), '--json', '--debug']);
		expect(ran.code).toBe(3);
		expect(JSON.parse(ran.out)).toMatchObject({ error: { code: 'wrong-file', message: expect.stringContaining('text.onnx') }, exit: 3 });
		expect(ran.err).toMatch(/^\s+at /m);
	});

	it.each([
		['not JSON', 'nothing', 'is not JSON'],
		['unknown pass', '{"v":1,"seed":0,"steps":[{"pass":"shrink","options":{}}]}', 'no pass called "shrink"'],
		['newer', '{"v":9,"seed":0,"steps":[]}', 'newer Pare'],
	])('refuses a recipe file: %s', async (_, text, expected) => {
		await writeFile(at('recipe.json'), text);
		const ran = await pareHere(placed(['compress', 'dense.onnx', '-r', 'recipe.json', '-o', 'x.onnx']));
		expect(ran.err).toContain(expected);
		expect(ran.code).toBe(3);
		expect(existsSync(at('x.onnx'))).toBe(false);
	});
});

describe('commands', () => {
	it('inspects, as text and as one JSON document', async () => {
		const ran = await pare(['inspect', 'dense.onnx'], { cwd: folder });
		expect(ran.code).toBe(0);
		expect(ran.out).toContain('float32[batch, 64]');
		const json = JSON.parse((await pare(['inspect', at('dense.onnx'), '--json'])).out);
		expect(json).toMatchObject({ command: 'inspect', parameters: 64 * 128 + 128 * 10, macs: 64 * 128 + 128 * 10, problems: [] });
	});

	it('lists the groups that structured pruning can cut, and what stays', async () => {
		const json = JSON.parse((await pareHere(['inspect', at('dense.onnx'), '--groups', '--json'])).out);
		expect(json.groups).toMatchObject([{ units: 128, kind: 'units', parameters: 64 * 128 + 128 * 10, macs: 64 * 128 + 128 * 10 }]);
		expect(json.kept).toHaveLength(1);
		const { out } = await pareHere(['inspect', at('dense.onnx'), '--groups']);
		expect(out).toContain(json.groups[0].id);
		expect(out).toContain('an output of the model');
	});

	it('lists passes and presets', async () => {
		const passes = JSON.parse((await pareHere(['passes', '--json'])).out).passes as { id: string; options: unknown[] }[];
		expect(passes.map(({ id }) => id)).toContain('float16');
		expect(passes.every(({ options }) => options.length > 0)).toBe(true);
		const presets = JSON.parse((await pareHere(['presets', '--json'])).out).presets as { id: string }[];
		expect(presets.map(({ id }) => id)).toEqual(
			expect.arrayContaining(['float16', 'int8-dynamic', 'int8-weights', 'int4-weights', 'prune-50']),
		);
	});

	it('compresses, runs the result, keeps it whole and says its hash', async () => {
		const ran = await pare(['compress', 'dense.onnx', '-r', 'float16', '-o', 'half.onnx', '--json'], { cwd: folder });
		expect(ran.err).not.toContain('pare:');
		expect(ran.code).toBe(0);
		const json = JSON.parse(ran.out);
		const written = await readFile(at('half.onnx'));
		expect(json.output.sha256).toBe(createHash('sha256').update(written).digest('hex'));
		expect(json).toMatchObject({
			bytesAfter: written.byteLength,
			run: { inputs: 'synthetic', notFinite: 0 },
			passes: [{ pass: 'float16' }],
		});
		expect(await leftOvers()).toEqual([]);
		// The same again gives the same bytes, also out of a recipe file and from another folder.
		await writeFile(at('half.json'), JSON.stringify(json.recipe));
		const again = await pare(['compress', at('dense.onnx'), '-r', at('half.json'), '-o', at('half2.onnx'), '--json']);
		expect(JSON.parse(again.out).output.sha256).toBe(json.output.sha256);
	});

	it('lets --set change an option', async () => {
		const args = ['compress', 'dense.onnx', '-r', 'prune-50', '-o', 'pruned.onnx', '--set', 'prune-magnitude.ratio=0.25', '--json'];
		const ran = await pare(args, { cwd: folder });
		expect(JSON.parse(ran.out).recipe.steps[0].options.ratio).toBe(0.25);
	});

	it('keeps nothing that does not run, unless told to', async () => {
		const args = ['compress', 'foreign.onnx', '-r', 'float16', '-o', 'foreign16.onnx'];
		const refused = await pare(args, { cwd: folder });
		expect(refused.code).toBe(1);
		expect(refused.err).toContain('the original does not run here either');
		expect(existsSync(at('foreign16.onnx'))).toBe(false);
		expect(await leftOvers()).toEqual([]);
		const kept = await pare([...args, '--no-run'], { cwd: folder });
		expect(kept.code).toBe(0);
		expect(kept.out).toContain('not run');
		expect(existsSync(at('foreign16.onnx'))).toBe(true);
	});

	it('compares on synthetic inputs, marked as such', async () => {
		await pare(['compress', 'dense.onnx', '-r', 'int8-weights', '-o', 'w8.onnx'], { cwd: folder });
		const ran = await pare(['compare', 'dense.onnx', 'w8.onnx', 'dense.onnx', '--json', '--limit', '8'], { cwd: folder });
		expect(ran.code).toBe(0);
		const json = JSON.parse(ran.out);
		expect(json).toMatchObject({ synthetic: true, n: 8 });
		const [quantized, same] = json.variants;
		expect(quantized.outputs[0]).toMatchObject({ name: 'y', n: 8 });
		expect(quantized.outputs[0].cosine).toBeGreaterThan(0.999);
		expect(quantized.outputs[0].cosine).toBeLessThan(1);
		expect(quantized.outputs[0].sqnrDb).toBeGreaterThan(30);
		expect(same.outputs[0]).toMatchObject({ cosine: 1, maxAbs: 0, sqnrDb: null });
		expect((await pare(['compare', 'dense.onnx', 'w8.onnx', '--limit', '4'], { cwd: folder })).out).toContain('Synthetic inputs');
	});

	it('compares a variant that does not run: a failure in its place and exit code 1', async () => {
		const ran = await pare(['compare', 'dense.onnx', 'foreign.onnx', 'dense.onnx', '--json', '--limit', '2'], { cwd: folder });
		expect(ran.code).toBe(1);
		const json = JSON.parse(ran.out);
		expect(json.variants[0].failure.code).toBeTruthy();
		expect(json.variants[1].outputs[0].cosine).toBe(1);
	});

	it('times in rounds', async () => {
		const ran = await pare(['bench', 'dense.onnx', 'dense.onnx', '--rounds', '12', '--json'], { cwd: folder });
		expect(ran.code).toBe(0);
		const json = JSON.parse(ran.out);
		expect(json.models).toHaveLength(2);
		expect(json.models[1].samplesMs).toHaveLength(12);
		expect(json.models[1].ratio.interval).toHaveLength(2);
		expect(json.models[0].ratio).toBeUndefined();
	});
});

describe('external data', () => {
	const inner = 'external';
	beforeAll(async () => {
		await mkdir(at(inner));
		const model = new MemorySink();
		const data = new MemorySink();
		await writeModel(denseModel(), model, { externalData: 'always', baseName: 'dense', externalSink: data });
		await writeFile(at(`${inner}/dense.onnx`), model.bytes());
		await writeFile(at(`${inner}/dense.data`), data.bytes());
	});

	it('finds the weights beside the model and gives the bytes of the one-file model', async () => {
		const cwd = at(inner);
		const facts = JSON.parse((await pare(['inspect', 'dense.onnx', '--json'], { cwd })).out);
		expect(facts.missingData).toEqual([]);
		const ran = await pare(['compress', 'dense.onnx', '-r', 'int8-weights', '-o', 'w8.onnx', '--json'], { cwd });
		expect(ran.code).toBe(0);
		expect(JSON.parse(ran.out).run.inputs).toBe('synthetic');
	});

	it('writes an untouched model with its weights, and runs it', async () => {
		await writeFile(at(`${inner}/nothing.json`), '{"v":1,"seed":0,"steps":[]}');
		const ran = await pare(['compress', 'dense.onnx', '-r', 'nothing.json', '-o', 'copy.onnx', '--json'], { cwd: at(inner) });
		expect(ran.code).toBe(0);
		expect(JSON.parse(ran.out).output.files.map(({ name }: { name: string }) => name)).toEqual(['copy.onnx', 'weights.data']);
		expect((await pare(['compare', 'dense.onnx', 'copy.onnx', '--limit', '2'], { cwd: at(inner) })).out).toContain('equal');
		// A second copy would put its weights over those of the first.
		const second = await pare(['compress', 'dense.onnx', '-r', 'nothing.json', '-o', 'copy2.onnx'], { cwd: at(inner) });
		expect(second.code).toBe(1);
		expect(second.err).toContain('exists already');
	});

	it('says which file is missing', async () => {
		await mkdir(at('alone'));
		await writeFile(at('alone/dense.onnx'), await readFile(at(`${inner}/dense.onnx`)));
		expect((await pare(['inspect', 'dense.onnx'], { cwd: at('alone') })).out).toContain('Missing: the weights in "dense.data"');
		const ran = await pare(['compress', 'dense.onnx', '-r', 'float16', '-o', 'x.onnx'], { cwd: at('alone') });
		expect(ran.err).toContain('dense.data');
		expect(ran.code).toBe(3);
	});

	it('does not follow a link out of the folder', async () => {
		await mkdir(at('linked'));
		await writeFile(at('linked/dense.onnx'), await readFile(at(`${inner}/dense.onnx`)));
		await symlink(at(`${inner}/dense.data`), at('linked/dense.data'));
		expect((await pare(['inspect', 'dense.onnx'], { cwd: at('linked') })).out).toContain('Missing');
		// Where the model itself is a link to the same folder, as download caches have it, the weights count as beside it.
		await rm(at('linked/dense.onnx'));
		await symlink(at(`${inner}/dense.onnx`), at('linked/dense.onnx'));
		expect((await pare(['inspect', 'dense.onnx'], { cwd: at('linked') })).out).not.toContain('Missing');
	});
});

const mnist = join(process.cwd(), '..', 'shared', 'models', 'mnist-8.onnx');
const data = (name: string): string => join(process.cwd(), '..', 'shared', 'data', name);
const there = existsSync(mnist);
if (!there) console.log('The shared models are not here: the command line is not tried on mnist-8.');

describe.skipIf(!there)('mnist-8', () => {
	it('gives a file that runs for each preset, and compares them on labelled pictures', async () => {
		const variants: string[] = [];
		for (const preset of ['float16', 'int8-dynamic', 'int8-weights', 'int4-weights', 'prune-50']) {
			const out = at(`mnist-${preset}.onnx`);
			const ran = await pareHere(['compress', mnist, '-r', preset, '-o', out]);
			expect(`${preset} ${ran.code} ${ran.err.match(/^pare:.*$/m)?.[0] ?? ''}`).toBe(`${preset} 0 `);
			variants.push(out);
		}
		const args = ['--data', data('t10k-images-idx3-ubyte.gz'), '--data', data('t10k-labels-idx1-ubyte.gz'), '--limit', '200', '--json'];
		const ran = await pareHere(['compare', mnist, ...variants, ...args]);
		expect(ran.code).toBe(0);
		const json = JSON.parse(ran.out);
		expect(json.synthetic).toBe(false);
		expect(json.original.top1.value).toBeGreaterThan(0.95);
		for (const variant of json.variants) {
			expect(variant.outputs[0].agreement).toBeGreaterThan(0.95);
			expect(variant.top1.value).toBeGreaterThan(0.95);
			expect(variant.top1.differenceInterval).toHaveLength(2);
		}
	});

	it('lets float16 look at the inputs first', async () => {
		const args = ['--data', data('t10k-images-idx3-ubyte.gz'), '--json'];
		const ran = await pareHere(['compress', mnist, '-r', 'float16', '-o', at('measured.onnx'), ...args]);
		expect(ran.code).toBe(0);
		expect(JSON.parse(ran.out).run.inputs).toBe('given');
	});
});

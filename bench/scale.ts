// Large models: node --expose-gc scripts/run-ts.mjs bench/scale.ts [1gib|4gib|all] [PRESET …]
// Writes seeded models into a temporary folder, then measures time and memory above an idle process: reading their facts,
// laying them out anew, and compressing them with presets (int8-weights where none is named).
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileSink, fileSource } from '../src/cli/files.ts';
import { allNodes } from '../src/core/ir/model.ts';
import { externalFiles } from '../src/core/onnx/external.ts';
import { readModel } from '../src/core/onnx/read.ts';
import { writeModel } from '../src/core/onnx/write.ts';
import { runRecipe } from '../src/core/pass/pipeline.ts';
import { presets } from '../src/passes/presets.ts';
import { passes } from '../src/passes/registry.ts';
import { chain } from './chain.ts';

/** Facts must be there after this long and within this memory (SPEC, Scale). */
const FACTS_MS = 1000;
const FACTS_BYTES = 100e6;

/** What int8-weights may take for 1 GiB; larger models may take longer in proportion, but no more memory. */
const COMPRESS_MS_PER_GIB = 10_000;
const COMPRESS_BYTES = 300e6;

/** Largest resident size while `work` runs, above what it was before. */
async function measured<T>(work: () => Promise<T>): Promise<{ result: T; durationMs: number; peakBytes: number }> {
	(globalThis as { gc?: () => void }).gc?.();
	const base = process.memoryUsage().rss;
	let peak = base;
	const timer = setInterval(() => {
		peak = Math.max(peak, process.memoryUsage().rss);
	}, 5);
	const began = performance.now();
	const result = await work();
	const durationMs = performance.now() - began;
	clearInterval(timer);
	peak = Math.max(peak, process.memoryUsage().rss);
	return { result, durationMs, peakBytes: peak - base };
}

/** Reads a model from files, runs a preset and writes the result, all as the command line does it. */
async function compress(name: string, gib: number, folder: string, presetId: string): Promise<boolean> {
	const preset = presets.find((known) => known.id === presetId);
	if (!preset) {
		console.log(`  ${presetId}: no such preset`);
		return false;
	}
	const source = await fileSource(join(folder, `${name}.onnx`));
	const data = await fileSource(join(folder, `${name}.data`));
	const sink = await fileSink(join(folder, 'out.onnx'));
	const externalSink = await fileSink(join(folder, 'out.data'));
	const done = await measured(async () => {
		const model = await readModel(source, { external: externalFiles([{ name: `${name}.data`, source: data }]) });
		const reports = await runRecipe(model, preset.recipe, passes);
		const plan = await writeModel(model, sink, { baseName: 'out', externalSink });
		return { headline: reports.at(-1)?.headline ?? '', byteLength: plan.byteLength };
	});
	for (const file of [source, data, sink, externalSink]) await file.close();
	const ok = presetId !== 'int8-weights' || (done.durationMs <= COMPRESS_MS_PER_GIB * gib && done.peakBytes <= COMPRESS_BYTES);
	console.log(
		`  ${presetId}: ${(done.result.byteLength / 1e6).toFixed(1)} MB in ${(done.durationMs / 1000).toFixed(1)} s, ${(done.peakBytes / 1e6).toFixed(0)} MB  ${ok ? 'ok' : 'TOO MUCH'}  ${done.result.headline}`,
	);
	return ok;
}

async function scale(name: string, layers: number, folder: string, presetIds: readonly string[]): Promise<boolean> {
	const path = join(folder, `${name}.onnx`);
	const dataPath = join(folder, `${name}.data`);
	const sink = await fileSink(path);
	const externalSink = await fileSink(dataPath);
	const written = await measured(() => writeModel(chain(layers), sink, { baseName: name, externalSink }));
	await sink.close();
	await externalSink.close();
	const external = (await stat(dataPath)).size;
	console.log(
		`${name}: model file ${(sink.size / 1e6).toFixed(1)} MB, external data ${(external / 1e6).toFixed(1)} MB, made in ${(written.durationMs / 1000).toFixed(1)} s with ${(written.peakBytes / 1e6).toFixed(0)} MB`,
	);
	const source = await fileSource(path);
	const data = external > 0 ? await fileSource(dataPath) : undefined;
	const lookup = externalFiles(data ? [{ name: `${name}.data`, source: data }] : []);
	const facts = await measured(() => readModel(source, { external: lookup }));
	const nodes = [...allNodes(facts.result)].length;
	let ok = facts.durationMs <= FACTS_MS && facts.peakBytes <= FACTS_BYTES;
	console.log(
		`  facts of ${nodes} nodes, ${facts.result.graph.initializers.size} tensors: ${facts.durationMs.toFixed(0)} ms, ${(facts.peakBytes / 1e6).toFixed(1)} MB  ${ok ? 'ok' : 'TOO MUCH'}`,
	);
	const copied = await measured(async () => {
		facts.result.graph.touch();
		const out = await fileSink(join(folder, 'out.onnx'));
		const outData = await fileSink(join(folder, 'out.data'));
		const plan = await writeModel(facts.result, out, { baseName: 'out', externalSink: outData });
		await out.close();
		await outData.close();
		return plan.byteLength;
	});
	console.log(
		`  laid out anew: ${(copied.result / 1e6).toFixed(1)} MB in ${(copied.durationMs / 1000).toFixed(1)} s (${(copied.result / 1e3 / copied.durationMs).toFixed(0)} MB/s), ${(copied.peakBytes / 1e6).toFixed(1)} MB`,
	);
	await source.close();
	await data?.close();
	for (const id of presetIds) ok = (await compress(name, layers / 64, folder, id)) && ok;
	for (const file of [path, dataPath, join(folder, 'out.onnx'), join(folder, 'out.data')]) await rm(file, { force: true });
	return ok;
}

const which = process.argv[2] ?? '1gib';
const presetIds = process.argv.length > 3 ? process.argv.slice(3) : ['int8-weights'];
const folder = await mkdtemp(join(tmpdir(), 'pare-scale-'));
try {
	let ok = true;
	if (which === '1gib' || which === 'all') ok = (await scale('chain-1gib', 64, folder, presetIds)) && ok;
	if (which === '4gib' || which === 'all') ok = (await scale('chain-4gib', 256, folder, presetIds)) && ok;
	if (!ok) process.exitCode = 1;
} finally {
	await rm(folder, { recursive: true, force: true });
}

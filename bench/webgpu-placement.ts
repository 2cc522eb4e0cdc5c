// What the preset webgpu promises, on the software adapter of Chromium: its n-bit MatMuls run on WebGPU, nothing of what it wrote falls back
// to the CPU, and the outputs are those of the same file on WASM. Run by hand:
//   node scripts/run-ts.mjs bench/webgpu-placement.ts [--models a,b] [--preset webgpu]
// The adapter has no shader-f16 and no meaningful speed: placement and results only.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { sqnrDb } from '../src/core/numeric/statistics.ts';
import { parseProfile, profileByOperator } from '../src/engine/runtime-log.ts';
import { presets } from '../src/passes/presets.ts';
import { openSubject, subjectNames } from './subjects.ts';

/** Operators that the preset writes; where one of them runs on the CPU the promise is broken. */
const WRITTEN = new Set(['MatMulNBits', 'GatherBlockQuantized', 'DequantizeLinear', 'QuantizeLinear', 'MatMulInteger', 'ConvInteger']);

const argument = (name: string): string | undefined => {
	const at = process.argv.indexOf(`--${name}`);
	return at < 0 ? undefined : process.argv[at + 1];
};
const chosen = argument('models')?.split(',') ?? subjectNames;
const preset = presets.find(({ id }) => id === (argument('preset') ?? 'webgpu'));
if (!preset) throw new Error('there is no such preset');

interface Told {
	readonly lines: readonly string[];
	readonly outputs: Readonly<Record<string, readonly number[]>>;
	readonly error?: string;
}

const page = `<!doctype html><script type="module">
const lines = [];
const print = (...parts) => lines.push(parts.join(' '));
console.log = print; console.warn = print; console.error = print;
const ort = await import('/ort/ort.webgpu.min.mjs');
ort.env.wasm.numThreads = 1;
const types = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array, bool: Uint8Array };
window.start = async () => {
	try {
		const model = new Uint8Array(await (await fetch('/model.onnx')).arrayBuffer());
		const session = await ort.InferenceSession.create(model, { executionProviders: ['webgpu'], enableProfiling: true, logSeverityLevel: 3 });
		const given = await (await fetch('/feeds.json')).json();
		const feeds = {};
		for (const [name, { dtype, dims, data }] of Object.entries(given))
			feeds[name] = new ort.Tensor(dtype, types[dtype].from(data, dtype === 'int64' ? BigInt : Number), dims);
		let results;
		for (let i = 0; i < 2; i++) results = await session.run(feeds);
		const outputs = {};
		for (const [name, tensor] of Object.entries(results)) outputs[name] = Array.from(await tensor.getData(), Number);
		session.endProfiling();
		return { lines, outputs };
	} catch (error) { return { lines, outputs: {}, error: String(error) }; }
};
window.ready = true;
</script>`;

const files = new Map<string, { readonly type: string; readonly body: Uint8Array | string }>([['/', { type: 'text/html', body: page }]]);
const ort = resolve(process.cwd(), 'node_modules/onnxruntime-web/dist');
const server = createServer((request, response) => {
	const path = request.url ?? '/';
	const own = files.get(path);
	const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
	if (own) response.writeHead(200, { ...headers, 'Content-Type': own.type }).end(own.body);
	else if (/^\/ort\/[\w.-]+$/.test(path)) {
		const type = path.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
		response.writeHead(200, { ...headers, 'Content-Type': type }).end(readFileSync(join(ort, path.slice(5))));
	} else response.writeHead(404, headers).end();
});
await new Promise<void>((done) => server.listen(0, 'localhost', done));
const address = server.address();
const port = typeof address === 'object' && address ? address.port : 0;
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
	args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--enable-unsafe-webgpu'],
});
let broken = 0;
for (const name of subjectNames) {
	if (!chosen.includes(name)) continue;
	const subject = await openSubject(name);
	if (!subject) continue;
	const { file } = await subject.compress(preset.recipe);
	const { feeds } = await subject.evaluation.example(0);
	const session = await subject.engine.load({ model: file });
	const wanted = await session.run(feeds);
	const original = await subject.engine.load({ model: subject.bytes });
	const plain = await original.run(feeds);
	files.set('/model.onnx', { type: 'application/octet-stream', body: file });
	const given = Object.entries(feeds).map(([key, { dtype, dims, data }]) => [
		key,
		{ dtype, dims, data: Array.from(data as ArrayLike<number>, Number) },
	]);
	files.set('/feeds.json', { type: 'application/json', body: JSON.stringify(Object.fromEntries(given)) });
	const tab = await browser.newPage();
	await tab.goto(`http://localhost:${port}/`);
	await tab.waitForFunction('window.ready === true');
	const told = (await tab.evaluate('window.start()')) as Told;
	await tab.close();
	console.log(`\n${name}  ${file.byteLength.toLocaleString('en')} bytes`);
	if (told.error) {
		broken += 1;
		console.log(`  does not run: ${told.error}`);
	}
	for (const [key, { data }] of Object.entries(wanted)) {
		const got = told.outputs[key];
		if (!got || !(data instanceof Float32Array)) continue;
		const loss = sqnrDb(plain[key]?.data as Float32Array, data);
		console.log(`  ${key}: ${sqnrDb(data, got).toFixed(1)} dB between WebGPU and WASM; ${loss.toFixed(1)} dB lost to compression`);
	}
	const byProvider = new Map<string, string[]>();
	for (const { op, provider, count } of profileByOperator(parseProfile(told.lines))) {
		byProvider.set(provider, [...(byProvider.get(provider) ?? []), `${op} ${count}`]);
		if (provider !== 'webgpu' && WRITTEN.has(op)) {
			broken += 1;
			console.log(`  FALLEN BACK: ${op} on ${provider}`);
		}
	}
	for (const [provider, ops] of byProvider) console.log(`  ${provider}: ${ops.join(', ')}`);
	await subject.close();
}
await browser.close();
server.close();
console.log(broken === 0 ? '\nNothing that was promised fell back.' : `\n${broken} promises broken.`);
process.exit(broken === 0 ? 0 : 1);

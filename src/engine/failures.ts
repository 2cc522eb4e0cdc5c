import { EngineError } from './port.ts';

type Stage = 'load' | 'run' | 'start';

interface Rule {
	readonly pattern: RegExp;
	readonly code: EngineError['code'];
	readonly say: (match: RegExpMatchArray) => string;
	readonly advice?: string;
}

const memoryAdvice = 'Close other tabs, use a smaller batch or a smaller model. The engine starts afresh for the next run.';

/** First match wins: causes that make every later text meaningless stand first. */
const rules: readonly Rule[] = [
	{
		pattern:
			/device (?:was|is|has been)? ?lost|lost device|DXGI_ERROR_DEVICE|external Instance reference no longer exists|device is destroyed|GPUDevice.*destroyed/i,
		code: 'lost-device',
		say: () => 'The graphics device was lost while the model ran. Figures of this run are not kept.',
		advice: 'Try again. If it is lost again, the model asks more of this device than it gives: measure on WASM.',
	},
	{
		pattern:
			/bad_alloc|out of memory|\bOOM\b|array buffer allocation|could not allocate|cannot enlarge memory|memory access out of bounds|failed to allocate|Allocation failed|invalid typed array length|offset is out of bounds/i,
		code: 'memory',
		say: () => 'The runtime ran out of memory.',
		advice: memoryAdvice,
	},
	{
		pattern: /Could not find an implementation for (\S+?)(?:\(([\d,. -]+)\))? node with name '([^']*)'/,
		code: 'unsupported',
		say: ([, op, version, node]) =>
			`The runtime has no kernel for ${op}${version ? ` (version ${version})` : ''} with the types that node "${node}" uses.`,
		advice: 'Leave this operator as it was: exclude it in the recipe.',
	},
	{
		pattern: /Could not find an implementation for (?:the node )?(?:[^:]*:)?(\w+)\(?([\d]*)\)?/,
		code: 'unsupported',
		say: ([, op]) => `The runtime has no kernel for ${op} with these types.`,
		advice: 'Leave this operator as it was: exclude it in the recipe.',
	},
	{
		// A node that no provider took: met where the WebGPU build has no CPU kernel for 4-bit Cast either.
		pattern: /Provider type for (\S+) node with name '([^']*)' is not set/,
		code: 'unsupported',
		say: ([, op, node]) => `This build of the runtime has no kernel for ${op} with the types that node "${node}" uses.`,
		advice: 'Measure it on WASM, or store the weights in another form (for WebGPU: MatMulNBits).',
	},
	{
		pattern: /([\w.]+(?::\w+)?)\(-?\d+\) is not a registered function\/op/,
		code: 'unsupported',
		say: ([, op]) => `The runtime does not know the operator ${op}.`,
		advice: 'It is a custom operator, or newer than the runtime.',
	},
	{
		pattern: /No Op registered for (\S+) with domain_version of (\d+)/,
		code: 'unsupported',
		say: ([, op, version]) => `The runtime does not know the operator ${op} of opset ${version}.`,
		advice: 'It is a custom operator, or newer than the runtime.',
	},
	{
		pattern: /Unsupported model IR version: (\d+), max supported IR version: (\d+)/,
		code: 'unsupported',
		say: ([, version, newest]) => `The model has IR version ${version}; the runtime reads up to ${newest}.`,
		advice: 'Export the model with an older IR version.',
	},
	{
		pattern:
			/ONNX Runtime only \*guarantees\* support for models stamped with official released onnx opset versions.*?opset (\d+) is under development/s,
		code: 'unsupported',
		say: ([, version]) => `The model uses opset ${version}, which is newer than the runtime.`,
		advice: 'Export the model with an older opset.',
	},
	{
		pattern: /unsupported data type: (\d+)/,
		code: 'unsupported',
		say: ([, type]) => `An input or output has element type ${type} of ONNX, which the runtime cannot hand over.`,
	},
	{
		pattern: /protobuf parsing failed|No graph was found in the protobuf/,
		code: 'load',
		say: () => 'The runtime cannot read the file as an ONNX model.',
		advice: 'The file is damaged or not an ONNX model. Export or download it again.',
	},
	{
		pattern:
			/(?:Failed to load external data file|external data file|External data path|Module\.MountedFiles is not available)[^"']*(?:["']([^"']+)["'])?/i,
		code: 'load',
		say: ([, file]) => `The model's external data${file ? ` "${file}"` : ''} is missing or could not be read.`,
		advice: 'Drop the model together with its data files.',
	},
	{
		pattern: /input '([^']*)' is missing in 'feeds'/,
		code: 'run',
		say: ([, input]) => `The inputs give nothing for "${input}".`,
		advice: 'Give an array with that name.',
	},
	{
		pattern: /Got invalid dimensions for input: (\S+) for the following indices\s+index: (\d+) Got: (-?\d+) Expected: (-?\d+)/,
		code: 'run',
		say: ([, input, axis, got, expected]) => `Input "${input}" has ${got} where the model expects ${expected} (axis ${axis}).`,
		advice: 'Give inputs of the model’s shape.',
	},
	{
		pattern: /Invalid rank for input: (\S+) Got: (\d+) Expected: (\d+)/,
		code: 'run',
		say: ([, input, got, expected]) => `Input "${input}" has ${got} axes, the model expects ${expected}.`,
		advice: 'Give inputs of the model’s shape.',
	},
	{
		pattern: /Unexpected input data type\. Actual: \(?tensor\((\w+)\)\)? ?, expected: \(?tensor\((\w+)\)\)?/,
		code: 'run',
		say: ([, actual, expected]) => `An input holds ${actual}, the model expects ${expected}.`,
	},
	{
		pattern: /shader-f16|'f16' extension|enable f16/i,
		code: 'unsupported',
		say: () => 'The graphics adapter has no 16-bit floats (shader-f16), which this model computes with.',
		advice: 'Measure it on WASM, or use a variant with float32 activations.',
	},
	{
		pattern: /Non-zero status code returned while running (\S+) node\. Name:'([^']*)'/,
		code: 'run',
		say: ([, op, node]) => `The run failed in ${op} "${node}".`,
	},
	{
		pattern:
			/no available backend found|both async and sync fetching of the wasm failed|Failed to fetch dynamically imported module|error loading dynamically imported module/i,
		code: 'unavailable',
		say: () => 'The runtime could not be started in this browser.',
		advice: 'Reload the page. Offline it works only after one visit with a connection.',
	},
	{
		pattern: /Failed to get GPU adapter|WebGPU is not supported|webgpu is not available/i,
		code: 'unavailable',
		say: () => 'This browser gives no WebGPU adapter.',
		advice: 'WASM works everywhere.',
	},
];

/** Numbers of onnxruntime's StatusCode (onnxruntime_c_api.h), in words. */
const statusWords: Readonly<Record<number, string>> = {
	1: 'an internal failure',
	2: 'an invalid argument',
	3: 'a missing file',
	4: 'no model',
	5: 'an engine error',
	6: 'an exception',
	7: 'an unreadable file',
	9: 'something not implemented',
	10: 'an invalid graph',
	11: 'an execution provider failure',
};

/**
 * Anything the runtime throws as an EngineError. The runtime throws Errors with its status text, bare numbers (addresses of C++
 * exceptions whose text is lost), and WebAssembly traps.
 */
export function engineError(thrown: unknown, stage: Stage, log: readonly string[] = []): EngineError {
	if (thrown instanceof EngineError) return thrown;
	const text = thrown instanceof Error ? thrown.message : String(thrown);
	const detail = [text, ...log.filter((line) => /\[[EF]:onnxruntime/.test(line)).slice(0, 5)].join('\n').slice(0, 4000);
	if (typeof thrown === 'number' || /^\d+$/.test(text)) {
		return new EngineError(
			stage === 'run' ? 'run' : 'load',
			stage === 'run'
				? 'The runtime stopped in the middle of the run and gave no reason.'
				: 'The runtime stopped while loading the model and gave no reason.',
			`exception ${text}\n${detail}`,
			'Most often this is a lack of memory or an operator with types that the runtime does not have. The engine starts afresh for the next run.',
		);
	}
	for (const rule of rules) {
		const match = detail.match(rule.pattern);
		if (match) return new EngineError(rule.code, rule.say(match), detail, rule.advice ?? '');
	}
	if (isFatal(thrown)) {
		return new EngineError(
			'memory',
			`The runtime broke down while ${stage === 'run' ? 'running' : 'loading'} the model, most often for lack of memory.`,
			detail,
			memoryAdvice,
		);
	}
	const status = text.match(/ERROR_CODE: (\d+), ERROR_MESSAGE: ([\s\S]*)/);
	const reason = (status ? (status[2] ?? '').trim() : text).split('\n')[0]?.replace(SOURCE_PLACE, '').slice(0, 300);
	const kind = status ? (statusWords[Number(status[1])] ?? 'a failure') : 'a failure';
	const code: EngineError['code'] =
		status?.[1] === '9' ? 'unsupported' : stage === 'run' ? 'run' : stage === 'start' ? 'unavailable' : 'load';
	const what = stage === 'run' ? 'run the model' : stage === 'start' ? 'be started' : 'load the model';
	return new EngineError(code, `The runtime could not ${what}: it reports ${kind}. ${sentence(reason ?? '')}`, detail);
}

/** Where in its own source the runtime stood: kept in the detail, of no use in a sentence. */
const SOURCE_PLACE = /^\/\S+\.(?:cc|h|cpp):\d+ .*?\)(?: const)? /;

/** Whether the WebAssembly instance cannot be used again after this. */
export function isFatal(thrown: unknown): boolean {
	if (typeof thrown === 'number') return false;
	const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
	return /Aborted\(|RuntimeError|unreachable|memory access out of bounds|table index is out of bounds|null function/.test(text);
}

function sentence(text: string): string {
	return text === '' || /[.!?]$/.test(text) ? text : `${text}.`;
}

import { describe, expect, it } from 'vitest';
import { engineError, isFatal } from './failures.ts';
import { EngineError } from './port.ts';

describe('engineError', () => {
	it.each([
		[
			"Can't create a session. ERROR_CODE: 9, ERROR_MESSAGE: Could not find an implementation for ConvInteger(10) node with name 'conv1'",
			'load',
			'unsupported',
			'The runtime has no kernel for ConvInteger (version 10) with the types that node "conv1" uses.',
		],
		[
			"Can't create a session. ERROR_CODE: 1, ERROR_MESSAGE: Load model failed: Fatal error: my.domain:Foo(-1) is not a registered function/op",
			'load',
			'unsupported',
			'The runtime does not know the operator my.domain:Foo.',
		],
		[
			"Can't create a session. ERROR_CODE: 1, ERROR_MESSAGE: /build/core/optimizer/transformer_memcpy.cc:254 bool onnxruntime::F(const Node &) const !x.empty() was false. Provider type for Cast node with name 'w_c' is not set.",
			'load',
			'unsupported',
			'This build of the runtime has no kernel for Cast with the types that node "w_c" uses.',
		],
		[
			"Can't create a session. ERROR_CODE: 1, ERROR_MESSAGE: Unsupported model IR version: 14, max supported IR version: 13",
			'load',
			'unsupported',
			'The model has IR version 14; the runtime reads up to 13.',
		],
		[
			"Can't create a session. ERROR_CODE: 7, ERROR_MESSAGE: Failed to load model because protobuf parsing failed.",
			'load',
			'load',
			'The runtime cannot read the file as an ONNX model.',
		],
		['failed to call OrtRun(). ERROR_CODE: 6, ERROR_MESSAGE: std::bad_alloc', 'run', 'memory', 'The runtime ran out of memory.'],
		['Array buffer allocation failed', 'load', 'memory', 'The runtime ran out of memory.'],
		[
			"failed to call OrtRun(). ERROR_CODE: 1, ERROR_MESSAGE: Non-zero status code returned while running Reshape node. Name:'r' Status Message: mismatch",
			'run',
			'run',
			'The run failed in Reshape "r".',
		],
		[
			'failed to call OrtRun(). ERROR_CODE: 1, ERROR_MESSAGE: WebGPU device lost (2): Device was destroyed.',
			'run',
			'lost-device',
			'The graphics device was lost while the model ran. Figures of this run are not kept.',
		],
		['no available backend found. ERR: [wasm] RuntimeError', 'start', 'unavailable', 'The runtime could not be started in this browser.'],
		[
			'failed to call OrtRun(). ERROR_CODE: 10, ERROR_MESSAGE: something new',
			'run',
			'run',
			'The runtime could not run the model: it reports an invalid graph. something new.',
		],
	] as const)('says %s in words', (text, stage, code, message) => {
		const error = engineError(new Error(text), stage);
		expect(error).toMatchObject({ name: 'EngineError', code, message });
		expect(error.detail).toContain(text.slice(0, 40));
	});

	it('turns the bare numbers that the runtime throws into a sentence', () => {
		const error = engineError(5_373_952, 'run');
		expect(error.message).toBe('The runtime stopped in the middle of the run and gave no reason.');
		expect(error.detail).toContain('5373952');
		expect(error.advice).not.toBe('');
		expect(engineError(1, 'load').code).toBe('load');
	});

	it('knows what an instance does not survive', () => {
		expect(isFatal(new WebAssembly.RuntimeError('unreachable'))).toBe(true);
		expect(isFatal(new Error('Aborted(OOM)'))).toBe(true);
		expect(isFatal(123)).toBe(false);
		expect(isFatal(new Error("input 'x' is missing in 'feeds'."))).toBe(false);
		expect(engineError(new WebAssembly.RuntimeError('unreachable'), 'run').code).toBe('memory');
	});

	it('leaves its own errors as they are', () => {
		const error = new EngineError('run', 'said already');
		expect(engineError(error, 'load')).toBe(error);
	});
});

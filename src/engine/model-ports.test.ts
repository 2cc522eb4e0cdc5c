import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../core/bytes/source.ts';
import { inferTypes } from '../core/onnx/infer.ts';
import { readModel } from '../core/onnx/read.ts';
import { modelPorts } from './model-ports.ts';
import { createNodeEngine } from './node/index.ts';
import type { Port } from './port.ts';

const shared = '../shared/models';
const files = existsSync(shared) ? readdirSync(shared).filter((name) => name.endsWith('.onnx')) : [];
if (files.length === 0) console.log('Skipped: ../shared/models is not here.');

/** Symbols have the runtime's own names for what the file leaves open. */
const plain = (ports: readonly Port[]) =>
	ports.map(({ name, dtype, shape }) => ({ name, dtype, shape: shape.map((dim) => (typeof dim === 'number' ? dim : null)) }));

describe.skipIf(files.length === 0)('ports of a model that is not loaded', () => {
	it.each(files)('are those of its session: %s', async (file) => {
		const bytes = new Uint8Array(readFileSync(`${shared}/${file}`));
		const model = await readModel(memorySource(bytes));
		const found = modelPorts(model, await inferTypes(model));
		const session = await (await createNodeEngine()).load({ model: bytes });
		try {
			expect(plain(found?.inputs ?? [])).toEqual(plain(session.inputs));
			expect(plain(found?.outputs ?? [])).toEqual(plain(session.outputs));
		} finally {
			await session.release();
		}
	});
});

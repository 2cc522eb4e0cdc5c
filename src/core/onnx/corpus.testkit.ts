import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A model file of the machine that tests run on. */
export interface CorpusFile {
	readonly path: string;
	/** Which collection it is from. */
	readonly group: string;
}

/** The published models that stand beside the repository; empty where they are not there. */
export function sharedModels(): CorpusFile[] {
	return modelsUnder(join(process.cwd(), '..', 'shared', 'models'), 'shared models');
}

/**
 * Models of the ONNX backend tests: the folder in ONNX_TESTDATA, else the Debian package libonnx-testdata. Empty where
 * neither is there.
 */
export function backendModels(): CorpusFile[] {
	const root = process.env.ONNX_TESTDATA ?? '/usr/share/libonnx-testdata/data';
	if (!existsSync(root)) return [];
	const groups = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
	return groups.flatMap((group) => modelsUnder(join(root, group.name), `backend tests: ${group.name}`));
}

function modelsUnder(folder: string, group: string): CorpusFile[] {
	if (!existsSync(folder)) return [];
	return readdirSync(folder, { recursive: true, encoding: 'utf8' })
		.filter((name) => name.endsWith('.onnx'))
		.sort()
		.map((name) => ({ path: join(folder, name), group }));
}

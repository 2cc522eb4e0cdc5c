import { blobSource } from '../core/bytes/source.ts';
import type { Model } from '../core/ir/model.ts';
import { externalFiles } from '../core/onnx/external.ts';
import { readModel } from '../core/onnx/read.ts';
import type { ModelFiles } from './protocol.ts';

/** Structure of a model; weights stay in the blobs. */
export function openModel(files: ModelFiles, onProgress?: (fraction: number) => void): Promise<Model> {
	const external = externalFiles(files.external.map(({ name, blob }) => ({ name, source: blobSource(blob) })));
	return readModel(blobSource(files.model), { external, ...(onProgress && { onProgress }) });
}

export function totalBytes(files: ModelFiles): number {
	return files.external.reduce((sum, { blob }) => sum + blob.size, files.model.size);
}

import type { ByteSource } from '../bytes/source.ts';
import { Ledger } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { Cursor } from './cursor.ts';
import { decodeModel } from './decode-model.ts';
import { LimitExceeded, Malformed, UnsupportedFile } from './errors.ts';
import type { ExternalLookup } from './external.ts';
import { newestIrVersion, oldestIrVersion } from './fields.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { Linker } from './link.ts';
import { joinUnknown } from './records.ts';
import { skim } from './skim.ts';

export interface ReadOptions {
	/** Finds external data files by the name in the model; see externalFiles. */
	readonly external?: ExternalLookup | undefined;
	readonly limits?: Partial<Limits> | undefined;
	readonly signal?: AbortSignal | undefined;
	/** Share of the file walked over, 0..1. */
	readonly onProgress?: ((fraction: number) => void) | undefined;
}

/**
 * Reads a model's structure; tensor data stays in `source` until it is asked for, so a model of any size costs what its
 * structure costs. Rules of ONNX that the file breaks are kept in `readProblems` for the checker. External data files that
 * are not there do not prevent reading: missingExternalData names them.
 *
 * Throws ModelError: Malformed, LimitExceeded, UnsupportedFile, MissingData (an external file that is too short).
 */
export async function readModel(source: ByteSource, options: ReadOptions = {}): Promise<Model> {
	const limits: Limits = { ...defaultLimits, ...options.limits };
	if (source.size > limits.fileBytes) {
		throw new LimitExceeded(
			`The file has ${(source.size / 1e9).toFixed(1)} GB; at most ${(limits.fileBytes / 1e9).toFixed(1)} GB are read.`,
		);
	}
	options.signal?.throwIfAborted();
	const skeleton = await skim(source, limits, options.signal, options.onProgress);
	const model = new Model(new Ledger());
	const record = decodeModel(new Cursor(skeleton, limits), { source, external: options.external, problems: model.readProblems });
	if (!record.graph) throw new Malformed('The file holds no graph: it is not an ONNX model, or it is cut short.');
	if (record.irVersion === undefined)
		throw new Malformed('The file does not state its IR version: it is not an ONNX model, or it is damaged.');
	if (record.irVersion < oldestIrVersion || record.irVersion > newestIrVersion) {
		throw new UnsupportedFile(
			`The model has IR version ${record.irVersion}; versions ${oldestIrVersion} to ${newestIrVersion} are read. Convert it with onnx.version_converter or export it again.`,
		);
	}
	model.irVersion = Number(record.irVersion);
	model.producerName = record.producerName;
	model.producerVersion = record.producerVersion;
	model.domain = record.domain;
	model.modelVersion = record.modelVersion;
	model.docString = record.docString;
	for (const [key, value] of record.metadata) {
		if (model.metadata.has(key)) model.readProblems.push({ message: `The metadata key "${key}" is given twice`, where: 'metadata_props' });
		else model.metadata.set(key, value);
	}
	for (const { domain, version } of record.opsets) {
		if (version < 0n || version > 1_000_000n) throw new Malformed(`Operator set "${domain}" has version ${version}.`, 'opset_import');
		if (model.opsets.has(domain === 'ai.onnx' ? '' : domain)) {
			model.readProblems.push({ message: `Operator set "${domain || 'ai.onnx'}" is imported twice`, where: 'opset_import' });
		}
		model.setOpset(domain, Number(version));
	}
	model.unknown = joinUnknown(record.unknown);
	const linker = new Linker(model.ledger, model.readProblems);
	linker.mainGraph(model, record.graph);
	record.functions.forEach((fn, index) => {
		model.functions.push(linker.function(fn, index));
	});
	model.markSaved(source);
	return model;
}

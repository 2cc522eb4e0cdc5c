import type { ByteSource } from '../bytes/source.ts';
import { WrongFile } from './errors.ts';
import { type FileKind, kinds } from './sniff-kinds.ts';
import { looksLikeModel, looksLikeTensor, messageFields } from './sniff-protobuf.ts';
import { sniffText } from './sniff-text.ts';
import { sniffZip } from './sniff-zip.ts';

export type { FileKind } from './sniff-kinds.ts';

/** What a dropped file is good for. */
export type FileRole =
	/** An ONNX model. */
	| 'model'
	/** Inputs or labels: pictures, arrays, tables, archives of them. */
	| 'data'
	/** A recipe or a study, as JSON. */
	| 'document'
	/** Weights of a model that must be dropped together with it, or a file that cannot be told from such weights. */
	| 'external-data'
	/** Nothing that Pare reads. */
	| 'none';

export interface SniffResult {
	readonly kind: FileKind;
	readonly role: FileRole;
	/** What it is, in a few words. */
	readonly title: string;
	/** What it is and what to do, for people who wanted to open it as a model. */
	readonly message: string;
}

/** Bytes that are looked at; the end of the file is looked at only where a format puts its mark there. */
const HEAD_BYTES = 4096;

/** Tells what a file is from its bytes; its name decides only where bytes cannot. Reads a few kilobytes. */
export async function sniff(source: ByteSource, fileName: string): Promise<SniffResult> {
	const head = await source.read(0, Math.min(HEAD_BYTES, source.size));
	const kind = await kindOf(source, head, fileName.toLowerCase());
	const { role, title, advice } = kinds[kind];
	return { kind, role, title, message: `${shortName(fileName)} ${advice}` };
}

/** Throws WrongFile with the sniffer's sentence where the file is no ONNX model. */
export async function assertOnnx(source: ByteSource, fileName: string): Promise<void> {
	const result = await sniff(source, fileName);
	if (result.role !== 'model') throw new WrongFile(result.message, result.kind);
}

function shortName(name: string): string {
	const base = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
	return base.length > 60 ? `${base.slice(0, 57)}...` : base || 'The file';
}

async function kindOf(source: ByteSource, head: Uint8Array, name: string): Promise<FileKind> {
	if (source.size === 0) return 'empty';
	if (head.every((byte) => byte === 0)) return 'zeros';
	const byBytes = byMagic(head, source.size);
	if (byBytes) return byBytes;
	if (startsWith(head, 0x50, 0x4b, 0x03, 0x04) || startsWith(head, 0x50, 0x4b, 0x05, 0x06)) return sniffZip(source, head);
	return sniffText(head, source.size > head.byteLength, name) ?? byProtobuf(head, source.size, name) ?? byName(name) ?? 'unknown';
}

interface Magic {
	readonly kind: FileKind;
	readonly at: number;
	readonly bytes: readonly number[];
}

const ascii = (text: string): readonly number[] => [...text].map((char) => char.charCodeAt(0));

/** Marks that cannot be the start of a protobuf model or a text. */
const MAGIC: readonly Magic[] = [
	{ kind: 'gguf', at: 0, bytes: ascii('GGUF') },
	{ kind: 'ggml', at: 0, bytes: ascii('lmgg') },
	{ kind: 'ggml', at: 0, bytes: ascii('fmgg') },
	{ kind: 'ggml', at: 0, bytes: ascii('tjgg') },
	{ kind: 'tflite', at: 4, bytes: ascii('TFL3') },
	{ kind: 'ort', at: 4, bytes: ascii('ORTM') },
	{ kind: 'tensorrt', at: 0, bytes: ascii('ptrt') },
	{ kind: 'tensorrt', at: 0, bytes: ascii('ftrt') },
	{ kind: 'hdf5', at: 0, bytes: [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a] },
	{ kind: 'png', at: 0, bytes: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] },
	{ kind: 'jpeg', at: 0, bytes: [0xff, 0xd8, 0xff] },
	{ kind: 'gif', at: 0, bytes: ascii('GIF8') },
	{ kind: 'webp', at: 8, bytes: ascii('WEBP') },
	{ kind: 'wav', at: 8, bytes: ascii('WAVE') },
	{ kind: 'pdf', at: 0, bytes: ascii('%PDF-') },
	{ kind: 'gzip', at: 0, bytes: [0x1f, 0x8b, 0x08] },
	{ kind: 'seven-zip', at: 0, bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c] },
	{ kind: 'rar', at: 0, bytes: ascii('Rar!\x1a\x07') },
	{ kind: 'zstd', at: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd] },
	{ kind: 'tar', at: 257, bytes: ascii('ustar') },
	{ kind: 'npy', at: 0, bytes: [0x93, ...ascii('NUMPY')] },
	{ kind: 'ncnn-bin', at: 0, bytes: [0x47, 0x6b, 0x30, 0x01] },
	{ kind: 'elf', at: 0, bytes: [0x7f, 0x45, 0x4c, 0x46] },
];

function byMagic(head: Uint8Array, size: number): FileKind | undefined {
	for (const { kind, at, bytes } of MAGIC) if (bytes.every((byte, index) => head[at + index] === byte)) return kind;
	if (isPickle(head)) return 'pickle';
	if (isSafetensors(head, size)) return 'safetensors';
	return isIdx(head, size) ? 'idx' : undefined;
}

function startsWith(head: Uint8Array, ...bytes: number[]): boolean {
	return bytes.every((byte, index) => head[index] === byte);
}

/** Protocol 2 to 5, then an opcode that a pickle can begin with (Python, pickletools). */
function isPickle(head: Uint8Array): boolean {
	const version = head[1] ?? 0;
	return head[0] === 0x80 && version >= 2 && version <= 5 && [0x95, 0x63, 0x7d, 0x8a, 0x5d, 0x28, 0x8c, 0x58, 0x4e].includes(head[2] ?? 0);
}

/** Little-endian length of a JSON header, then the header (safetensors, Format). */
function isSafetensors(head: Uint8Array, size: number): boolean {
	if (size < 10 || head[8] !== 0x7b) return false;
	const view = new DataView(head.buffer, head.byteOffset, 8);
	const length = view.getUint32(0, true) + view.getUint32(4, true) * 4294967296;
	return length >= 2 && length + 8 <= size;
}

/** 0, 0, type, rank, then big-endian dimensions that account for the size (yann.lecun.com/exdb/mnist). */
function isIdx(head: Uint8Array, size: number): boolean {
	const width = { 8: 1, 9: 1, 11: 2, 12: 4, 13: 4, 14: 8 }[head[2] ?? 0];
	const rank = head[3] ?? 0;
	if (head[0] !== 0 || head[1] !== 0 || !width || rank < 1 || rank > 8 || head.byteLength < 4 + rank * 4) return false;
	const view = new DataView(head.buffer, head.byteOffset);
	let elements = width;
	for (let axis = 0; axis < rank; axis++) elements *= view.getUint32(4 + axis * 4, false);
	return 4 + rank * 4 + elements === size;
}

/** Formats that are protobuf messages are told apart by which fields they have. */
function byProtobuf(head: Uint8Array, size: number, name: string): FileKind | undefined {
	const verdict = looksLikeModel(head, size);
	if (verdict) return verdict === 'model' ? 'onnx' : 'onnx-truncated';
	const fields = messageFields(head, size);
	if (!fields) return undefined;
	return looksLikeTensor(fields) ? 'onnx-tensor' : byFields(fields, name);
}

function byFields(fields: ReadonlyMap<number, number>, name: string): FileKind | undefined {
	// CoreML Model: specificationVersion 1 (varint), description 2, then one of the model types from field 200 on, or mlProgram 502.
	if (fields.get(1) === 0 && ([...fields.keys()].some((field) => field >= 200) || name.endsWith('.mlmodel'))) return 'coreml';
	// TensorFlow SavedModel: saved_model_schema_version 1 (varint), meta_graphs 2. GraphDef: node 1 and versions 4 or library 2.
	if (fields.get(1) === 0 && fields.get(2) === 2 && (fields.size === 2 || name.endsWith('.pb'))) return 'savedmodel';
	if (fields.get(1) === 2 && (name.endsWith('.pb') || fields.has(4)) && !name.endsWith('.onnx')) return 'graphdef';
	return undefined;
}

/** Raw weights have no mark of their own: the name is all there is. */
function byName(name: string): FileKind | undefined {
	if (/\.(onnx|onnx_data|onnx\.data)$/.test(name)) return name.endsWith('.onnx') ? 'damaged' : 'weights';
	if (/\.(data|weight|weights|bin|raw)$/.test(name) || /onnx_data|external/.test(name)) return 'weights';
	if (/\.(engine|plan|trt)$/.test(name)) return 'tensorrt';
	return undefined;
}

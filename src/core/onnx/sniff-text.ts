import type { FileKind } from './sniff-kinds.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Tells text formats apart; undefined where the bytes are no text. `more`: the file goes on after `head`. */
export function sniffText(head: Uint8Array, more: boolean, name: string): FileKind | undefined {
	const text = decode(head, more);
	if (text === undefined) return undefined;
	const start = text.trimStart();
	if (start.startsWith('version https://git-lfs.github.com/spec/')) return 'lfs-pointer';
	if (/^(<!doctype html|<html|<head|<body)/i.test(start)) return 'html';
	if (isOnnxText(start)) return 'onnx-text';
	if (start.startsWith('<')) return sniffXml(start);
	if (/^7767517\s/.test(start)) return 'ncnn-param';
	if (start.startsWith('{') || start.startsWith('[')) return sniffJson(start, name);
	if (/^\s*(ir_version|graph|opset_import|producer_name)\s*[:{]/m.test(text)) return 'textproto';
	if (/^(import |from |def |class |#!.*python)/m.test(start) && name.endsWith('.py')) return 'python';
	if (name.endsWith('.csv') || name.endsWith('.tsv')) return 'csv';
	return 'text';
}

/** UTF-8 without control characters other than white space. A character cut by the end of `head` is forgiven. */
function decode(head: Uint8Array, more: boolean): string | undefined {
	for (const byte of head) if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13 && byte !== 12) return undefined;
	for (let cut = 0; cut <= (more ? 3 : 0); cut++) {
		try {
			return utf8.decode(head.subarray(0, head.byteLength - cut));
		} catch {
			// Try again without the last byte.
		}
	}
	return undefined;
}

function sniffXml(start: string): FileKind {
	if (/<net\s[^>]*version=/.test(start)) return 'openvino-xml';
	if (/<!doctype html|<html/i.test(start)) return 'html';
	if (/<svg[\s>]/.test(start)) return 'svg';
	return /<\?xml|<\/?[A-Za-z]/.test(start) ? 'xml' : 'text';
}

function sniffJson(start: string, name: string): FileKind {
	if (/(^|[./\\_-])tokenizer\.json$/i.test(name) || /^\{\s*"version"[^{]*"(truncation|padding|added_tokens)"/.test(start))
		return 'tokenizer';
	if (/"modelTopology"|"weightsManifest"/.test(start)) return 'tfjs';
	if (/"tokenizer_class"|"model_type"|"architectures"|"added_tokens"/.test(start)) return 'hf-config';
	if (/^\{\s*"(v|pare|kind)"\s*:|"steps"\s*:\s*\[|"variants"\s*:\s*\[/.test(start)) return 'document';
	return 'json';
}

/** The language of onnx.parser: `< ir_version: 7, … > name (float[N] X) => …`, without or with the header. */
function isOnnxText(start: string): boolean {
	return /^(<\s*)?(ir_version|opset_import)\s*:[^{]*,/.test(start) || /^[A-Za-z_][\w.]*\s*\([^)]*\)\s*=>\s*\(/.test(start);
}

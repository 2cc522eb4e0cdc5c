// The few globals that pages, workers and Node share and that the core may use. Declared by hand so that
// this configuration needs neither the DOM's nor Node's types: a wrong import is then a type error.
declare class TextDecoder {
	constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
	decode(input?: ArrayBufferView | ArrayBuffer): string;
}
declare class TextEncoder {
	encode(input?: string): Uint8Array<ArrayBuffer>;
}
interface AbortSignal {
	readonly aborted: boolean;
	readonly reason: unknown;
	throwIfAborted(): void;
	addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
	removeEventListener(type: 'abort', listener: () => void): void;
}
declare class AbortController {
	readonly signal: AbortSignal;
	abort(reason?: unknown): void;
}
declare class DOMException extends Error {
	constructor(message?: string, name?: string);
}
declare const crypto: {
	subtle: { digest(algorithm: 'SHA-256', data: Uint8Array): Promise<ArrayBuffer> };
};
declare const performance: { now(): number };
declare function queueMicrotask(callback: () => void): void;
declare function setTimeout(callback: () => void, delayMs?: number): unknown;

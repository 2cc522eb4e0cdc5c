/**
 * Gives the memory of numbers back that nobody reads again, where the engine can (ArrayBuffer.prototype.transfer, ES2024). Values of a run
 * and files come by tens of megabytes; left to the collector they pile up to several times what is in use. Only for what this program or
 * WebAssembly allocated: memory that came from a message, a blob or another part of the browser is held there too, and would then be held
 * without the collector knowing of it.
 */
export function giveBack(data: unknown): void {
	if (!ArrayBuffer.isView(data)) return;
	const buffer: ArrayBufferLike & { transfer?: (byteLength: number) => unknown } = data.buffer;
	// A view of something larger is not ours to empty.
	if (buffer instanceof ArrayBuffer && data.byteLength === buffer.byteLength && buffer.byteLength > 0) buffer.transfer?.(0);
}

import type { TensorData } from '../ir/tensor-data.ts';

/**
 * Gives the memory of a tensor back that nobody reads again, where the engine can (ArrayBuffer.prototype.transfer, ES2024). Values of a run
 * come by tens of megabytes; left to the collector they pile up to several times what is in use.
 */
export function giveBack(tensor: TensorData | undefined): void {
	const data = tensor?.data;
	if (!data || !ArrayBuffer.isView(data)) return;
	const buffer: ArrayBufferLike & { transfer?: (byteLength: number) => unknown } = data.buffer;
	// A view of something larger is not ours to empty.
	if (buffer instanceof ArrayBuffer && data.byteLength === buffer.byteLength && buffer.byteLength > 0) buffer.transfer?.(0);
}

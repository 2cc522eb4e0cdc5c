import type { InferenceSession, Tensor } from 'onnxruntime-web';
import type { DType } from '../core/ir/dtype.ts';
import { elementCount, packedByteLength } from '../core/ir/dtype.ts';
import { EngineError, type Port, type TensorData } from './port.ts';

/** The part of onnxruntime-web that the engine uses: the same in all of its builds. */
export type Runtime = Pick<typeof import('onnxruntime-web'), 'InferenceSession' | 'Tensor' | 'env'>;

/** Element types that cross the border of the runtime's JavaScript API (onnxruntime-common, Tensor.DataTypeMap). */
type Crossing = Tensor.Type;

const crossing: ReadonlySet<string> = new Set<Crossing>([
	'float32',
	'uint8',
	'int8',
	'uint16',
	'int16',
	'int32',
	'int64',
	'string',
	'bool',
	'float16',
	'float64',
	'uint32',
	'uint64',
	'uint4',
	'int4',
]);

type HalfArray = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView;

/** Newer engines have Float16Array, and the runtime then insists on it; the port speaks bits everywhere. */
function halfArray(): HalfArray | undefined {
	return (globalThis as { Float16Array?: HalfArray }).Float16Array;
}

/** A tensor for the runtime. Throws EngineError `unsupported` for element types that cannot cross, `run` where data and dims differ. */
export function toRuntimeTensor(runtime: Runtime, { dtype, dims, data }: TensorData, name = 'tensor'): Tensor {
	if (!crossing.has(dtype)) {
		throw new EngineError('unsupported', `Input "${name}" has element type ${dtype}, which the runtime cannot take.`);
	}
	const expected = dtype === 'uint4' || dtype === 'int4' ? packedByteLength(dtype, elementCount(dims)) : elementCount(dims);
	if (data.length !== expected) {
		throw new EngineError('run', `"${name}" has ${data.length} elements where its shape [${dims.join(', ')}] takes ${expected}.`);
	}
	const Half = dtype === 'float16' ? halfArray() : undefined;
	const held = Half && data instanceof Uint16Array ? new Half(data.buffer, data.byteOffset, data.length) : data;
	return new runtime.Tensor(dtype as Crossing, held as never, dims);
}

/** Data of a tensor that the runtime gave; it is owned by the caller. */
export async function fromRuntimeTensor(tensor: Tensor): Promise<TensorData> {
	const held = (tensor.location === 'cpu' ? tensor.data : await tensor.getData()) as ArrayBufferView | string[];
	const dtype = tensor.type as DType;
	const data =
		dtype === 'float16' && !Array.isArray(held) && !(held instanceof Uint16Array)
			? new Uint16Array(held.buffer, held.byteOffset, held.byteLength / 2)
			: held;
	return { dtype, dims: [...tensor.dims], data: data as TensorData['data'] };
}

/** Ports of a loaded session. Outputs that are no tensors are left out; inputs that are none make a model unusable here. */
export function portsOf(metadata: readonly InferenceSession.ValueMetadata[], kind: 'input' | 'output'): Port[] {
	const ports: Port[] = [];
	for (const entry of metadata) {
		if (entry.isTensor) ports.push({ name: entry.name, dtype: entry.type as DType, shape: entry.shape.map(dimension) });
		else if (kind === 'input') throw new EngineError('unsupported', `Input "${entry.name}" is not a tensor; only tensors can be given.`);
	}
	return ports;
}

function dimension(dim: number | string): number | string | null {
	// An axis without number and name arrives as -1 read as unsigned.
	if (typeof dim === 'number') return dim >= 0 && dim < 0xffffffff ? dim : null;
	return dim === '' || dim === 'None' ? null : dim;
}

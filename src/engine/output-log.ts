import type { Outputs } from './outputs.ts';
import type { TensorData } from './port.ts';

/**
 * Outputs of one model on the first examples of a set, in order, kept in blocks outside: an evaluation that is ended goes on where it
 * stopped. Only ever an aid: a log that cannot be read or written is left out.
 */
export interface OutputLog {
	/** What was kept, in order; blocks after a damaged one are not given. */
	read(): Promise<readonly Outputs[]>;
	/** Keeps the next block. False where it will keep no more. */
	append(block: readonly Outputs[]): Promise<boolean>;
}

/** A block is kept at least this often, so that evaluations that are done sooner write nothing. */
const blockMs = 2000;
const blockBytes = 4_000_000;

/** Gathers outputs and hands them to a log in blocks. */
export class OutputRecorder {
	readonly #log: OutputLog;
	readonly #now: () => number;
	#pending: Outputs[] = [];
	#bytes = 0;
	#since: number;
	#open = true;
	#kept = false;

	/** `begun`: the log already holds blocks. */
	constructor(log: OutputLog, begun = false, now: () => number = () => performance.now()) {
		this.#log = log;
		this.#kept = begun;
		this.#now = now;
		this.#since = now();
	}

	/** Keeps what is left, where anything was kept before. */
	async finish(): Promise<void> {
		if (this.#kept && this.#open && this.#pending.length > 0) await this.#flush();
	}

	async add(outputs: Outputs, byteLength: number): Promise<void> {
		if (!this.#open) return;
		this.#pending.push(outputs);
		this.#bytes += byteLength;
		if (this.#now() - this.#since >= blockMs || this.#bytes >= blockBytes) await this.#flush();
	}

	async #flush(): Promise<void> {
		const block = this.#pending;
		this.#pending = [];
		this.#bytes = 0;
		try {
			this.#open = await this.#log.append(block);
			this.#kept = true;
		} catch {
			this.#open = false;
		}
		this.#since = this.#now();
	}
}

type Header = readonly (readonly {
	readonly name: string;
	readonly dtype: TensorData['dtype'];
	readonly dims: readonly number[];
	/** Bytes of the data; strings are in the header. */
	readonly byteLength: number;
	readonly strings?: readonly string[];
}[])[];

const arrays = {
	float32: Float32Array,
	float64: Float64Array,
	float16: Uint16Array,
	int8: Int8Array,
	uint8: Uint8Array,
	int16: Int16Array,
	uint16: Uint16Array,
	int32: Int32Array,
	uint32: Uint32Array,
	int64: BigInt64Array,
	uint64: BigUint64Array,
	bool: Uint8Array,
	int4: Uint8Array,
	uint4: Uint8Array,
} as const;

const mark = 'pare outputs 1\n';

/** A block as bytes: a mark, the length of the header, the header in JSON, then the data of all tensors. */
export function encodeOutputs(block: readonly Outputs[]): Blob {
	const parts: Uint8Array<ArrayBuffer>[] = [];
	const header: Header = block.map((outputs) =>
		Object.entries(outputs).map(([name, { dtype, dims, data }]) => {
			if (!ArrayBuffer.isView(data)) return { name, dtype, dims, byteLength: 0, strings: data };
			parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice());
			return { name, dtype, dims, byteLength: data.byteLength };
		}),
	);
	const json = new TextEncoder().encode(JSON.stringify(header));
	return new Blob([mark, new Uint32Array([json.byteLength]), json, ...parts]);
}

/** The block again; undefined where the bytes are not all there. */
export async function decodeOutputs(blob: Blob): Promise<readonly Outputs[] | undefined> {
	const bytes = new Uint8Array(await blob.arrayBuffer());
	const start = mark.length + 4;
	if (bytes.byteLength < start || new TextDecoder().decode(bytes.subarray(0, mark.length)) !== mark) return undefined;
	const length = new DataView(bytes.buffer).getUint32(mark.length, true);
	let header: Header;
	try {
		header = JSON.parse(new TextDecoder().decode(bytes.subarray(start, start + length))) as Header;
	} catch {
		return undefined;
	}
	let at = start + length;
	const block: Outputs[] = [];
	for (const entry of header) {
		const outputs: Record<string, TensorData> = {};
		for (const { name, dtype, dims, byteLength, strings } of entry) {
			if (strings) {
				outputs[name] = { dtype: 'string', dims, data: strings };
				continue;
			}
			const kind = arrays[dtype as keyof typeof arrays];
			if (!kind || at + byteLength > bytes.byteLength) return undefined;
			outputs[name] = { dtype, dims, data: new kind(bytes.slice(at, at + byteLength).buffer) as never };
			at += byteLength;
		}
		block.push(outputs);
	}
	return at === bytes.byteLength ? block : undefined;
}

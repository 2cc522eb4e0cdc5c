import { giveBack } from '../core/bytes/give-back.ts';
import { type Example, type Examples, releaseExample } from '../core/study/examples.ts';
import { ExamplesAhead } from '../core/study/examples-ahead.ts';
import { type OutputLog, OutputRecorder } from './output-log.ts';
import { agreement, type Outputs, outputBytes } from './outputs.ts';
import { EngineError, type Feeds, type Session, type TensorData } from './port.ts';

export interface ExampleResult {
	readonly index: number;
	readonly example: Example;
	readonly outputs: Outputs;
}

export interface RunExamplesOptions {
	readonly session: Session;
	readonly examples: Examples;
	readonly indices: readonly number[];
	/** Examples joined into one run where the model allows it; default 16. 1 turns joining off. */
	readonly batch?: number;
	/** Bytes of inputs in one batch; default 1 MB: joining pays for small examples only, and holds what the model computes for all of them. */
	readonly batchBytes?: number;
	readonly signal?: AbortSignal | undefined;
	/** Outputs of an earlier run that was ended are taken from here, and new ones are kept. */
	readonly log?: OutputLog | undefined;
}

/**
 * Runs a session on examples and gives the outputs of each; the inputs of one are there until the next is asked for. Examples are joined into batches only where that changes nothing: the
 * first two are run alone and together, and their outputs must be the same. (Dynamic quantization, for one, takes its ranges over
 * the whole batch, so such a model runs example by example, as it will where it is used.) What goes on from a log joins the same examples
 * as a run in one piece: outputs are the same to the last bit.
 */
export async function* runExamples(options: RunExamplesOptions): AsyncIterableIterator<ExampleResult> {
	const { log, indices } = options;
	const kept = (await log?.read().catch(() => undefined)) ?? [];
	const known = kept.slice(0, indices.length);
	const recorder = log && new OutputRecorder(log, known.length > 0);
	let at = 0;
	for await (const result of runFrom({ ...options, known })) {
		if (at >= known.length) await recorder?.add(result.outputs, outputBytes(result.outputs));
		at += 1;
		yield result;
	}
	await recorder?.finish();
}

async function* runFrom(options: RunExamplesOptions & { readonly known: readonly Outputs[] }): AsyncIterableIterator<ExampleResult> {
	const { session, examples, indices, signal, known } = options;
	let at = 0;
	const ahead = new ExamplesAhead(examples, indices, signal);
	const alone = async (position: number): Promise<ExampleResult> => {
		const example = await ahead.take(position);
		return { index: indices[position] as number, example, outputs: known[position] ?? (await session.run(example.feeds)) };
	};
	const { batchAxes } = examples;
	let joining: Joining | undefined;
	if (batchAxes && (options.batch ?? 16) > 1 && indices.length > 4) {
		const first = await alone(0);
		yield first;
		const second = await alone(1);
		yield second;
		at = 2;
		joining = await tryJoining(session, [first, second], batchAxes);
		releaseExample(first.example);
		releaseExample(second.example);
	}
	if (!joining || !batchAxes) {
		for (; at < indices.length; at++) {
			const result = await alone(at);
			yield result;
			releaseExample(result.example);
		}
		return;
	}
	const read = async (from: number, size: number): Promise<Example[]> => {
		const batch: Example[] = [];
		for (let position = from; position < Math.min(from + size, indices.length); position++) batch.push(await ahead.take(position));
		return batch;
	};
	const size = Math.max(1, Math.min(options.batch ?? 16, Math.floor((options.batchBytes ?? 1_000_000) / joining.bytes)));
	ahead.depth = size;
	while (at < indices.length) {
		const batch = await read(at, size);
		if (at + batch.length <= known.length) {
			for (const [i, example] of batch.entries()) {
				yield { index: indices[at + i] as number, example, outputs: known[at + i] as Outputs };
				releaseExample(example);
			}
			at += batch.length;
			continue;
		}
		const groups = sameShapes(batch);
		let offset = 0;
		for (const group of groups) {
			const feeds = joinFeeds(
				group.map((example) => example.feeds),
				batchAxes,
			);
			const results = splitOutputs(await session.run(feeds), joining.axes, group.length);
			if (group.length > 1) for (const name of Object.keys(batchAxes)) if (batchAxes[name] !== null) giveBack(feeds[name]?.data);
			for (const [i, outputs] of results.entries()) {
				const example = group[i] as Example;
				yield { index: indices[at + offset + i] as number, example, outputs };
				releaseExample(example);
			}
			offset += group.length;
		}
		at += batch.length;
	}
}

interface Joining {
	/** Axis of each output that counts examples. */
	readonly axes: Readonly<Record<string, number>>;
	/** Bytes of one example's inputs. */
	readonly bytes: number;
}

/** How outputs of joined examples come apart; undefined where joining is impossible or changes the result. */
async function tryJoining(
	session: Session,
	singles: readonly [ExampleResult, ExampleResult],
	batchAxes: Readonly<Record<string, number | null>>,
): Promise<Joining | undefined> {
	const [first, second] = singles;
	if (sameShapes([first.example, second.example]).length !== 1) return undefined;
	let joined: Outputs;
	try {
		joined = await session.run(joinFeeds([first.example.feeds, second.example.feeds], batchAxes));
	} catch (error) {
		// A model that says its batch is free and then refuses one runs example by example.
		if (error instanceof EngineError && error.code !== 'lost-device' && error.code !== 'unavailable' && error.code !== 'memory')
			return undefined;
		throw error;
	}
	const axes: Record<string, number> = {};
	for (const [name, { dims }] of Object.entries(joined)) {
		const alone = first.outputs[name]?.dims;
		if (!alone || alone.length !== dims.length) return undefined;
		const grown = dims.flatMap((dim, axis) => (dim === alone[axis] ? [] : [axis]));
		const axis = grown[0];
		if (grown.length !== 1 || axis === undefined || dims[axis] !== 2 * (alone[axis] as number)) return undefined;
		axes[name] = axis;
	}
	for (const [i, outputs] of splitOutputs(joined, axes, 2).entries()) {
		const found = agreement((singles[i] as ExampleResult).outputs, outputs);
		if (!found.ok || found.cosine < 1 - 1e-9) return undefined;
	}
	let bytes = 1;
	for (const { data } of Object.values(first.example.feeds)) bytes += ArrayBuffer.isView(data) ? data.byteLength : data.length * 16;
	return { axes, bytes };
}

/** Neighbours whose inputs have the same shapes, in order. */
function sameShapes(examples: readonly Example[]): Example[][] {
	const groups: Example[][] = [];
	let shape: string | undefined;
	for (const example of examples) {
		const own = JSON.stringify(Object.entries(example.feeds).map(([name, { dims }]) => [name, dims]));
		if (own === shape) groups.at(-1)?.push(example);
		else groups.push([example]);
		shape = own;
	}
	return groups;
}

function joinFeeds(feeds: readonly Feeds[], batchAxes: Readonly<Record<string, number | null>>): Feeds {
	const joined: Record<string, TensorData> = {};
	for (const [name, first] of Object.entries(feeds[0] ?? {})) {
		const axis = batchAxes[name];
		joined[name] =
			axis === null || axis === undefined
				? first
				: joinTensors(
						feeds.map((entry) => entry[name] as TensorData),
						axis,
					);
	}
	return joined;
}

type TypedArray = Exclude<TensorData['data'], readonly string[]>;

/** Tensors of equal shape, one after the other along `axis`. */
export function joinTensors(tensors: readonly TensorData[], axis: number): TensorData {
	const first = tensors[0] as TensorData;
	if (tensors.length === 1) return first;
	const dims = first.dims.with(axis, (first.dims[axis] as number) * tensors.length);
	const outer = first.dims.slice(0, axis).reduce((product, dim) => product * dim, 1);
	const block = first.data.length / outer;
	if (!ArrayBuffer.isView(first.data)) {
		const strings: string[] = [];
		for (let o = 0; o < outer; o++) {
			for (const { data } of tensors) strings.push(...(data as readonly string[]).slice(o * block, (o + 1) * block));
		}
		return { dtype: first.dtype, dims, data: strings };
	}
	const joined = new (first.data.constructor as new (length: number) => TypedArray)(first.data.length * tensors.length);
	for (let o = 0; o < outer; o++) {
		tensors.forEach(({ data }, i) => {
			joined.set((data as Float32Array).subarray(o * block, (o + 1) * block) as never, (o * tensors.length + i) * block);
		});
	}
	return { dtype: first.dtype, dims, data: joined };
}

/** The `count` equal parts of a tensor along `axis`, each with data of its own. */
export function splitTensor(tensor: TensorData, axis: number, count: number): TensorData[] {
	const length = (tensor.dims[axis] as number) / count;
	const dims = tensor.dims.with(axis, length);
	const outer = tensor.dims.slice(0, axis).reduce((product, dim) => product * dim, 1);
	const block = tensor.data.length / outer / count;
	return Array.from({ length: count }, (_, i) => {
		const { data } = tensor;
		if (!ArrayBuffer.isView(data)) {
			const strings: string[] = [];
			for (let o = 0; o < outer; o++) strings.push(...data.slice((o * count + i) * block, (o * count + i + 1) * block));
			return { dtype: tensor.dtype, dims, data: strings };
		}
		const part = new (data.constructor as new (length: number) => TypedArray)(outer * block);
		for (let o = 0; o < outer; o++) {
			part.set((data as Float32Array).subarray((o * count + i) * block, (o * count + i + 1) * block) as never, o * block);
		}
		return { dtype: tensor.dtype, dims, data: part };
	});
}

function splitOutputs(outputs: Outputs, axes: Readonly<Record<string, number>>, count: number): Outputs[] {
	const parts = Array.from({ length: count }, (): Record<string, TensorData> => ({}));
	for (const [name, tensor] of Object.entries(outputs)) {
		for (const [i, part] of splitTensor(tensor, axes[name] ?? 0, count).entries()) (parts[i] as Record<string, TensorData>)[name] = part;
	}
	return parts;
}

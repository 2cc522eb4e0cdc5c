import { exposeForRun } from '../../core/calibrate/expose.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { Feeds, TensorData } from '../../core/ir/tensor-data.ts';
import { decodeFloat16 } from '../../core/numeric/float16.ts';
import type { InferredTypes } from '../../core/onnx/infer-rules.ts';
import type { Compute, ComputeSession } from '../../core/pass/calibration.ts';

/** A model loaded once, of which any of the given values can be asked for in each run. */
export class ExposedModel {
	readonly #session: ComputeSession | undefined;
	/** Names of the loaded model's outputs by the value that they show. */
	readonly #names: ReadonlyMap<Value, string>;
	/** Graph inputs are shown from the feeds. */
	readonly #inputs: ReadonlySet<Value>;
	readonly refused: ReadonlyMap<Value, string>;

	private constructor(
		session: ComputeSession | undefined,
		names: ReadonlyMap<Value, string>,
		inputs: ReadonlySet<Value>,
		refused: ReadonlyMap<Value, string>,
	) {
		this.#session = session;
		this.#names = names;
		this.#inputs = inputs;
		this.refused = refused;
	}

	/** The model is as it was when this settles. Throws EngineError. */
	static async load(model: Model, values: readonly Value[], types: InferredTypes, compute: Compute): Promise<ExposedModel> {
		const inputs = new Set(values.filter((value) => !value.producer));
		const exposed = exposeForRun(
			model,
			values.filter((value) => value.producer),
			(value) => types.typeOf(value),
		);
		try {
			const session = exposed.outputs.size > 0 ? await compute.load(model) : undefined;
			return new ExposedModel(
				session,
				new Map([...exposed.outputs].map(([value, output]) => [value, output.name])),
				inputs,
				exposed.refused,
			);
		} finally {
			exposed.restore();
		}
	}

	/** Values of one run; those that were not computed (the other branch of an If) and those that cannot be shown are left out. */
	async run(feeds: Feeds, values: Iterable<Value>): Promise<Map<Value, TensorData>> {
		const shown = new Map<Value, TensorData>();
		const fetched: Value[] = [];
		for (const value of new Set(values)) {
			if (this.#inputs.has(value)) {
				const tensor = feeds[value.name];
				if (tensor) shown.set(value, tensor);
			} else if (this.#names.has(value)) fetched.push(value);
		}
		const names = [...new Set(fetched.map((value) => this.#names.get(value) ?? ''))];
		const results = names.length > 0 ? await this.#session?.run(feeds, names) : undefined;
		for (const value of fetched) {
			const tensor = results?.[this.#names.get(value) ?? ''];
			if (tensor && tensor.data.length > 0) shown.set(value, tensor);
		}
		return shown;
	}

	async release(): Promise<void> {
		await this.#session?.release();
	}
}

/** Elements as float32; undefined for tensors that hold no float32 or float16 numbers. */
export function floatsOf(tensor: TensorData | undefined): Float32Array | undefined {
	if (tensor?.data instanceof Float32Array) return tensor.data;
	return tensor?.dtype === 'float16' && tensor.data instanceof Uint16Array ? decodeFloat16(tensor.data) : undefined;
}

export function byteLengthOf({ data }: TensorData): number {
	return ArrayBuffer.isView(data) ? data.byteLength : 0;
}

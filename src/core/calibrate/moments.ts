import { elementCount } from '../ir/dtype.ts';

/** Sums, squares and ranges of each index along one axis of a stream of tensors. Memory: four numbers a channel. */
export class ChannelReducer {
	readonly axis: number;
	#sum = new Float64Array(0);
	#square = new Float64Array(0);
	#min = new Float32Array(0);
	#max = new Float32Array(0);
	#perChannel = 0;

	/** Negative axes count from the end. */
	constructor(axis: number) {
		this.axis = axis;
	}

	/** Throws RangeError where the axis does not exist or has another length than before. */
	add(data: Float32Array, dims: readonly number[]): void {
		const axis = this.axis < 0 ? this.axis + dims.length : this.axis;
		const channels = dims[axis];
		if (channels === undefined) throw new RangeError(`there is no axis ${this.axis} in [${dims.join(', ')}]`);
		if (this.#sum.length === 0) {
			this.#sum = new Float64Array(channels);
			this.#square = new Float64Array(channels);
			this.#min = new Float32Array(channels).fill(Number.POSITIVE_INFINITY);
			this.#max = new Float32Array(channels).fill(Number.NEGATIVE_INFINITY);
		} else if (this.#sum.length !== channels) {
			throw new RangeError(`axis ${this.axis} has ${channels} channels, before it had ${this.#sum.length}`);
		}
		const inner = elementCount(dims.slice(axis + 1));
		const outer = elementCount(dims.slice(0, axis));
		this.#perChannel += outer * inner;
		if (inner === 1) this.#rows(data, outer, channels);
		else {
			for (let o = 0; o < outer; o++) {
				for (let c = 0; c < channels; c++) this.#run(data, (o * channels + c) * inner, inner, c);
			}
		}
	}

	#rows(data: Float32Array, rows: number, channels: number): void {
		for (let row = 0, at = 0; row < rows; row++) {
			for (let c = 0; c < channels; c++, at++) {
				const x = data[at] as number;
				this.#sum[c] = (this.#sum[c] as number) + x;
				this.#square[c] = (this.#square[c] as number) + x * x;
				if (x < (this.#min[c] as number)) this.#min[c] = x;
				if (x > (this.#max[c] as number)) this.#max[c] = x;
			}
		}
	}

	#run(data: Float32Array, from: number, length: number, channel: number): void {
		let sum = 0;
		let square = 0;
		let min = this.#min[channel] as number;
		let max = this.#max[channel] as number;
		for (let i = from; i < from + length; i++) {
			const x = data[i] as number;
			sum += x;
			square += x * x;
			if (x < min) min = x;
			if (x > max) max = x;
		}
		this.#sum[channel] = (this.#sum[channel] as number) + sum;
		this.#square[channel] = (this.#square[channel] as number) + square;
		this.#min[channel] = min;
		this.#max[channel] = max;
	}

	/** Values seen of each channel. */
	get perChannel(): number {
		return this.#perChannel;
	}

	get means(): Float64Array {
		return this.#sum.map((sum) => sum / Math.max(1, this.#perChannel));
	}

	/** Mean of squares. */
	get powers(): Float64Array {
		return this.#square.map((square) => square / Math.max(1, this.#perChannel));
	}

	get deviations(): Float64Array {
		const { means, powers } = this;
		return powers.map((power, i) => Math.sqrt(Math.max(0, power - (means[i] as number) ** 2)));
	}

	get minima(): Float32Array {
		return this.#min;
	}

	get maxima(): Float32Array {
		return this.#max;
	}
}

import type { ByteSource } from '../core/bytes/source.ts';
import type { Port, TensorData } from '../core/ir/tensor-data.ts';
import type { Evidence, Preprocessing } from '../core/study/data-settings.ts';
import type { ExampleFacts, ExampleSource, Examples } from '../core/study/examples.ts';
import type { DatasetFacts } from '../core/study/study.ts';
import type { Picture } from './picture.ts';

export type { Evidence } from '../core/study/data-settings.ts';

/** A file as dropped: its name is shown and matched, never used as a path. */
export interface DataFile {
	readonly name: string;
	readonly source: ByteSource;
}

/** What readers must know of the model that the data is for. */
export interface DataTarget {
	readonly inputs: readonly Port[];
	readonly outputs: readonly Port[];
	/** Number of valid ids of an integer input, where it indexes a table of known size: see idLimits. */
	readonly idLimits?: Readonly<Record<string, number>>;
}

/** Runs the model once: lets a reader find out what the model takes. */
export type Trial = (feeds: Readonly<Record<string, TensorData>>) => Promise<Record<string, TensorData>>;

export interface Dataset extends Examples {
	readonly facts: DatasetFacts;
	/** Entries found bad while reading examples are added to `facts` as they are met. */
	readonly evidence: readonly Evidence[];
	/** The example as a picture: what was given, resized and cut, before it is made a tensor; with `as`, resized and cut by that instead. */
	preview?(index: number, as?: Preprocessing): Promise<Picture | undefined>;
	/** What the example was made from: its text, or its sound. Absent where there is nothing beyond what the model is fed. */
	source?(index: number): Promise<ExampleSource>;
	/** Name, content hash and class of each example. Reads every example once, on the first call; later calls are free. */
	exampleFacts(signal?: AbortSignal, onProgress?: (fraction: number) => void): Promise<readonly ExampleFacts[]>;
}

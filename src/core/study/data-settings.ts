import type { LearnFrom } from './learning.ts';
import type { Task } from './task.ts';

/** How pixels become numbers: channels in `colour` order, then (pixel * scale - mean) / std, channel by channel. */
export interface Normalization {
	readonly colour: 'rgb' | 'bgr' | 'grey';
	readonly scale: number;
	readonly mean: readonly number[];
	readonly std: readonly number[];
}

/** Everything that is done to a picture before a model sees it, as data. */
export interface Preprocessing extends Normalization {
	/**
	 * `short`: the short side becomes this long, the other keeps the proportions. `exact`: both sides. `pad`: the long side fits, the rest is
	 * filled with this grey.
	 */
	readonly resize:
		| { readonly mode: 'short'; readonly side: number }
		| { readonly mode: 'exact' }
		| { readonly mode: 'pad'; readonly fill: number };
	/** Size that the model takes; a resized picture is cropped to it around its middle. */
	readonly width: number;
	readonly height: number;
	readonly layout: 'nchw' | 'nhwc';
	readonly dtype: 'float32' | 'float16' | 'uint8';
}

/** How names in the data (folders, words in a label column) stand for outputs of the model. */
export interface ClassMapping {
	/**
	 * `list`: a classes.txt says so. `numbers`: the names are indices. `given`: a person said so. `order`: nothing says so, alphabetical order
	 * is assumed: shown as a proposal until it is confirmed or changed. `none`: the names stand for no output until a person says so.
	 */
	readonly origin: 'list' | 'numbers' | 'given' | 'order' | 'none';
	readonly classes: readonly { readonly name: string; readonly index: number }[];
	/** Names in the data that stand for no output: their examples have no label. The first ten thousand. */
	readonly unmapped?: readonly string[];
}

/** How something was chosen among several, so that people can see why. */
export interface Evidence {
	readonly what: string;
	readonly candidates: readonly { readonly name: string; readonly score: string; readonly chosen: boolean }[];
}

/** When judging ends before all examples were run. */
export interface StopEarly {
	/** No difference larger than this matters: shares as shares (0.01 is a point), other metrics relative to the original's value. */
	readonly margin: number;
}

/** Tells figures that were to stop early from those made on all examples, and from those with another margin. */
export function stopEarlyKey(stop: StopEarly | undefined): string {
	return stop ? String(stop.margin) : '';
}

/** What a person chose about their data; what is absent is found or proposed. Part of the study, and of the identity of its figures. */
export interface DataSettings {
	readonly preprocessing?: Preprocessing;
	/** Output index by name of the folder or word. */
	readonly classMapping?: ClassMapping['classes'];
	/** Sound models with a state: carried from frame to frame, or zero in each. default: carried where the original can be run */
	readonly soundState?: 'carried' | 'zero';
	/** What the model is judged as. */
	readonly task?: Task;
	/** Content hashes of examples that are not used (wrong labels, strange ones); with `copies:` before it, all but the first of that content. */
	readonly leftOut?: readonly string[];
	/** How many of the examples that are kept to learn from are learnt from, and which; default: all of them. No part of the identity of figures. */
	readonly learnFrom?: LearnFrom;
	/** Variants are judged on no more examples than a clear answer takes. */
	readonly stopEarly?: StopEarly;
	/** Most examples; the studio has a usual number, the command line takes all. */
	readonly limit?: number;
}

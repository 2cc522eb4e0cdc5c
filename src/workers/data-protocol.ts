import type { DataSettings, Preprocessing } from '../core/study/data-settings.ts';
import type { Example } from '../core/study/examples.ts';
import type { Failure } from '../core/study/study.ts';
import type { Dataset, DataTarget } from '../data/dataset.ts';
import type { NamedBlob } from './protocol.ts';

/** What the worker that reads data is asked, in order; answers come in any order, by id. */
export type DataRequest =
	| {
			readonly id: number;
			readonly ask: 'open';
			readonly files: readonly NamedBlob[];
			readonly target: DataTarget;
			readonly limit: number;
			readonly sample: boolean;
			readonly readable: boolean;
			readonly settings: DataSettings;
	  }
	| { readonly id: number; readonly ask: 'example'; readonly index: number }
	| { readonly id: number; readonly ask: 'preview'; readonly index: number; readonly as?: Preprocessing | undefined }
	| { readonly id: number; readonly ask: 'source'; readonly index: number }
	| { readonly id: number; readonly ask: 'facts' }
	/** Memory of examples that were read comes back to be used again. */
	| { readonly id: number; readonly ask: 'reuse'; readonly buffers: readonly ArrayBuffer[] }
	/** What the model said to feeds that the worker wanted tried. */
	| { readonly id: number; readonly ask: 'tried'; readonly outputs?: Record<string, unknown>; readonly failure?: Failure };

/** A set as far as it can be told in one message. */
export type OpenedData = Pick<Dataset, 'n' | 'facts' | 'evidence' | 'batchAxes' | 'classNames'> & {
	readonly previews: boolean;
	readonly sources: boolean;
};

/** `lent`: the memory of its feeds is wanted back once they were read. */
export interface SentExample {
	readonly example: Example;
	readonly lent: boolean;
}

export type DataReply =
	| { readonly id: number; readonly kind: 'value'; readonly value: unknown }
	| { readonly id: number; readonly kind: 'failure'; readonly failure: Failure; readonly dataError: boolean }
	| { readonly id: number; readonly kind: 'progress'; readonly fraction: number }
	/** A lock that is free only once the worker is gone. */
	| { readonly kind: 'lock'; readonly name: string }
	/** Run the model on these and answer with `tried` and this id. */
	| { readonly id: number; readonly kind: 'try'; readonly feeds: Record<string, unknown> };

/**
 * Whoever stands outside of a command and can end it when it cannot end itself: the runtime gives no sign of life while a model
 * runs, and some models run for ever. It is told what must be tidied away then.
 */
export interface Keeper {
	/** A call into the runtime that may not come back; `what` is said where it takes longer than the limit. */
	runBegins(limitSeconds: number, what: string): void;
	runEnded(): void;
	/** A file that is not whole yet. */
	fileBegins(path: string): void;
	fileEnded(path: string): void;
}

/** What the two sides of the thread say to each other. */
export type FromCommand =
	| { readonly kind: 'out' | 'err'; readonly text: string }
	| { readonly kind: 'progress'; readonly fraction: number; readonly stage: string }
	| { readonly kind: 'end-progress' }
	| { readonly kind: 'run-begins'; readonly limitSeconds: number; readonly what: string }
	| { readonly kind: 'run-ended' }
	| { readonly kind: 'file-begins' | 'file-ended'; readonly path: string }
	| { readonly kind: 'done'; readonly exit: number };

export type ToCommand = { readonly kind: 'interrupt' };

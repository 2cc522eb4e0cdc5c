/** What a model is for: decides which metrics mean something. Proposed from its outputs and the labels, and changed by people. */
export type TaskKind = 'classification' | 'binary' | 'multi-label' | 'regression' | 'embedding' | 'generic';

export interface Task {
	readonly kind: TaskKind;
	/** The output that labels (or the embedding) are about; absent: the first. */
	readonly output?: string;
}

/** What is known to be right for one example; at most one of the fields is there. */
export interface Labels {
	/** Index of the right class among the model's outputs. For a model with a single score: 0 or 1. */
	readonly label?: number;
	/** Several classes may apply: 0 or 1 for each output, in output order. */
	readonly labels?: readonly number[];
	/** Right values of a regression, in output order. */
	readonly targets?: readonly number[];
}

/** Which kind of labels a set has. */
export type LabelKind = 'class' | 'classes' | 'values';

/** What a model is for: decides which metrics mean something. Proposed from its outputs and the labels, and changed by people. */
export const taskKinds = ['classification', 'binary', 'multi-label', 'regression', 'embedding', 'sequence', 'generic'] as const;
export type TaskKind = (typeof taskKinds)[number];

/** What people may say of the task. */
export interface Task {
	readonly kind: TaskKind;
	/** The output that labels (or the embedding) are about; absent: found. */
	readonly output?: string;
	/** Binary and multi-label: a class applies from this probability on, between 0 and 1; default 0.5. */
	readonly threshold?: number;
	/** Sequences: the class that stands for nothing and ends repeats (CTC), or null where each step is a token; absent: found. */
	readonly blank?: number | null;
}

/** The task that an evaluation was made for. */
export interface TaskFacts extends Task {
	/** The evidence, in a sentence. */
	readonly why: string;
	/** What a person said, where they did; the rest was found. */
	readonly chosen?: Task;
	/** Binary and multi-label: what the output holds, by the values that the original gave. */
	readonly scores?: 'probability' | 'logit';
}

/** What is known to be right for one example. At most one of label, labels and targets is there. */
export interface Labels {
	/** Index of the right class among the model's outputs. For a model with a single score: 0 or 1. */
	readonly label?: number;
	/** Several classes may apply: 0 or 1 for each output, in output order. */
	readonly labels?: readonly number[];
	/** Right values of a regression, in output order; of a sequence, its tokens. */
	readonly targets?: readonly number[];
	/** Right text of a sequence. */
	readonly text?: string;
}

/** Which kind of labels a set has. */
export type LabelKind = 'class' | 'classes' | 'values' | 'text';

export const taskWords: Readonly<Record<TaskKind, string>> = {
	classification: 'several classes',
	binary: 'yes or no',
	'multi-label': 'any number of labels',
	regression: 'numbers',
	embedding: 'embeddings',
	sequence: 'sequences',
	generic: 'any outputs',
};

/** What people chose, of what an evaluation was made for: equal texts are the same task. */
export function taskKey(task: Task | undefined): string {
	return task
		? JSON.stringify([task.kind, task.output ?? null, task.threshold ?? null, task.blank ?? (task.blank === null ? 'none' : null)])
		: '';
}

/** One of the kinds of labels as another: a class as 0/1 for each output, the only label that applies as a class, a number as a class. */
export function labelAs(labels: Labels, kind: TaskKind, width: number): Labels {
	const { label, labels: several, targets } = labels;
	switch (kind) {
		case 'classification':
		case 'binary': {
			const whole = label ?? (targets?.length === 1 ? targets[0] : undefined) ?? (several ? onlyOne(several) : undefined);
			const classes = kind === 'binary' ? 2 : width;
			return whole !== undefined && Number.isInteger(whole) && whole >= 0 && (kind === 'classification' || whole < classes)
				? { label: whole }
				: {};
		}
		case 'multi-label': {
			if (several?.length === width) return { labels: several };
			if (label !== undefined && label >= 0 && label < width) {
				return { labels: Array.from({ length: width }, (_, i) => (i === label ? 1 : width === 1 && label === 1 ? 1 : 0)) };
			}
			return targets?.length === width && targets.every((x) => x === 0 || x === 1) ? { labels: targets } : {};
		}
		case 'regression': {
			const values = targets ?? several ?? (label === undefined ? undefined : [label]);
			return values?.length === width ? { targets: values } : {};
		}
		case 'sequence':
			return {
				...(labels.text !== undefined && { text: labels.text }),
				...((targets ?? several) && { targets: targets ?? several ?? [] }),
			};
		default:
			return {};
	}
}

function onlyOne(several: readonly number[]): number | undefined {
	if (several.length === 1) return several[0];
	return several.reduce((sum, x) => sum + x, 0) === 1 ? several.indexOf(1) : undefined;
}

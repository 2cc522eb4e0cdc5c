import type { Recipe } from '../core/pass/recipe.ts';
import type { StudyEvent } from '../core/study/events.ts';
import type { Hash, Study } from '../core/study/study.ts';

/** One undoable step: the recipe draft, or a change of the study with its inverse. */
export type Edit =
	| { readonly kind: 'draft'; readonly before: Recipe; readonly after: Recipe; readonly at: number }
	| { readonly kind: 'study'; readonly undo: readonly StudyEvent[]; readonly redo: readonly StudyEvent[]; readonly at: number };

export interface History {
	readonly past: readonly Edit[];
	readonly future: readonly Edit[];
}

export const emptyHistory: History = { past: [], future: [] };
const maxEdits = 200;
/** Draft edits that follow each other this quickly (typing, dragging a slider) are one step. */
const coalesceMs = 600;

export function record(history: History, edit: Edit): History {
	const last = history.past.at(-1);
	if (edit.kind === 'draft' && last?.kind === 'draft' && edit.at - last.at < coalesceMs && sameSteps(last.before, edit.after)) {
		return { past: [...history.past.slice(0, -1), { ...edit, before: last.before }], future: [] };
	}
	return { past: [...history.past, edit].slice(-maxEdits), future: [] };
}

/** Adding, removing or moving a step is always a step of its own. */
function sameSteps(a: Recipe, b: Recipe): boolean {
	return a.steps.length === b.steps.length && a.steps.every((step, index) => step.pass === b.steps[index]?.pass);
}

export function stepBack(history: History): { readonly history: History; readonly edit: Edit } | undefined {
	const edit = history.past.at(-1);
	return edit && { edit, history: { past: history.past.slice(0, -1), future: [edit, ...history.future] } };
}

export function stepForward(history: History): { readonly history: History; readonly edit: Edit } | undefined {
	const [edit, ...future] = history.future;
	return edit && { edit, history: { past: [...history.past, edit], future } };
}

/** The edits of a study that is closed must not touch the next one. */
export function dropStudyEdits(history: History): History {
	return { past: history.past.filter((edit) => edit.kind === 'draft'), future: history.future.filter((edit) => edit.kind === 'draft') };
}

/** Files that only the undo of a removal still needs. */
export function removedFiles(history: History, study: Study | undefined): Hash[] {
	const used = new Set(study?.variants.flatMap((variant) => variant.file ?? []));
	const files = [...history.past, ...history.future].flatMap((edit) =>
		edit.kind === 'study'
			? edit.undo.flatMap((event) => (event.type === 'restored' ? event.variants.flatMap(({ file }) => file ?? []) : []))
			: [],
	);
	return [...new Set(files)].filter((file) => !used.has(file));
}

import type { StudyEvent } from '../core/study/events.ts';
import type { Study } from '../core/study/study.ts';
import type { Context } from './context.ts';
import { record, stepBack, stepForward } from './history.ts';
import { saveSettings } from './settings.ts';
import type { Actions, Settings, Toast } from './state.ts';

export type InterfaceActions = Pick<
	Actions,
	| 'setDraft'
	| 'undo'
	| 'redo'
	| 'select'
	| 'pin'
	| 'setView'
	| 'setSettings'
	| 'toast'
	| 'dismissToast'
	| 'removeVariants'
	| 'renameVariant'
>;

const toastMs = { info: 5_000, error: 12_000 } as const;
const actionToastMs = 12_000;
const maxToasts = 4;

/** Actions that change what is shown, the draft or the study's own entries; nothing here waits for a worker. */
export function interfaceActions(context: Context): InterfaceActions {
	const { get, set } = context;

	const remember = (history: Context['history']): void => {
		context.history = history;
		set({ canUndo: history.past.length > 0, canRedo: history.future.length > 0 });
	};
	const toast = (message: string, tone: Toast['tone'] = 'info', action?: Toast['action']): void => {
		const id = `toast-${context.nextId()}`;
		const entry: Toast = { id, message, tone, ...(action && { action }) };
		// The same message twice is said once.
		set({ toasts: [...get().toasts.filter((other) => other.message !== message), entry].slice(-maxToasts) });
		context.services.later(() => dismissToast(id), action ? actionToastMs : toastMs[tone]);
	};
	const dismissToast = (id: string): void => {
		const toasts = get().toasts.filter((entry) => entry.id !== id);
		if (toasts.length !== get().toasts.length) set({ toasts });
	};
	const edit = (undo: readonly StudyEvent[], redo: readonly StudyEvent[]): void => {
		remember(record(context.history, { kind: 'study', undo, redo, at: context.services.nowMs() }));
		for (const event of redo) context.commit(event);
	};

	const selectionWithin = (study: Study): void => {
		const known = new Set<string>(['original', ...study.variants.map((variant) => variant.id)]);
		const { selected, pinned } = get();
		set({
			selected: selected !== undefined && known.has(selected) ? selected : undefined,
			pinned: [
				pinned[0] !== undefined && known.has(pinned[0]) ? pinned[0] : undefined,
				pinned[1] !== undefined && known.has(pinned[1]) ? pinned[1] : undefined,
			],
		});
	};

	const travel = (direction: 'back' | 'forward'): void => {
		const step = direction === 'back' ? stepBack(context.history) : stepForward(context.history);
		if (!step) return;
		if (step.edit.kind === 'study' && (get().readOnly || !get().study)) return;
		remember(step.history);
		if (step.edit.kind === 'draft') {
			set({ draft: direction === 'back' ? step.edit.before : step.edit.after });
			return;
		}
		for (const event of direction === 'back' ? step.edit.undo : step.edit.redo) context.commit(event);
		const study = get().study;
		if (study) selectionWithin(study);
	};

	return {
		setDraft(draft) {
			const before = get().draft;
			if (before === draft) return;
			remember(record(context.history, { kind: 'draft', before, after: draft, at: context.services.nowMs() }));
			set({ draft });
		},
		undo: () => travel('back'),
		redo: () => travel('forward'),
		select: (selected) => set({ selected }),
		pin(side, variant) {
			const [a, b] = get().pinned;
			set({ pinned: side === 'a' ? [variant, b] : [a, variant] });
		},
		setView: (view) => set({ view }),
		setSettings(change: Partial<Settings>) {
			const settings = { ...get().settings, ...change };
			for (const name of Object.keys(change)) context.chosen.add(name as keyof Settings);
			set({ settings });
			saveSettings(context.services.settingsStore, settings, context.chosen);
		},
		toast,
		dismissToast,
		removeVariants(ids) {
			const { study, readOnly } = get();
			if (!study || readOnly) return;
			const gone = new Set(ids.filter((id) => id !== 'original'));
			const variants = study.variants.filter((entry) => gone.has(entry.id));
			if (variants.length === 0) return;
			for (const variant of variants) context.stopWork(variant.id);
			edit(
				[
					{
						type: 'restored',
						variants,
						runs: study.runs.filter((entry) => gone.has(entry.variant)),
						evaluations: study.evaluations.filter((entry) => gone.has(entry.variant)),
					},
				],
				[{ type: 'removed', variants: variants.map((entry) => entry.id) }],
			);
			const after = get().study;
			if (after) selectionWithin(after);
			toast(variants.length === 1 ? `Removed ${variants[0]?.name}.` : `Removed ${variants.length} variants.`, 'info', {
				label: 'Undo',
				run: () => travel('back'),
			});
		},
		renameVariant(id, name) {
			const { study, readOnly } = get();
			const variant = study?.variants.find((entry) => entry.id === id);
			const clean = name.trim().slice(0, 200);
			if (!variant || readOnly || clean === '' || clean === variant.name) return;
			edit([{ type: 'renamed', variant: id, name: variant.name }], [{ type: 'renamed', variant: id, name: clean }]);
		},
	};
}

import type { Context } from './context.ts';
import type { Actions } from './state.ts';

type WorkActions = Omit<
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

export function workActions(context: Context): WorkActions {
	const pending = (what: string) => (): never => {
		context.get().toast(`${what} is being built.`, 'error');
		throw new Error(`${what} is being built`);
	};
	return {
		openFiles: async () => pending('openFiles')(),
		openSample: async () => pending('openSample')(),
		openStudy: async () => pending('openStudy')(),
		closeStudy: pending('closeStudy'),
		deleteStudy: async () => pending('deleteStudy')(),
		openLink: async () => pending('openLink')(),
		runRecipes: async () => pending('runRecipes')(),
		rerun: async () => pending('rerun')(),
		cancelJob: pending('cancelJob'),
		cancelAll: pending('cancelAll'),
		download: async () => pending('download')(),
		exportStudy: async () => pending('exportStudy')(),
		exportTable: pending('exportTable'),
		copyLink: async () => pending('copyLink')(),
		takeOver: pending('takeOver'),
		clearStorage: async () => pending('clearStorage')(),
		applyUpdate: pending('applyUpdate'),
	};
}

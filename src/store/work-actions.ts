import type { Study } from '../core/study/study.ts';
import { isComparisonHash, readComparison } from '../platform/links.ts';
import { toFailure } from '../workers/failure.ts';
import type { Context } from './context.ts';
import type { Data } from './data.ts';
import type { Diagnoser, Diagnosing } from './diagnosis.ts';
import type { Graphs } from './graph.ts';
import type { InterfaceActions } from './interface-actions.ts';
import type { Opening } from './open.ts';
import type { Pruner } from './pruning.ts';
import type { Running } from './running.ts';
import type { Samples } from './samples.ts';
import type { Sharing } from './share.ts';
import type { Actions } from './state.ts';
import type { Studies } from './studies.ts';
import type { Runner } from './work/runner.ts';

type WorkActions = Omit<
	Actions,
	| keyof Opening
	| keyof Running
	| keyof Data
	| keyof Graphs
	| keyof Samples
	| keyof Sharing
	| keyof InterfaceActions
	| keyof Diagnosing
	| keyof Pruner['actions']
>;

/** Actions around studies, links and the queue. */
export function workActions(
	context: Context,
	studies: Studies,
	runner: Runner,
	measurers: readonly Pick<Diagnoser, 'cancel' | 'cancelAll'>[],
): WorkActions {
	const { services, get, set } = context;
	const say = (error: unknown): void => {
		const failure = toFailure(error);
		if (failure.code !== 'cancelled') set({ openFailure: failure, opening: undefined });
	};
	return {
		async openStudy(id) {
			set({ openFailure: undefined, opening: { name: get().recent.find((entry) => entry.id === id)?.name ?? 'study' } });
			try {
				await studies.openStored(id);
			} catch (error) {
				say(error);
			} finally {
				set({ opening: undefined });
			}
		},
		closeStudy() {
			studies.close();
			services.openStudyOfTab.set(undefined);
		},
		async deleteStudy(id) {
			const root = await context.storage();
			if (!root) return;
			// Another tab may be working on it.
			const own = context.open?.id === id;
			const claim = own ? undefined : await services.claim(id);
			if (!own && !claim) {
				get().toast('This study is open in another tab. Close it there first.', 'error');
				return;
			}
			if (own) studies.close();
			try {
				await services.host.call('disk', 'remove', { id }, { input: `remove:${id}` });
				services.channel?.post({ type: 'list' });
			} catch (error) {
				say(error);
			} finally {
				claim?.release();
			}
			await studies.refreshList();
		},
		async openLink(hash) {
			if (!isComparisonHash(hash)) return;
			set({ openFailure: undefined });
			try {
				const shared: Study = await readComparison(hash);
				// A study that is open is stored; the comparison is what was asked for.
				studies.close();
				set({ shared: { study: shared, matched: false } });
			} catch (error) {
				say(error);
			}
		},
		cancelJob(id) {
			if (!measurers.some((measurer) => measurer.cancel(id))) runner.cancel(id);
		},
		cancelAll() {
			for (const measurer of measurers) measurer.cancelAll();
			runner.cancelAll();
		},
		takeOver() {
			const { open } = context;
			if (!open || !get().readOnly) return;
			void (async () => {
				const claim = await services.claim(open.id, { steal: true });
				claim?.release();
				// What the other tab wrote last counts: the study is read again.
				if (await context.storage()) await studies.openStored(open.id);
			})().catch(say);
		},
		async clearStorage() {
			studies.close();
			services.openStudyOfTab.set(undefined);
			context.held.clear();
			try {
				if (await context.storage()) await services.host.call('disk', 'clear', null, { input: 'clear' });
				set({ recent: [] });
				services.channel?.post({ type: 'list' });
				get().toast('Everything stored here was removed.');
			} catch (error) {
				say(error);
			}
			await studies.refreshList();
		},
		applyUpdate: () => context.pwa?.applyUpdate(),
	};
}

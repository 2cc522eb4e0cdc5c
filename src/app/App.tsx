import { lazy, Suspense, useCallback, useEffect, useLayoutEffect, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { JobBar } from '../features/jobs/JobBar.tsx';
import { EmptyPage } from '../features/open/EmptyPage.tsx';
import { FailureCard } from '../features/open/FailureCard.tsx';
import { SettingsDialog } from '../features/settings/SettingsDialog.tsx';
import { saveFile } from '../platform/save.ts';
import { appStore, useStore } from '../store/index.ts';
import type { Theme } from '../store/state.ts';
import { Banners } from './Banners.tsx';
import { type Command, commandsOf } from './commands.ts';
import { Header } from './Header.tsx';
import { HelpDialog } from './HelpDialog.tsx';
import type { Overlay } from './overlay.ts';
import { Palette } from './Palette.tsx';
import { Toasts } from './Toasts.tsx';
import { useFiles } from './use-files.ts';
import { useShortcuts } from './use-shortcuts.ts';

const StudyPage = lazy(async () => ({ default: (await import('./StudyPage.tsx')).StudyPage }));
const RecipeBuilder = lazy(async () => ({ default: (await import('../features/recipe/RecipeBuilder.tsx')).RecipeBuilder }));

export function App() {
	const state = useStore(
		useShallow((store) => ({
			study: store.study,
			shared: store.shared,
			opening: store.opening,
			openFailure: store.openFailure,
			recent: store.recent,
			theme: store.settings.theme,
		})),
	);
	// Actions never change: read from the store when they are needed, so that progress does not draw the whole page anew.
	const store = appStore().getState();
	const [overlay, setOverlay] = useState<Overlay>();
	const files = useFiles((dropped) => void store.openFiles(dropped));
	useTheme(state.theme);

	const { pick } = files;
	const commands = useCallback((): readonly Command[] => commandsOf(appStore().getState(), { pickFiles: pick, show: setOverlay }), [pick]);
	useShortcuts(commands, overlay === undefined);

	useEffect(() => {
		const read = (): void => {
			if (!location.hash.startsWith('#c=')) return;
			const hash = location.hash;
			// Read once, then cleared: a reload shows the page as it is, not the link again.
			history.replaceState(null, '', location.pathname + location.search);
			void store.openLink(hash);
		};
		read();
		window.addEventListener('hashchange', read);
		return () => window.removeEventListener('hashchange', read);
	}, [store.openLink]);

	const close = useCallback(() => setOverlay(undefined), []);
	const build = useCallback(() => setOverlay('recipe'), []);
	const study = state.study ?? state.shared?.study;
	return (
		<>
			<Header onShow={setOverlay} />
			<Banners />
			{study ? (
				<>
					{state.openFailure && (
						<div className="page-failure">
							<FailureCard failure={state.openFailure} />
						</div>
					)}
					<Suspense fallback={<main className="loading" aria-busy="true" />}>
						<StudyPage study={study} onBuild={build} onPick={files.pick} />
					</Suspense>
				</>
			) : (
				<EmptyPage
					failure={state.openFailure}
					recent={state.recent}
					opening={state.opening}
					onPick={files.pick}
					onSample={(id) => void store.openSample(id)}
					onStudy={(id) => void store.openStudy(id)}
					onForget={(id) => void store.deleteStudy(id)}
				/>
			)}
			<Jobs />
			<Messages />
			{files.dragging && (
				<div className="drop-overlay" aria-hidden="true">
					Drop it anywhere
				</div>
			)}
			{overlay === 'help' && <HelpDialog commands={commands()} onClose={close} />}
			{overlay === 'palette' && <Palette commands={commands()} onClose={close} />}
			{overlay === 'settings' && <SettingsDialog onClose={close} />}
			{overlay === 'recipe' && (
				<Suspense fallback={null}>
					<Builder onClose={close} />
				</Suspense>
			)}
		</>
	);
}

function Jobs() {
	const jobs = useStore((store) => store.jobs);
	const { cancelJob, cancelAll } = appStore().getState();
	return <JobBar jobs={jobs} onCancel={cancelJob} onCancelAll={cancelAll} />;
}

function Messages() {
	const toasts = useStore((store) => store.toasts);
	return <Toasts toasts={toasts} onDismiss={appStore().getState().dismissToast} />;
}

function Builder({ onClose }: { readonly onClose: () => void }) {
	const { draft, canUndo, canRedo } = useStore(
		useShallow((store) => ({ draft: store.draft, canUndo: store.canUndo, canRedo: store.canRedo })),
	);
	const { setDraft, undo, redo, runRecipes } = appStore().getState();
	return (
		<RecipeBuilder
			draft={draft}
			canUndo={canUndo}
			canRedo={canRedo}
			onChange={setDraft}
			onUndo={undo}
			onRedo={redo}
			onClose={onClose}
			onRun={(recipe) => {
				onClose();
				void runRecipes([recipe]);
			}}
			onSave={(recipe) =>
				saveFile(new Blob([JSON.stringify(recipe, null, 2)], { type: 'application/json' }), `${recipe.name ?? 'recipe'}.pare.json`)
			}
		/>
	);
}

function useTheme(theme: Theme): void {
	// Before the first paint, so that a dark page never flashes light.
	useLayoutEffect(() => {
		const system = matchMedia('(prefers-color-scheme: dark)');
		const apply = (): void => {
			document.documentElement.dataset.theme = theme === 'system' ? (system.matches ? 'dark' : 'light') : theme;
		};
		apply();
		system.addEventListener('change', apply);
		return () => system.removeEventListener('change', apply);
	}, [theme]);
}

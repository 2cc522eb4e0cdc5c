import { useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { useStore } from '../store/index.ts';

/** What changes the meaning of the page: a shared comparison, another tab, a missing ability of this browser, an update. */
export function Banners() {
	const { shared, readOnly, capabilities, updateReady, jobs, kept, study } = useStore(
		useShallow((store) => ({
			shared: store.shared,
			readOnly: store.readOnly,
			capabilities: store.capabilities,
			updateReady: store.updateReady,
			jobs: store.jobs,
			kept: store.kept,
			study: store.study,
		})),
	);
	const takeOver = useStore((store) => store.takeOver);
	const applyUpdate = useStore((store) => store.applyUpdate);
	const [hidden, setHidden] = useState(false);
	const busy = jobs.some((job) => job.state === 'running' || job.state === 'queued');
	const notes = hidden ? [] : (capabilities?.notes ?? []);
	return (
		<>
			{shared && (
				<div className="banner" role="status">
					{shared.matched ? (
						<span>
							Somebody's comparison of <strong>{shared.study.model.name}</strong>, measured on {shared.study.environment.browser}. Your copy
							of the model matches: its recipes can be run here, and both environments are shown.
						</span>
					) : (
						<span>
							Somebody's comparison of <strong>{shared.study.model.name}</strong>, measured on {shared.study.environment.browser}.
							Read-only. Drop the model with SHA-256 <code>{shared.study.model.hash.slice(0, 12)}…</code> to run the same recipes here.
						</span>
					)}
				</div>
			)}
			{readOnly && (
				<div className="banner" role="status">
					<span>This study is open in another tab; here it is only shown.</span>
					<button type="button" onClick={takeOver}>
						Take over
					</button>
				</div>
			)}
			{study && kept.model === 'missing' && (
				<div className="banner" role="status">
					<span>
						The figures are here, the model file is not. Drop <strong>{study.model.name}</strong> again to make or measure more.
					</span>
				</div>
			)}
			{updateReady && (
				<div className="banner" role="status">
					<span>A newer Pare is ready.{busy ? ' It waits until the work is done.' : ''}</span>
					<button type="button" disabled={busy} onClick={applyUpdate}>
						Update
					</button>
				</div>
			)}
			{notes.length > 0 && (
				<div className="banner" role="status">
					<span>{notes.join(' ')}</span>
					<button type="button" className="quiet" onClick={() => setHidden(true)}>
						Hide
					</button>
				</div>
			)}
		</>
	);
}

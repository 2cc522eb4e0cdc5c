import { useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { useStore } from '../store/index.ts';
import type { Overlay } from './overlay.ts';

export function Header({ onShow }: { readonly onShow: (overlay: Overlay) => void }) {
	const { study, shared, readOnly, offlineReady } = useStore(
		useShallow((store) => ({ study: store.study, shared: store.shared, readOnly: store.readOnly, offlineReady: store.offlineReady })),
	);
	const copyLink = useStore((store) => store.copyLink);
	const exportStudy = useStore((store) => store.exportStudy);
	const closeStudy = useStore((store) => store.closeStudy);
	const [copied, setCopied] = useState(false);
	const shown = study ?? shared?.study;
	const variants = shown?.variants.filter((variant) => variant.id !== 'original').length ?? 0;
	return (
		<header className="top">
			<button type="button" className="brand" onClick={closeStudy} disabled={!shown} aria-label={shown ? 'Pare, close this study' : 'Pare'}>
				Pare
			</button>
			{shown && (
				<span className="muted top-name">
					{shown.model.name} · {variants === 1 ? '1 variant' : `${variants} variants`}
				</span>
			)}
			{offlineReady && <span className="offline">works offline</span>}
			<nav className="top-actions no-print" aria-label="Study">
				{shown && !readOnly && study && (
					<button type="button" className="hide-narrow" onClick={() => onShow('recipe')}>
						Add recipe
					</button>
				)}
				{shown && (
					<button
						type="button"
						onClick={() => {
							void copyLink().then((length) => {
								// 0: it was not copied, and the failure has been said.
								if (length === 0) return;
								setCopied(true);
								setTimeout(() => setCopied(false), 2000);
							});
						}}
					>
						{copied ? 'Copied' : 'Copy link'}
					</button>
				)}
				{study && (
					<button type="button" className="hide-narrow" onClick={() => void exportStudy({ withFiles: false })}>
						Export
					</button>
				)}
				<button type="button" className="quiet" onClick={() => onShow('settings')}>
					Settings
				</button>
				<button type="button" className="quiet" onClick={() => onShow('help')}>
					Help
				</button>
			</nav>
		</header>
	);
}

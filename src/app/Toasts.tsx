import { useEffect } from 'react';
import type { Toast } from '../store/state.ts';

const SHOWN_MS = 8000;

export function Toasts({ toasts, onDismiss }: { readonly toasts: readonly Toast[]; readonly onDismiss: (id: string) => void }) {
	return (
		<section className="toasts no-print" aria-label="Messages" aria-live="polite">
			{toasts.map((toast) => (
				<ToastLine key={toast.id} toast={toast} onDismiss={onDismiss} />
			))}
		</section>
	);
}

function ToastLine({ toast, onDismiss }: { readonly toast: Toast; readonly onDismiss: (id: string) => void }) {
	useEffect(() => {
		// Errors stay until they are read.
		if (toast.tone === 'error') return;
		const timer = setTimeout(() => onDismiss(toast.id), SHOWN_MS);
		return () => clearTimeout(timer);
	}, [toast, onDismiss]);
	return (
		<div className={`toast ${toast.tone}`}>
			<span>{toast.message}</span>
			{toast.action && (
				<button
					type="button"
					className="quiet"
					onClick={() => {
						toast.action?.run();
						onDismiss(toast.id);
					}}
				>
					{toast.action.label}
				</button>
			)}
			<button type="button" className="quiet icon" aria-label="Dismiss" onClick={() => onDismiss(toast.id)}>
				×
			</button>
		</div>
	);
}

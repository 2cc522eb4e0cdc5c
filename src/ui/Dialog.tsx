import { type ReactNode, useEffect, useId, useRef } from 'react';

export interface DialogProps {
	readonly title: string;
	readonly onClose: () => void;
	readonly children: ReactNode;
	readonly className?: string;
}

/** A modal dialog: the browser keeps focus inside, Escape closes, focus goes back to where it was. */
export function Dialog({ title, onClose, children, className }: DialogProps) {
	const dialog = useRef<HTMLDialogElement>(null);
	const titleId = useId();
	useEffect(() => {
		const element = dialog.current;
		const before = document.activeElement;
		if (element && !element.open) element.showModal();
		return () => {
			element?.close();
			if (before instanceof HTMLElement) before.focus();
		};
	}, []);
	return (
		<dialog ref={dialog} aria-labelledby={titleId} className={className} onClose={onClose} onCancel={onClose}>
			<div className="dialog-head">
				<h2 id={titleId}>{title}</h2>
				<button type="button" onClick={onClose}>
					Close
				</button>
			</div>
			{children}
		</dialog>
	);
}

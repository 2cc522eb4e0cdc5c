import type { ReactNode } from 'react';

interface ScrollProps {
	/** What scrolls, for people who hear the page. */
	readonly label: string;
	readonly className?: string;
	readonly children: ReactNode;
}

/** Something wider or longer than its place. It takes the focus, so that the keyboard can scroll it too. */
export function Scroll({ label, className, children }: ScrollProps) {
	return (
		// biome-ignore lint/a11y/noNoninteractiveTabindex: without it a keyboard could not reach what is out of sight
		<section className={className ? `scroll-x ${className}` : 'scroll-x'} tabIndex={0} aria-label={label}>
			{children}
		</section>
	);
}

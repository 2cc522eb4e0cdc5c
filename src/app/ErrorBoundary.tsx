import { Component, type ReactNode } from 'react';

interface State {
	readonly error: Error | undefined;
}

/** A fault of the page itself. Studies are on disk already, so reloading loses nothing. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, State> {
	override state: State = { error: undefined };

	static getDerivedStateFromError(error: unknown): State {
		return { error: error instanceof Error ? error : new Error(String(error)) };
	}

	override render(): ReactNode {
		const { error } = this.state;
		if (!error) return this.props.children;
		return (
			<main className="empty">
				<section className="card failure" role="alert">
					<strong>The page met a fault of its own.</strong>
					<p>Finished variants and figures are stored in this browser. Reload to go on where you were.</p>
					<div className="buttons">
						<button type="button" className="primary" onClick={() => location.reload()}>
							Reload
						</button>
						<button type="button" onClick={() => void navigator.clipboard.writeText(`${error.message}\n${error.stack ?? ''}`)}>
							Copy details
						</button>
					</div>
				</section>
			</main>
		);
	}
}

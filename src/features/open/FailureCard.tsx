import type { Failure } from '../../core/study/study.ts';

/** A failure as people are told it: what, where, what to do; the details can be copied. */
export function FailureCard({ failure, onDismiss }: { readonly failure: Failure; readonly onDismiss?: () => void }) {
	const details = JSON.stringify(failure, null, 2);
	return (
		<section className="card failure" role="alert">
			<strong>{failure.message}</strong>
			{failure.where && <p className="muted">{failure.where}</p>}
			{failure.advice && <p>{failure.advice}</p>}
			<div className="buttons">
				<button type="button" onClick={() => void navigator.clipboard.writeText(details)}>
					Copy details
				</button>
				{onDismiss && (
					<button type="button" onClick={onDismiss}>
						Dismiss
					</button>
				)}
			</div>
		</section>
	);
}

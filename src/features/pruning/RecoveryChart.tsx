import { useId, useState } from 'react';
import type { RecoveryEntry } from '../../core/pass/report.ts';
import { fitText } from './result.ts';

/** Errors below this are drawn at the edge. */
const LEAST = 1e-6;

/** Error of each layer before and after, in the model's order, on one log axis. One tab stop: arrows move. */
export function RecoveryChart({ entries }: { readonly entries: readonly RecoveryEntry[] }) {
	const id = useId();
	const [at, setAt] = useState(0);
	const errors = entries.flatMap(({ errorBefore, errorAfter }) => [errorBefore, errorAfter]).filter((error) => Number.isFinite(error));
	const least = 10 ** Math.floor(Math.log10(Math.max(LEAST, Math.min(...errors))));
	const most = Math.max(10 ** Math.ceil(Math.log10(Math.max(...errors, LEAST))), least * 10);
	const span = Math.log10(most / least);
	const place = (error: number): number => (100 * Math.log10(Math.min(most, Math.max(least, error)) / least)) / span;
	const decades = Array.from({ length: Math.round(span) + 1 }, (_, i) => least * 10 ** i);
	const every = Math.ceil(decades.length / 6);
	const move = (event: React.KeyboardEvent): void => {
		const steps: Readonly<Record<string, number>> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 };
		const next = steps[event.key];
		if (next === undefined) return;
		event.preventDefault();
		setAt(Math.min(entries.length - 1, Math.max(0, next)));
		document.getElementById(`${id}-${Math.min(entries.length - 1, Math.max(0, next))}`)?.scrollIntoView({ block: 'nearest' });
	};
	return (
		<div className="recovery">
			<div
				className="recovery-rows"
				role="listbox"
				tabIndex={0}
				aria-label={`Error before and after the refit, ${entries.length} layers in the model’s order. Arrow keys move.`}
				aria-activedescendant={`${id}-${at}`}
				onKeyDown={move}
			>
				{entries.map((entry, i) => {
					const [from, to] = [place(entry.errorAfter), place(entry.errorBefore)];
					const words = `${entry.node}: ${entry.errorBefore.toPrecision(3)} before, ${entry.errorAfter.toPrecision(3)} after, ${fitText(entry)}`;
					return (
						// biome-ignore lint/a11y/useKeyWithClickEvents: keys belong to the list around it
						<div
							key={entry.key ?? entry.node}
							id={`${id}-${i}`}
							role="option"
							tabIndex={-1}
							aria-selected={i === at}
							aria-label={words}
							title={words}
							className={entry.leftOut === undefined ? 'recovery-row' : 'recovery-row left-out'}
							onClick={() => setAt(i)}
						>
							<span className="group-name">
								<bdi>{entry.node}</bdi>
							</span>
							<span className="recovery-track">
								<span className="recovery-gain" style={{ left: `${Math.min(from, to)}%`, width: `${Math.abs(to - from)}%` }} />
								<span className="recovery-before" style={{ left: `${to}%` }} />
								<span className="recovery-after" style={{ left: `${from}%` }} />
							</span>
						</div>
					);
				})}
			</div>
			<div className="recovery-axis muted" aria-hidden="true">
				<span />
				<span className="recovery-track">
					{decades.map((decade, i) =>
						i % every === 0 ? (
							<span key={decade} style={{ left: `${place(decade)}%` }}>
								{decade.toLocaleString(undefined, { maximumSignificantDigits: 1, maximumFractionDigits: 6 })}
							</span>
						) : null,
					)}
				</span>
			</div>
			<p className="legend muted small">
				<span className="recovery-before" /> after cutting <span className="recovery-after" /> after the refit
			</p>
			<p className="muted small" aria-live="polite">
				{entries[at] &&
					`${entries[at].node}: ${entries[at].errorBefore.toPrecision(3)} → ${entries[at].errorAfter.toPrecision(3)}, ${fitText(entries[at])}`}
			</p>
		</div>
	);
}

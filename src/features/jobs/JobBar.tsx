import { useEffect, useMemo, useRef, useState } from 'react';
import type { Job } from '../../store/state.ts';
import { formatDuration } from '../../ui/format.ts';
import './jobs.css';

export interface JobBarProps {
	readonly jobs: readonly Job[];
	readonly onCancel: (id: string) => void;
	readonly onCancelAll: () => void;
}

/** What runs, how far it is, how long it takes; the queue behind it; cancel. Hidden when nothing runs. */
export function JobBar({ jobs, onCancel, onCancelAll }: JobBarProps) {
	const running = jobs.find((job) => job.state === 'running');
	const queued = jobs.filter((job) => job.state === 'queued');
	const elapsedMs = useElapsed(running?.startedAt);
	const announced = useAnnouncement(running);
	const leftMs =
		running?.fraction && running.fraction > 0.08 && elapsedMs > 2000 ? (elapsedMs / running.fraction) * (1 - running.fraction) : undefined;
	useTitle(running, jobs);
	return (
		<>
			<p className="visually-hidden" aria-live="polite">
				{announced}
			</p>
			{running && (
				<aside className="job-bar no-print" aria-label="Work in progress">
					<span className="job-what">
						{running.title}
						{running.detail && !running.title.toLowerCase().includes(running.detail.toLowerCase()) ? (
							<span className="muted"> {running.detail}</span>
						) : null}
					</span>
					<div
						className={`job-track${running.fraction === undefined ? ' unknown' : ''}`}
						role="progressbar"
						aria-label={running.title}
						aria-valuemin={0}
						aria-valuemax={100}
						{...(running.fraction === undefined ? {} : { 'aria-valuenow': Math.round(running.fraction * 100) })}
					>
						<span style={{ width: `${Math.round((running.fraction ?? 0) * 1000) / 10}%` }} />
					</div>
					<span className="muted job-time">
						{formatDuration(elapsedMs)}
						{leftMs === undefined ? '' : `, about ${formatDuration(leftMs)} left`}
					</span>
					{queued.length > 0 && (
						<details className="job-queue">
							<summary>{queued.length} waiting</summary>
							<ul>
								{queued.map((job) => (
									<li key={job.id}>
										{job.title}
										<button type="button" className="quiet" onClick={() => onCancel(job.id)}>
											Cancel
										</button>
									</li>
								))}
							</ul>
							<button type="button" onClick={onCancelAll}>
								Cancel all
							</button>
						</details>
					)}
					<button type="button" onClick={() => onCancel(running.id)}>
						Cancel
					</button>
				</aside>
			)}
		</>
	);
}

function useElapsed(startedAt: number | undefined): number {
	const [now, setNow] = useState(() => Date.now());
	useEffect(() => {
		if (startedAt === undefined) return;
		setNow(Date.now());
		const timer = setInterval(() => setNow(Date.now()), 500);
		return () => clearInterval(timer);
	}, [startedAt]);
	return startedAt === undefined ? 0 : Math.max(0, now - startedAt);
}

/** Speaks at the start of a job and at each quarter, no more. */
function useAnnouncement(job: Job | undefined): string {
	const quarter = job?.fraction === undefined ? 0 : Math.floor(job.fraction * 4) * 25;
	return useMemo(() => (job ? `${job.title}${quarter > 0 ? `, ${quarter} %` : ''}` : ''), [job?.title, quarter, job]);
}

function useTitle(running: Job | undefined, jobs: readonly Job[]): void {
	const base = useRef('Pare');
	const open = jobs.filter((job) => job.state === 'running' || job.state === 'queued').length;
	// In steps of ten percent: setting the title costs a message to the browser, a millisecond or more each time.
	const percent = running?.fraction === undefined ? '' : `${Math.floor(running.fraction * 10) * 10} % `;
	const title = running ? `${percent}${running.title}${open > 1 ? ` (+${open - 1})` : ''} – ${base.current}` : base.current;
	useEffect(() => {
		document.title = title;
	}, [title]);
}

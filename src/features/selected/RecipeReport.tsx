import type { Note, PassReport } from '../../core/pass/pass.ts';
import type { Variant } from '../../core/study/study.ts';

/** What each pass did, the least flattering first, and its notes by reason. */
export function RecipeReport({ variant }: { readonly variant: Variant }) {
	if (variant.report.length === 0) {
		return (
			<ol className="steps">
				{variant.recipe.steps
					.filter((step) => !step.off)
					.map((step, index) => (
						// biome-ignore lint/suspicious/noArrayIndexKey: a pass may stand twice in a recipe
						<li key={`${step.pass}${index}`}>{step.pass}</li>
					))}
			</ol>
		);
	}
	return (
		<ol className="steps">
			{variant.report.map((report, index) => (
				// biome-ignore lint/suspicious/noArrayIndexKey: a pass may stand twice in a recipe
				<li key={`${report.pass}${index}`} className={report.changed === 0 ? 'loud' : report.coverage < 0.5 ? 'partial' : undefined}>
					<div className="step-head">
						<strong>{report.pass}</strong>
						<span className="muted">{bytesChange(report)}</span>
					</div>
					<p>{report.headline}</p>
					<NoteGroups notes={report.notes} />
				</li>
			))}
		</ol>
	);
}

function bytesChange(report: PassReport): string {
	const format = (bytes: number): string => (bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`);
	return report.bytesBefore === report.bytesAfter
		? format(report.bytesAfter)
		: `${format(report.bytesBefore)} → ${format(report.bytesAfter)}`;
}

const LEVELS = [
	['warn', 'Take care'],
	['skip', 'Left alone'],
	['info', 'Worth knowing'],
] as const;

function NoteGroups({ notes }: { readonly notes: readonly Note[] }) {
	return LEVELS.map(([level, title]) => {
		const groups = new Map<string, string[]>();
		for (const note of notes) {
			if (note.level !== level) continue;
			const nodes = groups.get(note.reason) ?? [];
			if (note.node) nodes.push(note.node);
			groups.set(note.reason, nodes);
		}
		if (groups.size === 0) return null;
		return (
			<details key={level} className={`notes ${level}`} open={level === 'warn' || undefined}>
				<summary>
					{title}: {groups.size === 1 ? '1 reason' : `${groups.size} reasons`}
				</summary>
				<ul>
					{[...groups].map(([reason, nodes]) => (
						<li key={reason}>
							{reason}
							{nodes.length > 0 && (
								<span className="muted">
									{' '}
									({nodes.slice(0, 4).join(', ')}
									{nodes.length > 4 ? ` and ${nodes.length - 4} more` : ''})
								</span>
							)}
						</li>
					))}
				</ul>
			</details>
		);
	});
}

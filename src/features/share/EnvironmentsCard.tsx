import { useMemo } from 'react';
import { canonicalRecipe, type Recipe } from '../../core/pass/recipe.ts';
import { figuresOf, targetsOf } from '../../core/study/figures.ts';
import type { Study } from '../../core/study/study.ts';
import { qualityWords, ratioWords } from '../../core/study/words.ts';
import { formatMs } from '../../ui/format.ts';

export interface EnvironmentsCardProps {
	readonly theirs: Study;
	readonly mine: Study;
	readonly onRun: (recipes: readonly Recipe[]) => void;
	readonly onClose: () => void;
}

/** The same recipes on the same model, measured there and here. */
export function EnvironmentsCard({ theirs, mine, onRun, onClose }: EnvironmentsCardProps) {
	const rows = useMemo(() => {
		const here = new Map(mine.variants.map((variant) => [canonicalRecipe(variant.recipe), variant]));
		return theirs.variants.map((variant) => ({
			theirs: variant,
			mine: variant.id === 'original' ? undefined : here.get(canonicalRecipe(variant.recipe)),
		}));
	}, [theirs, mine]);
	const missing = rows
		.filter((row) => row.theirs.id !== 'original' && !row.mine)
		.map((row) => ({ ...row.theirs.recipe, name: row.theirs.name }));
	const targets = [...new Set([...targetsOf(theirs), ...targetsOf(mine)])];
	const cell = (study: Study, id: string | undefined, target: string) => {
		const run = id === undefined ? undefined : figuresOf(study, id).runs.get(target);
		if (!run || run.failure) return run?.failure ? 'does not run' : '–';
		return `${formatMs(run.medianMs)}${run.ratio ? `, ${ratioWords(run.ratio.value)}` : ''}`;
	};
	return (
		<section className="card" aria-labelledby="environments-title">
			<header className="card-head">
				<h2 id="environments-title">There and here</h2>
				<button type="button" className="quiet push" onClick={onClose}>
					Close
				</button>
			</header>
			<p className="muted">
				There: {theirs.environment.browser}, {theirs.environment.platform}, {theirs.environment.cores} cores, {theirs.environment.runtime}.
				Here: {mine.environment.browser}, {mine.environment.platform}, {mine.environment.cores} cores, {mine.environment.runtime}.
			</p>
			<div className="scroll-x">
				<table className="figures">
					<thead>
						<tr>
							<th scope="col">variant</th>
							<th scope="col">worth there</th>
							<th scope="col">worth here</th>
							{targets.map((target) => [
								<th key={`${target} there`} scope="col" className="numeric">
									{target}, there
								</th>,
								<th key={`${target} here`} scope="col" className="numeric">
									{target}, here
								</th>,
							])}
						</tr>
					</thead>
					<tbody>
						{rows.map((row) => {
							const id = row.theirs.id === 'original' ? 'original' : row.mine?.id;
							return (
								<tr key={row.theirs.id}>
									<th scope="row">{row.theirs.id === 'original' ? 'original' : row.theirs.name}</th>
									<td>{qualityWords(figuresOf(theirs, row.theirs.id)).short}</td>
									<td>{id === undefined ? 'not made here' : qualityWords(figuresOf(mine, id)).short}</td>
									{targets.map((target) => [
										<td key={`${target} there`} className="numeric">
											{cell(theirs, row.theirs.id, target)}
										</td>,
										<td key={`${target} here`} className="numeric">
											{cell(mine, id, target)}
										</td>,
									])}
								</tr>
							);
						})}
					</tbody>
				</table>
			</div>
			{missing.length > 0 && (
				<div className="buttons">
					<button type="button" className="primary" onClick={() => onRun(missing)}>
						{missing.length === 1 ? 'Run their recipe here' : `Run their ${missing.length} recipes here`}
					</button>
				</div>
			)}
		</section>
	);
}

import { useState } from 'react';
import { canonicalRecipe, type Recipe } from '../../core/pass/recipe.ts';
import type { Study } from '../../core/study/study.ts';
import { type Preset, presets } from '../../passes/presets.ts';
import { standardSet } from './standard-set.ts';
import './recipe.css';

export interface RecipeCardProps {
	readonly study: Study;
	readonly busy: boolean;
	readonly onRun: (recipes: readonly Recipe[]) => void;
	readonly onBuild: () => void;
}

const groupTitles: readonly (readonly [title: string, families: readonly Preset['family'][]])[] = [
	['Graph', ['optimized']],
	['Quantize', ['quantized']],
	['Prune and factorize', ['pruned', 'factorized']],
	['Both', ['both']],
];
const groups = groupTitles
	.map(([title, families]) => ({ title, members: presets.filter(({ family }) => families.includes(family)) }))
	.filter(({ members }) => members.length > 0);

/** Presets to run at once, or a way into the builder. What exists already is ticked. */
export function RecipeCard({ study, busy, onRun, onBuild }: RecipeCardProps) {
	const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
	const existing = new Set(study.variants.map((variant) => canonicalRecipe(variant.recipe)));
	const done = (preset: Preset): boolean => existing.has(canonicalRecipe(preset.recipe));
	const toggle = (id: string): void => {
		const next = new Set(chosen);
		if (!next.delete(id)) next.add(id);
		setChosen(next);
	};
	const madeUp = study.dataset?.kind === 'synthetic';
	const selected = presets.filter((preset) => chosen.has(preset.id));
	return (
		<section className="card recipes" aria-labelledby="recipes-title">
			<h2 id="recipes-title">Make variants</h2>
			<button type="button" className="primary wide" onClick={() => onRun(standardSet())}>
				Run the standard set
			</button>
			<p className="muted">
				{standardSet().length} recipes: half precision, int8, 4 bits, zeros and their usual variations. Each is measured against the
				original.
			</p>
			{groups.map(({ title, members }) => (
				<div key={title} className="preset-group">
					<h3>{title}</h3>
					<ul className="preset-list">
						{members.map((preset) => (
							<li key={preset.id}>
								<label>
									<input
										type="checkbox"
										checked={chosen.has(preset.id)}
										onChange={() => toggle(preset.id)}
										aria-labelledby={`preset-${preset.id}`}
										aria-describedby={`preset-${preset.id}-summary`}
									/>
									<span>
										<span className={`swatch family-${preset.family}`} aria-hidden="true" />{' '}
										<span id={`preset-${preset.id}`}>{preset.title}</span>
										{done(preset) && <span className="badge">made</span>}
										{preset.learns && <span className="badge">learns from inputs</span>}
										<small id={`preset-${preset.id}-summary`} className="muted">
											{preset.summary}
										</small>
									</span>
								</label>
							</li>
						))}
					</ul>
				</div>
			))}
			{madeUp && selected.some((preset) => preset.learns) && (
				<p className="muted">
					There are only made-up inputs to learn from: ranges and choices found on them say little. Add a few dozen real examples first.
				</p>
			)}
			<div className="buttons">
				<button
					type="button"
					disabled={selected.length === 0}
					onClick={() => {
						onRun(selected.map((preset) => ({ ...preset.recipe, name: preset.title })));
						setChosen(new Set());
					}}
				>
					{selected.length > 1 ? `Run ${selected.length} presets` : 'Run preset'}
				</button>
				<button type="button" onClick={onBuild}>
					Build a recipe
				</button>
			</div>
			{busy && <p className="muted">New variants join the queue.</p>}
		</section>
	);
}

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
			<ul className="preset-list">
				{presets.map((preset) => (
					<li key={preset.id}>
						<label>
							<input type="checkbox" checked={chosen.has(preset.id)} onChange={() => toggle(preset.id)} />
							<span>
								<span className={`swatch family-${preset.family}`} aria-hidden="true" /> {preset.title}
								{done(preset) && <span className="badge">made</span>}
								<small className="muted">{preset.summary}</small>
							</span>
						</label>
					</li>
				))}
			</ul>
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

import { useRef, useState } from 'react';
import { describeOptions, InvalidOptions, parseOptions } from '../../core/pass/options.ts';
import type { AnyPass } from '../../core/pass/pass.ts';
import { InvalidRecipe, parseRecipe, type Recipe, type RecipeStep } from '../../core/pass/recipe.ts';
import { presets } from '../../passes/presets.ts';
import { passes } from '../../passes/registry.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { OptionForm } from '../../ui/OptionForm.tsx';
import '../../ui/option-form.css';
import './recipe.css';

export interface RecipeBuilderProps {
	readonly draft: Recipe;
	readonly canUndo: boolean;
	readonly canRedo: boolean;
	readonly onChange: (recipe: Recipe) => void;
	readonly onUndo: () => void;
	readonly onRedo: () => void;
	readonly onRun: (recipe: Recipe) => void;
	readonly onClose: () => void;
	readonly onSave: (recipe: Recipe) => void;
}

interface StepProblem {
	readonly field: string;
	readonly reason: string;
}

/** What is wrong with a step's options, as its form shows it. */
function problemOf(step: RecipeStep): StepProblem | undefined {
	const pass = passes.get(step.pass);
	if (!pass) return { field: '', reason: `There is no pass called "${step.pass}" in this version` };
	try {
		parseOptions(pass.options, step.options);
		return undefined;
	} catch (error) {
		return error instanceof InvalidOptions ? { field: error.field, reason: error.reason } : { field: '', reason: String(error) };
	}
}

/** Steps in order, each with a form made from its pass' options schema. */
export function RecipeBuilder({ draft, canUndo, canRedo, onChange, onUndo, onRedo, onRun, onClose, onSave }: RecipeBuilderProps) {
	const [open, setOpen] = useState<number | undefined>(draft.steps.length > 0 ? 0 : undefined);
	const [importError, setImportError] = useState<string | undefined>();
	const [dragged, setDragged] = useState<number | undefined>();
	const file = useRef<HTMLInputElement>(null);
	const problems = draft.steps.map((step) => (step.off ? undefined : problemOf(step)));
	const active = draft.steps.filter((step) => !step.off).length;
	const withSteps = (steps: readonly RecipeStep[]): void => onChange({ ...draft, steps });
	const replace = (index: number, step: RecipeStep): void => withSteps(draft.steps.map((old, at) => (at === index ? step : old)));
	const move = (from: number, to: number): void => {
		if (to < 0 || to >= draft.steps.length || from === to) return;
		const steps = [...draft.steps];
		const [step] = steps.splice(from, 1);
		if (step) steps.splice(to, 0, step);
		withSteps(steps);
		setOpen(to);
	};
	const add = (pass: AnyPass): void => {
		withSteps([...draft.steps, { pass: pass.id, options: {} }]);
		setOpen(draft.steps.length);
	};
	const importText = async (chosen: File | undefined): Promise<void> => {
		if (!chosen) return;
		try {
			if (chosen.size > 1_000_000) throw new InvalidRecipe(`${chosen.name} is too large for a recipe.`);
			onChange(parseRecipe(JSON.parse(await chosen.text())));
			setImportError(undefined);
		} catch (error) {
			setImportError(error instanceof InvalidRecipe ? error.message : `${chosen.name} is no JSON, so it cannot be a recipe.`);
		}
	};
	return (
		<Dialog title="Recipe" onClose={onClose} className="recipe-builder">
			<div className="builder-tools">
				<label>
					<span className="visually-hidden">Name</span>
					<input
						type="text"
						placeholder="Name of the variant"
						value={draft.name ?? ''}
						onChange={(event) => {
							const { name: _, ...rest } = draft;
							onChange(event.target.value ? { ...rest, name: event.target.value } : rest);
						}}
					/>
				</label>
				<button type="button" className="quiet" disabled={!canUndo} onClick={onUndo}>
					Undo
				</button>
				<button type="button" className="quiet" disabled={!canRedo} onClick={onRedo}>
					Redo
				</button>
				<button type="button" className="quiet" onClick={() => file.current?.click()}>
					Import…
				</button>
				<button type="button" className="quiet" disabled={draft.steps.length === 0} onClick={() => onSave(draft)}>
					Save…
				</button>
				<input
					ref={file}
					type="file"
					accept=".json,application/json"
					hidden
					onChange={(event) => void importText(event.target.files?.[0])}
				/>
			</div>
			{importError && (
				<p className="bad" role="alert">
					{importError}
				</p>
			)}
			<label className="from-preset">
				Start from{' '}
				<select
					value=""
					onChange={(event) => {
						const preset = presets.find((entry) => entry.id === event.target.value);
						if (preset) {
							onChange({ ...preset.recipe, name: preset.title });
							setOpen(0);
						}
					}}
				>
					<option value="">a preset</option>
					{presets.map((preset) => (
						<option key={preset.id} value={preset.id}>
							{preset.title}
						</option>
					))}
				</select>
			</label>
			{draft.steps.length === 0 ? (
				<p className="muted">A recipe is a list of passes that run in order. Add the first one below, or start from a preset.</p>
			) : (
				<ol className="builder-steps">
					{draft.steps.map((step, index) => {
						const pass = passes.get(step.pass);
						const problem = problems[index];
						const title = pass?.title ?? step.pass;
						return (
							<li
								// biome-ignore lint/suspicious/noArrayIndexKey: a pass may stand twice in a recipe
								key={index}
								className={`${step.off ? 'off' : ''}${dragged === index ? ' dragged' : ''}`}
								onDragOver={(event) => {
									if (dragged !== undefined) event.preventDefault();
								}}
								onDrop={(event) => {
									event.preventDefault();
									event.stopPropagation();
									if (dragged !== undefined) move(dragged, index);
									setDragged(undefined);
								}}
							>
								{/* biome-ignore lint/a11y/noStaticElementInteractions: dragging is for the mouse; the arrow buttons do the same for keyboards */}
								<div
									className="step-bar"
									draggable
									onDragStart={(event) => {
										event.dataTransfer.setData('text/x-pare-step', String(index));
										setDragged(index);
									}}
									onDragEnd={() => setDragged(undefined)}
								>
									<input
										type="checkbox"
										aria-label={`Run ${title}`}
										checked={!step.off}
										onChange={(event) => {
											const { off: _, ...rest } = step;
											replace(index, event.target.checked ? rest : { ...rest, off: true });
										}}
									/>
									<button
										type="button"
										className="step-title"
										aria-expanded={open === index}
										onClick={() => setOpen(open === index ? undefined : index)}
									>
										{index + 1}. {title}
										{problem && <span className="bad"> needs care</span>}
									</button>
									<button
										type="button"
										className="quiet icon"
										aria-label={`Move ${title} up`}
										disabled={index === 0}
										onClick={() => move(index, index - 1)}
									>
										↑
									</button>
									<button
										type="button"
										className="quiet icon"
										aria-label={`Move ${title} down`}
										disabled={index === draft.steps.length - 1}
										onClick={() => move(index, index + 1)}
									>
										↓
									</button>
									<button
										type="button"
										className="quiet icon"
										aria-label={`Duplicate ${title}`}
										onClick={() => withSteps([...draft.steps.slice(0, index + 1), step, ...draft.steps.slice(index + 1)])}
									>
										<svg width="12" height="12" viewBox="0 0 12 12" fill="none" stroke="currentColor" aria-hidden="true">
											<rect x="0.5" y="3.5" width="8" height="8" rx="1.5" />
											<path d="M3.5 3.5V2A1.5 1.5 0 0 1 5 .5h5A1.5 1.5 0 0 1 11.5 2v5A1.5 1.5 0 0 1 10 8.5H8.5" />
										</svg>
									</button>
									<button
										type="button"
										className="quiet icon"
										aria-label={`Remove ${title}`}
										onClick={() => withSteps(draft.steps.filter((_, at) => at !== index))}
									>
										×
									</button>
								</div>
								{open === index && (
									<div className="step-body">
										{problem && !problem.field && <p className="bad">{problem.reason}.</p>}
										{pass && (
											<>
												<p className="muted">{pass.summary}</p>
												<OptionForm
													fields={describeOptions(pass.options)}
													values={step.options}
													error={problem}
													onChange={(key, value) => {
														const options = { ...step.options };
														if (value === undefined) delete options[key];
														else options[key] = value;
														replace(index, { ...step, options });
													}}
												/>
											</>
										)}
									</div>
								)}
							</li>
						);
					})}
				</ol>
			)}
			<div className="add-pass">
				<span className="muted">Add</span>
				{[...passes.values()].map((pass) => (
					<button key={pass.id} type="button" title={pass.summary} onClick={() => add(pass)}>
						{pass.title}
					</button>
				))}
			</div>
			<div className="buttons end">
				<button type="button" className="primary" disabled={active === 0 || problems.some(Boolean)} onClick={() => onRun(draft)}>
					Run recipe
				</button>
			</div>
		</Dialog>
	);
}

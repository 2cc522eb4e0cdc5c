import type { DatasetFacts, ModelFacts } from '../../core/study/study.ts';
import { type Task, type TaskFacts, type TaskKind, taskKinds, taskWords } from '../../core/study/task.ts';
import { useStore } from '../../store/index.ts';

export interface TaskFormProps {
	readonly task: TaskFacts;
	readonly dataset: DatasetFacts;
	readonly outputs: ModelFacts['outputs'];
}

/** What the model is judged as, why, and the way to say otherwise. */
export function TaskForm({ task, dataset, outputs }: TaskFormProps) {
	const changeTask = useStore((store) => store.changeTask);
	const chosen = dataset.settings?.task;
	const { kind } = chosen ?? task;
	const say = (change: Partial<Task>): void => {
		changeTask({ kind, ...chosen, ...change });
	};
	return (
		<div className="task-form">
			<label>
				<span>Judged as</span>
				<select
					value={chosen ? chosen.kind : 'found'}
					onChange={({ target }) => changeTask(target.value === 'found' ? undefined : { kind: target.value as TaskKind })}
				>
					<option value="found">{chosen ? 'what is found' : `found: ${taskWords[task.kind]}`}</option>
					{taskKinds.map((each) => (
						<option key={each} value={each}>
							{taskWords[each]}
						</option>
					))}
				</select>
			</label>
			{outputs.length > 1 && (
				<label>
					<span>By output</span>
					<select value={chosen?.output ?? task.output ?? ''} onChange={({ target }) => say({ output: target.value })}>
						{outputs.map(({ name }) => (
							<option key={name} value={name}>
								{name}
							</option>
						))}
					</select>
				</label>
			)}
			{(kind === 'binary' || kind === 'multi-label') && (
				<label>
					<span>Applies from, %</span>
					<input
						type="number"
						min={1}
						max={99}
						step={1}
						key={chosen?.threshold ?? 0.5}
						defaultValue={Math.round((chosen?.threshold ?? 0.5) * 100)}
						onBlur={({ target }) => {
							const threshold = target.valueAsNumber / 100;
							if (threshold > 0 && threshold < 1 && threshold !== (chosen?.threshold ?? 0.5)) say({ threshold });
						}}
						onKeyDown={(event) => {
							if (event.key === 'Enter') event.currentTarget.blur();
						}}
					/>
				</label>
			)}
		</div>
	);
}

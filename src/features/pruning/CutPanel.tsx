import { useId, useMemo, useState } from 'react';
import { describeOptions } from '../../core/pass/options.ts';
import { estimatePlan, leftOfTensor, type PruningPlan } from '../../core/structure/plan.ts';
import type { DatasetFacts } from '../../core/study/study.ts';
import { schema } from '../../passes/prune-structured/options.ts';
import type { StructureSensitivity } from '../../passes/prune-structured/sensitivity.ts';
import { spreadBudget, type Wanted } from '../../passes/prune-structured/spread.ts';
import { formatBytes, formatCount } from '../../ui/format.ts';
import { type CutOptions, changeText, rounding } from './cut.ts';
import { ShapeList } from './ShapeList.tsx';

export interface CutPanelProps {
	readonly plan: PruningPlan;
	readonly gone: readonly number[];
	readonly options: CutOptions;
	readonly sensitivity: StructureSensitivity | undefined;
	/** Times of layers are known. */
	readonly timed: boolean;
	readonly dataset: DatasetFacts | undefined;
	/** Of the file as it is. */
	readonly fileBytes: number | undefined;
	/** Inputs have dimensions that are open. */
	readonly openDims: boolean;
	readonly readOnly: boolean;
	/** Something is being measured by layer or group. */
	readonly busy: boolean;
	readonly onCut: (gone: readonly number[]) => void;
	readonly onOptions: (options: CutOptions) => void;
	/** Multiply-accumulates that are left. */
	readonly onMake: (macs: number) => void;
	readonly onMeasure: () => void;
	readonly onTime: () => void;
	readonly onGraph: () => void;
}

const BUDGETS: readonly { readonly title: string; readonly wanted: Wanted }[] = [
	{ title: '−20 % MACs', wanted: { macsChange: -0.2 } },
	{ title: '−40 % MACs', wanted: { macsChange: -0.4 } },
	{ title: 'Half the bytes', wanted: { bytesChange: -0.5 } },
];

const criteria = describeOptions(schema).flatMap((field) => (field.key === 'criterion' && field.kind === 'choice' ? [field] : []))[0];

/** What the whole model has left, budgets in one click, and the button that makes the variant. */
export function CutPanel(props: CutPanelProps) {
	const { plan, gone, options, sensitivity, timed, dataset, fileBytes, openDims, readOnly, busy } = props;
	const { onCut, onOptions, onMake, onMeasure, onTime, onGraph } = props;
	const [said, setSaid] = useState('');
	const ranking = useId();
	const left = useMemo(() => estimatePlan(plan, gone), [plan, gone]);
	const groups = gone.filter((count) => count > 0).length;
	const units = gone.reduce((sum, count) => sum + count, 0);
	const shapes = useMemo(
		() =>
			plan.tensors.flatMap((tensor) => {
				const after = leftOfTensor(tensor, gone);
				return String(after) === String(tensor.dims) ? [] : [{ tensor: tensor.name, before: tensor.dims, after }];
			}),
		[plan, gone],
	);
	const uneven = plan.groups.some(({ even }, i) => !even && (gone[i] ?? 0) > 0);
	const spread = ({ title, wanted }: (typeof BUDGETS)[number]): void => {
		const found = spreadBudget(plan, wanted, rounding, sensitivity?.groups);
		onCut(found.gone);
		const how = sensitivity
			? 'Spread by what each group is worth.'
			: 'About the same share of every group; measure what they are worth to spread it by that.';
		setSaid(found.met ? `${title}: ${how}` : `${title} cannot be reached: all that may go is gone.`);
	};
	const madeUp = dataset?.kind === 'synthetic';
	return (
		<aside className="cut-panel" aria-label="What is left">
			<dl className="cut-totals">
				<Total
					title={openDims ? 'multiply-accumulates, open dimensions taken as 1' : 'multiply-accumulates'}
					before={plan.macs}
					after={left.macs}
					format={formatCount}
				/>
				<Total title="stored weights" before={plan.bytes} after={left.bytes} format={formatBytes} />
				<Total title="parameters" before={plan.parameters} after={left.parameters} format={formatCount} />
			</dl>
			<p className="muted small" role="status">
				{groups === 0
					? 'Nothing is cut yet.'
					: `${units.toLocaleString()} units of ${groups} of ${plan.groups.length} groups go${
							fileBytes === undefined
								? ''
								: `; the file will have ${uneven ? 'about ' : ''}${formatBytes(fileBytes - plan.bytes + left.bytes)}`
						}.${uneven ? ' Some units take more than others: the figures are means.' : ''}`}
			</p>
			{!readOnly && (
				<>
					<fieldset className="buttons budgets">
						<legend className="visually-hidden">Budgets</legend>
						{BUDGETS.map((budget) => (
							<button key={budget.title} type="button" onClick={() => spread(budget)}>
								{budget.title}
							</button>
						))}
						<button
							type="button"
							className="quiet"
							disabled={groups === 0}
							onClick={() => {
								onCut(plan.groups.map(() => 0));
								setSaid('');
							}}
						>
							Reset
						</button>
					</fieldset>
					{said && (
						<p className="muted small" role="status">
							{said}
						</p>
					)}
					<div className="cut-options">
						<label className="check">
							<input type="checkbox" checked={options.refit} onChange={({ target }) => onOptions({ ...options, refit: target.checked })} />
							<span>
								Refit the layers that read them
								<small className="muted">to what the original gives, on your examples; labels are not needed</small>
							</span>
						</label>
						{criteria && (
							<div className="criterion">
								<label htmlFor={ranking}>{criteria.title}</label>
								<select
									id={ranking}
									value={options.criterion}
									onChange={({ target }) => onOptions({ ...options, criterion: target.value as CutOptions['criterion'] })}
								>
									{criteria.choices.map(({ value, label }) => (
										<option key={value} value={value}>
											{label}
										</option>
									))}
								</select>
							</div>
						)}
					</div>
					<div className="buttons">
						<button type="button" className="primary" disabled={groups === 0 || !dataset} onClick={() => onMake(left.macs)}>
							Make variant
						</button>
						<button type="button" disabled={groups === 0} onClick={onGraph}>
							Show on the graph
						</button>
					</div>
					{(!dataset || madeUp) && (
						<p className="muted small">
							{dataset
								? 'There are only made-up inputs to choose and refit on: what they find may not suit real ones. Add a few dozen real examples first.'
								: 'Inputs are being read.'}
						</p>
					)}
					<div className="buttons">
						<button type="button" disabled={busy || !dataset} onClick={onMeasure}>
							{sensitivity ? 'Measure groups again' : 'Measure what groups are worth'}
						</button>
						{!timed && (
							<button type="button" disabled={busy || !dataset} onClick={onTime}>
								Time each group
							</button>
						)}
					</div>
					{sensitivity && (
						<p className="muted small">
							Measured on {sensitivity.examples} held-out {sensitivity.examples === 1 ? 'example' : 'examples'}
							{sensitivity.synthetic ? ', made up' : ''}:{' '}
							{sensitivity.classes ? 'Kullback-Leibler divergence, nats' : 'squared error over variance'}, the group alone cut, its readers
							making up for it.
						</p>
					)}
				</>
			)}
			{shapes.length > 0 && (
				<details>
					<summary>
						{shapes.length} stored {shapes.length === 1 ? 'tensor changes its' : 'tensors change their'} shape
					</summary>
					<ShapeList label="Shapes before and after" shapes={shapes} />
				</details>
			)}
		</aside>
	);
}

interface TotalProps {
	readonly title: string;
	readonly before: number;
	readonly after: number;
	readonly format: (value: number) => string;
}

function Total({ title, before, after, format }: TotalProps) {
	const share = before === 0 ? 1 : after / before;
	return (
		<div>
			<dt>{title}</dt>
			<dd title={`${after.toLocaleString()} of ${before.toLocaleString()}`}>
				<strong>{format(after)}</strong>
				<span className="muted">{after === before ? '' : `${changeText(after, before)} of ${format(before)}`}</span>
				<span className="left-track" aria-hidden="true">
					<span style={{ width: `${100 * share}%` }} />
				</span>
			</dd>
		</div>
	);
}

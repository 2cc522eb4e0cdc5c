import { useState } from 'react';
import type { CalibrationChoice, ChosenExamples, LearnFrom } from '../../core/study/learning.ts';
import { usualCalibration } from '../../core/study/split.ts';
import type { DatasetFacts } from '../../core/study/study.ts';
import { useStore } from '../../store/index.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { ChosenList } from './ChosenList.tsx';
import { choiceWords, offeredChoices } from './learning-words.ts';

export interface LearnFromDialogProps {
	readonly dataset: DatasetFacts;
	readonly onClose: () => void;
}

/** How many a person who wants fewer is proposed, where there are enough. */
const proposed = 32;

/** How many of the examples that are kept to learn from are learnt from, which, and how well these stand for all that are kept. */
export default function LearnFromDialog({ dataset, onClose }: LearnFromDialogProps) {
	const changeLearnFrom = useStore((store) => store.changeLearnFrom);
	const { split, settings } = dataset;
	const kept = split?.calibration.length ?? usualCalibration(dataset.n);
	const given = settings?.learnFrom;
	const [choice, setChoice] = useState<CalibrationChoice>(given?.choice ?? 'random');
	const [count, setCount] = useState(String(given?.n ?? kept));
	const [progress, setProgress] = useState<{ readonly fraction?: number; readonly stage?: string } | undefined>();
	const n = Number(count);
	const valid = count.trim() !== '' && Number.isInteger(n) && n >= 1 && n <= kept;
	const busy = progress !== undefined;
	const same = given ? given.choice === choice && given.n === n : n === kept;
	const say = (learnFrom: LearnFrom | undefined): void => {
		if (busy) return;
		setProgress({});
		void changeLearnFrom(learnFrom, setProgress).finally(() => setProgress(undefined));
	};
	return (
		<Dialog title="Examples to learn from" onClose={onClose} className="data-dialog">
			<p className="muted">
				{split
					? `${kept.toLocaleString()} of ${split.of.toLocaleString()} examples are kept to learn from, drawn at random${dataset.labelled ? ' by class' : ''}. Results are judged on the others, whatever is chosen here.`
					: `${kept.toLocaleString()} of ${dataset.n.toLocaleString()} examples are kept as soon as something learns from them, or is chosen here; results are then judged on the others, and judged again.`}
			</p>
			<form
				onSubmit={(event) => {
					event.preventDefault();
					if (valid && !same) say({ choice, n });
				}}
			>
				<div className="data-fields">
					<label className="data-field wide short-label">
						<span>Chosen</span>
						<select
							value={choice}
							disabled={busy}
							onChange={({ target }) => {
								const next = offeredChoices.find((each) => each === target.value);
								if (!next) return;
								setChoice(next);
								// Of all that are kept there is nothing to choose.
								if (next !== 'random' && n === kept) setCount(String(Math.min(proposed, Math.max(1, Math.floor(kept / 2)))));
							}}
						>
							{offeredChoices.map((each) => (
								<option key={each} value={each}>
									{choiceWords[each]}
									{each === 'random' && ' (usual)'}
								</option>
							))}
						</select>
					</label>
					<label className="data-field wide short-label">
						<span>Learn from</span>
						<input
							type="number"
							min={1}
							max={kept}
							step={1}
							value={count}
							disabled={busy}
							aria-invalid={!valid}
							aria-describedby="learn-from-says"
							onChange={({ target }) => setCount(target.value)}
						/>
					</label>
				</div>
				<p id="learn-from-says" className={valid ? 'muted' : 'problem'} role={valid ? undefined : 'alert'}>
					{valid
						? n === kept
							? `All ${kept.toLocaleString()} that are kept are learnt from: the usual way.`
							: `${n.toLocaleString()} of the ${kept.toLocaleString()} that are kept.`
						: `This needs a whole number from 1 to ${kept.toLocaleString()}.`}
				</p>
				<div className="row">
					<button type="submit" disabled={busy || !valid || same}>
						{busy ? 'Choosing…' : 'Choose these'}
					</button>
					{given && (
						<button
							type="button"
							disabled={busy}
							onClick={() => {
								setChoice('random');
								setCount(String(kept));
								say(undefined);
							}}
						>
							Learn from all that are kept
						</button>
					)}
				</div>
				<p className="muted learn-progress" aria-live="polite">
					{busy ? `${progress.stage ?? 'Waiting until what is being measured is done'}${percent(progress.fraction)}` : ''}
				</p>
			</form>
			<p className="muted">
				Variants that exist stay as they are; the same recipe makes another one. Where it was measured this gained next to nothing: static
				int8 of efficientnet-lite0 from 32 of 100 pictures came to 19.85 dB by k-center, to 19.79 dB at random.
			</p>
			{split?.chosen && <Chosen chosen={split.chosen} kept={kept} />}
		</Dialog>
	);
}

/** How well the chosen examples cover the others, and which they are. */
function Chosen({ chosen, kept }: { readonly chosen: ChosenExamples; readonly kept: number }) {
	const { indices, coverage, random, choice } = chosen;
	return (
		<section aria-labelledby="chosen-title">
			<h3 id="chosen-title">
				{indices.length.toLocaleString()} of {kept.toLocaleString()}, {choiceWords[choice]}
			</h3>
			{coverage && random ? (
				<table className="coverage">
					<caption className="muted">
						Distance of the {kept.toLocaleString()} that are kept to the nearest chosen one, in the features of the original; 1 is their
						root mean square distance to their mean. Less is better.
					</caption>
					<thead>
						<tr>
							<th scope="col">chosen</th>
							<th scope="col">on average</th>
							<th scope="col">the farthest</th>
						</tr>
					</thead>
					<tbody>
						<tr>
							<th scope="row">these</th>
							<td>{coverage.mean.toFixed(3)}</td>
							<td>{coverage.most.toFixed(3)}</td>
						</tr>
						<tr>
							<th scope="row">as many at random, mean of 10 draws</th>
							<td>{random.mean.toFixed(3)}</td>
							<td>{random.most.toFixed(3)}</td>
						</tr>
					</tbody>
				</table>
			) : (
				<p className="muted">How well they cover the others cannot be told: the model shows no features.</p>
			)}
			<ChosenList chosen={chosen} />
		</section>
	);
}

function percent(fraction: number | undefined): string {
	return fraction === undefined ? '…' : `, ${Math.round(100 * fraction)} %`;
}

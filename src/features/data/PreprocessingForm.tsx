import { useState } from 'react';
import type { Preprocessing } from '../../core/study/data-settings.ts';
import type { DatasetFacts } from '../../core/study/study.ts';
import { conventionsFor } from '../../data/preprocessing.ts';
import { Previews } from './Previews.tsx';
import { useDataChange } from './use-change.ts';

export interface PreprocessingFormProps {
	readonly dataset: DatasetFacts;
	readonly current: Preprocessing;
}

/** How pictures become the model's input: what was found and why, pictures as the model sees them, and every part to change. */
export function PreprocessingForm({ dataset, current }: PreprocessingFormProps) {
	const { busy, change } = useDataChange();
	const [draft, setDraft] = useState(current);
	const [texts, setTexts] = useState(() => textsOf(current));
	const channels = current.colour === 'grey' ? 1 : 3;
	const conventions = conventionsFor(channels);
	const set = (next: Preprocessing): void => {
		setDraft(next);
		setTexts(textsOf(next));
	};
	const name = conventions.find(([, entry]) => sameNumbers(entry, draft))?.[0];
	const numbers = readTexts(texts, channels);
	const edited = numbers && { ...draft, ...numbers };
	const evidence = dataset.evidence?.[0];
	const given = dataset.settings?.preprocessing !== undefined;
	const changed = edited !== undefined && JSON.stringify(edited) !== JSON.stringify(current);
	return (
		<section aria-labelledby="preprocessing-title">
			<h3 id="preprocessing-title">Preprocessing</h3>
			<p className="muted">
				{given
					? 'As you chose it.'
					: evidence
						? 'Found by trying the conventions in use on labelled examples.'
						: dataset.labelled
							? 'Assumed from the shape of the input: the original answers too few labelled examples right to tell the conventions apart. Check it.'
							: 'Assumed from the shape of the input: without labels nothing tells whether it is right. Check it.'}
			</p>
			{evidence && (
				<details>
					<summary>{evidence.what}</summary>
					<table className="figures">
						<thead>
							<tr>
								<th scope="col">convention</th>
								<th scope="col">right answers</th>
								<th scope="col">
									<span className="visually-hidden">choice</span>
								</th>
							</tr>
						</thead>
						<tbody>
							{evidence.candidates.map((candidate) => {
								const normalization = conventions.find(([entry]) => entry === candidate.name)?.[1];
								return (
									<tr key={candidate.name}>
										<th scope="row">{candidate.name}</th>
										<td>{candidate.score}</td>
										<td>
											{normalization && sameNumbers(normalization, current) ? (
												<span className="muted">in use</span>
											) : (
												normalization && (
													<button
														type="button"
														className="quiet"
														disabled={busy}
														aria-label={`Use ${candidate.name}`}
														onClick={() => change({ preprocessing: { ...current, ...normalization } })}
													>
														Use
													</button>
												)
											)}
										</td>
									</tr>
								);
							})}
						</tbody>
					</table>
				</details>
			)}
			<Previews n={dataset.n} as={edited ?? current} />
			<div className="data-fields">
				<label className="data-field wide">
					<span>Numbers</span>
					<select
						value={name ?? ''}
						disabled={busy}
						onChange={({ target }) => {
							const chosen = conventions.find(([entry]) => entry === target.value)?.[1];
							if (chosen) set({ ...draft, ...chosen });
						}}
					>
						{name === undefined && <option value="">your own</option>}
						{conventions.map(([entry]) => (
							<option key={entry} value={entry}>
								{entry}
							</option>
						))}
					</select>
				</label>
				{channels === 3 && (
					<label className="data-field">
						<span>Colour order</span>
						<select
							value={draft.colour}
							disabled={busy}
							onChange={({ target }) => set({ ...draft, colour: target.value === 'bgr' ? 'bgr' : 'rgb' })}
						>
							<option value="rgb">RGB</option>
							<option value="bgr">BGR</option>
						</select>
					</label>
				)}
				{(['scale', 'mean', 'std'] as const).map((field) => (
					<label key={field} className="data-field">
						<span>{fieldNames[field]}</span>
						<input
							type="text"
							inputMode="decimal"
							value={texts[field]}
							disabled={busy}
							aria-invalid={readTexts({ ...textsOf(current), [field]: texts[field] }, channels) === undefined}
							onChange={({ target }) => setTexts({ ...texts, [field]: target.value })}
							onBlur={() => numbers && setDraft({ ...draft, ...numbers })}
						/>
					</label>
				))}
				<label className="data-field wide">
					<span>Resize</span>
					<select
						value={draft.resize.mode}
						disabled={busy}
						onChange={({ target }) => set({ ...draft, resize: resizeOf(target.value, draft) })}
					>
						<option value="short">short side, then cut the centre</option>
						<option value="exact">both sides, proportions change</option>
						<option value="pad">fit the whole, fill the rest</option>
					</select>
				</label>
				{draft.resize.mode === 'short' && (
					<NumberField
						label="Short side, pixels"
						value={draft.resize.side}
						least={1}
						most={16_384}
						disabled={busy}
						onChange={(side) => setDraft({ ...draft, resize: { mode: 'short', side } })}
					/>
				)}
				{draft.resize.mode === 'pad' && (
					<NumberField
						label="Fill, 0 to 255"
						value={draft.resize.fill}
						least={0}
						most={255}
						disabled={busy}
						onChange={(fill) => setDraft({ ...draft, resize: { mode: 'pad', fill } })}
					/>
				)}
			</div>
			{!numbers && (
				<p role="alert" className="problem">
					{`Scale is one number; mean and deviation are ${channels === 1 ? 'one number' : 'three numbers'} each, separated by commas, no deviation 0.`}
				</p>
			)}
			<p className="muted">
				{`Each value becomes (value x scale - mean) / deviation. The model takes ${current.width} x ${current.height}, ${current.layout.toUpperCase()}, ${current.dtype}. Resizing is antialiased bilinear, the same in every browser and on the command line.`}
			</p>
			<div className="row">
				<button type="button" disabled={busy || !changed} onClick={() => edited && change({ preprocessing: edited })}>
					{busy ? 'Reading the examples…' : 'Use this preprocessing'}
				</button>
				{given && (
					<button type="button" className="quiet" disabled={busy} onClick={() => change({ preprocessing: undefined })}>
						Let it be found
					</button>
				)}
			</div>
		</section>
	);
}

const fieldNames = { scale: 'Scale', mean: 'Mean', std: 'Deviation' } as const;

type Texts = Readonly<Record<'scale' | 'mean' | 'std', string>>;
type Numbers = Pick<Preprocessing, 'scale' | 'mean' | 'std'>;

function textsOf({ scale, mean, std }: Numbers): Texts {
	return { scale: scale === 1 / 255 ? '1/255' : String(scale), mean: mean.join(', '), std: std.join(', ') };
}

/** undefined where one of them is no number, or not as many as there are channels. */
function readTexts(texts: Texts, channels: number): Numbers | undefined {
	const [scale, ...more] = numbersIn(texts.scale);
	const mean = numbersIn(texts.mean);
	const std = numbersIn(texts.std);
	const finite = [scale ?? Number.NaN, ...mean, ...std].every(Number.isFinite);
	if (!finite || scale === undefined || more.length > 0 || mean.length !== channels || std.length !== channels || std.includes(0))
		return undefined;
	return { scale, mean, std };
}

/** Numbers separated by commas or spaces; a fraction such as 1/255 is one. */
function numbersIn(text: string): number[] {
	return text
		.trim()
		.split(/[\s,;]+/)
		.filter((word) => word !== '')
		.map((word) => {
			const [over = '', under, ...rest] = word.split('/');
			return rest.length > 0 ? Number.NaN : under === undefined ? Number(over) : Number(over) / Number(under);
		});
}

function sameNumbers(a: Numbers & Pick<Preprocessing, 'colour'>, b: Numbers & Pick<Preprocessing, 'colour'>): boolean {
	return a.colour === b.colour && a.scale === b.scale && String(a.mean) === String(b.mean) && String(a.std) === String(b.std);
}

function resizeOf(mode: string, { resize, width, height }: Preprocessing): Preprocessing['resize'] {
	if (mode === resize.mode) return resize;
	if (mode === 'exact') return { mode };
	if (mode === 'pad') return { mode, fill: 114 };
	return { mode: 'short', side: Math.max(width, height) };
}

interface NumberFieldProps {
	readonly label: string;
	readonly value: number;
	readonly least: number;
	readonly most: number;
	readonly disabled: boolean;
	readonly onChange: (value: number) => void;
}

function NumberField({ label, value, least, most, disabled, onChange }: NumberFieldProps) {
	return (
		<label className="data-field">
			<span>{label}</span>
			<input
				type="number"
				value={value}
				min={least}
				max={most}
				disabled={disabled}
				onChange={({ target }) => {
					const next = Math.round(target.valueAsNumber);
					if (next >= least && next <= most) onChange(next);
				}}
			/>
		</label>
	);
}

import { useState } from 'react';
import type { ClassMapping } from '../../core/study/data-settings.ts';
import { Scroll } from '../../ui/Scroll.tsx';
import { useDataChange } from './use-change.ts';

export interface ClassMappingFormProps {
	readonly mapping: ClassMapping;
	/** Classes of the model's output, where its shape says so. */
	readonly outputs: number | undefined;
}

/** Beyond this a list is easier to write than a form to fill. */
const mostRows = 1000;

const origins = {
	list: 'The list of classes in the data says which output each name stands for.',
	numbers: 'The names are numbers of outputs.',
	given: 'As you assigned them.',
	order: 'Nothing in the data says which output a name stands for. Alphabetical order is assumed: check it, then confirm or correct it.',
	none: 'Nothing in the data says which output a name stands for, so there is no accuracy. Give each name its output; names left empty are not used.',
} as const;

/** Which output each name in the data stands for; a person can confirm or correct it. */
export function ClassMappingForm({ mapping, outputs }: ClassMappingFormProps) {
	const { busy, change } = useDataChange();
	const rows = [...mapping.classes, ...(mapping.unmapped ?? []).map((name) => ({ name, index: undefined }))];
	const [texts, setTexts] = useState<readonly string[]>(() => rows.map(({ index }) => (index === undefined ? '' : String(index))));
	const wrong = texts.flatMap((text, row) => (text.trim() === '' || isOutput(text, outputs) ? [] : [row]));
	const filled = rows.flatMap(({ name }, row) => {
		const text = (texts[row] ?? '').trim();
		return text === '' || !isOutput(text, outputs) ? [] : [{ name, index: Number(text) }];
	});
	const same =
		mapping.origin !== 'order' && JSON.stringify(filled) === JSON.stringify(mapping.classes.map(({ name, index }) => ({ name, index })));
	return (
		<section aria-labelledby="classes-title">
			<h3 id="classes-title">Classes</h3>
			<p className="muted">{origins[mapping.origin]}</p>
			{rows.length > mostRows ? (
				<p className="muted">
					{rows.length.toLocaleString()} names: add a classes.txt to the data, a line for each output, to change what they stand for.
				</p>
			) : (
				<>
					<Scroll label="Classes" className="class-rows">
						<table className="figures">
							<thead>
								<tr>
									<th scope="col">name in the data</th>
									<th scope="col">output{outputs === undefined ? '' : ` (0 to ${outputs - 1})`}</th>
								</tr>
							</thead>
							<tbody>
								{rows.map(({ name }, row) => (
									<tr key={name}>
										<th scope="row">{name}</th>
										<td>
											<input
												type="text"
												inputMode="numeric"
												size={6}
												aria-label={`Output of ${name}`}
												aria-invalid={wrong.includes(row)}
												value={texts[row] ?? ''}
												onChange={({ target }) => setTexts(texts.with(row, target.value))}
											/>
										</td>
									</tr>
								))}
							</tbody>
						</table>
					</Scroll>
					{wrong.length > 0 && (
						<p role="alert" className="problem">
							{`"${rows[wrong[0] ?? 0]?.name}" needs the number of an output${outputs === undefined ? '' : `, 0 to ${outputs - 1}`}, or nothing.`}
						</p>
					)}
					<div className="row">
						<button
							type="button"
							disabled={busy || wrong.length > 0 || filled.length === 0 || same}
							onClick={() => change({ classMapping: filled })}
						>
							{busy ? 'Reading the examples…' : mapping.origin === 'order' ? 'Confirm these classes' : 'Use these classes'}
						</button>
						{mapping.origin === 'given' && (
							<button type="button" className="quiet" disabled={busy} onClick={() => change({ classMapping: undefined })}>
								Take back what I assigned
							</button>
						)}
					</div>
				</>
			)}
		</section>
	);
}

function isOutput(text: string, outputs: number | undefined): boolean {
	return /^\s*\d{1,6}\s*$/.test(text) && (outputs === undefined || Number(text) < outputs);
}

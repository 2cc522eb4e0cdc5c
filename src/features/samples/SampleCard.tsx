import { answerWords, type Shown } from './shown.ts';
import { Thumbnail } from './Thumbnail.tsx';

const changeWords = { same: '', broken: 'broken', fixed: 'fixed', wrong: 'wrong in both', differs: 'another answer' } as const;

export interface SampleCardProps {
	readonly shown: Shown;
	readonly nameOf: (index: number) => string;
	/** A variant stands beside the original. */
	readonly comparing: boolean;
	readonly marked: boolean;
	/** Absent where it cannot be left out. */
	readonly onMark: ((on: boolean) => void) | undefined;
	readonly onOpen: () => void;
}

export function SampleCard({ shown, nameOf, comparing, marked, onMark, onOpen }: SampleCardProps) {
	const { name, label, sample, remarks, place } = shown;
	return (
		<article className={`sample-card ${sample?.change ?? ''}`}>
			<button type="button" className="sample-open" aria-label={`Look at ${name}`} onClick={onOpen}>
				<Thumbnail place={place} name={name} />
				<span className="sample-name" title={name}>
					{name}
				</span>
			</button>
			{label !== undefined && <p className="sample-label">{label}</p>}
			{sample && (
				<>
					<p className="muted">{answerWords(sample.original, nameOf)}</p>
					{comparing && <p>{answerWords(sample.variant, nameOf)}</p>}
					{comparing && sample.change !== 'same' && <p className={`sample-change ${sample.change}`}>{changeWords[sample.change]}</p>}
				</>
			)}
			{remarks.map((text) => (
				<p key={text} className="sample-remark">
					{text}
				</p>
			))}
			{onMark && (
				<label className="sample-mark">
					<input type="checkbox" checked={marked} onChange={({ target }) => onMark(target.checked)} /> leave out
				</label>
			)}
		</article>
	);
}

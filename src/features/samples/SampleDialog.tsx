import type { SampleAnswer } from '../../engine/sample-answers.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import type { Shown } from './shown.ts';
import { Thumbnail } from './Thumbnail.tsx';

export interface SampleDialogProps {
	readonly shown: Shown;
	readonly nameOf: (index: number) => string;
	readonly comparing: boolean;
	readonly onClose: () => void;
}

/** One example large, with the first five answers of both models. */
export function SampleDialog({ shown, nameOf, comparing, onClose }: SampleDialogProps) {
	const { sample, label, remarks, name, place } = shown;
	return (
		<Dialog title={name} onClose={onClose} className="sample-dialog">
			<Thumbnail place={place} name={name} />
			{label !== undefined && <p>Label: {label}</p>}
			{remarks.map((text) => (
				<p key={text} className="sample-remark">
					{text}
				</p>
			))}
			{sample ? (
				<div className="sample-answers">
					<Answers title="Original" answer={sample.original} label={sample.label} nameOf={nameOf} />
					{comparing && <Answers title="Variant" answer={sample.variant} label={sample.label} nameOf={nameOf} />}
				</div>
			) : (
				<p className="muted">It is kept to learn from: results are judged on others.</p>
			)}
			{sample && comparing && <p className="muted">Cosine of the two outputs: {sample.cosine.toFixed(6)}</p>}
		</Dialog>
	);
}

function Answers({
	title,
	answer,
	label,
	nameOf,
}: {
	readonly title: string;
	readonly answer: SampleAnswer;
	readonly label: number | undefined;
	readonly nameOf: (index: number) => string;
}) {
	return (
		<section>
			<h3>{title}</h3>
			{answer.top.length > 0 ? (
				<ol>
					{answer.top.map(({ index, share }) => (
						<li key={index} className={index === label ? 'right' : undefined}>
							{nameOf(index)} <span className="muted">{(share * 100).toFixed(1)} %</span>
							{index === label && <span className="visually-hidden"> (the label)</span>}
						</li>
					))}
				</ol>
			) : (
				<p>{answer.numbers.map((value) => value.toPrecision(4)).join(', ') || 'no numbers'}</p>
			)}
		</section>
	);
}

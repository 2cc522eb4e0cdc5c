import { useEffect, useState } from 'react';
import type { VariantId } from '../../core/study/figures.ts';
import type { SampleAnswer } from '../../engine/sample-answers.ts';
import { useStore } from '../../store/index.ts';
import type { SampleDetail } from '../../store/state.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { InputDrawing } from './InputDrawing.tsx';
import { PictureCompare } from './PictureCompare.tsx';
import type { Shown } from './shown.ts';
import { Thumbnail } from './Thumbnail.tsx';

export interface SampleDialogProps {
	readonly shown: Shown;
	readonly nameOf: (index: number) => string;
	readonly variant: { readonly id: VariantId; readonly name: string };
	readonly onClose: () => void;
}

/** One example large: what the model is fed, and what both models answer, as pictures where they put out pictures. */
export function SampleDialog({ shown, nameOf, variant, onClose }: SampleDialogProps) {
	const { sample, label, remarks, name, place } = shown;
	const comparing = variant.id !== 'original';
	const sampleDetail = useStore((store) => store.sampleDetail);
	const [detail, setDetail] = useState<SampleDetail | undefined>();
	const [failure, setFailure] = useState<string | undefined>();
	useEffect(() => {
		const abort = new AbortController();
		setDetail(undefined);
		setFailure(undefined);
		sampleDetail(variant.id, place, abort.signal).then(
			(found) => !abort.signal.aborted && setDetail(found),
			(error: unknown) => !abort.signal.aborted && setFailure(error instanceof Error ? error.message : String(error)),
		);
		return () => abort.abort();
	}, [sampleDetail, variant.id, place]);
	const pictures = detail?.pictures ?? [];
	// What is drawn from numbers repeats the picture that was dropped.
	const drawn = detail?.inputs.filter(({ kind }) => kind !== 'picture') ?? [];
	return (
		<Dialog title={name} onClose={onClose} className={pictures.length > 0 ? 'sample-dialog with-pictures' : 'sample-dialog'}>
			{drawn.length === 0 && <Thumbnail place={place} name={name} />}
			{drawn.map((drawing, i) => (
				// biome-ignore lint/suspicious/noArrayIndexKey: inputs keep their order.
				<InputDrawing key={i} drawing={drawing} name={name} />
			))}
			{label !== undefined && <p>Label: {label}</p>}
			{remarks.map((text) => (
				<p key={text} className="sample-remark">
					{text}
				</p>
			))}
			{pictures.map((answer) => (
				<PictureCompare key={answer.output} answer={answer} variantName={variant.name} />
			))}
			{failure && (
				<p className="bad" role="alert">
					{failure}
				</p>
			)}
			{!detail && !failure && (
				<p className="muted" aria-live="polite">
					Asking the models about this example
				</p>
			)}
			{sample && pictures.length === 0 && (
				<div className="sample-answers">
					<Answers title="Original" answer={sample.original} label={sample.label} nameOf={nameOf} />
					{comparing && <Answers title="Variant" answer={sample.variant} label={sample.label} nameOf={nameOf} />}
				</div>
			)}
			{!sample && <p className="muted">It is kept to learn from: results are judged on others.</p>}
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

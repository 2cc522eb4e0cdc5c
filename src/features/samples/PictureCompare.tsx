import { type KeyboardEvent, type PointerEvent, useId, useState } from 'react';
import type { PictureAnswer } from '../../store/state.ts';
import { PixelCanvas } from './PixelCanvas.tsx';

const step = 2;
const bigStep = 10;

/** A picture that a model puts out: of original and variant, one over the other with a handle between them, or how far they are apart. */
export function PictureCompare({ answer, variantName }: { readonly answer: PictureAnswer; readonly variantName: string }) {
	const [share, setShare] = useState(50);
	const [differing, setDiffering] = useState(false);
	const [side, setSide] = useState(false);
	const captionId = useId();
	const { original, variant, difference, output } = answer;
	const ratio = { aspectRatio: `${answer.width} / ${answer.height}`, maxWidth: `calc(50vh * ${answer.width / answer.height})` };
	if (!variant || !difference) {
		return (
			<figure className="picture-answer">
				<div className="picture-stage" style={ratio}>
					<PixelCanvas pixels={original.picture} name={`Output ${output} of the original`} />
				</div>
				<figcaption>
					<Words answer={answer} />
				</figcaption>
			</figure>
		);
	}
	const set = (value: number): void => setShare(Math.min(100, Math.max(0, Math.round(value))));
	const point = (event: PointerEvent<HTMLElement>): void => {
		if (event.type === 'pointerdown') event.currentTarget.setPointerCapture(event.pointerId);
		else if (event.buttons === 0) return;
		const { left, width } = event.currentTarget.getBoundingClientRect();
		set((100 * (event.clientX - left)) / width);
	};
	const key = (event: KeyboardEvent): void => {
		const size = event.shiftKey ? bigStep : step;
		const next: Readonly<Record<string, number>> = {
			ArrowLeft: share - size,
			ArrowDown: share - size,
			ArrowRight: share + size,
			ArrowUp: share + size,
			PageDown: share - bigStep,
			PageUp: share + bigStep,
			Home: 0,
			End: 100,
			1: 100,
			2: 50,
			3: 0,
		};
		const value = next[event.key];
		if (value === undefined) return;
		event.preventDefault();
		event.stopPropagation();
		set(value);
	};
	return (
		<figure className="picture-answer" aria-labelledby={captionId}>
			{differing ? (
				<div className="picture-stage" style={ratio}>
					<PixelCanvas pixels={difference.picture} name={`Difference of output ${output}`} />
				</div>
			) : side ? (
				<div className="picture-pair">
					<div>
						<PixelCanvas pixels={original.picture} name={`Output ${output} of the original`} />
						<span>Original</span>
					</div>
					<div>
						<PixelCanvas pixels={variant.picture} name={`Output ${output} of ${variantName}`} />
						<span>{variantName}</span>
					</div>
				</div>
			) : (
				<div className="picture-stage slides" style={ratio} onPointerDown={point} onPointerMove={point}>
					<PixelCanvas pixels={variant.picture} name={`Output ${output} of ${variantName}`} />
					<div className="picture-over" style={{ clipPath: `inset(0 ${100 - share}% 0 0)` }}>
						<PixelCanvas pixels={original.picture} name={`Output ${output} of the original`} />
					</div>
					<div
						className="picture-handle"
						style={{ left: `${share}%` }}
						role="slider"
						tabIndex={0}
						aria-label="Share of the original shown"
						aria-valuemin={0}
						aria-valuemax={100}
						aria-valuenow={share}
						aria-valuetext={`${share} % original, ${100 - share} % variant`}
						onKeyDown={key}
					/>
					<span className="picture-side" aria-hidden="true">
						Original
					</span>
					<span className="picture-side right" aria-hidden="true">
						{variantName}
					</span>
				</div>
			)}
			<div className="picture-switches">
				<label>
					<input type="checkbox" checked={differing} onChange={({ target }) => setDiffering(target.checked)} /> difference
				</label>
				<label>
					<input type="checkbox" checked={side} disabled={differing} onChange={({ target }) => setSide(target.checked)} /> side by side
				</label>
			</div>
			<figcaption id={captionId}>
				<Words answer={answer} />
			</figcaption>
		</figure>
	);
}

/** The ranges of the values, and how they are drawn. */
function Words({ answer }: { readonly answer: PictureAnswer }) {
	const { output, width, height, shrink, kind, drawnFrom, original, variant, difference } = answer;
	return (
		<>
			<strong>{output}</strong>{' '}
			<span className="muted">
				{`${width} x ${height}${shrink > 1 ? `, every ${shrink}. pixel drawn` : ''}. `}
				{kind === 'classes'
					? 'A colour for each class of pixels; black is class 0. '
					: `Values ${short(original.least)} to ${short(original.most)} in the original${variant ? `, ${short(variant.least)} to ${short(variant.most)} in the variant` : ''}; black is ${short(drawnFrom?.[0] ?? 0)}, white ${short(drawnFrom?.[1] ?? 1)}. `}
				{difference &&
					(kind === 'classes'
						? `${(100 * difference.mean).toFixed(2)} % of the pixels have another class.`
						: `Difference: ${short(difference.mean)} on average, ${short(difference.most)} at most, which is white where the difference is shown.`)}
			</span>
		</>
	);
}

function short(value: number): string {
	if (Number.isNaN(value)) return 'not a number';
	return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}

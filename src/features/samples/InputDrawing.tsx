import type { Drawing } from '../../store/state.ts';
import { PixelCanvas } from './PixelCanvas.tsx';
import { PlaySound } from './PlaySound.tsx';

export interface InputDrawingProps {
	readonly drawing: Drawing;
	/** Of the example. */
	readonly name: string;
	/** On a card: the drawing alone, without what is said of it. */
	readonly small?: boolean;
}

const cardTokens = 24;
const cardNumbers = 12;

/** What a model is fed, drawn: a text with its tokens, a sound that can be heard, pictures, lines, or the numbers themselves. */
export function InputDrawing({ drawing, name, small = false }: InputDrawingProps) {
	switch (drawing.kind) {
		case 'text':
			return small ? (
				<p className="drawn-text">{drawing.tokens.slice(0, cardTokens).join(' ')}</p>
			) : (
				<div className="input-drawing">
					<p className="drawn-text">{drawing.text}</p>
					<p className="muted">{`${drawing.tokens.length.toLocaleString()} tokens, as the model is fed them`}</p>
					<ul className="drawn-tokens" aria-label="Tokens">
						{drawing.tokens.map((token, i) => (
							// biome-ignore lint/suspicious/noArrayIndexKey: the same token may stand at several places, and none ever moves.
							<li key={i}>{token}</li>
						))}
					</ul>
				</div>
			);
		case 'sound': {
			const { peaks, from, to, startSeconds, seconds } = drawing;
			const part = from > 0 || to < 1;
			const says = `${name}: ${seconds.toFixed(2)} s from ${startSeconds.toFixed(3)} s`;
			return (
				<div className="input-drawing">
					<Lines rows={[peaks]} least={-1} most={1} label={says} mark={part ? [from, to] : undefined} />
					{!small && (
						<>
							<p className="muted">
								{`${seconds.toFixed(2)} s, from ${startSeconds.toFixed(3)} s of the recording, ${drawing.rate.toLocaleString()} Hz.`}
								{part && ` The model is fed the marked ${((to - from) * seconds * 1000).toFixed(0)} ms.`}
							</p>
							{drawing.samples && <PlaySound samples={drawing.samples} rate={drawing.rate} />}
						</>
					)}
				</div>
			);
		}
		case 'picture':
			return (
				<div className="input-drawing">
					<PixelCanvas pixels={drawing.picture} className="sample-picture" name={small ? name : `Input ${drawing.name}`} />
					{!small && (
						<p className="muted">
							{drawing.name}: values {short(drawing.least)} to {short(drawing.most)}
						</p>
					)}
				</div>
			);
		case 'lines': {
			const { rows, rowCount, length, least, most } = drawing;
			return (
				<div className="input-drawing">
					<Lines rows={rows} least={least} most={most} label={small ? name : `Input ${drawing.name}`} />
					{!small && (
						<p className="muted">
							{`${drawing.name}: ${rowCount > 1 ? `${Math.min(rows.length, rowCount)} of ${rowCount.toLocaleString()} rows, ` : ''}${length.toLocaleString()} values each, ${short(least)} to ${short(most)}.`}
						</p>
					)}
				</div>
			);
		}
		case 'numbers': {
			const { values, count, dims } = drawing;
			const few = small ? values.slice(0, cardNumbers) : values;
			return (
				<div className="input-drawing">
					<p className="drawn-numbers">{`${few.join(', ')}${count > few.length ? ', …' : ''}`}</p>
					{!small && <p className="muted">{`${drawing.name} [${dims.join(', ')}]`}</p>}
				</div>
			);
		}
	}
}

const width = 300;
const height = 72;

interface LinesProps {
	/** Least and most of each stretch, one after the other. */
	readonly rows: readonly Float32Array[];
	readonly least: number;
	readonly most: number;
	readonly label: string;
	/** A part that is set off, as shares of the length. */
	readonly mark?: readonly [number, number] | undefined;
}

/** Rows of values over their place. */
function Lines({ rows, least, most, label, mark }: LinesProps) {
	const low = least < most ? least : least - 0.5;
	const high = least < most ? most : most + 0.5;
	const y = (value: number): number => height - (height * (value - low)) / (high - low);
	return (
		<svg className="drawn-lines" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
			{mark && <rect x={width * mark[0]} width={Math.max(1, width * (mark[1] - mark[0]))} y={0} height={height} className="drawn-mark" />}
			{rows.map((row, index) => {
				const n = row.length / 2;
				const x = (i: number): string => ((width * (i + 0.5)) / n).toFixed(2);
				const points = Array.from(
					{ length: n },
					(_, i) => `${x(i)},${y(row[2 * i] as number).toFixed(2)} ${x(i)},${y(row[2 * i + 1] as number).toFixed(2)}`,
				);
				// biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name than their place.
				return <polyline key={index} points={points.join(' ')} className={`drawn-row row-${index}`} />;
			})}
		</svg>
	);
}

function short(value: number): string {
	return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}

import { effectAt, type GroupRow } from './rows.ts';

const WIDTH = 84;
const HEIGHT = 26;

export interface EffectCurveProps {
	readonly row: GroupRow;
	/** Units that go now. */
	readonly gone: number;
	/** The largest loss of all groups: curves share one scale. */
	readonly most: number;
	/** Why nothing is known of it. */
	readonly why: string | undefined;
}

/** Two digits, which is what trials on some dozens of examples tell. */
function lossText(loss: number): string {
	return loss > 0 && loss < 0.001 ? loss.toExponential(1).replace('e-', 'e−') : loss.toPrecision(2);
}

/** Loss of the outputs by units cut, root scale, the same for all groups. Dots were measured; the line is drawn between them. */
export function EffectCurve({ row, gone, most, why }: EffectCurveProps) {
	const { effect, group } = row;
	if (!effect) {
		return (
			<span className="muted" title={why}>
				–
			</span>
		);
	}
	const x = (removed: number): number => (removed / group.units) * (WIDTH - 4) + 2;
	const y = (loss: number): number => HEIGHT - 3 - Math.sqrt(Math.max(0, loss) / Math.max(most, 1e-12)) * (HEIGHT - 6);
	const points = effect.drawn.map(({ removed, divergence }) => `${x(removed).toFixed(1)},${y(divergence).toFixed(1)}`);
	const now = effectAt(effect.drawn, gone);
	const words = effect.trials.map(({ removed, divergence }) => `${removed} fewer: ${divergence.toPrecision(3)}`).join('; ');
	return (
		<span className="effect" title={words}>
			<svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} role="img" aria-label={`Loss of the outputs. ${words}`}>
				<line className="effect-ground" x1={0} x2={WIDTH} y1={HEIGHT - 1} y2={HEIGHT - 1} />
				<polyline className="effect-line" points={points.join(' ')} />
				{effect.trials.map(({ removed, divergence }) => (
					<circle key={removed} className="effect-trial" cx={x(removed)} cy={y(divergence)} r={2} />
				))}
				{gone > 0 && <line className="effect-now" x1={x(gone)} x2={x(gone)} y1={1} y2={HEIGHT - 1} />}
			</svg>
			<span className="numeric effect-figure">{lossText(gone > 0 ? now : effect.atQuarter)}</span>
		</span>
	);
}

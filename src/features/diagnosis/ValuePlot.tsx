import type { ValueHistogram } from '../../engine/diagnose/report.ts';

export interface ValuePlotProps {
	readonly title: string;
	readonly histogram: ValueHistogram;
	/** Range that codes reach; what lies beyond is clipped. */
	readonly clip?: readonly [number, number] | undefined;
}

const WIDTH = 320;
const HEIGHT = 96;

const number = (x: number): string => x.toLocaleString(undefined, { maximumSignificantDigits: 3 });

/** A distribution of values, and where codes end. Heights grow with the logarithm of counts: what is clipped is rare and must be seen. */
export function ValuePlot({ title, histogram, clip }: ValuePlotProps) {
	const { low, width, counts } = histogram;
	const high = low + width * counts.length;
	const least = Math.min(low, clip?.[0] ?? low);
	const greatest = Math.max(high, clip?.[1] ?? high);
	// Room beyond the codes, so that where they end is seen.
	const room = clip ? 0.03 * (greatest - least) : 0;
	const from = least - room;
	const to = greatest + room;
	const span = to - from || 1;
	const x = (value: number): number => ((value - from) / span) * WIDTH;
	const most = Math.log1p(Math.max(...counts, 1));
	const words = `${title}: ${number(histogram.min)} to ${number(histogram.max)}${clip ? `; codes reach from ${number(clip[0])} to ${number(clip[1])}` : ''}`;
	return (
		<figure className="value-plot">
			<figcaption>{title}</figcaption>
			<svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={words} preserveAspectRatio="none">
				{clip && (
					<>
						<rect className="beyond" x={0} y={0} width={Math.max(0, x(clip[0]))} height={HEIGHT} />
						<rect className="beyond" x={x(clip[1])} y={0} width={Math.max(0, WIDTH - x(clip[1]))} height={HEIGHT} />
					</>
				)}
				{counts.map((count, bin) => {
					if (count === 0) return null;
					const tall = Math.max(1, (Math.log1p(count) / most) * (HEIGHT - 4));
					const start = low + bin * width;
					const middle = start + width / 2;
					const clipped = clip !== undefined && (middle < clip[0] || middle > clip[1]);
					return (
						<rect
							key={start}
							className={clipped ? 'value clipped' : 'value'}
							x={x(start)}
							y={HEIGHT - tall}
							width={Math.max(0.8, (width / span) * WIDTH - 0.4)}
							height={tall}
						/>
					);
				})}
				{clip?.map((edge) => (
					<line key={edge} className="edge" x1={x(edge)} x2={x(edge)} y1={0} y2={HEIGHT} />
				))}
			</svg>
			<div className="value-range muted">
				<span>{number(least)}</span>
				<span>values, log counts</span>
				<span>{number(greatest)}</span>
			</div>
		</figure>
	);
}

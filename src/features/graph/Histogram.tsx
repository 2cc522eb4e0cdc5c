import type { TensorFacts } from '../../core/view/tensor-facts.ts';

const width = 240;
const height = 64;

/** The values of a stored tensor: how often each, and what sums them up. Heights are square roots, so that tails can be seen. */
export function Histogram({ facts }: { readonly facts: TensorFacts }) {
	const { histogram, least, most, mean, deviation, zeros, n, nonFinite } = facts;
	const top = Math.sqrt(Math.max(...histogram, 1));
	const bar = width / histogram.length;
	return (
		<figure className="histogram">
			<svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`Values from ${short(least)} to ${short(most)}, mean ${short(mean)}`}>
				{histogram.map((count, i) => {
					const tall = count === 0 ? 0 : Math.max(1, (Math.sqrt(count) / top) * height);
					// biome-ignore lint/suspicious/noArrayIndexKey: bins have no other name
					return <rect key={i} x={i * bar} y={height - tall} width={bar - 0.5} height={tall} />;
				})}
			</svg>
			<figcaption className="muted">
				<span>{short(least)}</span>
				<span>{short(most)}</span>
			</figcaption>
			<dl className="facts">
				<div>
					<dt>elements</dt>
					<dd>{n.toLocaleString()}</dd>
				</div>
				<div>
					<dt>mean, deviation</dt>
					<dd>
						{short(mean)}, {short(deviation)}
					</dd>
				</div>
				<div>
					<dt>zeros</dt>
					<dd>{n === 0 ? '–' : `${((100 * zeros) / n).toFixed(1)} %`}</dd>
				</div>
				{nonFinite > 0 && (
					<div>
						<dt>not finite</dt>
						<dd>{nonFinite.toLocaleString()}</dd>
					</div>
				)}
			</dl>
		</figure>
	);
}

function short(value: number): string {
	return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : '–';
}

import { useEffect, useMemo, useRef, useState } from 'react';
import { figuresOf, targetsOf, type VariantId } from '../../core/study/figures.ts';
import type { LayerFacts, OutputFidelity, Study } from '../../core/study/study.ts';
import { qualityWords, ratioWords, sizeWords } from '../../core/study/words.ts';
import { formatBytes, formatMs } from '../../ui/format.ts';
import { Scroll } from '../../ui/Scroll.tsx';
import './compare.css';

export interface CompareViewProps {
	readonly study: Study;
	readonly a: VariantId;
	readonly b: VariantId;
	readonly onChange: (side: 'a' | 'b', variant: VariantId) => void;
	readonly onClose: () => void;
	readonly compact: boolean;
}

/** Which side is shown: keys 1, 2 and 3 stand for A, both, and B. */
export type Side = 'a' | 'both' | 'b';

const sideOfKey: Readonly<Record<string, Side>> = { '1': 'a', '2': 'both', '3': 'b' };

/** Two variants side by side: sizes, operators, layers, outputs, examples and times. */
export function CompareView({ study, a, b, onChange, onClose, compact }: CompareViewProps) {
	const [side, setSide] = useState<Side>('both');
	const left = useMemo(() => figuresOf(study, a), [study, a]);
	const right = useMemo(() => figuresOf(study, b), [study, b]);
	const options: VariantId[] = ['original', ...study.variants.map((variant) => variant.id).filter((id) => id !== 'original')];
	const nameOf = (id: VariantId): string =>
		id === 'original' ? 'original' : (study.variants.find((variant) => variant.id === id)?.name ?? id.slice(0, 8));
	const shown = side === 'both' ? (['a', 'b'] as const) : ([side] as const);
	const figures = { a: left, b: right };
	// On the window: the keys work as soon as the view is open, wherever the focus is.
	useEffect(() => {
		const onKeyDown = (event: KeyboardEvent): void => {
			if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
			if (event.target instanceof HTMLSelectElement || document.querySelector('dialog[open]')) return;
			const next = sideOfKey[event.key];
			if (!next) return;
			event.preventDefault();
			setSide(next);
		};
		window.addEventListener('keydown', onKeyDown);
		return () => window.removeEventListener('keydown', onKeyDown);
	}, []);
	const title = useRef<HTMLHeadingElement>(null);
	useEffect(() => title.current?.focus(), []);
	const row = (label: string, cell: (of: typeof left) => React.ReactNode) => (
		<tr key={label}>
			<th scope="row">{label}</th>
			{shown.map((key) => (
				<td key={key} className="numeric">
					{cell(figures[key])}
				</td>
			))}
		</tr>
	);
	return (
		<section className="card compare" aria-labelledby="compare-title">
			<header className="card-head">
				<h2 id="compare-title" ref={title} tabIndex={-1}>
					Compare
				</h2>
				<fieldset className="segmented">
					<legend className="visually-hidden">Side shown</legend>
					{(
						[
							['a', 'A'],
							['both', 'both'],
							['b', 'B'],
						] as const
					).map(([value, label], index) => (
						<label key={value} title={`Key ${index + 1}`}>
							<input type="radio" name="compare-side" checked={side === value} onChange={() => setSide(value)} />
							<span>{label}</span>
						</label>
					))}
				</fieldset>
				<button type="button" className="quiet push" onClick={onClose}>
					Back to the chart
				</button>
			</header>
			<Scroll label="Figures">
				<table className="figures">
					<thead>
						<tr>
							<th scope="col">
								<span className="visually-hidden">figure</span>
							</th>
							{shown.map((key) => (
								<th scope="col" key={key} className="numeric">
									<label>
										<span className="badge pin">{key.toUpperCase()}</span>{' '}
										<select
											aria-label={`Variant ${key.toUpperCase()}`}
											value={key === 'a' ? a : b}
											onChange={(event) => onChange(key, event.target.value)}
										>
											{options.map((id) => (
												<option key={id} value={id}>
													{nameOf(id)}
												</option>
											))}
										</select>
									</label>
								</th>
							))}
						</tr>
					</thead>
					<tbody>
						{row('size on disk', (of) =>
							of.bytes === undefined
								? '–'
								: of.id === 'original'
									? formatBytes(of.bytes)
									: `${formatBytes(of.bytes)}, ${sizeWords(of.timesSmaller)}`,
						)}
						{row('gzip', (of) => (of.variant?.sizes?.gzip === undefined ? '–' : formatBytes(of.variant.sizes.gzip)))}
						{row('brotli', (of) => (of.variant?.sizes?.brotli === undefined ? '–' : formatBytes(of.variant.sizes.brotli)))}
						{row('weights', (of) => of.variant?.parameters?.toLocaleString() ?? '–')}
						{row('not zero', (of) => of.variant?.nonZeros?.toLocaleString() ?? '–')}
						{row('against the original', (of) => qualityWords(of).short)}
						{targetsOf(study).map((target) =>
							row(`median, ${target}`, (of) => {
								const run = of.runs.get(target);
								if (!run) return '–';
								if (run.failure) return run.failure.message;
								return `${formatMs(run.medianMs)}${run.ratio ? `, ${ratioWords(run.ratio.value)} [${run.ratio.interval[0].toFixed(2)}, ${run.ratio.interval[1].toFixed(2)}]` : ''}`;
							}),
						)}
						{targetsOf(study).map((target) =>
							row(`load and first run, ${target}`, (of) => {
								const run = of.runs.get(target);
								return !run || run.failure ? '–' : formatMs(run.loadMs + run.firstMs);
							}),
						)}
					</tbody>
				</table>
			</Scroll>
			<div className={compact ? 'compare-parts compact' : 'compare-parts'}>
				<Outputs left={left.evaluation?.outputs} right={right.evaluation?.outputs} />
				<Operators study={study} a={a} b={b} />
				<Layers left={layersOf(study, a)} right={layersOf(study, b)} />
				<Disagreements study={study} a={a} b={b} names={[nameOf(a), nameOf(b)]} />
			</div>
		</section>
	);
}

function Outputs({
	left,
	right,
}: {
	readonly left: readonly OutputFidelity[] | undefined;
	readonly right: readonly OutputFidelity[] | undefined;
}) {
	const names = [...new Set([...(left ?? []), ...(right ?? [])].map((output) => output.output))];
	const text = (outputs: readonly OutputFidelity[] | undefined, name: string): string => {
		const output = outputs?.find((entry) => entry.output === name);
		if (!output) return '–';
		return output.sqnrDb === null
			? 'equal'
			: `${output.sqnrDb.toFixed(1)} dB, cosine ${output.cosine.toFixed(4)}, worst ${output.worstCosine.toFixed(4)}, max ${output.maxAbs.toPrecision(3)}`;
	};
	if (names.length === 0) return null;
	return (
		<details open>
			<summary>Outputs against the original</summary>
			<Scroll label="Outputs against the original">
				<table className="figures">
					<thead>
						<tr>
							<th scope="col">output</th>
							<th scope="col" className="numeric">
								A
							</th>
							<th scope="col" className="numeric">
								B
							</th>
						</tr>
					</thead>
					<tbody>
						{names.map((name) => (
							<tr key={name}>
								<th scope="row">{name}</th>
								<td className="numeric">{text(left, name)}</td>
								<td className="numeric">{text(right, name)}</td>
							</tr>
						))}
					</tbody>
				</table>
			</Scroll>
		</details>
	);
}

function Operators({ study, a, b }: { readonly study: Study; readonly a: VariantId; readonly b: VariantId }) {
	const counts = (id: VariantId): Map<string, number> => {
		const operators = study.variants.find((variant) => variant.id === id)?.operators ?? (id === 'original' ? study.facts.operators : []);
		return new Map(operators.map((entry) => [entry.op, entry.count]));
	};
	const left = counts(a);
	const right = counts(b);
	const ops = [...new Set([...left.keys(), ...right.keys()])];
	const changed = ops.filter((op) => (left.get(op) ?? 0) !== (right.get(op) ?? 0));
	if (left.size === 0 || right.size === 0) return null;
	return (
		<details open>
			<summary>Operators: {changed.length === 0 ? 'the same' : `${changed.length} of ${ops.length} kinds differ`}</summary>
			{changed.length > 0 && (
				<table className="figures">
					<thead>
						<tr>
							<th scope="col">operator</th>
							<th scope="col" className="numeric">
								A
							</th>
							<th scope="col" className="numeric">
								B
							</th>
							<th scope="col" className="numeric">
								change
							</th>
						</tr>
					</thead>
					<tbody>
						{changed
							.sort((x, y) => Math.abs((right.get(y) ?? 0) - (left.get(y) ?? 0)) - Math.abs((right.get(x) ?? 0) - (left.get(x) ?? 0)))
							.map((op) => {
								const difference = (right.get(op) ?? 0) - (left.get(op) ?? 0);
								return (
									<tr key={op}>
										<th scope="row">{op}</th>
										<td className="numeric">{left.get(op) ?? 0}</td>
										<td className="numeric">{right.get(op) ?? 0}</td>
										<td className="numeric">{difference > 0 ? `+${difference}` : `−${-difference}`}</td>
									</tr>
								);
							})}
					</tbody>
				</table>
			)}
		</details>
	);
}

function layersOf(study: Study, id: VariantId): readonly LayerFacts[] {
	return study.variants.find((variant) => variant.id === id)?.layers ?? (id === 'original' ? study.facts.layers : []);
}

function Layers({ left, right }: { readonly left: readonly LayerFacts[]; readonly right: readonly LayerFacts[] }) {
	const total = (layers: readonly LayerFacts[]): Map<string, { bytes: number; dtype: string }> => {
		const byNode = new Map<string, { bytes: number; dtype: string }>();
		for (const layer of layers) {
			const entry = byNode.get(layer.node);
			if (entry) entry.bytes += layer.byteLength;
			else byNode.set(layer.node, { bytes: layer.byteLength, dtype: layer.dtype });
		}
		return byNode;
	};
	const a = total(left);
	const b = total(right);
	const names = [...new Set([...a.keys(), ...b.keys()])].sort(
		(x, y) => Math.max(a.get(y)?.bytes ?? 0, b.get(y)?.bytes ?? 0) - Math.max(a.get(x)?.bytes ?? 0, b.get(x)?.bytes ?? 0),
	);
	if (names.length === 0) return null;
	const most = Math.max(...names.map((name) => Math.max(a.get(name)?.bytes ?? 0, b.get(name)?.bytes ?? 0)), 1);
	return (
		<details>
			<summary>Bytes by layer, largest first</summary>
			<Scroll label="Bytes by layer" className="layer-list">
				<table className="figures">
					<thead>
						<tr>
							<th scope="col">layer</th>
							<th scope="col" className="numeric">
								A
							</th>
							<th scope="col" className="numeric">
								B
							</th>
						</tr>
					</thead>
					<tbody>
						{names.slice(0, 60).map((name) => (
							<tr key={name}>
								<th scope="row">
									<span className="layer-name">{name}</span>
								</th>
								{[a.get(name), b.get(name)].map((entry, index) => (
									// biome-ignore lint/suspicious/noArrayIndexKey: the two sides have fixed places
									<td key={index} className="numeric">
										{entry ? `${formatBytes(entry.bytes)} ${entry.dtype}` : '–'}
										<span className="bar" style={{ width: `${(100 * (entry?.bytes ?? 0)) / most}%` }} aria-hidden="true" />
									</td>
								))}
							</tr>
						))}
					</tbody>
				</table>
			</Scroll>
		</details>
	);
}

interface DisagreementsProps {
	readonly study: Study;
	readonly a: VariantId;
	readonly b: VariantId;
	readonly names: readonly [string, string];
}

/** The examples on which a variant strays furthest from the original. */
function Disagreements({ study, a, b, names }: DisagreementsProps) {
	const sides = ([a, b] as const).map((id) => (id === 'original' ? [] : (figuresOf(study, id).evaluation?.disagreements ?? [])));
	if (sides.every((list) => list.length === 0)) return null;
	return (
		<details>
			<summary>Examples that disagree most</summary>
			<div className="sides">
				{sides.map((list, index) => (
					// biome-ignore lint/suspicious/noArrayIndexKey: the two sides have fixed places
					<Scroll key={index} label={`Examples, ${names[index]}`}>
						<h3>{names[index]}</h3>
						{list.length === 0 ? (
							<p className="muted">None listed.</p>
						) : (
							<table className="figures">
								<thead>
									<tr>
										<th scope="col">example</th>
										<th scope="col">label</th>
										<th scope="col">original</th>
										<th scope="col">variant</th>
										<th scope="col" className="numeric">
											cosine
										</th>
									</tr>
								</thead>
								<tbody>
									{list.slice(0, 20).map((entry) => (
										<tr key={entry.index}>
											<th scope="row">{entry.index}</th>
											<td>{entry.label ?? '–'}</td>
											<td>{entry.original}</td>
											<td>{entry.variant}</td>
											<td className="numeric">{entry.cosine.toFixed(4)}</td>
										</tr>
									))}
								</tbody>
							</table>
						)}
					</Scroll>
				))}
			</div>
		</details>
	);
}

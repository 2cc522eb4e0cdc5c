import { useMemo } from 'react';
import { figuresOf, targetsOf, type VariantFigures, type VariantId } from '../../core/study/figures.ts';
import { metricText, metricTitle } from '../../core/study/metrics/metric-facts.ts';
import type { Sizes, Study } from '../../core/study/study.ts';
import { qualityWords, ratioWords, sentenceOf, speedWords } from '../../core/study/words.ts';
import { formatBytes, formatMs } from '../../ui/format.ts';
import { MetricsCard } from './MetricsCard.tsx';
import { RecipeReport } from './RecipeReport.tsx';
import './selected.css';

export interface SelectedPanelProps {
	readonly study: Study;
	readonly selected: VariantId;
	readonly readOnly: boolean;
	/** Its file is here and has been run. */
	readonly onDownload: (variant: VariantId) => void;
	readonly onCompare: (variant: VariantId) => void;
	readonly onRerun: (variant: VariantId) => void;
	/** Where this variant loses, layer by layer. */
	readonly onDiagnose?: () => void;
	/** Groups of channels that can be cut out of it, and what was. */
	readonly onPrune?: () => void;
	readonly onEditRecipe: (variant: VariantId) => void;
	readonly onCopyText: (text: string, what: string) => void;
	/** Ways to make the same file elsewhere, and the certificate. */
	readonly reproduce: (variant: VariantId) => readonly { readonly title: string; readonly text: string; readonly note?: string }[];
}

/** The selected variant: one sentence, three figures with their uncertainty, what was done to it and what to do with it. */
export function SelectedPanel(props: SelectedPanelProps) {
	const { study, selected, readOnly, onDownload, onCompare, onRerun, onDiagnose, onPrune, onEditRecipe, onCopyText, reproduce } = props;
	const figures = useMemo(() => figuresOf(study, selected), [study, selected]);
	const words = qualityWords(figures);
	const target = targetsOf(study)[0];
	const run = target ? figures.runs.get(target) : undefined;
	const measured =
		[...figures.runs.values()].some((entry) => !entry.failure) || (figures.evaluation !== undefined && !figures.evaluation.failure);
	const name = selected === 'original' ? 'original' : (figures.variant?.name ?? '');
	const snippets = useMemo(() => (selected === 'original' ? [] : reproduce(selected)), [reproduce, selected]);
	return (
		<>
			<section className="card selected" aria-labelledby="selected-title">
				<p className="eyebrow">Selected</p>
				<h2 id="selected-title" className="headline">
					{name}
				</h2>
				<p className="muted">{sentenceOf(study, selected).replace(/\.?$/, '.')}</p>
				<dl className="three">
					<div>
						<dt>size</dt>
						<dd>{figures.bytes === undefined ? '–' : formatBytes(figures.bytes)}</dd>
					</div>
					<div>
						<dt>{qualityLabel(figures)}</dt>
						<dd>{qualityFigure(figures)}</dd>
					</div>
					<div>
						<dt>latency</dt>
						<dd>{latencyFigure(run, selected)}</dd>
					</div>
				</dl>
				<p className="muted">
					{words.long}
					{run?.ratio && (
						<>
							{' '}
							Latency ratio {run.ratio.value.toFixed(2)} [{run.ratio.interval[0].toFixed(2)}, {run.ratio.interval[1].toFixed(2)}] on{' '}
							{target}: {speedWords(run)}.
						</>
					)}
				</p>
				{figures.evaluation?.synthetic && (
					<p className="muted">Measured on synthetic inputs: this is fidelity to the original, not accuracy.</p>
				)}
				<div className="buttons">
					{!readOnly && (
						<button type="button" className="primary" disabled={!measured && selected !== 'original'} onClick={() => onDownload(selected)}>
							Download
						</button>
					)}
					<button type="button" onClick={() => onCompare(selected)}>
						Compare
					</button>
					{onDiagnose && selected !== 'original' && figures.variant?.file && (
						<button type="button" onClick={onDiagnose}>
							Diagnose
						</button>
					)}
					{onPrune && (selected === 'original' || figures.variant?.file) && (
						<button type="button" onClick={onPrune}>
							Prune
						</button>
					)}
					{!readOnly && (
						<button type="button" onClick={() => onRerun(selected)}>
							{figures.variant?.failure ? 'Try again' : 'Re-run'}
						</button>
					)}
				</div>
				{!measured && selected !== 'original' && !figures.variant?.failure && (
					<p className="muted small">
						The download opens when the file has been run here: Pare never hands out a file that it has not run.
					</p>
				)}
			</section>
			{figures.evaluation && !figures.evaluation.synthetic && (
				<MetricsCard evaluation={figures.evaluation} dataset={study.dataset} outputs={study.facts.outputs} readOnly={readOnly} />
			)}
			<section className="card" aria-labelledby="sizes-title">
				<h2 id="sizes-title">Sizes and runs</h2>
				<SizeList sizes={figures.variant?.sizes} original={study.variants.find((variant) => variant.id === 'original')?.sizes} />
				<RunList figures={figures} />
			</section>
			{figures.variant && selected !== 'original' && (
				<section className="card" aria-labelledby="recipe-title">
					<header className="card-head">
						<h2 id="recipe-title">Recipe</h2>
						<button type="button" className="quiet push" onClick={() => onEditRecipe(selected)}>
							Edit a copy
						</button>
					</header>
					<RecipeReport variant={figures.variant} />
					{snippets.length > 0 && (
						<details className="snippets">
							<summary>Make it elsewhere</summary>
							{snippets.map((snippet) => (
								<div key={snippet.title}>
									<div className="snippet-head">
										<strong>{snippet.title}</strong>
										<button type="button" className="quiet" onClick={() => onCopyText(snippet.text, snippet.title)}>
											Copy
										</button>
									</div>
									{snippet.note && <p className="muted small">{snippet.note}</p>}
									{/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
									<pre tabIndex={0}>{snippet.text}</pre>
								</div>
							))}
						</details>
					)}
				</section>
			)}
		</>
	);
}

function qualityLabel(figures: VariantFigures): string {
	if (figures.main) return metricTitle(figures.main.metric, figures.evaluation?.task?.kind);
	if (figures.classifier) return 'same answer';
	return 'SQNR';
}

function qualityFigure(figures: VariantFigures): string {
	if (figures.main) return metricText(figures.main.metric, figures.main.value);
	if (figures.classifier?.agreement) return `${(figures.classifier.agreement.value * 100).toFixed(1)} %`;
	if (figures.id === 'original') return '–';
	if (figures.worstSqnrDb === undefined) return '–';
	return Number.isFinite(figures.worstSqnrDb) ? `${figures.worstSqnrDb.toFixed(1)} dB` : 'equal';
}

function latencyFigure(run: import('../../core/study/study.ts').Run | undefined, id: VariantId): string {
	if (!run || run.failure) return '–';
	return id === 'original' || !run.ratio ? formatMs(run.medianMs) : ratioWords(run.ratio.value);
}

function SizeList({ sizes, original }: { readonly sizes: Sizes | undefined; readonly original: Sizes | undefined }) {
	if (!sizes) return <p className="muted">No file yet.</p>;
	const row = (label: string, bytes: number | undefined, of: number | undefined) =>
		bytes === undefined ? null : (
			<div>
				<dt>{label}</dt>
				<dd title={`${bytes.toLocaleString()} bytes`}>
					{formatBytes(bytes)}
					{of !== undefined && of !== bytes && <span className="muted"> {ratioWords(bytes / of)}</span>}
				</dd>
			</div>
		);
	return (
		<dl className="facts">
			{row('on disk', sizes.bytes, original?.bytes)}
			{row('gzip', sizes.gzip, original?.gzip)}
			{row('brotli', sizes.brotli, original?.brotli)}
		</dl>
	);
}

function RunList({ figures }: { readonly figures: VariantFigures }) {
	if (figures.runs.size === 0) return <p className="muted">Not timed yet.</p>;
	return (
		<dl className="facts runs">
			{[...figures.runs].map(([target, run]) => (
				<div key={target}>
					<dt>{target}</dt>
					<dd>
						{run.failure ? (
							<span className="bad">{run.failure.message}</span>
						) : (
							<>
								{formatMs(run.medianMs)}{' '}
								<span className="muted">
									median of {run.sampleCount ?? run.samplesMs.length}, p95 {formatMs(run.p95Ms)}
								</span>
								<br />
								<span className="muted">
									load {formatMs(run.loadMs)}, first {formatMs(run.firstMs)}
								</span>
								{run.agreement && !run.agreement.ok && (
									<>
										<br />
										<span className="bad">outputs differ from WASM: cosine {run.agreement.cosine.toFixed(4)}</span>
									</>
								)}
								{run.agreement?.ok && run.target.backend !== 'wasm' && (
									<>
										<br />
										<span className="muted">agrees with WASM, largest difference {run.agreement.maxAbs.toPrecision(2)}</span>
									</>
								)}
								{run.placement && run.placement.length > 0 && (
									<>
										<br />
										<span className="muted">{run.placement.map((entry) => `${entry.provider} ${entry.nodes}`).join(' | ')}</span>
									</>
								)}
							</>
						)}
					</dd>
				</div>
			))}
		</dl>
	);
}

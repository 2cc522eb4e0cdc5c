import { useMemo } from 'react';
import type { Variant } from '../../core/study/study.ts';
import type { LayerDiagnosis } from '../../engine/diagnose/report.ts';
import type { Diagnosis } from '../../store/state.ts';
import { formatBytes, formatMs } from '../../ui/format.ts';
import { decibels } from './measures.ts';
import { ValuePlot } from './ValuePlot.tsx';

export interface LayerPanelProps {
	readonly variant: Variant;
	readonly diagnosis: Diagnosis;
	readonly node: string | undefined;
	readonly readOnly: boolean;
	readonly onKeep: (labels: readonly string[]) => void;
	/** Shows the selected node in the graph. */
	readonly onGraph: () => void;
}

/** The selected layer: its errors apart, the values that become codes, why it is as it is, and the way back to fp32. */
export function LayerPanel({ variant, diagnosis, node, readOnly, onKeep, onGraph }: LayerPanelProps) {
	const layer = diagnosis.errors?.layers.find((entry) => entry.node === node);
	const label = layer?.label ?? diagnosis.latency?.nodes.find((entry) => entry.node === node)?.label ?? node;
	const notes = useMemo(() => notesOn(variant, label, node), [variant, label, node]);
	if (node === undefined) {
		return (
			<section className="layer-panel" aria-label="Selected layer">
				<p className="muted">Choose a layer in the chart or in the table.</p>
			</section>
		);
	}
	const time = diagnosis.latency?.nodes.filter((entry) => entry.node === node).reduce((sum, { medianMs }) => sum + medianMs, 0);
	const alone = diagnosis.sensitivity?.layers.find((entry) => entry.node === node);
	const restored = diagnosis.restored?.layers.find((entry) => entry.node === node);
	const of = (value: number | null | undefined): string | undefined =>
		value === undefined ? undefined : value === null ? 'equal' : `${value.toFixed(1)} dB`;
	const facts: readonly (readonly [string, string | undefined, string?])[] = [
		['own error', layer && decibels(layer.own), 'The layer by itself on the original’s inputs, signal to noise'],
		['weights alone', layer?.weights && decibels(layer.weights)],
		['activations alone', layer?.activations && decibels(layer.activations)],
		['accumulated', layer && decibels(layer.accumulated), 'Its value in the variant, with the errors of everything before it'],
		['largest difference', layer?.own?.maxAbs == null ? undefined : layer.own.maxAbs.toPrecision(3)],
		['cosine', layer?.own?.cosine == null ? undefined : layer.own.cosine.toFixed(6)],
		['outputs with it alone', of(alone?.sqnrDb), 'The worst output when only this layer is as in the variant'],
		['outputs with it restored', of(restored?.sqnrDb), 'The worst output when only this layer is as in the original'],
		['stored', layer && layer.bytes > 0 ? `${formatBytes(layer.originalBytes)} to ${formatBytes(layer.bytes)}` : undefined],
		['time', time ? formatMs(time) : undefined],
	];
	return (
		<section className="layer-panel" aria-labelledby="layer-panel-title">
			<h3 id="layer-panel-title">{label}</h3>
			<p className="muted">{operatorsOf(layer)}</p>
			{layer?.missing && <p>Not measured: {layer.missing}.</p>}
			{layer?.undivided && <p className="muted">Weights and activations are not told apart: {layer.undivided}.</p>}
			{!layer && diagnosis.errors && <p>The variant computes it as the original does.</p>}
			<dl className="facts">
				{facts.map(([title, value, help]) =>
					value === undefined ? null : (
						<div key={title} title={help}>
							<dt>{title}</dt>
							<dd>{value}</dd>
						</div>
					),
				)}
			</dl>
			<div className="buttons">
				{layer && !readOnly && (
					<button type="button" onClick={() => onKeep([layer.label])}>
						Keep in fp32
					</button>
				)}
				<button type="button" className="quiet" onClick={onGraph}>
					Show in the graph
				</button>
			</div>
			{layer?.quantized.map((tensor) => (
				<div key={`${tensor.name} ${tensor.codes}`}>
					<ValuePlot title={`${tensor.name} as ${tensor.codes}`} histogram={tensor.histogram} clip={tensor.clip} />
					<p className="muted">
						{tensor.clip === undefined
							? 'Its range is found anew in each run: nothing is clipped.'
							: (tensor.clippedShare ?? 0) === 0
								? 'No value lies beyond the codes.'
								: `${((tensor.clippedShare ?? 0) * 100).toPrecision(2)} % of the values lie beyond the codes and are clipped.`}
					</p>
				</div>
			))}
			{layer?.weightValues && <ValuePlot title="Weights of the original" histogram={layer.weightValues} />}
			{notes.length > 0 && (
				<>
					<h4>What the recipe says of it</h4>
					<ul className="layer-notes">
						{notes.map((note) => (
							<li key={note}>{note}</li>
						))}
					</ul>
				</>
			)}
		</section>
	);
}

function operatorsOf(layer: LayerDiagnosis | undefined): string {
	if (!layer) return '';
	return layer.op === layer.variantOp ? layer.op : `${layer.op}, in the variant ${layer.variantOp}`;
}

/** What passes noted of a node. */
function notesOn(variant: Variant, ...names: readonly (string | undefined)[]): string[] {
	return [
		...new Set(
			variant.report.flatMap(({ notes }) =>
				notes.filter((note) => note.node !== undefined && names.includes(note.node)).map(({ reason }) => reason),
			),
		),
	];
}

import type { ModelFacts } from '../../core/study/study.ts';
import { formatBytes, formatCount } from '../../ui/format.ts';
import './inspect.css';

export interface ModelCardProps {
	readonly facts: ModelFacts;
	readonly gzipBytes?: number | undefined;
	readonly hash?: string | undefined;
	readonly onLayers?: () => void;
	readonly onGraph?: () => void;
}

/** The facts of the model that do not change. */
export function ModelCard({ facts, gzipBytes, hash, onLayers, onGraph }: ModelCardProps) {
	const standard = facts.opsets.find((opset) => opset.domain === '');
	const others = facts.opsets.filter((opset) => opset.domain !== '');
	const bytesOfOps = facts.operators.filter((entry) => entry.parameterBytes > 0).sort((a, b) => b.parameterBytes - a.parameterBytes);
	const total = bytesOfOps.reduce((sum, entry) => sum + entry.parameterBytes, 0);
	const shown = bytesOfOps.slice(0, 3);
	const rest = total - shown.reduce((sum, entry) => sum + entry.parameterBytes, 0);
	const share = (bytes: number): string => `${Math.round((100 * bytes) / Math.max(total, 1))} %`;
	return (
		<section className="card" aria-labelledby="model-title">
			<h2 id="model-title">Model</h2>
			<dl className="facts">
				<Fact label="file" value={facts.fileName} />
				<Fact
					label="size"
					value={`${formatBytes(facts.byteLength)}${gzipBytes ? ` (${formatBytes(gzipBytes)} gzip)` : ''}`}
					title={`${facts.byteLength.toLocaleString()} bytes`}
				/>
				<Fact label="parameters" value={formatCount(facts.parameters)} title={facts.parameters.toLocaleString()} />
				{facts.macs !== undefined && facts.macs > 0 && (
					<Fact label="MACs" value={formatCount(facts.macs)} title="Multiply-accumulates of one run, open dimensions taken as 1" />
				)}
				<Fact label="nodes" value={facts.nodeCount.toLocaleString()} />
				<Fact
					label="opset"
					value={`${standard?.version ?? '–'}${others.length > 0 ? `, ${others.map((opset) => `${opset.domain} ${opset.version}`).join(', ')}` : ''}`}
				/>
				{facts.producer && <Fact label="made by" value={facts.producer} />}
			</dl>
			{total > 0 && (
				<>
					<div className="share-bar" aria-hidden="true">
						{shown.map((entry, index) => (
							<span key={entry.op} className={`share-${index}`} style={{ width: `${(100 * entry.parameterBytes) / total}%` }} />
						))}
						{rest > 0 && <span className="share-rest" style={{ width: `${(100 * rest) / total}%` }} />}
					</div>
					<p className="muted">
						{shown.map((entry) => `${entry.op} ${share(entry.parameterBytes)}`).join(' · ')}
						{rest > 0 ? ` · rest ${share(rest)}` : ''}
					</p>
				</>
			)}
			{facts.warnings.length > 0 && (
				<ul className="warnings">
					{facts.warnings.map((warning) => (
						<li key={warning}>{warning}</li>
					))}
				</ul>
			)}
			{facts.missingData.length > 0 && (
				<div className="missing" role="status">
					<strong>Weights are missing.</strong> Drop {facts.missingData.length === 1 ? 'this file' : 'these files'} onto the page:
					<ul>
						{facts.missingData.slice(0, 20).map((name) => (
							<li key={name}>{name}</li>
						))}
					</ul>
				</div>
			)}
			<details>
				<summary>Inputs, outputs, operators</summary>
				<h3>Inputs</h3>
				<Ports ports={facts.inputs} />
				<h3>Outputs</h3>
				<Ports ports={facts.outputs} />
				<h3>Operators</h3>
				<dl className="facts">
					{facts.operators.slice(0, 40).map((entry) => (
						<Fact
							key={entry.op}
							label={entry.op}
							value={`${entry.count}${entry.parameterBytes > 0 ? `, ${formatBytes(entry.parameterBytes)}` : ''}`}
						/>
					))}
				</dl>
				{hash && (
					<>
						<h3>SHA-256</h3>
						<p className="hash">{hash}</p>
					</>
				)}
			</details>
			{onGraph && (
				<button type="button" className="quiet flush" onClick={onGraph}>
					Graph…
				</button>
			)}
			{onLayers && facts.layers.length > 0 && (
				<button type="button" className="quiet flush" onClick={onLayers}>
					Sizes by layer
				</button>
			)}
		</section>
	);
}

function Fact({ label, value, title }: { readonly label: string; readonly value: string; readonly title?: string }) {
	return (
		<div>
			<dt>{label}</dt>
			<dd title={title}>{value}</dd>
		</div>
	);
}

function Ports({ ports }: { readonly ports: ModelFacts['inputs'] }) {
	return (
		<ul className="ports">
			{ports.map((port) => (
				<li key={port.name}>
					<strong>{port.name}</strong> <span className="muted">{port.type}</span>
				</li>
			))}
		</ul>
	);
}

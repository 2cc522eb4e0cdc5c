import { useEffect, useState } from 'react';
import type { NodeState } from '../../core/view/diff.ts';
import type { DrawnNode, DrawnPort } from '../../core/view/drawing.ts';
import type { TensorFacts } from '../../core/view/tensor-facts.ts';
import { formatBytes } from '../../ui/format.ts';
import { Histogram } from './Histogram.tsx';

export interface NodePanelProps {
	readonly node: DrawnNode;
	readonly state: NodeState | undefined;
	readonly changes: readonly string[];
	/** What it stands for in the other model. */
	readonly partner: DrawnNode | undefined;
	/** Figures of the overlays, in words. */
	readonly figures: readonly { readonly title: string; readonly text: string }[];
	readonly onEnter: (scope: string) => void;
	readonly onTensor: (name: string, signal: AbortSignal) => Promise<TensorFacts | null>;
	/** Cuts and changes at this node; absent where nothing can be run. */
	readonly surgery: React.ReactNode;
	readonly onClose: () => void;
}

const stateWords: Readonly<Record<NodeState, string>> = {
	same: 'The same in both',
	changed: 'Changed',
	added: 'Added',
	removed: 'Removed',
};

/** Everything that is known of one node. */
export function NodePanel({ node, state, changes, partner, figures, onEnter, onTensor, surgery, onClose }: NodePanelProps) {
	const terminal = node.kind === 'input' || node.kind === 'output';
	return (
		<section className="node-panel card" aria-labelledby="node-title">
			<header className="card-head">
				<h3 id="node-title">{terminal ? `Model ${node.kind}` : node.op}</h3>
				<button type="button" className="quiet push" onClick={onClose}>
					Close
				</button>
			</header>
			<p className="node-name">{node.name === '' ? <span className="muted">without a name</span> : node.name}</p>
			{state && (
				<p className={`node-state ${state}`}>
					{stateWords[state]}
					{changes.length > 0 && `: ${changes.join('; ')}`}
					{partner && partner.op !== node.op && changes.length === 0 && ` (was ${partner.op})`}
				</p>
			)}
			{figures.length > 0 && (
				<dl className="facts">
					{figures.map(({ title, text }) => (
						<div key={title}>
							<dt>{title}</dt>
							<dd>{text}</dd>
						</div>
					))}
				</dl>
			)}
			{node.bodies.map(({ attribute, scope }) => (
				<button key={scope} type="button" onClick={() => onEnter(scope)}>
					Look into {attribute}
				</button>
			))}
			{node.attributes.length > 0 && (
				<>
					<h4>Attributes</h4>
					<dl className="facts">
						{node.attributes.map(({ name, text }) => (
							<div key={name}>
								<dt>{name}</dt>
								<dd className="clip" title={text}>
									{text}
								</dd>
							</div>
						))}
					</dl>
				</>
			)}
			<Ports title={terminal ? 'Value' : 'Inputs'} ports={terminal ? [...node.outputs, ...node.inputs] : node.inputs} onTensor={onTensor} />
			{!terminal && <Ports title="Outputs" ports={node.outputs} onTensor={onTensor} />}
			{surgery}
		</section>
	);
}

function Ports({
	title,
	ports,
	onTensor,
}: {
	readonly title: string;
	readonly ports: readonly DrawnPort[];
	readonly onTensor: NodePanelProps['onTensor'];
}) {
	if (ports.length === 0) return null;
	return (
		<>
			<h4>{title}</h4>
			<ul className="node-ports">
				{ports.map((port, i) => (
					// biome-ignore lint/suspicious/noArrayIndexKey: one value may stand in two places
					<li key={i}>
						<span className="port-name">{port.name || <span className="muted">left out</span>}</span>
						{port.name && <span className="muted">{port.type}</span>}
						{port.stored && <Stored port={port} onTensor={onTensor} />}
					</li>
				))}
			</ul>
		</>
	);
}

/** A stored tensor: its statistics are read when they are asked for. */
function Stored({ port, onTensor }: { readonly port: DrawnPort; readonly onTensor: NodePanelProps['onTensor'] }) {
	const [open, setOpen] = useState(false);
	const [facts, setFacts] = useState<TensorFacts | null | 'failed' | undefined>();
	useEffect(() => {
		if (!open) return;
		const abort = new AbortController();
		onTensor(port.name, abort.signal).then(
			(found) => !abort.signal.aborted && setFacts(found),
			() => !abort.signal.aborted && setFacts('failed'),
		);
		return () => abort.abort();
	}, [open, onTensor, port.name]);
	return (
		<details onToggle={(event) => setOpen(event.currentTarget.open)}>
			<summary>stored, {formatBytes(port.stored?.byteLength ?? 0)}</summary>
			{facts === undefined && <p className="muted">Reading…</p>}
			{facts === null && <p className="muted">It holds no numbers.</p>}
			{facts === 'failed' && <p className="muted">Its file cannot be read here.</p>}
			{facts && facts !== 'failed' && <Histogram facts={facts} />}
		</details>
	);
}

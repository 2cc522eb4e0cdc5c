import type { Failure, ModelFacts } from '../../core/study/study.ts';
import type { RecentStudy } from '../../store/state.ts';
import { formatBytes, formatCount } from '../../ui/format.ts';
import { FailureCard } from './FailureCard.tsx';
import './open.css';

export interface EmptyPageProps {
	readonly failure: Failure | undefined;
	readonly recent: readonly RecentStudy[];
	/** The model that is being read, with its facts as soon as they are known. */
	readonly opening: { readonly name: string; readonly facts?: ModelFacts } | undefined;
	readonly onPick: () => void;
	readonly onSample: (id: 'digits' | 'silero-vad') => void;
	readonly onStudy: (id: string) => void;
	readonly onForget: (id: string) => void;
}

/** `18.61 MB, 4.65 M parameters, 456 nodes, opset 17`. */
function factsLine(facts: ModelFacts): string {
	const opset = facts.opsets.find(({ domain }) => domain === '' || domain === 'ai.onnx');
	return [
		formatBytes(facts.byteLength),
		`${formatCount(facts.parameters)} parameters`,
		`${formatCount(facts.nodeCount)} nodes`,
		...(opset ? [`opset ${opset.version}`] : []),
	].join(', ');
}

/** Before the first model: one promise, one word on privacy, one target, samples, recent studies. */
export function EmptyPage({ failure, recent, opening, onPick, onSample, onStudy, onForget }: EmptyPageProps) {
	return (
		<main className="empty">
			<section className="drop-target" aria-labelledby="empty-title">
				<h1 id="empty-title">Drop an ONNX model</h1>
				<p>
					See what each megabyte and each millisecond costs in accuracy.
					<br />
					Nothing leaves this page: there is no server to send it to.
				</p>
				<button type="button" className="primary" onClick={onPick} disabled={opening !== undefined}>
					Open a model…
				</button>
				{opening !== undefined && (
					<p role="status" className="muted">
						Reading {opening.name}
						{opening.facts && (
							<>
								<br />
								{factsLine(opening.facts)}
							</>
						)}
					</p>
				)}
				<p className="muted">or start with a sample</p>
				<div className="samples">
					<button type="button" onClick={() => onSample('digits')} disabled={opening !== undefined}>
						Digits classifier
					</button>
					<button type="button" onClick={() => onSample('silero-vad')} disabled={opening !== undefined}>
						Silero VAD
					</button>
				</div>
				<p className="muted hint">
					Drop your own examples with it, or later: pictures in a zip or folder, .npz, .npy, IDX or CSV files, sentences with their
					tokenizer.json, .wav sound. A model with external data: drop all its files together.
				</p>
			</section>
			{failure && <FailureCard failure={failure} />}
			{recent.length > 0 && (
				<section className="recent" aria-labelledby="recent-title">
					<h2 id="recent-title">Recent studies</h2>
					<ul>
						{recent.map((study) => (
							<li key={study.id}>
								<button type="button" className="recent-open" onClick={() => onStudy(study.id)}>
									<strong>{study.name}</strong>
									<span className="muted">
										{study.variants === 1 ? '1 variant' : `${study.variants} variants`}, {formatBytes(study.byteLength)},{' '}
										{new Date(study.updatedAt).toLocaleDateString()}
									</span>
								</button>
								<button type="button" className="quiet" aria-label={`Delete ${study.name}`} onClick={() => onForget(study.id)}>
									Delete
								</button>
							</li>
						))}
					</ul>
				</section>
			)}
		</main>
	);
}

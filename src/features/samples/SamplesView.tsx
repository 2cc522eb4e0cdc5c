import { useEffect, useMemo, useRef, useState } from 'react';
import type { VariantId } from '../../core/study/figures.ts';
import type { Study } from '../../core/study/study.ts';
import type { Sample } from '../../engine/sample-answers.ts';
import { useStore } from '../../store/index.ts';
import type { DataHealth, SampleAnswers } from '../../store/state.ts';
import { SampleCard } from './SampleCard.tsx';
import { SampleDialog } from './SampleDialog.tsx';
import './samples.css';
import type { Shown } from './shown.ts';
import { useHealth } from './use-health.ts';

export interface SamplesViewProps {
	readonly study: Study;
	readonly selected: VariantId;
	readonly readOnly: boolean;
	readonly onSelect: (id: VariantId) => void;
	readonly onClose: () => void;
}

type Filter = 'all' | 'broken' | 'fixed' | 'wrong' | 'differs' | 'duplicates' | 'mislabelled' | 'outliers';

const filterWords: Readonly<Record<Filter, string>> = {
	all: 'all',
	broken: 'broken by compression',
	fixed: 'fixed',
	wrong: 'wrong in both',
	differs: 'another answer',
	duplicates: 'copies',
	mislabelled: 'label looks wrong',
	outliers: 'unlike the others',
};
const perPage = 24;

/** Single examples: the original's and the variant's answer side by side, where they disagree most first; and what looks wrong with the set. */
export default function SamplesView({ study, selected, readOnly, onSelect, onClose }: SamplesViewProps) {
	const sampleAnswers = useStore((store) => store.sampleAnswers);
	const changeData = useStore((store) => store.changeData);
	const [found, setFound] = useState<{ key: string; answers: SampleAnswers } | undefined>();
	const [progress, setProgress] = useState<{ fraction?: number; stage?: string }>({});
	const [failure, setFailure] = useState<string | undefined>();
	const [filter, setFilter] = useState<Filter>('all');
	const [className, setClassName] = useState('');
	const [page, setPage] = useState(0);
	const [detail, setDetail] = useState<Shown | undefined>();
	const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
	const [busy, setBusy] = useState(false);
	const title = useRef<HTMLHeadingElement>(null);
	useEffect(() => title.current?.focus(), []);
	const { dataset } = study;
	const ready = study.variants.filter(({ id, file }) => id === 'original' || file !== undefined);
	const shownId = ready.some(({ id }) => id === selected) ? selected : 'original';
	const key = `${shownId} ${dataset?.hash}`;
	const usable = dataset !== undefined && dataset.kind !== 'synthetic';
	const { health, check, checking, healthFailure } = useHealth(dataset?.hash);

	useEffect(() => {
		if (!usable) return;
		const abort = new AbortController();
		setFailure(undefined);
		setProgress({});
		sampleAnswers(shownId, abort.signal, (now) => !abort.signal.aborted && setProgress(now)).then(
			(answers) => !abort.signal.aborted && setFound({ key, answers }),
			(error: unknown) => !abort.signal.aborted && setFailure(error instanceof Error ? error.message : String(error)),
		);
		return () => abort.abort();
	}, [key, shownId, usable, sampleAnswers]);

	const answers = found?.key === key ? found.answers : undefined;
	const all = useMemo(() => shownOf(answers, health), [answers, health]);
	const counts = useMemo(() => countsOf(all, health), [all, health]);
	const classes = useMemo(() => [...new Set(all.flatMap(({ label }) => label ?? []))].sort(), [all]);
	const list = useMemo(
		() => all.filter((entry) => matches(entry, filter, health) && (className === '' || entry.label === className)),
		[all, filter, health, className],
	);
	const pages = Math.max(1, Math.ceil(list.length / perPage));
	const current = Math.min(page, pages - 1);
	const visible = list.slice(current * perPage, (current + 1) * perPage);
	const nameOf = (index: number): string => (answers?.classNames ?? health?.classNames)?.[index] ?? `output ${index}`;
	const leftOut = dataset?.settings?.leftOut ?? [];
	const apply = (hashes: readonly string[] | undefined): void => {
		setBusy(true);
		void changeData({ leftOut: hashes }).finally(() => {
			setBusy(false);
			setMarked(new Set());
		});
	};
	const pick = (next: Filter): void => {
		setFilter(next);
		setPage(0);
	};
	const filters = (Object.keys(filterWords) as Filter[]).filter((entry) => entry === 'all' || (counts.get(entry) ?? 0) > 0);

	return (
		<section className="card samples-view" aria-labelledby="samples-title">
			<header className="card-head">
				<h2 id="samples-title" ref={title} tabIndex={-1}>
					Examples
				</h2>
				<label>
					<span className="visually-hidden">Variant</span>
					<select value={shownId} onChange={({ target }) => onSelect(target.value as VariantId)}>
						{ready.map(({ id, name }) => (
							<option key={id} value={id}>
								{name}
							</option>
						))}
					</select>
				</label>
				<button type="button" className="quiet push" onClick={onClose}>
					Back to the chart
				</button>
			</header>
			{!usable ? (
				<p className="muted">
					The inputs here are made up: there is nothing to look at. Drop your own examples on the page, with labels where you have them.
				</p>
			) : (
				<>
					<div className="samples-tools">
						<label>
							<span className="visually-hidden">Show</span>
							<select value={filter} onChange={({ target }) => pick(target.value as Filter)}>
								{filters.map((entry) => (
									<option key={entry} value={entry}>
										{`${filterWords[entry]} (${entry === 'all' ? all.length : counts.get(entry)})`}
									</option>
								))}
							</select>
						</label>
						{classes.length > 1 && (
							<label>
								<span className="visually-hidden">Class</span>
								<select
									value={className}
									onChange={({ target }) => {
										setClassName(target.value);
										setPage(0);
									}}
								>
									<option value="">every class</option>
									{classes.map((entry) => (
										<option key={entry} value={entry}>
											{entry}
										</option>
									))}
								</select>
							</label>
						)}
						{!health && (
							<button type="button" disabled={checking !== undefined || readOnly} onClick={check}>
								{checking === undefined ? 'Look for faults in the data' : `${checking.stage ?? 'Waiting'} ${percent(checking.fraction)}`}
							</button>
						)}
						{marked.size > 0 && (
							<button type="button" className="primary" disabled={busy} onClick={() => apply([...new Set([...leftOut, ...marked])])}>
								{busy ? 'Reading the examples…' : `Leave ${marked.size} out`}
							</button>
						)}
						{leftOut.length > 0 && !readOnly && (
							<button type="button" className="quiet" disabled={busy} onClick={() => apply(undefined)}>
								{`Take ${leftOut.length} back`}
							</button>
						)}
						<span className="muted push" aria-live="polite">
							{answers ? `${list.length.toLocaleString()} examples` : ''}
						</span>
					</div>
					{(failure ?? healthFailure) && (
						<p className="bad" role="alert">
							{failure ?? healthFailure}
						</p>
					)}
					{health && <HealthWords health={health} />}
					{!answers && !failure && (
						<p className="muted" aria-live="polite">
							{progress.stage ?? 'Waiting for what is being measured'} {percent(progress.fraction)}
						</p>
					)}
					{answers && list.length === 0 && <p className="muted">None of the examples.</p>}
					<ul className="sample-grid">
						{visible.map((entry) => (
							<li key={entry.place}>
								<SampleCard
									shown={entry}
									nameOf={nameOf}
									comparing={shownId !== 'original'}
									marked={entry.key !== undefined && marked.has(entry.key)}
									onMark={
										readOnly || entry.key === undefined
											? undefined
											: (on) => {
													const next = new Set(marked);
													if (on) next.add(entry.key as string);
													else next.delete(entry.key as string);
													setMarked(next);
												}
									}
									onOpen={() => setDetail(entry)}
								/>
							</li>
						))}
					</ul>
					{pages > 1 && (
						<nav className="sample-pages" aria-label="Pages">
							<button type="button" disabled={current === 0} onClick={() => setPage(current - 1)}>
								Previous
							</button>
							<span>
								{current + 1} of {pages}
							</span>
							<button type="button" disabled={current === pages - 1} onClick={() => setPage(current + 1)}>
								Next
							</button>
						</nav>
					)}
				</>
			)}
			{detail && (
				<SampleDialog
					shown={detail}
					nameOf={nameOf}
					variant={{ id: shownId, name: ready.find(({ id }) => id === shownId)?.name ?? 'variant' }}
					onClose={() => setDetail(undefined)}
				/>
			)}
		</section>
	);
}

function HealthWords({ health }: { readonly health: DataHealth }) {
	const { duplicates, mislabelled, outliers, examples } = health;
	const labels = examples.flatMap(({ label }) => label ?? []);
	const counts = new Map<number, number>();
	for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
	const each = [...counts.values()];
	return (
		<p className="muted">
			{`${duplicates.length} copies, ${mislabelled.length} labels that the original contradicts with confidence, ${outliers.length} unlike the others, among ${examples.length.toLocaleString()}.`}
			{each.length > 1 && ` ${each.length} classes with ${Math.min(...each)} to ${Math.max(...each)} examples each.`} A model can be wrong
			with confidence too: look before you leave something out.
		</p>
	);
}

/** Examples that are judged first, most disagreement first; then those that only the whole set has, where it was checked. */
function shownOf(answers: SampleAnswers | undefined, health: DataHealth | undefined): Shown[] {
	if (!answers) return [];
	const classNames = answers.classNames ?? health?.classNames;
	const remarks = new Map<number, string[]>();
	const remark = (index: number, text: string): void => void remarks.set(index, [...(remarks.get(index) ?? []), text]);
	for (const { index, of, likeness } of health?.duplicates ?? []) {
		remark(index, likeness === 1 ? `the same as ${health?.examples[of]?.name}` : `much like ${health?.examples[of]?.name}`);
	}
	for (const { index, predicted } of health?.mislabelled ?? []) remark(index, `looks like ${classNames?.[predicted] ?? predicted}`);
	for (const { index } of health?.outliers ?? []) remark(index, 'unlike the others');
	const copies = new Set(health?.duplicates.flatMap(({ index, likeness }) => (likeness === 1 ? [index] : [])));
	const keyOf = (place: number): string | undefined => {
		const hash = health?.examples[place]?.contentHash;
		return hash && (copies.has(place) ? `copies:${hash}` : hash);
	};
	const order: Readonly<Record<Sample['change'], number>> = { broken: 0, fixed: 1, differs: 2, wrong: 3, same: 4 };
	const sorted = answers.samples.toSorted((a, b) => order[a.change] - order[b.change] || a.cosine - b.cosine || a.position - b.position);
	const labelOf = (label: number | undefined): string | undefined =>
		label === undefined ? undefined : (classNames?.[label] ?? String(label));
	const judged = sorted.map((sample): Shown => {
		const place = answers.places[sample.position] ?? sample.position;
		return {
			place,
			name: sample.name,
			label: labelOf(sample.label),
			sample,
			remarks: remarks.get(place) ?? [],
			key: keyOf(place),
		};
	});
	const known = new Set(judged.map(({ place }) => place));
	const others = [...remarks.keys()]
		.filter((place) => !known.has(place))
		.sort((a, b) => a - b)
		.map((place): Shown => {
			const example = health?.examples[place];
			return {
				place,
				name: example?.name ?? '',
				label: labelOf(example?.label),
				sample: undefined,
				remarks: remarks.get(place) ?? [],
				key: keyOf(place),
			};
		});
	return [...judged, ...others];
}

function matches({ sample, place }: Shown, filter: Filter, health: DataHealth | undefined): boolean {
	switch (filter) {
		case 'all':
			return true;
		case 'duplicates':
		case 'mislabelled':
		case 'outliers':
			return health?.[filter].some(({ index }) => index === place) ?? false;
		default:
			return sample?.change === filter;
	}
}

function countsOf(all: readonly Shown[], health: DataHealth | undefined): Map<Filter, number> {
	const counts = new Map<Filter, number>();
	for (const filter of Object.keys(filterWords) as Filter[])
		counts.set(filter, all.filter((entry) => matches(entry, filter, health)).length);
	return counts;
}

const percent = (fraction: number | undefined): string => (fraction === undefined ? '…' : `${Math.round(fraction * 100)} %`);

import * as z from 'zod/mini';
import type { Family, PassReport } from '../pass/pass.ts';
import { canonicalJson, parseRecipe, type RecipeStep } from '../pass/recipe.ts';
import { packTables, unpackTables } from './link-bits.ts';
import { columnsOf, type Table, writeTable } from './link-columns.ts';
import { boundedJson, LinkError } from './link-json.ts';
import { mainMetric } from './metrics/metric-facts.ts';
import type {
	DatasetFacts,
	Environment,
	Evaluation,
	Interval,
	MetricName,
	PortFacts,
	Run,
	Study,
	Target,
	TaskMetric,
	Variant,
} from './study.ts';
import { type TaskFacts, taskKinds } from './task.ts';

export { LinkError } from './link-json.ts';

/**
 * A comparison, small: recipes, figures with intervals, environment, model name and SHA-256. No weights, no
 * examples, no raw timing samples, no per-layer lists. Texts and option names are written once as JSON, rows become
 * packed columns of whole numbers; figures keep three significant digits (cosines three digits of their distance to 1, shares exact counts).
 * docs/adr/0005-link-format.md gives the reasons.
 */
export const linkVersion = 2;
/** Links without other metrics than shares of right answers are as they always were, so that older Pares read them. */
const firstVersion = 1;

const port = z.tuple([z.string(), z.nullable(z.string()), z.string(), z.nullable(z.array(z.union([z.number(), z.string(), z.null()])))]);
const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const text = z.string().check(z.maxLength(4096));
const count = z.number().check(z.gte(0), z.lte(Number.MAX_SAFE_INTEGER));

const wireSchema = z.strictObject({
	v: z.union([z.literal(firstVersion), z.literal(linkVersion)]),
	/** Name, SHA-256, bytes. */
	m: z.tuple([text, hash, count]),
	/** IR version, opsets, producer, parameters, weight bytes, multiply-accumulates, nodes, inputs, outputs. */
	f: z.tuple([count, z.array(z.tuple([text, count])), text, count, count, z.nullable(count), count, z.array(port), z.array(port)]),
	/** Hash, name, kind, examples, labelled, classes, preprocessing. */
	d: z.nullable(
		z.tuple([
			hash,
			text,
			z.enum(['pictures', 'arrays', 'table', 'text', 'sound', 'synthetic', 'sample']),
			count,
			z.boolean(),
			z.nullable(count),
			text,
		]),
	),
	/** Browser, platform, cores, isolated, runtime, gpu, version of Pare. */
	e: z.tuple([text, text, count, z.boolean(), text, z.nullable(text), text]),
	/** Texts that rows point at. */
	s: z.array(text).check(z.maxLength(5_000)),
	/** Pass id, names of the options as given; null where there are more than columns: then one value holds them all. */
	p: z.array(z.tuple([text, z.nullable(z.array(text))])).check(z.maxLength(1_000)),
	/** Values of options, that recipe steps point at. */
	o: z.array(z.unknown()).check(z.maxLength(5_000)),
	t: z.array(z.tuple([z.enum(['wasm', 'webgpu', 'webnn']), z.int().check(z.gte(1), z.lte(1024))])).check(z.maxLength(64)),
	/** When the study was last changed, ISO 8601. */
	a: z.string().check(z.regex(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)),
});
type Wire = z.output<typeof wireSchema>;

const optionColumns = Array.from({ length: 24 }, (_, index) => `o${index}`);

/** The columns of figures, in the order in which they are packed. Adding one anywhere needs a new link version. */
const layout = {
	/** variants */
	V: ['n', 'n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'f', 's', 'b', 'g', 'g^', 'r', 'r^', 'p', 'p^', 'z', 'z^', 'x', 'xc'],
	/** recipe steps: variant, pass, off, options */
	S: ['i', 'p', 'x', ...optionColumns],
	/** pass reports */
	P: ['i', 'p', 'v', 'h', 'h0', 'h1', 'h2', 'h3', 'h4', 'h5', 'c', 'e', 'o', 'b', 'b^', 'a', 'a^'],
	/** runs */
	R: ['i', 't', 'u', 'x', 'xc', 'n', 'm', 'm^', 'q', 'l', 'l^', 'w', 'w^', 'r', 'r^', 'rl', 'rh', 'ac', 'ac^', 'am', 'am^', 'ao', 'k'],
	/** evaluations */
	E: ['i', 't', 's', 'x', 'xc'],
	/** fidelity by output */
	O: ['i', 'o', 'n', 'c', 'c^', 'w', 'w^', 'd', 'a', 'a^', 'g', 'gn', 'gl', 'gh'],
	/** task metrics */
	M: ['i', 'm', 'v', 'vn', 'vl', 'vh', 'd', 'dl', 'dh', 'p', 'p^'],
} as const;

/** Version 2 adds the main metrics of other tasks, as figures: value, interval, difference and its interval, examples. */
const layout2 = {
	...layout,
	T: ['i', 'm', 't', 'n', 'v', 'v^', 'l', 'l^', 'h', 'h^', 'd', 'd^', 'dl', 'dl^', 'dh', 'dh^', 'p', 'p^'],
} as const;

/** Metrics of version 2, by place; new ones come at the end. */
const figureMetrics: readonly MetricName[] = [
	'accuracy',
	'auc',
	'ap',
	'f1',
	'mae',
	'rmse',
	'r2',
	'exact',
	'cer',
	'sequences',
	'steps',
	'neighbours',
	'cosine',
	'precision',
	'recall',
];

/** What a link carries: texts and recipes as JSON, figures as packed columns. */
export interface Comparison {
	readonly version: number;
	readonly json: string;
	readonly figures: Uint8Array<ArrayBuffer>;
}

const families: readonly Family[] = ['original', 'quantized', 'pruned', 'both', 'factorized', 'optimized'];
const metrics = ['top1', 'top5'] as const;
const isLinked = (metric: TaskMetric): metric is TaskMetric & { readonly metric: (typeof metrics)[number] } =>
	(metrics as readonly string[]).includes(metric.metric);

/** The comparison of this study, for a link. */
export function encodeComparison(study: Study): Comparison {
	const texts = new Interned<string>((value) => value);
	const values = new Interned<unknown>((value) => canonicalJson(value));
	const passes = new Interned<readonly [string, readonly string[] | null]>((value) => JSON.stringify(value));
	const targets = new Interned<Target>((value) => `${value.backend}${value.threads}`);
	const variantIndex = new Map(study.variants.map((variant, index) => [variant.id, index]));
	// The original need not be in the list of variants; its figures then point one past the end.
	const at = (id: string): number => variantIndex.get(id) ?? (id === 'original' ? study.variants.length : -1);
	const runs = study.runs.filter((run) => at(run.variant) >= 0);
	const evaluations = study.evaluations.filter((evaluation) => at(evaluation.variant) >= 0);

	/** A sentence with its numbers taken out, so that forty sentences that differ in a number are one text and forty numbers. */
	const sentence = (value: string | undefined): { template: number | undefined; numbers: number[] } => {
		if (value === undefined) return { template: undefined, numbers: [] };
		const numbers: number[] = [];
		if (/[#\\]/.test(value)) return { template: texts.of(`\\${value}`), numbers };
		const template = value.replace(/(?<![\d.])(?:0|[1-9]\d{0,8})(?!\d)/g, (digits) => {
			if (numbers.length === 6) return digits;
			numbers.push(Number(digits));
			return '#';
		});
		return { template: texts.of(template), numbers };
	};

	const V = writeTable(study.variants, (variant, put) => {
		put.sentence('n', sentence(variant.name));
		put.integer('f', families.indexOf(variant.family));
		put.integer('s', variant.recipe.seed);
		put.integer('b', variant.sizes?.bytes);
		put.figure('g', variant.sizes?.gzip, 4);
		put.figure('r', variant.sizes?.brotli, 3);
		put.figure('p', variant.parameters, 4);
		put.below('z', variant.nonZeros, variant.parameters, 4);
		put.integer('x', variant.failure && texts.of(variant.failure.message));
		put.integer('xc', variant.failure && texts.of(variant.failure.code));
	});
	const steps = study.variants.flatMap((variant, index) => variant.recipe.steps.map((step) => ({ index, step })));
	const S = writeTable(steps, ({ index, step }, put) => {
		const keys = Object.keys(step.options);
		const apart = keys.length <= optionColumns.length;
		put.delta('i', index);
		put.integer('p', passes.of([step.pass, apart ? keys : null]));
		put.integer('x', step.off ? 1 : 0);
		const options = apart ? keys.map((key) => step.options[key]) : [step.options];
		for (const [column, value] of options.entries()) put.integer(`o${column}`, values.of(value ?? null));
	});
	const reports = study.variants.flatMap((variant, index) => {
		const ran = variant.recipe.steps.filter((step) => !step.off);
		return variant.report.map((report, place) => ({ index, report, known: ran[place]?.pass === report.pass }));
	});
	const P = writeTable(reports, ({ index, report, known }, put) => {
		put.delta('i', index);
		if (!known) put.integer('p', texts.of(report.pass));
		put.integer('v', report.version);
		const headline = sentence(report.headline);
		put.sentence('h', headline);
		// The sentence mostly says the same: "Changed 40 of 44 weights, 98 % of the stored bytes."
		const [changed, eligible, percent] = headline.numbers;
		if (report.changed !== changed) put.integer('c', report.changed);
		if (report.eligible !== eligible) put.integer('e', report.eligible);
		if (Math.round(report.coverage * 100) !== percent) put.integer('o', Math.round(report.coverage * 1000));
		put.figure('b', report.bytesBefore, 2);
		put.figure('a', report.bytesAfter, 2);
	});
	const R = writeTable(runs, (run, put) => {
		put.delta('i', at(run.variant));
		put.integer('t', targets.of(run.target));
		if (run.threadsUsed !== run.target.threads) put.integer('u', run.threadsUsed);
		if (run.failure) {
			put.integer('x', texts.of(run.failure.message));
			put.integer('xc', texts.of(run.failure.code));
		} else {
			put.integer('n', run.sampleCount ?? run.samplesMs.length);
			put.figure('m', run.medianMs, 3);
			put.offset('q', run.p95Ms, 'm');
			put.figure('l', run.loadMs, 3);
			put.figure('w', run.firstMs, 3);
			if (run.ratio) {
				put.figure('r', shownAlike(run.ratio.value), run.ratio.value >= 10 ? 4 : 3);
				put.offset('rl', run.ratio.interval[0], 'r', -1);
				put.offset('rh', run.ratio.interval[1], 'r');
			}
			if (run.agreement) {
				// Closer than float32 can tell is the same.
				put.distance('ac', 1 - run.agreement.cosine < 1e-6 ? 1 : run.agreement.cosine, 1);
				put.figure('am', run.agreement.maxAbs, 1);
				put.integer('ao', run.agreement.ok ? 1 : 0);
			}
		}
		put.integer('k', run.caveats.length ? texts.of(run.caveats.join('\n')) : undefined);
	});
	const E = writeTable(evaluations, (evaluation, put) => {
		put.delta('i', at(evaluation.variant));
		put.integer('t', targets.of(evaluation.target));
		put.integer('s', evaluation.synthetic ? 1 : 0);
		put.integer('x', evaluation.failure && texts.of(evaluation.failure.message));
		put.integer('xc', evaluation.failure && texts.of(evaluation.failure.code));
	});
	const outputs = evaluations.flatMap((evaluation, index) => evaluation.outputs.map((output) => ({ index, output })));
	const O = writeTable(outputs, ({ index, output }, put) => {
		put.delta('i', index);
		put.integer('o', texts.of(output.output));
		put.integer('n', output.n);
		put.distance('c', output.cosine);
		put.distance('w', output.worstCosine);
		// null is equal; what no number can say, as after an overflow, is told as very bad, never as good.
		put.integer(
			'd',
			output.sqnrDb === null
				? undefined
				: Math.round(Math.max(-9999, Math.min(9999, Number.isNaN(output.sqnrDb) ? -9999 : output.sqnrDb)) * 10),
		);
		put.figure('a', output.maxAbs, 3);
		if (output.agreement) put.share('g', output.agreement.value, output.agreement.interval, output.agreement.n);
	});
	// Of other tasks the main metric alone: a link has no room for the others.
	const mains = evaluations.flatMap((evaluation, index) => {
		const main = mainMetric(evaluation.metrics);
		if (!main || !figureMetrics.includes(main.metric)) return [];
		return [{ index, metric: main, task: evaluation.task }];
	});
	const T = writeTable(mains, ({ index, metric: { metric, value, interval, n, difference }, task }, put) => {
		put.delta('i', index);
		put.integer('m', figureMetrics.indexOf(metric));
		if (task) put.integer('t', taskKinds.indexOf(task.kind));
		put.integer('n', n);
		put.figure('v', value, 4);
		put.figure('l', interval[0], 4);
		put.figure('h', interval[1], 4);
		if (!difference) return;
		put.figure('d', difference.value, 3);
		put.figure('dl', difference.interval[0], 3);
		put.figure('dh', difference.interval[1], 3);
		put.figure('p', difference.pValue, 2);
	});
	const version = mains.length > 0 ? linkVersion : firstVersion;
	// Shares of right answers alone: a link has no room for the others.
	const measured = evaluations.flatMap((evaluation, index) => evaluation.metrics.filter(isLinked).map((metric) => ({ index, metric })));
	const baselines = evaluations.filter((evaluation) => evaluation.variant === 'original').flatMap((evaluation) => evaluation.metrics);
	const M = writeTable(measured, ({ index, metric }, put) => {
		put.delta('i', index);
		put.integer('m', metrics.indexOf(metric.metric));
		put.share('v', metric.value, metric.interval, metric.n);
		if (metric.difference) {
			put.difference('d', metric.difference.value, metric.difference.interval, metric.n, expectedDifference(metric, baselines));
			put.figure('p', metric.difference.pValue, 2);
		}
	});
	const { facts, model, dataset, environment } = study;
	const wire: Wire = {
		v: version,
		m: [model.name, model.hash, model.byteLength],
		f: [
			facts.irVersion,
			facts.opsets.map(({ domain, version }) => [domain, version]),
			facts.producer,
			facts.parameters,
			facts.weightBytes,
			facts.macs ?? null,
			facts.nodeCount,
			facts.inputs.slice(0, 16).map(writePort),
			facts.outputs.slice(0, 16).map(writePort),
		],
		d: dataset
			? [dataset.hash, dataset.name, dataset.kind, dataset.n, dataset.labelled, dataset.classes ?? null, dataset.preprocessing]
			: null,
		e: [
			environment.browser,
			environment.platform,
			environment.cores,
			environment.isolated,
			environment.runtime,
			environment.gpu ?? null,
			environment.pare,
		],
		s: texts.values as string[],
		p: passes.values.map(([id, keys]) => [id, keys && [...keys]]),
		o: [...values.values],
		t: targets.values.map(({ backend, threads }) => [backend, threads]),
		a: study.updatedAt,
	};
	const tables = { V, S, P, R, E, O, M };
	const figures = version === firstVersion ? packTables(tables, layout) : packTables({ ...tables, T }, layout2);
	return { version, json: JSON.stringify(wire), figures };
}

/**
 * A study out of a link, for reading only: figures as they were written, no files, layers or raw samples. Variant
 * ids are `link-<n>`. Throws LinkError, and nothing else, for any input.
 */
export function decodeComparison({ json, figures }: Omit<Comparison, 'version'>): Study {
	const data = boundedJson(json);
	if (typeof data === 'object' && data !== null && 'v' in data && typeof data.v === 'number' && data.v > linkVersion) {
		throw new LinkError(
			'newer',
			`This link was made by a newer Pare (link format ${data.v}; this one reads format ${linkVersion}). Update Pare and open the link again.`,
		);
	}
	const parsed = wireSchema.safeParse(data);
	if (!parsed.success) {
		const issue = parsed.error.issues[0];
		throw new LinkError('corrupt', `This link is damaged: ${issue?.path.join('.') || 'its data'} is not what it should be.`);
	}
	try {
		const read = unpackTables(figures, parsed.data.v === firstVersion ? layout : layout2) as Record<keyof typeof layout, Table> & {
			T?: Table;
		};
		return readStudy(parsed.data, read);
	} catch (error) {
		if (error instanceof LinkError) throw error;
		throw new LinkError('corrupt', `This link is damaged: ${error instanceof Error ? error.message : 'its data does not fit together.'}`);
	}
}

function readStudy(wire: Wire, tables: Readonly<Record<keyof typeof layout, Table>> & { readonly T?: Table }): Study {
	const when = wire.a;
	const text = (index: number | undefined): string => at(wire.s, index, 'text');
	const target = (index: number | undefined): Target => {
		const [backend, threads] = at(wire.t, index, 'target');
		return { backend, threads };
	};
	const sentence = (template: number | undefined, numbers: readonly number[]): string => {
		const rest = numbers.values();
		const written = text(template);
		return written.startsWith('\\') ? written.slice(1) : written.replaceAll('#', () => String(rest.next().value ?? ''));
	};

	const P = columnsOf(tables.P);
	const reports: (Omit<PassReport, 'pass'> & { index: number; pass: string | undefined })[] = rows(tables.P, (row) => ({
		index: P.delta('i', row),
		pass: P.integer('p', row) === undefined ? undefined : text(P.integer('p', row)),
		version: P.integer('v', row) ?? 1,
		options: {},
		headline: sentence(P.integer('h', row), P.numbers('h', row)),
		changed: P.integer('c', row) ?? P.numbers('h', row)[0] ?? 0,
		eligible: P.integer('e', row) ?? P.numbers('h', row)[1] ?? 0,
		bytesBefore: P.figure('b', row) ?? 0,
		bytesAfter: P.figure('a', row) ?? 0,
		coverage: (P.integer('o', row) ?? (P.numbers('h', row)[2] ?? 0) * 10) / 1000,
		notes: [],
		durationMs: 0,
	}));

	const recipeSteps = readSteps(wire, tables.S);
	const V = columnsOf(tables.V);
	const failureOf = (columns: ReturnType<typeof columnsOf>, row: number) => {
		const message = columns.integer('x', row);
		return message === undefined ? {} : { failure: { code: text(columns.integer('xc', row)), message: text(message) } };
	};
	const ids = new Set<string>();
	const variants: Variant[] = rows(tables.V, (row) => {
		const family = at(families, V.integer('f', row), 'family');
		const recipe = parseRecipe({
			v: 1,
			seed: V.integer('s', row),
			steps: recipeSteps.filter((entry) => entry.index === row).map((entry) => entry.step),
		});
		const id = family === 'original' && !ids.has('original') ? 'original' : `link-${row}`;
		ids.add(id);
		const bytes = V.integer('b', row);
		const gzip = V.figure('g', row);
		const brotli = V.figure('r', row);
		const parameters = V.figure('p', row);
		const nonZeros = V.below('z', row, parameters);
		const steps = recipe.steps.filter((entry) => !entry.off);
		return {
			id,
			name: sentence(V.integer('n', row), V.numbers('n', row)),
			family,
			recipe,
			...(bytes === undefined
				? {}
				: { sizes: { bytes, ...(gzip === undefined ? {} : { gzip }), ...(brotli === undefined ? {} : { brotli }) } }),
			...(parameters === undefined ? {} : { parameters }),
			...(nonZeros === undefined ? {} : { nonZeros }),
			report: reports
				.filter((report) => report.index === row)
				.map(({ index: _, ...report }, place) => ({
					...report,
					pass: report.pass ?? at(steps, place, 'pass').pass,
					// A pass that searched gave its place to the steps that it found.
					options: (report.pass === undefined && steps[place]?.options) || {},
				})),
			...failureOf(V, row),
			createdAt: when,
		};
	});
	const idAt = (index: number): string => (index === variants.length ? 'original' : at(variants, index, 'variant').id);

	const R = columnsOf(tables.R);
	const runs: Run[] = rows(tables.R, (row) => {
		const medianMs = R.figure('m', row) ?? 0;
		const ratio = R.figure('r', row);
		const cosine = R.distance('ac', row);
		const caveats = R.integer('k', row);
		const where = target(R.integer('t', row));
		return {
			variant: idAt(R.delta('i', row)),
			target: where,
			threadsUsed: R.integer('u', row) ?? where.threads,
			loadMs: R.figure('l', row) ?? 0,
			firstMs: R.figure('w', row) ?? 0,
			samplesMs: [],
			referenceMs: [],
			sampleCount: R.integer('n', row) ?? 0,
			medianMs,
			p95Ms: R.offset('q', row, 'm') ?? 0,
			...(ratio === undefined
				? {}
				: { ratio: { value: ratio, interval: [R.offset('rl', row, 'r', -1) ?? ratio, R.offset('rh', row, 'r') ?? ratio] as Interval } }),
			...(cosine === undefined
				? {}
				: { agreement: { cosine, maxAbs: R.figure('am', row) ?? Number.POSITIVE_INFINITY, ok: R.integer('ao', row) === 1 } }),
			caveats: caveats === undefined ? [] : text(caveats).split('\n'),
			...failureOf(R, row),
			measuredAt: when,
		};
	});

	const O = columnsOf(tables.O);
	const outputs = rows(tables.O, (row) => {
		const agreement = O.share('g', row);
		const sqnr = O.integer('d', row);
		return {
			index: O.delta('i', row),
			value: {
				output: text(O.integer('o', row)),
				n: O.integer('n', row) ?? 0,
				cosine: O.distance('c', row) ?? 0,
				worstCosine: O.distance('w', row) ?? 0,
				sqnrDb: sqnr === undefined ? null : sqnr / 10,
				maxAbs: O.figure('a', row) ?? Number.POSITIVE_INFINITY,
				...(agreement ? { agreement } : {}),
			},
		};
	});
	const M = columnsOf(tables.M);
	const shares = rows(tables.M, (row) => {
		const share = M.share('v', row);
		if (!share) throw new LinkError('corrupt', 'This link is damaged: a metric has no value.');
		return { index: M.delta('i', row), value: { metric: at(metrics, M.integer('m', row), 'metric'), ...share } };
	});
	const E = columnsOf(tables.E);
	const evaluated = rows(tables.E, (row) => idAt(E.delta('i', row)));
	const baselines = shares.filter((share) => evaluated[share.index] === 'original').map((share) => share.value);
	const measured = shares.map(({ index, value }, row) => {
		const difference = M.difference('d', row, value.n, expectedDifference(value, baselines));
		return { index, value: difference ? { ...value, difference: { ...difference, pValue: M.figure('p', row) ?? 1 } } : value };
	});
	const mains = tables.T ? readMains(tables.T) : [];
	const evaluations: Evaluation[] = rows(tables.E, (row) => ({
		variant: at(evaluated, row, 'variant'),
		dataset: wire.d?.[0] ?? '',
		synthetic: E.integer('s', row) === 1,
		target: target(E.integer('t', row)),
		outputs: outputs.filter((entry) => entry.index === row).map((entry) => entry.value),
		...mains.find((entry) => entry.index === row && entry.task)?.task,
		metrics: [...measured, ...mains].filter((entry) => entry.index === row).map((entry) => entry.value),
		disagreements: [],
		...failureOf(E, row),
		measuredAt: when,
	}));

	const [name, hash, byteLength] = wire.m;
	const [irVersion, opsets, producer, parameters, weightBytes, macs, nodeCount, inputs, outputPorts] = wire.f;
	const [browser, platform, cores, isolated, runtime, gpu, pare] = wire.e;
	const environment: Environment = { browser, platform, cores, isolated, runtime, ...(gpu === null ? {} : { gpu }), pare };
	const dataset: DatasetFacts | undefined = wire.d
		? {
				hash: wire.d[0],
				name: wire.d[1],
				kind: wire.d[2],
				n: wire.d[3],
				labelled: wire.d[4],
				...(wire.d[5] === null ? {} : { classes: wire.d[5] }),
				preprocessing: wire.d[6],
				skipped: [],
			}
		: undefined;
	return {
		v: 1,
		id: `link-${hash.slice(0, 16)}`,
		model: { name, hash, byteLength },
		facts: {
			fileName: name,
			byteLength,
			irVersion,
			opsets: opsets.map(([domain, version]) => ({ domain, version })),
			producer,
			parameters,
			weightBytes,
			...(macs === null ? {} : { macs }),
			nodeCount,
			inputs: inputs.map(readPort),
			outputs: outputPorts.map(readPort),
			operators: [],
			layers: [],
			missingData: [],
			warnings: [],
			metadata: {},
		},
		...(dataset ? { dataset } : {}),
		environment,
		variants,
		runs,
		evaluations,
		createdAt: when,
		updatedAt: when,
	};
}

function readMains(table: Table): { index: number; value: TaskMetric; task: { task: TaskFacts } | undefined }[] {
	const T = columnsOf(table);
	return rows(table, (row) => {
		const value = T.figure('v', row) ?? Number.NaN;
		const change = T.figure('d', row);
		const kind = T.integer('t', row);
		return {
			index: T.delta('i', row),
			value: {
				metric: at(figureMetrics, T.integer('m', row), 'metric'),
				value,
				interval: [T.figure('l', row) ?? value, T.figure('h', row) ?? value],
				n: T.integer('n', row) ?? 0,
				...(change !== undefined && {
					difference: {
						value: change,
						interval: [T.figure('dl', row) ?? change, T.figure('dh', row) ?? change] as Interval,
						pValue: T.figure('p', row) ?? 1,
					},
				}),
			},
			task: kind === undefined ? undefined : { task: { kind: at(taskKinds, kind, 'task'), why: '' } },
		};
	});
}

function readSteps(wire: Wire, table: Table): { index: number; step: RecipeStep }[] {
	const S = columnsOf(table);
	return rows(table, (row) => {
		const [pass, keys] = at(wire.p, S.integer('p', row), 'pass');
		const option = (column: number): unknown => at(wire.o, S.integer(`o${column}`, row), 'value');
		const whole = keys === null ? option(0) : undefined;
		const options = keys === null ? (whole as RecipeStep['options']) : Object.fromEntries(keys.map((key, column) => [key, option(column)]));
		return { index: S.delta('i', row), step: { pass, options, ...(S.integer('x', row) === 1 ? { off: true } : {}) } };
	});
}

function writePort({ name, type, dtype, shape }: PortFacts): Wire['f'][7][number] {
	return [name, type === usualType(dtype, shape) ? null : type, dtype, shape === null ? null : [...shape]];
}

function readPort([name, type, dtype, shape]: Wire['f'][7][number]): PortFacts {
	return { name, type: type ?? usualType(dtype, shape), dtype, shape };
}

/** How many more examples are right than for the original, where the original was measured on as many. */
function expectedDifference(
	metric: Pick<TaskMetric, 'metric' | 'n' | 'value'>,
	baselines: readonly Pick<TaskMetric, 'metric' | 'n' | 'value'>[],
): number | undefined {
	const baseline = baselines.find((other) => other.metric === metric.metric && other.n === metric.n);
	return baseline && Math.round(metric.value * metric.n) - Math.round(baseline.value * metric.n);
}

/** As printType writes it for a tensor. */
function usualType(dtype: string, shape: PortFacts['shape']): string {
	return shape === null ? dtype : `${dtype}[${shape.map((dim) => dim ?? '?').join(', ')}]`;
}

function rows<T>(table: Table, read: (row: number) => T): T[] {
	return Array.from({ length: table.n }, (_, row) => read(row));
}

function at<T>(list: readonly T[], index: number | undefined, what: string): T {
	const value = index === undefined ? undefined : list[index];
	if (value === undefined) throw new LinkError('corrupt', `This link is damaged: it points at a ${what} that is not in it.`);
	return value;
}

/** Equal values share one place in a list. */
class Interned<T> {
	readonly values: T[] = [];
	readonly #places = new Map<string, number>();
	constructor(readonly key: (value: T) => string) {}
	of(value: T): number {
		const key = this.key(value);
		let place = this.#places.get(key);
		if (place === undefined) {
			place = this.values.push(value) - 1;
			this.#places.set(key, place);
		}
		return place;
	}
}

/**
 * A ratio rounded to three digits so that it still reads the same with two decimals (three below 0.1): rounding 0.7646 to 0.765
 * and that to 0.77 would show another figure than the one that was measured.
 */
function shownAlike(ratio: number): number {
	if (ratio >= 1 || ratio <= 0) return ratio;
	const decimals = ratio < 0.1 ? 3 : 2;
	const rounded = Number(ratio.toPrecision(3));
	if (rounded.toFixed(decimals) === ratio.toFixed(decimals) && rounded < 0.1 === ratio < 0.1) return rounded;
	const unit = 10 ** (Math.floor(Math.log10(ratio)) - 2);
	return Number((rounded + (ratio < rounded ? -unit : unit)).toPrecision(3));
}

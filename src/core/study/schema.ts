import * as z from 'zod/mini';
import { type DType, isDType } from '../ir/dtype.ts';
import type { ReportEntry } from '../pass/report.ts';
import type { StudyEvent } from './events.ts';
import { calibrationChoices } from './learning.ts';
import { metricFacts } from './metrics/metric-facts.ts';
import { preprocessingSchema } from './preprocessing-schema.ts';
import type { MetricName, Study } from './study.ts';
import { taskKinds } from './task.ts';

/**
 * Studies from outside (storage, files, links) are normalised here: strict shapes, bounded sizes, no prototype keys.
 * A later format adds a migration below and keeps the old fixtures.
 */
export class InvalidStudy extends Error {
	override readonly name = 'InvalidStudy';
	readonly code = 'study';
}

const text = (max: number) => z.string().check(z.maxLength(max));
const list = <T extends z.ZodMiniType>(entry: T, max: number) => z.array(entry).check(z.maxLength(max));
const count = z.number().check(z.gte(0), z.lte(Number.MAX_SAFE_INTEGER));
/** Any number. JSON has no NaN and no infinities: `studyJson` writes them as words, and they are read back here. */
const figure = z.pipe(
	z.union([z.custom<number>((input) => typeof input === 'number'), z.enum(['NaN', 'Infinity', '-Infinity'])]),
	z.transform((input) => Number(input)),
);
const share = z.number().check(z.gte(0), z.lte(1));
const calibrationChoice = z.enum(calibrationChoices);
const coverage = z.strictObject({ mean: z.number(), most: z.number() });
const stopEarly = z.strictObject({ margin: z.number().check(z.gt(0), z.lt(1)) });
const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const variantKey = z.union([hash, z.literal('original')]);
const time = text(40);
const interval = z.tuple([figure, figure]);
const name = text(4096);

const target = z.strictObject({ backend: z.enum(['wasm', 'webgpu', 'webnn']), threads: z.int().check(z.gte(1), z.lte(1024)) });
const failure = z.strictObject({
	code: text(100),
	message: text(10_000),
	where: z.optional(text(10_000)),
	advice: z.optional(text(10_000)),
	detail: z.optional(text(200_000)),
});
const port = z.strictObject({
	name,
	type: name,
	dtype: text(100),
	shape: z.nullable(list(z.union([figure, name, z.null()]), 1000)),
});
const layer = z.strictObject({ node: name, op: name, tensor: name, dtype: text(100), dims: list(count, 1000), byteLength: count });
const facts = z.strictObject({
	fileName: name,
	byteLength: count,
	irVersion: figure,
	opsets: list(z.strictObject({ domain: name, version: figure }), 1000),
	producer: name,
	parameters: count,
	weightBytes: count,
	macs: z.optional(count),
	nodeCount: count,
	inputs: list(port, 10_000),
	outputs: list(port, 10_000),
	operators: list(z.strictObject({ op: name, count, parameterBytes: count }), 10_000),
	layers: list(layer, 1000),
	missingData: list(name, 10_000),
	warnings: list(text(10_000), 10_000),
	metadata: z.record(name, text(1_000_000)),
});
const recipeSteps = list(z.strictObject({ pass: text(64), options: z.record(name, z.unknown()), off: z.optional(z.boolean()) }), 64);
const recipe = z.strictObject({
	v: z.literal(1),
	seed: z.int().check(z.gte(0), z.lte(0xffffffff)),
	name: z.optional(text(200)),
	steps: recipeSteps,
});
const dims = list(count, 64);
const reportEntry = z.discriminatedUnion('kind', [
	z.strictObject({
		kind: z.literal('group'),
		id: z.optional(name),
		node: name,
		key: z.optional(name),
		units: z.enum(['channels', 'blocks']),
		width: count,
		before: count,
		after: count,
		bytes: count,
		macs: count,
		latencyMs: z.optional(figure),
		effects: list(z.strictObject({ removed: count, divergence: figure }), 1000),
		readers: list(name, 10_000),
	}),
	z.strictObject({ kind: z.literal('shape'), tensor: name, before: dims, after: dims }),
	z.strictObject({
		kind: z.literal('recovery'),
		node: name,
		key: z.optional(name),
		errorBefore: figure,
		errorAfter: figure,
		strength: z.optional(z.union([z.literal('bias'), figure])),
		leftOut: z.optional(text(10_000)),
	}),
	z.strictObject({ kind: z.literal('unfitted'), node: name, key: z.optional(name), reason: text(10_000) }),
	z.strictObject({
		kind: z.literal('block'),
		node: name,
		key: z.optional(name),
		block: z.enum(['residual', 'repeated']),
		gone: z.boolean(),
		replacement: z.optional(z.enum(['identity', 'affine'])),
		bytes: figure,
		macs: figure,
		divergence: figure,
	}),
]);
// Whoever adds a kind of entry adds it here: a study that holds one would not be read otherwise.
true satisfies ReportEntry['kind'] extends z.infer<typeof reportEntry>['kind'] ? true : false;
const metricName = z.custom<MetricName>((input) => typeof input === 'string' && Object.hasOwn(metricFacts, input));
const dtypeName = z.custom<DType>((input) => typeof input === 'string' && isDType(input));
const side = z.enum(['input', 'output']);
const portChange = z.discriminatedUnion('kind', [
	z.strictObject({ kind: z.literal('renamed'), port: side, names: list(z.strictObject({ from: name, to: name }), 10_000) }),
	z.strictObject({ kind: z.literal('retyped'), port: side, name, from: dtypeName, to: dtypeName }),
	z.strictObject({
		kind: z.literal('preprocessed'),
		name,
		to: dtypeName,
		factor: list(figure, 10_000),
		offset: list(figure, 10_000),
		channelAxis: z.optional(count),
		reversed: z.boolean(),
		permutation: z.optional(dims),
	}),
]);
const report = z.strictObject({
	pass: text(64),
	version: figure,
	options: z.unknown(),
	headline: text(10_000),
	changed: count,
	eligible: count,
	bytesBefore: count,
	bytesAfter: count,
	coverage: share,
	notes: list(z.strictObject({ level: z.enum(['info', 'skip', 'warn']), node: z.optional(name), reason: text(10_000) }), 200_000),
	entries: z.optional(list(reportEntry, 100_000)),
	durationMs: figure,
	found: z.optional(recipeSteps),
	ports: z.optional(list(portChange, 10_000)),
});
const sizes = z.strictObject({ bytes: count, gzip: z.optional(count), brotli: z.optional(count) });
const variant = z.strictObject({
	id: variantKey,
	name: text(1000),
	family: z.enum(['quantized', 'pruned', 'both', 'factorized', 'optimized', 'original']),
	recipe,
	file: z.optional(hash),
	sizes: z.optional(sizes),
	parameters: z.optional(count),
	nonZeros: z.optional(count),
	operators: z.optional(list(z.strictObject({ op: name, count }), 10_000)),
	layers: z.optional(list(layer, 1000)),
	report: list(report, 64),
	learntFrom: z.optional(
		z.strictObject({
			dataset: text(10_000),
			n: count,
			synthetic: z.boolean(),
			chosen: z.optional(z.strictObject({ choice: calibrationChoice, indices: list(count, 100_000) })),
		}),
	),
	failure: z.optional(failure),
	createdAt: time,
});
const environment = z.strictObject({
	browser: text(1000),
	platform: text(1000),
	cores: figure,
	isolated: z.boolean(),
	runtime: text(1000),
	gpu: z.optional(text(1000)),
	pare: text(100),
});
const ops = list(name, 10_000);
const run = z.strictObject({
	variant: variantKey,
	target,
	threadsUsed: figure,
	loadMs: figure,
	firstMs: figure,
	samplesMs: list(figure, 100_000),
	sampleCount: z.optional(count),
	referenceMs: list(figure, 100_000),
	medianMs: figure,
	p95Ms: figure,
	ratio: z.optional(z.strictObject({ value: figure, interval })),
	placement: z.optional(list(z.strictObject({ provider: name, nodes: count, ops }), 100)),
	profile: z.optional(list(z.strictObject({ op: name, count, totalUs: figure, provider: name }), 10_000)),
	agreement: z.optional(z.strictObject({ cosine: figure, maxAbs: figure, ok: z.boolean() })),
	caveats: list(text(10_000), 100),
	failure: z.optional(failure),
	measuredAt: time,
});
const task = {
	kind: z.enum(taskKinds),
	output: z.optional(name),
	threshold: z.optional(share),
	blank: z.optional(z.nullable(count)),
};
const evaluation = z.strictObject({
	variant: variantKey,
	dataset: hash,
	synthetic: z.boolean(),
	target,
	outputs: list(
		z.strictObject({
			output: name,
			n: count,
			cosine: figure,
			worstCosine: figure,
			sqnrDb: z.nullable(figure),
			maxAbs: figure,
			agreement: z.optional(z.strictObject({ value: share, interval, n: count })),
		}),
		1000,
	),
	task: z.optional(
		z.strictObject({
			...task,
			why: text(10_000),
			chosen: z.optional(z.strictObject(task)),
			scores: z.optional(z.enum(['probability', 'logit'])),
		}),
	),
	labelFigures: z.optional(
		list(
			z.strictObject({
				label: count,
				n: count,
				positives: count,
				auc: z.optional(share),
				ap: z.optional(share),
				f1: share,
				originalAuc: z.optional(share),
			}),
			1000,
		),
	),
	stopEarly: z.optional(stopEarly),
	stopped: z.optional(z.strictObject({ after: count, of: count, alpha: share, why: text(10_000) })),
	metrics: list(
		z.strictObject({
			metric: metricName,
			value: figure,
			interval,
			n: count,
			difference: z.optional(z.strictObject({ value: figure, interval, pValue: figure })),
		}),
		100,
	),
	confusions: z.optional(list(z.strictObject({ label: count, predicted: count, count }), 1000)),
	classChanges: z.optional(list(z.strictObject({ label: count, n: count, original: share, variant: share }), 1000)),
	disagreements: list(z.strictObject({ index: count, label: z.optional(name), original: name, variant: name, cosine: figure }), 10_000),
	failure: z.optional(failure),
	measuredAt: time,
});
const dataSettings = z.strictObject({
	preprocessing: z.optional(preprocessingSchema),
	classMapping: z.optional(list(z.strictObject({ name, index: count }), 100_000)),
	soundState: z.optional(z.enum(['carried', 'zero'])),
	task: z.optional(z.strictObject(task)),
	learnFrom: z.optional(z.strictObject({ choice: calibrationChoice, n: count })),
	stopEarly: z.optional(stopEarly),
	limit: z.optional(count),
	leftOut: z.optional(list(z.string().check(z.regex(/^(copies:)?[0-9a-f]{64}$/)), 100_000)),
});
const dataset = z.strictObject({
	hash,
	name,
	kind: z.enum(['pictures', 'arrays', 'table', 'text', 'sound', 'synthetic', 'sample']),
	n: count,
	available: z.optional(count),
	limit: z.optional(count),
	leftOutCount: z.optional(count),
	labelled: z.boolean(),
	labelKind: z.optional(z.enum(['class', 'classes', 'values', 'text'])),
	classes: z.optional(count),
	mapping: z.optional(
		z.strictObject({
			origin: z.enum(['list', 'numbers', 'given', 'order', 'none']),
			classes: list(z.strictObject({ name, index: count }), 100_000),
			unmapped: z.optional(list(name, 100_000)),
		}),
	),
	preprocessing: text(10_000),
	picture: z.optional(preprocessingSchema),
	evidence: z.optional(
		list(
			z.strictObject({
				what: text(1000),
				candidates: list(z.strictObject({ name: text(1000), score: text(1000), chosen: z.boolean() }), 100),
			}),
			100,
		),
	),
	settings: z.optional(dataSettings),
	skipped: list(z.strictObject({ name, reason: text(10_000) }), 100_000),
	skippedCount: z.optional(count),
	split: z.optional(
		z.strictObject({
			seed: count,
			of: count,
			calibration: list(count, 100_000),
			notes: list(text(10_000), 1000),
			chosen: z.optional(
				z.strictObject({
					choice: calibrationChoice,
					indices: list(count, 100_000),
					names: list(name, 100_000),
					coverage: z.optional(coverage),
					random: z.optional(coverage),
				}),
			),
		}),
	),
});
const maxVariants = 5000;
const maxFigures = 100_000;
const study = z.strictObject({
	v: z.literal(1),
	id: z.string().check(z.regex(/^[A-Za-z0-9_-]{1,64}$/)),
	model: z.strictObject({ name, hash, byteLength: count }),
	facts,
	dataset: z.optional(dataset),
	environment,
	variants: list(variant, maxVariants),
	runs: list(run, maxFigures),
	evaluations: list(evaluation, maxFigures),
	createdAt: time,
	updatedAt: time,
});
const event = z.discriminatedUnion('type', [
	z.strictObject({ type: z.literal('variant'), variant }),
	z.strictObject({ type: z.literal('removed'), variants: list(hash, maxVariants) }),
	z.strictObject({
		type: z.literal('restored'),
		variants: list(variant, maxVariants),
		runs: list(run, maxFigures),
		evaluations: list(evaluation, maxFigures),
	}),
	z.strictObject({ type: z.literal('unmeasured'), variants: list(variantKey, maxVariants) }),
	z.strictObject({ type: z.literal('renamed'), variant: hash, name: text(1000) }),
	z.strictObject({ type: z.literal('run'), run }),
	z.strictObject({ type: z.literal('evaluation'), evaluation }),
	z.strictObject({ type: z.literal('dataset'), dataset: z.nullable(dataset) }),
	z.strictObject({ type: z.literal('environment'), environment }),
]);

const currentVersion = 1;
/** From version n to n+1. Versions that were released stay readable for ever. */
const migrations: ReadonlyMap<number, (old: Record<string, unknown>) => Record<string, unknown>> = new Map();
const maxDepth = 32;

/** A study, or an event of one, as JSON text that loses no number. */
export function studyJson(input: unknown, space?: string): string {
	return JSON.stringify(
		input,
		(_key, entry: unknown) => (typeof entry === 'number' && !Number.isFinite(entry) ? String(entry) : entry),
		space,
	);
}

/** A study out of foreign data. Throws InvalidStudy that says what is wrong and where. */
export function parseStudy(input: unknown): Study {
	if (typeof input !== 'object' || input === null || Array.isArray(input))
		throw new InvalidStudy('Not a study: the file holds no JSON object.');
	let document = input as Record<string, unknown>;
	for (;;) {
		const version = document.v;
		if (typeof version !== 'number' || !Number.isInteger(version) || version < 1) {
			throw new InvalidStudy('Not a study: it does not say its version (field v).');
		}
		if (version > currentVersion) {
			throw new InvalidStudy(
				`This study was saved by a newer Pare (format ${version}; this one reads up to ${currentVersion}). Update Pare and open it again.`,
			);
		}
		if (version === currentVersion) break;
		const migrate = migrations.get(version);
		if (!migrate) throw new InvalidStudy(`A study of format ${version} was never released.`);
		document = migrate(document);
	}
	const parsed = read(study, document) as Study;
	const known = new Set<string>();
	for (const entry of parsed.variants) {
		if (known.has(entry.id)) throw new InvalidStudy(`Not a study: variant ${entry.id} is there twice.`);
		known.add(entry.id);
	}
	const orphan = [...parsed.runs, ...parsed.evaluations].find((entry) => !known.has(entry.variant));
	if (orphan) throw new InvalidStudy(`Not a study: figures of a variant that is not in it (${orphan.variant}).`);
	return parsed;
}

/** One journal entry out of foreign data. Throws InvalidStudy. */
export function parseEvent(input: unknown): StudyEvent {
	return read(event, input) as StudyEvent;
}

function read(schema: z.ZodMiniType, input: unknown): unknown {
	refusePrototypeKeys(input, 0);
	const result = schema.safeParse(input);
	if (result.success) return result.data;
	const issue = result.error.issues[0];
	throw new InvalidStudy(`Not a study: ${issue?.path.length ? `${issue.path.join('.')}: ` : ''}${issue?.message ?? 'wrong shape'}.`);
}

function refusePrototypeKeys(input: unknown, depth: number): void {
	if (typeof input !== 'object' || input === null) return;
	if (depth > maxDepth) throw new InvalidStudy(`Not a study: nested deeper than ${maxDepth}.`);
	if (Array.isArray(input)) {
		for (const entry of input) refusePrototypeKeys(entry, depth + 1);
		return;
	}
	for (const [key, entry] of Object.entries(input)) {
		if (key === '__proto__' || key === 'constructor' || key === 'prototype')
			throw new InvalidStudy(`Not a study: a field is called ${key}.`);
		refusePrototypeKeys(entry, depth + 1);
	}
}

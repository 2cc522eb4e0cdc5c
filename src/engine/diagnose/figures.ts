import type { NodeFigures, NodeKey } from '../../core/study/node-figures.ts';
import type { ErrorReport, LatencyReport, SensitivityReport } from './report.ts';

/** What a value without any noise counts as, dB: beyond what float32 tells apart. */
const equalDb = 160;

const kindOfExamples = (n: number, synthetic: boolean): string =>
	`${n} ${synthetic ? 'made-up examples' : n === 1 ? 'example' : 'examples'}`;

/** Overlays for the graph: the error of each layer by itself, and at its value with all errors before it. */
export function errorFigures(report: ErrorReport): NodeFigures[] {
	const on = kindOfExamples(report.examples, report.synthetic);
	const missing = new Map(
		report.layers.flatMap(({ node, missing: reason }): [NodeKey, string][] => (reason === undefined ? [] : [[node, reason]])),
	);
	const decibels = (which: 'own' | 'accumulated'): Map<NodeKey, number> => {
		const values = new Map<NodeKey, number>();
		for (const layer of report.layers) {
			const figures = layer[which];
			if (figures) values.set(layer.node, figures.maxAbs === null ? -equalDb : (figures.sqnrDb ?? equalDb));
		}
		return values;
	};
	return [
		{ kind: 'error-db', method: `error of the layer alone on the original's inputs, ${on}`, values: decibels('own'), missing },
		{ kind: 'error-db', method: `error accumulated up to here, ${on}`, values: decibels('accumulated'), missing },
	];
}

export function sensitivityFigures(report: SensitivityReport): NodeFigures {
	const on = kindOfExamples(report.examples, report.synthetic);
	return {
		kind: 'sensitivity-db',
		method:
			report.way === 'alone'
				? `worst output with this layer alone compressed, ${on}`
				: `worst output with this layer alone restored, ${on}`,
		values: new Map(report.layers.map(({ node, sqnrDb }) => [node, sqnrDb ?? equalDb])),
	};
}

export function latencyFigures(report: LatencyReport): NodeFigures {
	const values = new Map<NodeKey, number>();
	for (const { node, medianMs } of report.nodes) if (node !== undefined) values.set(node, (values.get(node) ?? 0) + medianMs);
	return {
		kind: 'latency-ms',
		method: `time of each node on ${report.target}, median of ${report.runs} runs`,
		values,
		missing: new Map(
			report.silent.map(({ node }) => [node, 'no time of its own: the runtime fused it into another node, folded it or did not run it']),
		),
	};
}

import { findBlank, type LabelEvidence, type OutputEvidence, proposeTask } from '../core/study/metrics/task-proposal.ts';
import type { Labels, Task, TaskFacts } from '../core/study/task.ts';
import { stepsOf, type TaskAnswers } from './answers.ts';
import { looksLikeFeatures, type RowStatistics } from './classifier.ts';
import { EngineError, type Port } from './port.ts';

/** What labels the examples have, gathered one by one. */
export class LabelSurvey {
	#classes = 0;
	#several = 0;
	#severalWidth: number | undefined;
	#values = 0;
	#valuesWidth: number | undefined;
	#texts = 0;
	/** The largest class; undefined where no example has one. */
	largest: number | undefined;

	add({ label, labels, targets, text }: Labels): void {
		if (label !== undefined) {
			this.#classes += 1;
			this.largest = Math.max(this.largest ?? 0, label);
		}
		if (labels) {
			this.#several += 1;
			this.#severalWidth = this.#severalWidth === undefined || this.#severalWidth === labels.length ? labels.length : 0;
		}
		if (targets) {
			this.#values += 1;
			this.#valuesWidth = this.#valuesWidth === undefined || this.#valuesWidth === targets.length ? targets.length : 0;
		}
		if (text !== undefined) this.#texts += 1;
	}

	get evidence(): LabelEvidence {
		return {
			classes: this.#classes,
			largest: this.largest ?? 0,
			several: this.#several,
			severalWidth: this.#severalWidth ?? 0,
			values: this.#values,
			valuesWidth: this.#valuesWidth ?? 0,
			texts: this.#texts,
		};
	}
}

/** Names of outputs that go into the next run (a recurrent state, a cache of keys and values): no answer of the model. */
const handedOn = /^(state|[hc])_?(n|out|new|next)?$|^(present|past)([_.]|$)|cache/i;

/** The task that was chosen, or what outputs and labels speak for. Throws EngineError `run` where the chosen output is none of the model's. */
export function taskOf(
	chosen: Task | undefined,
	outputs: readonly Port[],
	statistics: ReadonlyMap<string, RowStatistics>,
	classifying: ReadonlyMap<string, 'example' | 'rows'>,
	survey: LabelSurvey,
): TaskFacts {
	const evidence = outputs.map(({ name }): OutputEvidence => {
		const rows = statistics.get(name);
		return {
			name,
			float: rows?.float ?? false,
			rank: rows?.rank ?? 0,
			width: rows?.width ?? 0,
			values: rows?.values ?? 0,
			classifies: classifying.get(name),
			probabilities: rows?.probabilities ?? false,
			unitLength: rows?.unitLength ?? false,
			unitInterval: rows?.unitInterval ?? false,
			feature: looksLikeFeatures(name, rows?.width ?? 0) && !(outputs.length > 1 && handedOn.test(name)),
		};
	});
	if (chosen?.output !== undefined && !outputs.some(({ name }) => name === chosen.output)) {
		throw new EngineError(
			'run',
			`The model has no output "${chosen.output}" to judge.`,
			'',
			`Its outputs are ${outputs.map(({ name }) => `"${name}"`).join(', ')}.`,
		);
	}
	const proposal = proposeTask(evidence, survey.evidence);
	const output = chosen?.output ?? outputFor(chosen, proposal, evidence);
	const judged = evidence.find(({ name }) => name === output);
	const scored = chosen
		? chosen.kind === 'binary' || chosen.kind === 'multi-label'
		: proposal.kind === 'binary' || proposal.kind === 'multi-label';
	return {
		...(chosen ? { ...chosen, why: 'Chosen.', chosen } : { kind: proposal.kind, why: proposal.why }),
		output,
		...(scored && { scores: judged?.unitInterval ? ('probability' as const) : ('logit' as const) }),
	};
}

/** The output that a chosen kind of task is about: the proposed one where it could be, else the first that could. */
function outputFor(
	chosen: Task | undefined,
	proposal: { readonly kind: string; readonly output: string },
	outputs: readonly OutputEvidence[],
): string {
	if (!chosen || chosen.kind === proposal.kind) return proposal.output;
	const could = ({ float, rank, width, values }: OutputEvidence): boolean => {
		switch (chosen.kind) {
			case 'binary':
				return float && (values === 1 || values === 2);
			case 'classification':
				return float && width > 1 && values === width;
			case 'sequence':
				return !float || (rank >= 2 && values !== width);
			default:
				return float;
		}
	};
	const same = outputs.find(({ name }) => name === proposal.output);
	return (same && could(same) ? same : (outputs.find(could) ?? outputs[0]))?.name ?? '';
}

/** A task of sequences with its blank, found among the steps of the original where nobody said it. */
export function withBlank(task: TaskFacts, answers: TaskAnswers): TaskFacts {
	const found = stepsOf(answers);
	if (!found || task.blank !== undefined) return task;
	const blank = findBlank(found.steps, found.width);
	return blank === null
		? { ...task, blank }
		: { ...task, blank, ...(!task.chosen && { why: `${task.why} Class ${blank} stands for nothing between them (CTC).` }) };
}

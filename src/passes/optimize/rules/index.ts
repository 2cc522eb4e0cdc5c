import type { Rule, Sweep } from '../rule.ts';

/** Rules in the order in which they are tried at a node, by the switch of the pass that they belong to. A new rule is a file and a line here. */

/** Over the whole model, before clean-up: functions inlined, branches that are always taken. */
export const inlineSweeps: readonly Sweep[] = [];
/** Constants computed beforehand. */
export const foldSweeps: readonly Sweep[] = [];
/** Over the whole model: duplicates, things that nobody reads. */
export const cleanSweeps: readonly Sweep[] = [];
/** What does nothing, or the same thing twice. */
export const cleanRules: readonly Rule[] = [];
/** Several operators that become one. Layers first, then chains of moving operators, then patterns of many nodes. */
export const fusionRules: readonly Rule[] = [];

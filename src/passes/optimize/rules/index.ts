import type { Rule, Sweep } from '../rule.ts';
import { commonSubexpressions } from './common-subexpressions.ts';
import { constantIf } from './constant-if.ts';
import { constantsAsInitializers } from './constants-as-initializers.ts';
import { dropout } from './dropout.ts';
import { duplicateInitializers } from './duplicate-initializers.ts';
import { foldConstants } from './fold-constants.ts';
import { foldKnownElements } from './fold-known-elements.ts';
import { fuseGelu, fuseHardSigmoid, fuseHardSwish, fuseSwish } from './fuse-activations.ts';
import { fuseAffine } from './fuse-affine.ts';
import { fuseBatchNorm } from './fuse-batch-norm.ts';
import { fuseBounds } from './fuse-bounds.ts';
import { fuseConcats } from './fuse-concats.ts';
import { fuseConstants } from './fuse-constants.ts';
import { fuseGeluTanh } from './fuse-gelu-tanh.ts';
import { fuseGemm } from './fuse-gemm.ts';
import { fuseLayerNorm } from './fuse-layer-norm.ts';
import { fuseCasts, fuseReshapes, fuseTransposes } from './fuse-moves.ts';
import { fusePad } from './fuse-pad.ts';
import { fusePointwise } from './fuse-pointwise.ts';
import { fuseSlices } from './fuse-slices.ts';
import { fuseTransposedOperands } from './fuse-transposed-operands.ts';
import { identity } from './identity.ts';
import { inlineFunctions } from './inline-functions.ts';
import { moveTransposes } from './move-transposes.ts';
import { noOpArithmetic } from './no-op-arithmetic.ts';
import { noOpCast } from './no-op-cast.ts';
import { noOpPad } from './no-op-pad.ts';
import { noOpReshape } from './no-op-reshape.ts';
import { noOpSlice } from './no-op-slice.ts';
import { noOpSplit } from './no-op-split.ts';
import { noOpTranspose } from './no-op-transpose.ts';
import { reshapeByConstant } from './reshape-by-constant.ts';
import { singleInput } from './single-input.ts';
import { unused } from './unused.ts';

/** Rules in the order in which they are tried at a node, by the switch of the pass that they belong to. A new rule is a file and a line here. */

/** Over the whole model, before clean-up: functions inlined, branches that are always taken. */
export const inlineSweeps: readonly Sweep[] = [inlineFunctions, constantIf];
/** Constants computed beforehand. */
export const foldSweeps: readonly Sweep[] = [foldConstants];
/** Sizes that are known although they are computed. */
export const foldRules: readonly Rule[] = [foldKnownElements, reshapeByConstant];
/** Over the whole model: duplicates, things that nobody reads. */
export const cleanSweeps: readonly Sweep[] = [unused, duplicateInitializers, commonSubexpressions];
/** What does nothing, or the same thing twice. */
export const cleanRules: readonly Rule[] = [
	constantsAsInitializers,
	identity,
	dropout,
	noOpCast,
	noOpReshape,
	noOpTranspose,
	noOpSlice,
	noOpPad,
	singleInput,
	noOpSplit,
	noOpArithmetic,
];
/** Several operators that become one. Layers first, then chains of moving operators, then patterns of many nodes. */
export const fusionRules: readonly Rule[] = [
	fuseBatchNorm,
	fuseAffine,
	fusePad,
	fusePointwise,
	fuseGemm,
	fuseBounds,
	fuseHardSigmoid,
	fuseHardSwish,
	fuseGelu,
	fuseGeluTanh,
	fuseSwish,
	fuseLayerNorm,
	fuseConstants,
	fuseCasts,
	fuseSlices,
	fuseConcats,
	fuseReshapes,
	fuseTransposedOperands,
	fuseTransposes,
	moveTransposes,
];

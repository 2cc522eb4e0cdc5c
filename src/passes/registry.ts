import type { AnyPass } from '../core/pass/pass.ts';
import { awq } from './awq/index.ts';
import { dropLayers } from './drop-layers/index.ts';
import { equalize } from './equalize/index.ts';
import { extract } from './extract/index.ts';
import { fixDims } from './fix-dims/index.ts';
import { float16 } from './float16/index.ts';
import { foldPreprocessing } from './fold-preprocessing/index.ts';
import { gptq } from './gptq/index.ts';
import { int8Dynamic } from './int8-dynamic/index.ts';
import { int8Static } from './int8-static/index.ts';
import { lowRank } from './low-rank/index.ts';
import { mixedPrecision } from './mixed-precision/index.ts';
import { optimize } from './optimize/index.ts';
import { palettize } from './palettize/index.ts';
import { pruneMagnitude } from './prune-magnitude/index.ts';
import { pruneSparse } from './prune-sparse/index.ts';
import { pruneStructured } from './prune-structured/index.ts';
import { raiseOpsetPass } from './raise-opset/index.ts';
import { renameIo } from './rename-io/index.ts';
import { retypeIo } from './retype-io/index.ts';
import { smoothQuant } from './smooth-quant/index.ts';
import { weightOnly } from './weight-only/index.ts';

/** Every pass of this version by id. A pass is a folder: add its definition here and it is in the page, the CLI and the docs. */
const list: readonly AnyPass[] = [
	optimize,
	fixDims,
	raiseOpsetPass,
	extract,
	foldPreprocessing,
	retypeIo,
	renameIo,
	float16,
	int8Dynamic,
	int8Static,
	mixedPrecision,
	equalize,
	weightOnly,
	gptq,
	palettize,
	smoothQuant,
	awq,
	dropLayers,
	pruneMagnitude,
	pruneSparse,
	lowRank,
	pruneStructured,
];

export const passes: ReadonlyMap<string, AnyPass> = new Map(list.map((pass) => [pass.id, pass]));

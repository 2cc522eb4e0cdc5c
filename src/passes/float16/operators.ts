/** Operators that hand numbers on unchanged. */
export const MOVES: ReadonlySet<string> = new Set([
	'CenterCropPad',
	'Compress',
	'Concat',
	'DepthToSpace',
	'Expand',
	'Flatten',
	'Gather',
	'GatherElements',
	'GatherND',
	'Identity',
	'Reshape',
	'ReverseSequence',
	'Slice',
	'SpaceToDepth',
	'Split',
	'Squeeze',
	'Tile',
	'Transpose',
	'Trilu',
	'Unsqueeze',
]);

/** Arithmetic element by element, as sizes, positions and angles are computed with. */
export const ELEMENTWISE: ReadonlySet<string> = new Set([
	'Abs',
	'Add',
	'Ceil',
	'Clip',
	'Cos',
	'Div',
	'Exp',
	'Floor',
	'Log',
	'Max',
	'Min',
	'Mod',
	'Mul',
	'Neg',
	'Pow',
	'Reciprocal',
	'Round',
	'Sign',
	'Sin',
	'Sqrt',
	'Sub',
	'Tan',
	'Where',
]);

/** Operators whose input is an angle: reduced modulo a full turn, so that its absolute error counts. */
export const ANGLES: ReadonlySet<string> = new Set(['Sin', 'Cos', 'Tan']);

/** Standard operators kept in float32 by default; each for a reason that the README of this pass gives. */
export const DEFAULT_BLOCK_LIST: readonly string[] = [
	'CumSum',
	'MeanVarianceNormalization',
	'NonMaxSuppression',
	'Range',
	'RoiAlign',
	'STFT',
	'DFT',
];

/**
 * What a pass did, entry by entry, for a page that shows it: plain data, kept in the study with the variant. Sentences for people are
 * the notes; these are the figures behind them. Nodes are named by their label, `key` names them as node figures do where one exists.
 */
export type ReportEntry = GroupEntry | ShapeEntry | RecoveryEntry | UnfittedEntry | BlockEntry;

/** What the outputs of the model lose when so many units go, on held-out examples. */
export interface EffectPoint {
	readonly removed: number;
	/** Nats per row for classes, squared error over variance for numbers, averaged over outputs. */
	readonly divergence: number;
}

/** Channels, hidden units or heads that go together. */
export interface GroupEntry {
	readonly kind: 'group';
	/** As the option `ratios` names it. */
	readonly id?: string;
	/** Label of the layer that makes them. */
	readonly node: string;
	readonly key?: string;
	/** channels: single ones. blocks: `width` neighbours at a time, such as heads. */
	readonly units: 'channels' | 'blocks';
	readonly width: number;
	readonly before: number;
	readonly after: number;
	/** Stored bytes, multiply-accumulates and measured milliseconds of everything that shrinks with the group, before it was cut. */
	readonly bytes: number;
	readonly macs: number;
	readonly latencyMs?: number;
	readonly effects: readonly EffectPoint[];
	/** Labels of the layers that read them. */
	readonly readers: readonly string[];
}

/** A stored tensor whose shape changed. */
export interface ShapeEntry {
	readonly kind: 'shape';
	readonly tensor: string;
	readonly before: readonly number[];
	readonly after: readonly number[];
}

/** A layer that was fitted anew. Errors: squared error over variance on held-out rows. */
export interface RecoveryEntry {
	readonly kind: 'recovery';
	readonly node: string;
	readonly key?: string;
	readonly errorBefore: number;
	readonly errorAfter: number;
	/** Of the regularization; absent where the layer stays as it was. 'bias': only its bias was fitted. */
	readonly strength?: number | 'bias';
	/** Why the fit was left out though it was found. */
	readonly leftOut?: string;
}

/** A layer that reads what was cut and could not be fitted anew. */
export interface UnfittedEntry {
	readonly kind: 'unfitted';
	readonly node: string;
	readonly key?: string;
	readonly reason: string;
}

/** A block that could go. */
export interface BlockEntry {
	readonly kind: 'block';
	readonly node: string;
	readonly key?: string;
	readonly block: 'residual' | 'repeated';
	readonly gone: boolean;
	/** What stands in its place. */
	readonly replacement?: 'identity' | 'affine';
	/** What the model saves without it. */
	readonly bytes: number;
	readonly macs: number;
	/** What the outputs lose without it alone. */
	readonly divergence: number;
}

/** What the reader agrees to handle (docs/security.md). Every figure is a refusal with a message, never a truncation. */
export interface Limits {
	/** Bytes of the file itself. */
	readonly fileBytes: number;
	/** Messages inside messages, as protobuf counts them. */
	readonly nesting: number;
	/** Messages of the structure (nodes, attributes, tensors, types, dimensions). */
	readonly messages: number;
	/** UTF-8 bytes of one name. */
	readonly nameBytes: number;
	/** Bytes of everything that is not tensor data, which is what is held in memory. */
	readonly structureBytes: number;
	/** Elements of all list attributes together. */
	readonly listElements: number;
}

export const defaultLimits: Limits = {
	fileBytes: 64 * 2 ** 30,
	nesting: 100,
	messages: 5_000_000,
	nameBytes: 2 ** 20,
	structureBytes: 256 * 2 ** 20,
	listElements: 16_777_216,
};

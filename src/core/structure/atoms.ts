/** Why an index of a dimension cannot go. */
export interface Refusal {
	/** Node at which it was found. */
	readonly node: string;
	readonly reason: string;
}

/**
 * For each index along an axis, the atom that stands there: indices with the same atom go together or stay together. null: nothing
 * along this axis can go (sizes of pictures, batches, open dimensions).
 */
export type Labels = Int32Array | null;

/** Union-find over indices of dimensions. Atoms of one class are cut together; a class with a refusal is never cut. */
export class Atoms {
	#parent: number[] = [];
	readonly #refusals = new Map<number, Refusal>();

	get count(): number {
		return this.#parent.length;
	}

	/** New atoms, each alone. */
	fresh(count: number): Int32Array {
		const from = this.#parent.length;
		const labels = new Int32Array(count);
		for (let i = 0; i < count; i++) {
			labels[i] = from + i;
			this.#parent.push(from + i);
		}
		return labels;
	}

	find(atom: number): number {
		let root = atom;
		while (this.#parent[root] !== root) root = this.#parent[root] as number;
		for (let at = atom; at !== root; ) {
			const next = this.#parent[at] as number;
			this.#parent[at] = root;
			at = next;
		}
		return root;
	}

	union(a: number, b: number): void {
		const [x, y] = [this.find(a), this.find(b)];
		if (x === y) return;
		// The older atom leads, so that classes are named the same whatever the order of unions.
		const [root, child] = x < y ? [x, y] : [y, x];
		this.#parent[child] = root;
		const refusal = this.#refusals.get(root) ?? this.#refusals.get(child);
		this.#refusals.delete(child);
		if (refusal) this.#refusals.set(root, refusal);
	}

	refuse(atom: number, refusal: Refusal): void {
		const root = this.find(atom);
		if (!this.#refusals.has(root)) this.#refusals.set(root, refusal);
	}

	refusalOf(atom: number): Refusal | undefined {
		return this.#refusals.get(this.find(atom));
	}

	isFree(atom: number): boolean {
		return !this.#refusals.has(this.find(atom));
	}

	/** Whether anything along an axis may go. */
	anyFree(labels: Labels): boolean {
		return labels?.some((atom) => this.isFree(atom)) ?? false;
	}
}

/** One form that a weight may take: what it stores and what it loses, in any unit that all weights share. */
export interface Form {
	readonly elements: number;
	readonly loss: number;
}

/**
 * One form for each weight so that together at most `budget` elements are stored, with least loss. undefined: left as it is (`elements`,
 * no loss). Lagrange multiplier by bisection (Everett 1963): solutions lie on the convex hull of what is possible. What the budget leaves
 * between two of them is spent where an element wins most.
 */
export function chooseForms(
	candidates: readonly { readonly elements: number; readonly forms: readonly Form[] }[],
	budget: number,
): (number | undefined)[] {
	const choose = (price: number): (number | undefined)[] =>
		candidates.map(({ elements, forms }) => {
			let best: number | undefined;
			let cost = price * elements;
			for (const [i, form] of forms.entries()) {
				const here = form.loss + price * form.elements;
				if (form.elements < elements && here < cost) [best, cost] = [i, here];
			}
			return best;
		});
	const stored = (chosen: readonly (number | undefined)[]): number =>
		candidates.reduce((sum, { elements, forms }, i) => {
			const form = chosen[i];
			return sum + (form === undefined ? elements : (forms[form] as Form).elements);
		}, 0);
	let low = 0;
	let high = 1;
	while (stored(choose(high)) > budget && high < 1e12) high *= 10;
	for (let round = 0; round < 100; round++) {
		const middle = (low + high) / 2;
		if (stored(choose(middle)) > budget) low = middle;
		else high = middle;
	}
	const chosen = choose(high);
	spend(candidates, chosen, budget - stored(chosen));
	return chosen;
}

/** Gives weights larger forms as long as one fits into what is left, the largest fall of loss for each element first. */
function spend(candidates: Parameters<typeof chooseForms>[0], chosen: (number | undefined)[], left: number): void {
	for (let rest = left; ; ) {
		let best: { readonly index: number; readonly form: number | undefined; readonly extra: number } | undefined;
		let most = 0;
		for (const [index, { elements, forms }] of candidates.entries()) {
			const at = chosen[index];
			const now = at === undefined ? undefined : forms[at];
			if (!now) continue;
			for (const [form, to] of [...forms.entries(), [undefined, { elements, loss: 0 }] as const]) {
				const extra = to.elements - now.elements;
				if (extra <= 0 || extra > rest || to.elements > elements) continue;
				const gain = (now.loss - to.loss) / extra;
				if (gain > most) [best, most] = [{ index, form, extra }, gain];
			}
		}
		if (!best) return;
		chosen[best.index] = best.form;
		rest -= best.extra;
	}
}

/** Forms of a weight by rank: `energies` is what each rank adds to the power of the layer's output, largest first. */
export function rankForms(
	energies: Float64Array,
	elementsPerRank: number,
	elements: number,
	multiple: number,
): (Form & { readonly rank: number })[] {
	const total = energies.reduce((sum, energy) => sum + energy, 0);
	const step = Math.min(multiple, Math.max(1, Math.floor(energies.length / 4)));
	const forms: (Form & { readonly rank: number })[] = [];
	let left = total;
	for (let rank = 1; rank * elementsPerRank < elements && rank <= energies.length; rank++) {
		left -= energies[rank - 1] as number;
		if (rank % step === 0) forms.push({ rank, elements: rank * elementsPerRank, loss: total > 0 ? Math.max(0, left) / total : 0 });
	}
	return forms;
}

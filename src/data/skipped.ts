import type { DatasetFacts } from '../core/study/study.ts';

/** Most entries listed by name; the rest is counted. */
const mostNamed = 1000;
const longestName = 300;

/** Entries of a set that were left out: all counted, the first thousand named. */
export class SkippedEntries {
	readonly #named: { readonly name: string; readonly reason: string }[] = [];
	#count = 0;

	add(name: string, reason: string): void {
		this.#count += 1;
		if (this.#named.length < mostNamed) this.#named.push({ name: shownName(name), reason });
	}

	get count(): number {
		return this.#count;
	}

	/** As facts of a set have it. */
	facts(): Pick<DatasetFacts, 'skipped' | 'skippedCount'> {
		return { skipped: this.#named, ...(this.#count > this.#named.length && { skippedCount: this.#count }) };
	}
}

/** A name as it may be shown: control and direction-changing characters replaced, very long ones cut. */
export function shownName(name: string): string {
	const plain = name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
	return plain.length > longestName ? `${plain.slice(0, longestName)}…` : plain;
}

/** Why an entry of an archive or folder is refused for its name alone; undefined where nothing is wrong. Names are never used as paths, but one that tries is no example. */
export function hostileName(name: string): string | undefined {
	if (name.length > 4096) return 'Its name is longer than 4,096 characters.';
	if (name.includes('\0')) return 'Its name holds a zero byte.';
	if (/^([\\/]|[A-Za-z]:[\\/])/.test(name)) return 'Its name is an absolute path.';
	if (name.split(/[\\/]/).includes('..')) return 'Its name leads out of the archive.';
	return undefined;
}

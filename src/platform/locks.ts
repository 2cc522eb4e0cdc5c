/** Who may write a study. Web Locks are released by the browser when a tab ends, however it ends. */
export interface Claim {
	/** Resolves when another tab took the study over. */
	readonly lost: Promise<void>;
	release(): void;
}

const lockName = (studyId: string): string => `pare:study:${studyId}`;

/** Claims a study for writing; undefined where another tab has it. `steal` takes it from the other tab, which is told. */
export function claimStudy(studyId: string, options: { readonly steal?: boolean } = {}): Promise<Claim | undefined> {
	const locks = navigator.locks as LockManager | undefined;
	let release = (): void => {};
	const held = new Promise<void>((resolve) => {
		release = resolve;
	});
	let tellLost = (): void => {};
	const lost = new Promise<void>((resolve) => {
		tellLost = resolve;
	});
	// Without locks (old browsers) every tab may write; journal names keep their entries apart.
	if (!locks) return Promise.resolve({ lost, release });
	return new Promise((resolve, reject) => {
		locks
			.request(lockName(studyId), options.steal ? { steal: true } : { ifAvailable: true }, async (lock) => {
				if (!lock) {
					resolve(undefined);
					return;
				}
				resolve({ lost, release });
				await held;
			})
			.catch((error: unknown) => {
				// AbortError after the grant means: stolen.
				if (error instanceof DOMException && error.name === 'AbortError') tellLost();
				else reject(error);
			});
	});
}

const tabsLock = 'pare:tabs';

/**
 * Runs `sweep` if this is the only tab, then joins the tabs for as long as the page lives. Files that no study names are removed only
 * here, when no other tab can be about to name them.
 */
export async function joinTabs(sweep: () => Promise<void>): Promise<void> {
	const locks = navigator.locks as LockManager | undefined;
	if (!locks) return;
	await locks.request(tabsLock, { ifAvailable: true }, async (lock) => {
		if (lock) await sweep();
	});
	void locks.request(tabsLock, { mode: 'shared' }, () => new Promise<void>(() => {}));
}

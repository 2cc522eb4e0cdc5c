/** The page's side of the service worker: registration, the offer of an update, isolation on hosts without headers. */

export interface PwaCallbacks {
	/** Everything needed to work with the network off is stored. Called once per page. */
	readonly onOfflineReady?: () => void;
	/** A newer build is stored and waits. Nothing changes until `applyUpdate` is called. */
	readonly onUpdateReady?: () => void;
	/** Files shared from another app. */
	readonly onSharedFiles?: (files: readonly File[]) => void;
	/** May the page reload once to become isolated? Asked only on hosts that set no headers. Default: yes. */
	readonly mayReload?: () => boolean;
}

export interface Pwa {
	/** Starts the newer build: reloads this page once it is in charge. Without a waiting build nothing happens. */
	applyUpdate(): void;
	/** Asks the server whether there is a newer build. */
	checkForUpdate(): Promise<void>;
}

const reloadGuard = 'pare:isolation-reload';
const checkEveryMs = 60 * 60 * 1000;

/** Registers the service worker of a production build. In development, or where the browser has none, it does nothing. */
export function startPwa(callbacks: PwaCallbacks = {}): Pwa {
	if (!import.meta.env.PROD || !('serviceWorker' in navigator) || !globalThis.isSecureContext) {
		return { applyUpdate() {}, checkForUpdate: async () => {} };
	}
	const container = navigator.serviceWorker;
	let registration: ServiceWorkerRegistration | undefined;
	let applying = false;

	container.addEventListener('controllerchange', () => {
		if (applying) location.reload();
		else becomeIsolated(callbacks);
	});
	container.addEventListener('message', (event: MessageEvent<unknown>) => {
		const data = event.data;
		if (typeof data !== 'object' || data === null || !('type' in data) || data.type !== 'pare:shared-files') return;
		if ('files' in data && Array.isArray(data.files)) callbacks.onSharedFiles?.(data.files.filter((file) => file instanceof File));
	});

	const watch = (worker: ServiceWorker, replaces: boolean): void => {
		const report = (): void => {
			if (worker.state === 'installed' && replaces) callbacks.onUpdateReady?.();
			if (worker.state === 'activated' && !replaces) callbacks.onOfflineReady?.();
		};
		worker.addEventListener('statechange', report);
		report();
	};

	void container
		.register(new URL('service-worker.js', document.baseURI), { scope: new URL('./', document.baseURI).pathname, updateViaCache: 'none' })
		.then((found) => {
			registration = found;
			if (found.waiting) callbacks.onUpdateReady?.();
			if (found.active && !found.installing) callbacks.onOfflineReady?.();
			if (found.installing) watch(found.installing, found.active !== null);
			found.addEventListener('updatefound', () => {
				if (found.installing) watch(found.installing, found.active !== null);
			});
			if (container.controller) becomeIsolated(callbacks);
			setInterval(() => void found.update().catch(() => {}), checkEveryMs);
			const parameters = new URLSearchParams(location.search);
			if (parameters.has('shared')) {
				history.replaceState(null, '', `${location.pathname}${location.hash}`);
				container.controller?.postMessage('pare:share-ready');
			}
		})
		// Private windows and full disks refuse registration; the page works all the same, only not offline.
		.catch(() => {});

	return {
		applyUpdate() {
			const waiting = registration?.waiting;
			if (!waiting) return;
			applying = true;
			waiting.postMessage('pare:apply-update');
		},
		async checkForUpdate() {
			await registration?.update();
		},
	};
}

/** Where the host sets no headers the first answer is not isolated; one more load through the service worker is. */
function becomeIsolated(callbacks: PwaCallbacks): void {
	if (globalThis.crossOriginIsolated || sessionStorage.getItem(reloadGuard) !== null) return;
	if (callbacks.mayReload && !callbacks.mayReload()) return;
	sessionStorage.setItem(reloadGuard, '1');
	location.reload();
}

/// <reference lib="webworker" />
import { securityHeaders } from './security-headers.ts';

/**
 * Keeps the built files, so that everything works with the network off, and serves them with the headers that make the
 * page isolated, also on hosts that cannot set headers. It holds files of the build only: models, studies and figures
 * live in the page's own storage and are never read or written here.
 *
 * Files are stored once by address and revision. Each build's list is a generation; a file is dropped when none of the
 * last three generations names it, so a tab that still runs an older build finds its chunks through two later ones.
 */
declare const self: ServiceWorkerGlobalScope & {
	readonly __WB_MANIFEST: readonly (string | { readonly url: string; readonly revision?: string | null })[];
};

interface PrecacheEntry {
	/** Absolute address in this scope. */
	readonly url: string;
	/** Where it lies in the cache: the address, with the revision where the name has no hash. */
	readonly key: string;
}

const filesCache = 'pare-files';
const generationsKey = new URL('./__generations', self.registration.scope).href;
const generationsKept = 3;

const entries: readonly PrecacheEntry[] = self.__WB_MANIFEST.map((entry) => {
	const { url, revision } = typeof entry === 'string' ? { url: entry, revision: null } : entry;
	const absolute = new URL(url, self.registration.scope).href;
	return { url: absolute, key: revision ? `${absolute}?__revision=${revision}` : absolute };
});
const byUrl = new Map(entries.map((entry) => [entry.url, entry]));
const page = new URL('./index.html', self.registration.scope).href;

self.addEventListener('install', (event) => event.waitUntil(install()));
self.addEventListener('activate', (event) => event.waitUntil(activate()));
self.addEventListener('message', (event) => {
	if (event.data === 'pare:apply-update') void self.skipWaiting();
});
self.addEventListener('fetch', (event) => {
	const { request } = event;
	const url = new URL(request.url);
	if (url.origin !== self.location.origin || !url.href.startsWith(self.registration.scope)) return;
	if (request.method === 'POST' && url.pathname.endsWith('/share-target')) {
		event.respondWith(receiveShare(event));
		return;
	}
	if (request.method !== 'GET') return;
	event.respondWith(answer(request));
});

/** The WebGPU twin of the runtime is 27 MB: fetched at once only where a GPU adapter is there, otherwise on first use. */
async function neededAtOnce(entry: PrecacheEntry): Promise<boolean> {
	if (!entry.url.includes('asyncify')) return true;
	try {
		const gpu = (self.navigator as { gpu?: { requestAdapter(): Promise<unknown> } }).gpu;
		return gpu !== undefined && (await gpu.requestAdapter()) !== null;
	} catch {
		return false;
	}
}

async function install(): Promise<void> {
	const cache = await caches.open(filesCache);
	const wanted: PrecacheEntry[] = [];
	for (const entry of entries) if ((await neededAtOnce(entry)) && !(await cache.match(entry.key))) wanted.push(entry);
	// A few at a time: the page is loading the same files through the same connection.
	const next = wanted.values();
	await Promise.all(
		Array.from({ length: 4 }, async () => {
			for (const entry of next) await store(cache, entry);
		}),
	);
}

async function store(cache: Cache, entry: PrecacheEntry): Promise<Response> {
	const response = await fetch(entry.url, { cache: entry.key === entry.url ? 'default' : 'no-cache', credentials: 'same-origin' });
	if (!response.ok || response.redirected) throw new Error(`${entry.url}: ${response.status} ${response.statusText}`);
	await cache.put(entry.key, response.clone());
	return response;
}

async function activate(): Promise<void> {
	const cache = await caches.open(filesCache);
	const current = entries.map((entry) => entry.key);
	const stored: unknown = await (await cache.match(generationsKey))?.json().catch(() => []);
	const earlier = (Array.isArray(stored) ? (stored as string[][]) : []).filter((keys) => keys.join('\n') !== current.join('\n'));
	const generations = [current, ...earlier].slice(0, generationsKept);
	await cache.put(generationsKey, new Response(JSON.stringify(generations)));
	const keep = new Set([generationsKey, ...generations.flat()]);
	for (const request of await cache.keys()) if (!keep.has(request.url)) await cache.delete(request);
	await self.clients.claim();
}

async function answer(request: Request): Promise<Response> {
	const cache = await caches.open(filesCache);
	const url = new URL(request.url);
	url.search = '';
	url.hash = '';
	if (request.mode === 'navigate') {
		const entry = byUrl.get(page);
		const shell = entry && (await cache.match(entry.key));
		return isolated(shell ?? (await fetch(request)));
	}
	const entry = byUrl.get(url.href);
	// An older build's chunk is no longer in the list but still in the cache under its own name.
	const found = await cache.match(entry?.key ?? url.href);
	if (found) return isolated(found);
	return isolated(entry ? await store(cache, entry) : await fetch(request));
}

/** The same response with the headers of isolation. Opaque and bodiless ones are passed on. */
function isolated(response: Response): Response {
	if (response.type === 'opaque' || response.type === 'opaqueredirect' || response.status === 0) return response;
	const headers = new Headers(response.headers);
	for (const [name, value] of Object.entries(securityHeaders)) headers.set(name, value);
	const bodiless = response.status === 204 || response.status === 304;
	return new Response(bodiless ? null : response.body, { status: response.status, statusText: response.statusText, headers });
}

/** Files shared from another app: handed to the page that opens next, over a message, and kept nowhere. */
async function receiveShare(event: FetchEvent): Promise<Response> {
	const form = await event.request.formData();
	const files = form.getAll('files').filter((entry) => entry instanceof File);
	event.waitUntil(
		new Promise<void>((done) => {
			const deliver = (message: ExtendableMessageEvent): void => {
				if (message.data !== 'pare:share-ready') return;
				message.source?.postMessage({ type: 'pare:shared-files', files });
				self.removeEventListener('message', deliver);
				done();
			};
			self.addEventListener('message', deliver);
		}),
	);
	return Response.redirect(new URL('./?shared', self.registration.scope).href, 303);
}

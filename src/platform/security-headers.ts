/**
 * The response headers Pare is served with, in one place: dev and preview servers, the `_headers` file of the build,
 * the `<meta>` policy and the service worker that stands in for hosts which cannot set headers all read from here.
 */

/** Nothing but our own origin; `wasm-unsafe-eval` is what WebAssembly needs. Sources: CSP Level 3, sections 6 and 4.4. */
export const policy: Readonly<Record<string, readonly string[]>> = {
	'default-src': ["'none'"],
	'script-src': ["'self'", "'wasm-unsafe-eval'"],
	'worker-src': ["'self'"],
	'connect-src': ["'self'"],
	'img-src': ["'self'", 'blob:', 'data:'],
	'style-src': ["'self'"],
	'font-src': ["'self'"],
	'manifest-src': ["'self'"],
	'base-uri': ["'none'"],
	'form-action': ["'none'"],
	'frame-ancestors': ["'none'"],
};

export function serializePolicy(directives: Readonly<Record<string, readonly string[]>>): string {
	return Object.entries(directives)
		.map(([name, sources]) => `${name} ${sources.join(' ')}`)
		.join('; ');
}

/** The policy as a header. */
export const contentSecurityPolicy = serializePolicy(policy);

/** The policy as a `<meta>` element: browsers ignore frame-ancestors there and say so in the console. */
export const metaContentSecurityPolicy = serializePolicy(
	Object.fromEntries(Object.entries(policy).filter(([name]) => name !== 'frame-ancestors')),
);

/** What makes a page cross-origin isolated: SharedArrayBuffer, so WASM threads, and fine timers. */
export const isolationHeaders: Readonly<Record<string, string>> = {
	'Cross-Origin-Opener-Policy': 'same-origin',
	'Cross-Origin-Embedder-Policy': 'require-corp',
	'Cross-Origin-Resource-Policy': 'same-origin',
};

export const securityHeaders: Readonly<Record<string, string>> = {
	...isolationHeaders,
	'Content-Security-Policy': contentSecurityPolicy,
	'Permissions-Policy': 'camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=(), serial=(), hid=(), midi=()',
	'Referrer-Policy': 'no-referrer',
	'X-Content-Type-Options': 'nosniff',
};

import type { Plugin } from 'vite';
import { metaContentSecurityPolicy, policy, securityHeaders, serializePolicy } from '../../src/platform/security-headers.ts';

/** Hot reload injects inline scripts and styles and talks over a web socket; only the dev server may. */
const developmentContentSecurityPolicy = serializePolicy({
	...policy,
	'script-src': [...(policy['script-src'] ?? []), "'unsafe-inline'"],
	'style-src': [...(policy['style-src'] ?? []), "'unsafe-inline'"],
	'connect-src': ["'self'", 'ws://localhost:*', 'ws://127.0.0.1:*'],
});

/** Security headers in dev and preview, a `<meta>` policy in the built page, and `_headers` for static hosts that read one. */
export function security(): Plugin {
	let building = false;
	return {
		name: 'pare:security',
		config: () => ({
			server: { headers: { ...securityHeaders, 'Content-Security-Policy': developmentContentSecurityPolicy } },
			preview: { headers: { ...securityHeaders } },
		}),
		configResolved(config) {
			building = config.command === 'build';
		},
		transformIndexHtml() {
			if (!building) return [];
			return [
				{
					tag: 'meta',
					attrs: { 'http-equiv': 'Content-Security-Policy', content: metaContentSecurityPolicy },
					injectTo: 'head-prepend' as const,
				},
			];
		},
		generateBundle() {
			const lines = [
				'/*',
				...Object.entries(securityHeaders).map(([name, value]) => `  ${name}: ${value}`),
				'/assets/*',
				'  Cache-Control: public, max-age=31536000, immutable',
				'/service-worker.js',
				'  Cache-Control: no-cache',
				'',
			];
			this.emitFile({ type: 'asset', fileName: '_headers', source: lines.join('\n') });
		},
	};
}

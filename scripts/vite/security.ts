import type { Plugin } from 'vite';
import { developmentContentSecurityPolicy, metaContentSecurityPolicy, securityHeaders } from '../../src/platform/security-headers.ts';

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

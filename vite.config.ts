import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';
import manifest from './package.json' with { type: 'json' };
import { samples } from './scripts/vite/samples.ts';
import { security } from './scripts/vite/security.ts';

export default defineConfig({
	// Relative, so that the build also works below a path, as on project pages of static hosts.
	base: './',
	define: { __PARE_VERSION__: JSON.stringify(manifest.version) },
	plugins: [
		security(),
		samples(),
		react(),
		VitePWA({
			strategies: 'injectManifest',
			srcDir: 'src/platform',
			filename: 'service-worker.ts',
			// src/platform/pwa.ts registers; updates are offered there, never forced.
			injectRegister: null,
			registerType: 'prompt',
			injectManifest: {
				// mjs and wasm are the runtime; onnx and zip the samples.
				globPatterns: ['**/*.{html,js,mjs,css,wasm,svg,png,json,onnx,npz,zip,txt,webmanifest}'],
				globIgnores: ['.vite/**', 'service-worker.js'],
				maximumFileSizeToCacheInBytes: 40_000_000,
				// Names in assets/ carry a content hash; no revision is needed to tell two of them apart.
				dontCacheBustURLsMatching: /assets\//,
				rollupFormat: 'iife',
			},
			manifest: {
				id: './',
				name: 'Pare',
				short_name: 'Pare',
				description: 'Compress an ONNX model in the browser and measure what each megabyte and millisecond costs.',
				start_url: './',
				scope: './',
				display: 'standalone',
				background_color: '#f6f4ef',
				theme_color: '#f6f4ef',
				categories: ['developer', 'productivity'],
				icons: [
					{ src: 'icons/pare.svg', sizes: 'any', type: 'image/svg+xml' },
					{ src: 'icons/pare-192.png', sizes: '192x192', type: 'image/png' },
					{ src: 'icons/pare-512.png', sizes: '512x512', type: 'image/png' },
					{ src: 'icons/pare-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
				],
				file_handlers: [{ action: './', accept: { 'application/octet-stream': ['.onnx'] } }],
				launch_handler: { client_mode: 'focus-existing' },
				share_target: {
					action: './share-target',
					method: 'POST',
					enctype: 'multipart/form-data',
					params: { files: [{ name: 'files', accept: ['.onnx', 'application/octet-stream', '.npz', '.zip'] }] },
				},
			},
		}),
	],
	worker: { format: 'es' },
	// The runtime loads its own .mjs and .wasm by address; pre-bundling would break that.
	optimizeDeps: {
		exclude: ['onnxruntime-web'],
		// Found late, inside workers and lazy chunks, they would reload the page in the middle of work.
		include: ['comlink', 'fflate', 'hash-wasm', 'recharts', 'zod/mini'],
	},
	build: {
		target: 'es2022',
		manifest: true,
		// Small assets stay files: data: scripts and fonts would need a wider policy.
		assetsInlineLimit: 0,
		chunkSizeWarningLimit: 700,
	},
	server: { host: 'localhost', port: 5173 },
	preview: { host: 'localhost', port: 4173 },
});

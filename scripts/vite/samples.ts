import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';

/** Where the Silero VAD model comes from: a file of a pinned npm package, checked by hash so that an update is seen. */
const silero = {
	package: '@ricky0123/vad-web',
	file: 'dist/silero_vad_v6.onnx',
	sha256: '1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3',
	served: 'samples/silero-vad/silero-vad.onnx',
} as const;

function sileroBytes(): Buffer {
	const require = createRequire(import.meta.url);
	const folder = dirname(dirname(require.resolve(silero.package)));
	const bytes = readFileSync(join(folder, silero.file));
	const sha256 = createHash('sha256').update(bytes).digest('hex');
	if (sha256 !== silero.sha256)
		throw new Error(`${silero.package}/${silero.file} has SHA-256 ${sha256}, not the reviewed ${silero.sha256}`);
	return bytes;
}

/** Copies the published sample model next to the project's own ones; its licence text and facts are in public/samples. */
export function samples(): Plugin {
	return {
		name: 'pare:samples',
		configureServer(server) {
			server.middlewares.use((request, response, next) => {
				if (request.url?.split('?')[0] !== `/${silero.served}`) return next();
				response.setHeader('Content-Type', 'application/octet-stream');
				response.end(sileroBytes());
			});
		},
		generateBundle() {
			this.emitFile({ type: 'asset', fileName: silero.served, source: sileroBytes() });
		},
	};
}

import { dependencies } from '../../package.json';
import { describeEnvironment, detectDevice } from '../platform/device.ts';
import { claimStudy, joinTabs } from '../platform/locks.ts';
import { askToPersist, hasOpfs, opfsRoot, usedStorage } from '../platform/opfs.ts';
import { startPwa } from '../platform/pwa.ts';
import { saveFile } from '../platform/save.ts';
import { browserHost } from '../workers/host/index.ts';
import type { Services } from './services.ts';

/** Set by the build (vite.config.ts). */
declare const __PARE_VERSION__: string;

const openKey = 'pare.open';

/** The services of a real page. */
export function browserServices(): Services {
	const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('pare') : undefined;
	const openStudy = areaOf(() => globalThis.sessionStorage);
	return {
		settingsStore: areaOf(() => globalThis.localStorage),
		nowMs: () => Date.now(),
		later: (callback, delayMs) => void setTimeout(callback, delayMs),
		uniqueName: () => crypto.randomUUID().replaceAll('-', '').slice(0, 16),
		host: browserHost(),
		storage: async () => ((await hasOpfs()) ? opfsRoot() : undefined),
		usage: usedStorage,
		persist: askToPersist,
		async detect() {
			const device = await detectDevice(hasOpfs);
			const { isolated, threads, webgpu, webnn, opfs, notes } = device;
			return {
				capabilities: { isolated, threads, webgpu, webnn, opfs, notes },
				environment: describeEnvironment(device, `onnxruntime-web ${dependencies['onnxruntime-web']}`, __PARE_VERSION__),
			};
		},
		visible: () => document.visibilityState === 'visible',
		onVisibility(callback) {
			const tell = (): void => callback(document.visibilityState === 'visible');
			document.addEventListener('visibilitychange', tell);
			return () => document.removeEventListener('visibilitychange', tell);
		},
		isolated: () => globalThis.crossOriginIsolated === true,
		claim: claimStudy,
		joinTabs,
		channel: channel && {
			post: (message) => channel.postMessage(message),
			listen: (callback) => channel.addEventListener('message', (event) => callback(event.data)),
		},
		openStudyOfTab: {
			get: () => openStudy?.getItem(openKey) ?? undefined,
			set(id) {
				try {
					if (id === undefined) openStudy?.removeItem(openKey);
					else openStudy?.setItem(openKey, id);
				} catch {
					// Blocked: after a reload the study is in the list instead.
				}
			},
		},
		startPwa,
		saveFile,
		copyText: (text) => navigator.clipboard.writeText(text),
		async fetchFile(path) {
			const response = await fetch(new URL(path, document.baseURI));
			if (!response.ok) throw new Error(`${path} is not here (${response.status}).`);
			return response.blob();
		},
		pageAddress: () => location.href,
	};
}

/** localStorage or sessionStorage, or nothing where site data is blocked: merely touching it throws there. */
function areaOf(read: () => Storage): Storage | undefined {
	try {
		return read();
	} catch {
		return undefined;
	}
}

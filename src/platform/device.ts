import type { Environment } from '../core/study/study.ts';

/** What this device and browser offer. Absences carry their effect in words. */
export interface DeviceFacts {
	readonly isolated: boolean;
	/** WASM threads that can be used. */
	readonly threads: number;
	readonly cores: number;
	readonly webgpu: { readonly available: boolean; readonly f16: boolean; readonly adapter?: string; readonly reason?: string };
	readonly webnn: { readonly available: boolean; readonly reason?: string };
	readonly opfs: boolean;
	readonly brotli: boolean;
	readonly notes: readonly string[];
}

interface GpuAdapter {
	readonly features: { has(name: string): boolean };
	readonly info?: { readonly vendor?: string; readonly architecture?: string; readonly device?: string; readonly description?: string };
}
interface NavigatorExtras {
	readonly gpu?: { requestAdapter(): Promise<GpuAdapter | null> };
	readonly ml?: { createContext(options: object): Promise<unknown> };
	readonly deviceMemory?: number;
	readonly userAgentData?: { readonly brands: readonly { readonly brand: string; readonly version: string }[]; readonly platform: string };
}

/** More threads than this gain nothing for models of the sizes that run in a page. */
const maxThreads = 8;
/** A driver that does not answer must not keep the page waiting. */
const askMs = 4_000;

export async function detectDevice(opfs: () => Promise<boolean>): Promise<DeviceFacts> {
	const extras = navigator as unknown as NavigatorExtras;
	const isolated = globalThis.crossOriginIsolated === true;
	const cores = navigator.hardwareConcurrency || 1;
	const [webgpu, webnn, hasStorage] = await Promise.all([
		withinTime(detectWebGpu(extras), { available: false, f16: false, reason: 'The graphics driver did not answer.' }),
		withinTime(detectWebNn(extras), { available: false, reason: 'WebNN did not answer.' }),
		opfs(),
	]);
	let brotli = true;
	try {
		new CompressionStream('brotli' as CompressionFormat);
	} catch {
		brotli = false;
	}
	const notes: string[] = [];
	if (!isolated) notes.push('This page is not isolated: models run on one thread, and times are measured in steps of 0.1 ms.');
	if (!webgpu.available) notes.push(`No WebGPU: nothing is measured on the graphics card. ${webgpu.reason ?? ''}`.trim());
	else if (!webgpu.f16) notes.push('WebGPU without shader-f16: float16 models are not measured on the graphics card.');
	if (!hasStorage)
		notes.push('This browser gives the page no file storage (a private window, perhaps): studies are lost when the tab closes.');
	if (extras.deviceMemory !== undefined && extras.deviceMemory <= 2) {
		notes.push(`This device has about ${extras.deviceMemory} GB of memory: models over 200 MB may not run.`);
	}
	return { isolated, threads: isolated ? Math.min(maxThreads, cores) : 1, cores, webgpu, webnn, opfs: hasStorage, brotli, notes };
}

async function detectWebGpu({ gpu }: NavigatorExtras): Promise<DeviceFacts['webgpu']> {
	if (!gpu) return { available: false, f16: false, reason: 'This browser does not have it, or it is switched off.' };
	try {
		const adapter = await gpu.requestAdapter();
		if (!adapter) return { available: false, f16: false, reason: 'The browser offers no graphics adapter.' };
		const { vendor, architecture, device, description } = adapter.info ?? {};
		const name = description || [vendor, architecture, device].filter(Boolean).join(' ');
		return { available: true, f16: adapter.features.has('shader-f16'), ...(name && { adapter: name }) };
	} catch (error) {
		return { available: false, f16: false, reason: error instanceof Error ? error.message : String(error) };
	}
}

async function detectWebNn({ ml }: NavigatorExtras): Promise<DeviceFacts['webnn']> {
	if (!ml) return { available: false, reason: 'This browser does not have it.' };
	try {
		await ml.createContext({});
		return { available: true };
	} catch (error) {
		return { available: false, reason: error instanceof Error ? error.message : String(error) };
	}
}

function withinTime<T>(work: Promise<T>, otherwise: T): Promise<T> {
	return new Promise((resolve) => {
		const timer = setTimeout(() => resolve(otherwise), askMs);
		void work.then((value) => {
			clearTimeout(timer);
			resolve(value);
		});
	});
}

/** Where figures come from, without anything that identifies a person. */
export function describeEnvironment(device: DeviceFacts, runtime: string, pare: string): Environment {
	const extras = navigator as unknown as NavigatorExtras;
	const brand =
		extras.userAgentData?.brands.find((entry) => !/not.?a.?brand|^chromium$/i.test(entry.brand)) ??
		extras.userAgentData?.brands.find((entry) => /^chromium$/i.test(entry.brand));
	return {
		browser: brand ? `${brand.brand} ${brand.version}` : browserFromAgent(navigator.userAgent),
		platform: extras.userAgentData?.platform || platformFromAgent(navigator.userAgent),
		cores: device.cores,
		isolated: device.isolated,
		runtime,
		...(device.webgpu.adapter !== undefined && { gpu: device.webgpu.adapter }),
		pare,
	};
}

/** Name and main version out of a user agent string; `unknown browser` where it says nothing that is known. */
export function browserFromAgent(agent: string): string {
	const firefox = /Firefox\/(\d+)/.exec(agent);
	if (firefox) return `Firefox ${firefox[1]}`;
	const chrome = /(?:Headless)?Chrome\/(\d+)/.exec(agent);
	if (chrome) return `Chromium ${chrome[1]}`;
	const safari = /Version\/(\d+(?:\.\d+)?).*Safari\//.exec(agent);
	if (safari) return `Safari ${safari[1]}`;
	return 'unknown browser';
}

function platformFromAgent(agent: string): string {
	const known: readonly (readonly [RegExp, string])[] = [
		[/Android/, 'Android'],
		[/iPhone|iPad/, 'iOS'],
		[/Windows/, 'Windows'],
		[/Mac OS X/, 'macOS'],
		[/Linux/, 'Linux'],
	];
	return known.find(([pattern]) => pattern.test(agent))?.[1] ?? 'unknown platform';
}

import { EngineError } from '../port.ts';

/** The part of WebGPU that is asked for here. */
interface GpuAdapter {
	readonly features: { has(name: string): boolean };
	readonly info?: { readonly vendor?: string; readonly architecture?: string; readonly device?: string; readonly description?: string };
	readonly isFallbackAdapter?: boolean;
}

interface Gpu {
	requestAdapter(options?: { readonly powerPreference?: 'low-power' | 'high-performance' }): Promise<GpuAdapter | null>;
}

export interface GpuFacts {
	/** Shader arithmetic in float16. */
	readonly half: boolean;
	/** e.g. `nvidia ampere`. */
	readonly name: string;
}

/** Asks for the adapter that the runtime will use. Throws EngineError `unavailable`, in words. */
export async function gpuFacts(): Promise<GpuFacts> {
	const gpu = (navigator as { gpu?: Gpu }).gpu;
	if (!gpu) {
		throw new EngineError('unavailable', 'This browser has no WebGPU.', '', 'WASM works everywhere.');
	}
	const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
	if (!adapter) {
		throw new EngineError('unavailable', 'This browser gives no WebGPU adapter on this device.', '', 'WASM works everywhere.');
	}
	const { vendor, architecture, device, description } = adapter.info ?? {};
	return {
		half: adapter.features.has('shader-f16'),
		name:
			description ||
			[vendor, architecture, device].filter(Boolean).join(' ') ||
			(adapter.isFallbackAdapter ? 'software' : 'unnamed adapter'),
	};
}

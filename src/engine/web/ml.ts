import { EngineError } from '../port.ts';

interface Ml {
	createContext(options: { readonly deviceType: DeviceType }): Promise<{ readonly lost?: Promise<{ readonly message?: string }> }>;
}

type DeviceType = 'npu' | 'gpu' | 'cpu';

export interface MlContext {
	readonly context: unknown;
	readonly deviceType: DeviceType;
	readonly lost?: Promise<string>;
}

/** A WebNN context on the best device that gives one. Throws EngineError `unavailable`, in words. */
export async function createMlContext(): Promise<MlContext> {
	const ml = (navigator as { ml?: Ml }).ml;
	if (!ml) throw new EngineError('unavailable', 'This browser has no WebNN.', '', 'WASM works everywhere.');
	const reasons: string[] = [];
	for (const deviceType of ['gpu', 'npu', 'cpu'] as const) {
		try {
			const context = await ml.createContext({ deviceType });
			const lost = context.lost?.then(({ message }) => message ?? 'unknown');
			return { context, deviceType, ...(lost && { lost }) };
		} catch (error) {
			reasons.push(`${deviceType}: ${error instanceof Error ? error.message : String(error)}`);
		}
	}
	throw new EngineError(
		'unavailable',
		'This browser has WebNN, but gives no context on any device.',
		reasons.join('\n'),
		'WASM works everywhere.',
	);
}

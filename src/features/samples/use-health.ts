import { useEffect, useRef, useState } from 'react';
import { useStore } from '../../store/index.ts';
import type { DataHealth } from '../../store/state.ts';

export interface HealthCheck {
	readonly health: DataHealth | undefined;
	readonly check: () => void;
	/** How far a check is that runs. */
	readonly checking: { readonly fraction?: number; readonly stage?: string } | undefined;
	readonly healthFailure: string | undefined;
}

/** Looks for faults in the data when it is asked to; what was found is of that data only. */
export function useHealth(dataset: string | undefined): HealthCheck {
	const dataHealth = useStore((store) => store.dataHealth);
	const [found, setFound] = useState<{ dataset: string | undefined; health: DataHealth } | undefined>();
	const [checking, setChecking] = useState<HealthCheck['checking']>();
	const [healthFailure, setFailure] = useState<string | undefined>();
	const abort = useRef<AbortController | undefined>(undefined);
	useEffect(() => () => abort.current?.abort(), []);
	return {
		health: found?.dataset === dataset ? found?.health : undefined,
		checking,
		healthFailure,
		check: () => {
			abort.current?.abort();
			const own = new AbortController();
			abort.current = own;
			setFailure(undefined);
			setChecking({});
			dataHealth(own.signal, (progress) => !own.signal.aborted && setChecking(progress))
				.then(
					(health) => !own.signal.aborted && setFound({ dataset, health }),
					(error: unknown) => !own.signal.aborted && setFailure(error instanceof Error ? error.message : String(error)),
				)
				.finally(() => !own.signal.aborted && setChecking(undefined));
		},
	};
}

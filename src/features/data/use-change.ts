import { useState } from 'react';
import type { DataSettings } from '../../core/study/data-settings.ts';
import { useStore } from '../../store/index.ts';

export interface DataChange {
	/** The files are being read again. */
	readonly busy: boolean;
	change(settings: { readonly [K in keyof DataSettings]?: DataSettings[K] | undefined }): void;
}

/** Changes what is said about the data, one change at a time. */
export function useDataChange(): DataChange {
	const changeData = useStore((store) => store.changeData);
	const [busy, setBusy] = useState(false);
	return {
		busy,
		change: (settings) => {
			if (busy) return;
			setBusy(true);
			void changeData(settings).finally(() => setBusy(false));
		},
	};
}

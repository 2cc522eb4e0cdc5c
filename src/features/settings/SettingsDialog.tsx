import { useShallow } from 'zustand/react/shallow';
import { type Target, targetKey } from '../../core/study/study.ts';
import { useStore } from '../../store/index.ts';
import type { Theme } from '../../store/state.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { formatBytes } from '../../ui/format.ts';
import './settings.css';

/** How things are measured, how the page looks, what is stored. */
export function SettingsDialog({ onClose }: { readonly onClose: () => void }) {
	const { settings, capabilities, environment, storage, recent } = useStore(
		useShallow((store) => ({
			settings: store.settings,
			capabilities: store.capabilities,
			environment: store.environment,
			storage: store.storage,
			recent: store.recent,
		})),
	);
	const setSettings = useStore((store) => store.setSettings);
	const clearStorage = useStore((store) => store.clearStorage);
	const toast = useStore((store) => store.toast);
	const choices: { target: Target; label: string; reason: string | undefined }[] = [
		{ target: { backend: 'wasm', threads: 1 }, label: 'WASM, one thread', reason: undefined },
		...(capabilities && capabilities.threads > 1
			? [{ target: { backend: 'wasm', threads: settings.threads } as const, label: `WASM, ${settings.threads} threads`, reason: undefined }]
			: []),
		{
			target: { backend: 'webgpu', threads: 1 },
			label: 'WebGPU',
			reason: capabilities?.webgpu.available ? undefined : (capabilities?.webgpu.reason ?? 'not offered by this browser'),
		},
		{
			target: { backend: 'webnn', threads: 1 },
			label: 'WebNN',
			reason: capabilities?.webnn.available ? undefined : (capabilities?.webnn.reason ?? 'not offered by this browser'),
		},
	];
	const chosen = new Set(settings.targets.map(targetKey));
	const toggle = (target: Target): void => {
		const key = targetKey(target);
		const next = chosen.has(key) ? settings.targets.filter((entry) => targetKey(entry) !== key) : [...settings.targets, target];
		if (next.length > 0) setSettings({ targets: next });
	};
	return (
		<Dialog title="Settings" onClose={onClose} className="settings">
			<h3>Measure on</h3>
			{choices.map(({ target, label, reason }) => (
				<label key={targetKey(target)} className="setting">
					<input type="checkbox" checked={chosen.has(targetKey(target))} disabled={reason !== undefined} onChange={() => toggle(target)} />
					<span>
						{label}
						{reason && <small className="muted"> {reason}</small>}
					</span>
				</label>
			))}
			<div className="setting-grid">
				<NumberSetting
					label="Threads"
					help="WASM threads of the multi-threaded target."
					value={settings.threads}
					min={1}
					max={Math.max(1, capabilities?.threads ?? 1)}
					onChange={(threads) =>
						setSettings({
							threads,
							targets: settings.targets.map((target) =>
								target.backend === 'wasm' && target.threads > 1 ? { backend: 'wasm', threads } : target,
							),
						})
					}
				/>
				<NumberSetting
					label="Rounds"
					help="Timed rounds, interleaved with the original. More rounds, narrower intervals."
					value={settings.rounds}
					min={10}
					max={500}
					onChange={(rounds) => setSettings({ rounds })}
				/>
				<NumberSetting
					label="Examples"
					help="Most examples used to compare a variant with the original."
					value={settings.maxExamples}
					min={1}
					max={100_000}
					onChange={(maxExamples) => setSettings({ maxExamples })}
				/>
				<NumberSetting
					label="Memory, MB"
					help="Models that need more than this for one run are refused instead of run; raise it if the device has more."
					value={Math.round(settings.memoryBudgetBytes / 1e6)}
					min={100}
					max={16_000}
					onChange={(megabytes) => setSettings({ memoryBudgetBytes: megabytes * 1e6 })}
				/>
			</div>
			<h3>Look</h3>
			<fieldset className="segmented">
				<legend className="visually-hidden">Theme</legend>
				{(['system', 'light', 'dark'] as const satisfies readonly Theme[]).map((theme) => (
					<label key={theme}>
						<input type="radio" name="theme" checked={settings.theme === theme} onChange={() => setSettings({ theme })} />
						<span>{theme}</span>
					</label>
				))}
			</fieldset>
			<h3>Storage</h3>
			<p>
				{storage
					? `${formatBytes(storage.usedBytes)} of about ${formatBytes(storage.quotaBytes)} that this browser allows; ${recent.length === 1 ? '1 study' : `${recent.length} studies`}.`
					: 'This browser does not say how much is stored.'}
			</p>
			<button
				type="button"
				onClick={() => {
					if (window.confirm('Delete all studies, variants and figures stored in this browser? This cannot be undone.'))
						void clearStorage();
				}}
			>
				Delete everything stored here…
			</button>
			<h3>This device</h3>
			{/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
			<pre className="diagnostics" tabIndex={0}>
				{JSON.stringify({ environment, capabilities }, null, 1)}
			</pre>
			<button
				type="button"
				onClick={() =>
					void navigator.clipboard
						.writeText(JSON.stringify({ environment, capabilities, settings }, null, 2))
						.then(() => toast('Diagnostics copied.'))
				}
			>
				Copy diagnostics
			</button>
		</Dialog>
	);
}

interface NumberSettingProps {
	readonly label: string;
	readonly help: string;
	readonly value: number;
	readonly min: number;
	readonly max: number;
	readonly onChange: (value: number) => void;
}

function NumberSetting({ label, help, value, min, max, onChange }: NumberSettingProps) {
	return (
		<label className="number-setting">
			<span>{label}</span>
			<input
				type="number"
				min={min}
				max={max}
				defaultValue={value}
				key={value}
				onFocus={(event) => event.target.select()}
				onBlur={(event) => {
					const next = Math.round(Number(event.target.value));
					if (Number.isFinite(next) && next !== value) onChange(Math.min(max, Math.max(min, next)));
				}}
			/>
			<small className="muted">{help}</small>
		</label>
	);
}

import type { DataSettings } from '../../core/study/data-settings.ts';
import { useDataChange } from './use-change.ts';

/** Whether the state of a sound model is carried from frame to frame. */
export function SoundForm({ settings }: { readonly settings: DataSettings | undefined }) {
	const { busy, change } = useDataChange();
	const value = settings?.soundState ?? 'found';
	return (
		<section aria-labelledby="sound-title">
			<h3 id="sound-title">Sound</h3>
			<label className="data-field">
				<span>State between frames</span>
				<select
					value={value}
					disabled={busy}
					onChange={({ target }) => change({ soundState: target.value === 'found' ? undefined : (target.value as 'carried' | 'zero') })}
				>
					<option value="found">carried where the model has one</option>
					<option value="carried">carried</option>
					<option value="zero">zero in each frame</option>
				</select>
			</label>
			<p className="muted">
				A carried state gives each frame what the model itself handed on, as it is used; zero makes frames independent.
			</p>
		</section>
	);
}

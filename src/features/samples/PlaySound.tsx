import { useEffect, useRef, useState } from 'react';

export interface PlaySoundProps {
	/** In -1..1. */
	readonly samples: Float32Array<ArrayBuffer>;
	/** Samples a second. */
	readonly rate: number;
}

/** Lets the browser play samples. They stay in the page. */
export function PlaySound({ samples, rate }: PlaySoundProps) {
	const playing = useRef<AudioContext | undefined>(undefined);
	const [on, setOn] = useState(false);
	const [silent, setSilent] = useState<string | undefined>();
	const stop = (): void => {
		void playing.current?.close();
		playing.current = undefined;
		setOn(false);
	};
	// biome-ignore lint/correctness/useExhaustiveDependencies: another sound, or none, ends what plays.
	useEffect(
		() => () => {
			void playing.current?.close();
			playing.current = undefined;
		},
		[samples],
	);
	const play = (): void => {
		try {
			const context = new AudioContext();
			const buffer = context.createBuffer(1, Math.max(1, samples.length), rate);
			buffer.copyToChannel(samples, 0);
			const source = context.createBufferSource();
			source.buffer = buffer;
			source.connect(context.destination);
			source.onended = () => {
				if (playing.current === context) stop();
			};
			source.start();
			playing.current = context;
			setSilent(undefined);
			setOn(true);
		} catch (error) {
			setSilent(`The browser does not play it: ${error instanceof Error ? error.message : String(error)}`);
		}
	};
	return (
		<>
			<button type="button" onClick={on ? stop : play}>
				{on ? 'Stop' : 'Play'}
			</button>
			{silent && (
				<p className="bad" role="alert">
					{silent}
				</p>
			)}
		</>
	);
}

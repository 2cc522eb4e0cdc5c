/** Where a command writes. Results go to `out`, everything else to `err`. */
export interface Terminal {
	out(text: string): void;
	err(text: string): void;
	/** Share 0..1 of the work and what is being done; shown on `err`. */
	progress(fraction: number, stage: string): void;
	/** Wipes the line that progress keeps rewriting. */
	endProgress(): void;
}

const redrawMs = 80;

/** Progress is one line that is rewritten on a terminal; in a log, a line for each new stage. */
export function nodeTerminal(): Terminal {
	const { stdout, stderr } = process;
	let drawn = 0;
	let stageShown = '';
	let width = 0;
	const wipe = (): void => {
		if (width > 0) stderr.write(`\r${' '.repeat(width)}\r`);
		width = 0;
	};
	return {
		out: (text) => {
			wipe();
			stdout.write(text);
		},
		err: (text) => {
			wipe();
			stderr.write(text);
		},
		progress: (fraction, stage) => {
			if (!stderr.isTTY) {
				// "Weight-only: decoder.3.weight" and "round 7" are details of a stage.
				const plain = stage.replace(/(: .*| [0-9]+)$/s, '');
				if (plain !== stageShown) stderr.write(`${plain}\n`);
				stageShown = plain;
				return;
			}
			const now = performance.now();
			if (fraction < 1 && stage === stageShown && now - drawn < redrawMs) return;
			drawn = now;
			stageShown = stage;
			const line = `${String(Math.floor(Math.min(1, fraction) * 100)).padStart(3)} %  ${stage}`.slice(0, (stderr.columns || 80) - 1);
			stderr.write(`\r${line.padEnd(width)}`);
			width = line.length;
		},
		endProgress: wipe,
	};
}

// Low rank with and without activations: node scripts/run-ts.mjs bench/low-rank.ts [MODEL] [CHANGE OF BYTES …] [--speed]
// Calibration and evaluation halves as in ../shared/reference/peers.md.
import { openSubject, type SubjectName } from './subjects.ts';

const speed = process.argv.includes('--speed');
const [name = 'minilm-l6-v2', ...changes] = process.argv.slice(2).filter((argument) => argument !== '--speed');
const subject = await openSubject(name as SubjectName);
for (const bytesChange of changes.length > 0 ? changes.map(Number) : [-0.1, -0.25, -0.4, -0.55, -0.7]) {
	for (const aware of [true, false]) {
		const options = { bytesChange, aware };
		const made = await subject?.compress({ v: 1, seed: 0, steps: [{ pass: 'low-rank', options }] });
		if (!subject || !made) continue;
		const { text } = await subject.score(made.file);
		const ratio = speed ? `; ${(await subject.latencyRatio(made.file, 9)).toFixed(2)} of the time` : '';
		console.log(
			`${name} ${bytesChange} ${aware ? 'activation-aware' : 'plain SVD'}: ${made.file.length} bytes (${((made.file.length / subject.bytes.length - 1) * 100).toFixed(1)} %), ${text}${ratio}; ${(made.durationMs / 1000).toFixed(0)} s`,
		);
	}
}
await subject?.close();

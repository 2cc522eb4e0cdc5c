// Zeros by magnitude, Wanda and SparseGPT on the shared models: node scripts/run-ts.mjs bench/sparse.ts [MODEL] [RATIO …]
// Calibration and evaluation halves as in ../shared/reference/peers.md. Peers at 50 % on efficientnet-lite0: magnitude and Wanda 0.0 %, SparseGPT 5.8 % top-1.
import { openSubject, type SubjectName, subjectNames } from './subjects.ts';

const [only, ...ratios] = process.argv.slice(2);
for (const name of subjectNames.filter((known: SubjectName) => !only || known === only)) {
	const subject = await openSubject(name);
	if (!subject) continue;
	for (const ratio of ratios.length > 0 ? ratios.map(Number) : [0.3, 0.5]) {
		for (const [criterion, scope, sweeps] of [
			['magnitude', 'per-layer', 0],
			['wanda', 'per-layer', 0],
			['sparsegpt', 'per-layer', 0],
			['sparsegpt', 'per-layer', 3],
			['sparsegpt', 'budget', 3],
		] as const) {
			const plain = criterion === 'sparsegpt' ? {} : { correctBias: false, correctDrift: false };
			const options = { ratio, criterion, scope, sweeps, ...plain };
			const { file, durationMs } = await subject.compress({
				v: 1,
				seed: 0,
				steps: [
					{ pass: 'optimize', options: {} },
					{ pass: 'prune-sparse', options },
				],
			});
			const { text } = await subject.score(file);
			console.log(`${name} ${ratio} ${criterion} ${scope} sweeps ${sweeps}: ${text}; ${(durationMs / 1000).toFixed(0)} s`);
		}
	}
	await subject.close();
}

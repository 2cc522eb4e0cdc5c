import { decodeOutputs, encodeOutputs, type OutputLog } from '../engine/output-log.ts';
import type { Outputs } from '../engine/outputs.ts';
import type { Folder } from '../platform/folder.ts';

/** Outputs of one evaluation that are kept at most. */
const mostBytes = 256_000_000;

/** A log in a folder, a file for each block. The variant's file is part of its name: another file of that name starts anew. */
export function answerLog(folder: Folder): OutputLog {
	let blocks = 0;
	let bytes = 0;
	return {
		async read() {
			const known: Outputs[] = [];
			blocks = 0;
			bytes = 0;
			for (;;) {
				const blob = await folder.read(String(blocks));
				const block = blob && (await decodeOutputs(blob));
				if (!block) return known;
				known.push(...block);
				blocks += 1;
				bytes += blob.size;
			}
		},
		async append(block) {
			const blob = encodeOutputs(block);
			if (bytes + blob.size > mostBytes) return false;
			await folder.write(String(blocks), blob);
			blocks += 1;
			bytes += blob.size;
			return true;
		},
	};
}

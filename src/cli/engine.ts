import type { Model } from '../core/ir/model.ts';
import { inferTypes } from '../core/onnx/infer.ts';
import { estimateRunBytes, hazardsWithShapes } from '../core/onnx/memory.ts';
import { createNodeEngine } from '../engine/node/index.ts';
import type { Engine, Session } from '../engine/port.ts';
import type { OptionSpecs } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { WorkError } from './failure.ts';
import { bytesText } from './text.ts';

/** Options of every command that runs models. */
export const runOptions = { 'time-limit': { type: 'string' }, yes: { type: 'boolean', short: 'y' } } as const satisfies OptionSpecs;

export const runOptionHelp: readonly (readonly [string, string])[] = [
	['--time-limit SECONDS', 'ends the command where loading or running a model once takes longer; default 600, 0 is no limit'],
	['-y, --yes', 'run models that ask for very much memory too'],
];

const usualLimitSeconds = 600;
/** A single tensor, or a whole run, that no 32-bit address space holds beside the rest. */
const mostTensorBytes = 2 ** 31;
const mostRunBytes = 2 ** 32;

/** The runtime of this process; calls into it are told to the command's keeper, which can end what never ends. */
export async function startEngine({ args, keeper }: Pick<CommandContext, 'args' | 'keeper'>): Promise<Engine> {
	const limitSeconds = args.count('time-limit', 0) ?? usualLimitSeconds;
	const engine = await createNodeEngine();
	if (!keeper) return engine;
	const watched = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
		keeper.runBegins(limitSeconds, what);
		try {
			return await work();
		} finally {
			keeper.runEnded();
		}
	};
	const watchedSession = (session: Session): Session => ({
		inputs: session.inputs,
		outputs: session.outputs,
		loadMs: session.loadMs,
		notes: session.notes,
		...(session.placement && { placement: session.placement }),
		run: (feeds, fetches) => watched('Running a model once', () => session.run(feeds, fetches)),
		endProfile: () => session.endProfile(),
		release: () => session.release(),
	});
	return {
		target: engine.target,
		runtime: engine.runtime,
		...(engine.device !== undefined && { device: engine.device }),
		threadsUsed: engine.threadsUsed,
		load: async (model, options) => watchedSession(await watched('Loading a model', () => engine.load(model, options))),
	};
}

/** Refuses to run a model that is sure to ask for more memory than the runtime has. Throws WorkError unless --yes was given. */
export async function refuseHazards(
	model: Model,
	path: string,
	{ args }: Pick<CommandContext, 'args'>,
	advice = 'Give --yes to run it all the same.',
): Promise<void> {
	if (args.flag('yes')) return;
	const types = await inferTypes(model);
	const huge = (await hazardsWithShapes(model, types)).find(({ byteLength = 0 }) => byteLength > mostTensorBytes);
	if (huge) throw new WorkError(`${path} was not run: ${huge.reason}`, 'memory', advice);
	const least = estimateRunBytes(model, types);
	if (least <= mostRunBytes) return;
	throw new WorkError(`${path} was not run: one run takes at least ${bytesText(least)}, the runtime has 4.3 GB.`, 'memory', advice);
}

import { feedsAfter, outputPortsBefore, outputsBefore, type PortChange } from '../core/pass/ports.ts';
import { EngineError, type Feeds, type Session } from './port.ts';

/** Inputs of the original as inputs of a variant. What the variant does not take any more is left out. Throws EngineError where it takes what the original computed inside. */
export function feedsOf(session: Session, feeds: Feeds, changes: readonly PortChange[] = []): Feeds {
	const after = feedsAfter(feeds, changes);
	return Object.fromEntries(
		session.inputs.map(({ name }) => {
			const tensor = after[name];
			if (tensor) return [name, tensor];
			throw new EngineError(
				'run',
				`It takes "${name}", which the examples do not hold: in the original it is computed inside.`,
				'',
				'Give inputs of its own as a .npz, with this file opened as the model.',
			);
		}),
	);
}

/** A session of a variant used as the original: it is fed the same examples, and answers under the same names and types. */
export function asBefore(session: Session, changes: readonly PortChange[] = []): Session {
	return {
		...session,
		outputs: outputPortsBefore(session.outputs, changes),
		run: async (feeds) => outputsBefore(await session.run(feedsOf(session, feeds, changes)), changes),
		endProfile: () => session.endProfile(),
		release: () => session.release(),
	};
}

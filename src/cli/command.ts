import type { OptionSpecs, Parsed } from './arguments.ts';
import type { ExitCode } from './failure.ts';
import type { Keeper } from './keeper.ts';
import type { Terminal } from './terminal.ts';

export interface CommandContext {
	readonly args: Parsed;
	readonly terminal: Terminal;
	readonly signal: AbortSignal;
	readonly json: boolean;
	/** Absent where nobody stands outside of the command. */
	readonly keeper?: Keeper;
}

/** What a command found: one JSON document, and the same for people. */
export interface CommandResult {
	readonly document: unknown;
	readonly text: string;
	/** default: ok */
	readonly exit?: ExitCode;
}

export interface Command {
	readonly name: string;
	/** As on the first line of its help. */
	readonly usage: string;
	readonly summary: string;
	/** Lines of its help below the options. */
	readonly details?: string;
	readonly options: OptionSpecs;
	/** Option and what it does, for help. */
	readonly optionHelp: readonly (readonly [option: string, help: string])[];
	run(context: CommandContext): Promise<CommandResult>;
}

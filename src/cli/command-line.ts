import { version } from '../../package.json';
import { parseArguments } from './arguments.ts';
import { bench } from './bench.ts';
import type { Command } from './command.ts';
import { compare } from './compare.ts';
import { compress } from './compress.ts';
import { data } from './data.ts';
import { diagnose } from './diagnose.ts';
import { evaluate } from './evaluate.ts';
import { type ExitCode, exitCode, failureFrom, UsageError } from './failure.ts';
import { inspect } from './inspect.ts';
import type { Keeper } from './keeper.ts';
import { passes, presets } from './listings.ts';
import { optimize } from './optimize.ts';
import type { Terminal } from './terminal.ts';

const commands: readonly Command[] = [inspect, compress, optimize, evaluate, data, compare, diagnose, bench, passes, presets];

const commonHelp: readonly (readonly [string, string])[] = [
	['--json', 'one JSON document on stdout and nothing else there'],
	['--debug', 'with an error, show where in the program it arose'],
	['-h, --help', 'this text'],
];

/**
 * Runs one command. Results go to stdout, progress and errors to stderr; resolves to the exit code. With --json stdout is one JSON
 * document in any case: where the command fails, it is `{"error": …}`.
 */
export async function runCommandLine(argv: readonly string[], terminal: Terminal, signal: AbortSignal, keeper?: Keeper): Promise<ExitCode> {
	const json = argv.includes('--json');
	try {
		const [name, ...rest] = argv[0]?.startsWith('-') ? ['', ...argv] : argv;
		if (name === '' && rest.some((arg) => arg === '--version' || arg === '-v')) {
			terminal.out(json ? `${JSON.stringify({ version })}\n` : `${version}\n`);
			return exitCode.ok;
		}
		if (name === 'help' || (name === '' && rest.some((arg) => arg === '--help' || arg === '-h'))) {
			const about = name === 'help' ? rest.find((arg) => !arg.startsWith('-')) : undefined;
			const text = about === undefined ? generalHelp() : commandHelp(commandNamed(about));
			terminal.out(json ? `${JSON.stringify({ help: text }, null, '\t')}\n` : text);
			return exitCode.ok;
		}
		if (name === undefined || name === '') throw new UsageError('No command was given.');
		const command = commandNamed(name);
		const args = parseArguments(rest, command.options);
		if (args.flag('help')) {
			terminal.out(json ? `${JSON.stringify({ help: commandHelp(command) }, null, '\t')}\n` : commandHelp(command));
			return exitCode.ok;
		}
		const result = await command.run({ args, terminal, signal, json, ...(keeper && { keeper }) });
		terminal.endProgress();
		// A list stays a list: each of its entries says what it is.
		const document = Array.isArray(result.document)
			? result.document
			: { command: command.name, pare: version, ...(result.document as object) };
		terminal.out(json ? `${JSON.stringify(document, null, '\t')}\n` : result.text);
		return result.exit ?? exitCode.ok;
	} catch (error) {
		terminal.endProgress();
		const { bug, exit, ...failure } = failureFrom(signal.aborted ? signal.reason : error);
		if (json) terminal.out(`${JSON.stringify({ error: failure, exit }, null, '\t')}\n`);
		terminal.err(`pare: ${failure.message}${failure.advice ? ` ${failure.advice}` : ''}\n`);
		if (argv.includes('--debug')) terminal.err(`${stackOf(error)}\n`);
		return exit;
	}
}

function commandNamed(name: string): Command {
	const command = commands.find((entry) => entry.name === name);
	if (!command)
		throw new UsageError(`There is no command "${name}".`, `Commands: ${commands.map((entry) => entry.name).join(', ')}, help.`);
	return command;
}

function stackOf(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	const { detail } = error as Error & { detail?: unknown };
	const own = `${typeof detail === 'string' && detail !== '' ? `${detail}\n` : ''}${error.stack ?? error.message}`;
	return error.cause === undefined ? own : `${own}\nCaused by ${stackOf(error.cause)}`;
}

function lines(entries: readonly (readonly [string, string])[]): string {
	const width = Math.max(...entries.map(([left]) => left.length));
	return entries.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
}

function generalHelp(): string {
	return `pare ${version}: compress ONNX models and measure what it costs.

${lines(commands.map(({ usage, summary }) => [usage.replace(/^pare /, '').split(' ')[0] ?? '', summary]))}
  help      This text, or "pare help COMMAND" for one command.

Options of every command
${lines(commonHelp)}

Exit codes
  0  done
  1  the work failed: a pass failed, the runtime cannot run a model, the disk is full
  2  the command line is wrong
  3  an input file cannot be used: missing, damaged, no ONNX model, data that does not fit
  130  interrupted; nothing half written is left

Models run in onnxruntime-web's WASM on one thread: the kernels of the page. Nothing is sent anywhere.
`;
}

function commandHelp(command: Command): string {
	const details = command.details ? `\n${command.details}\n` : '';
	return `${command.usage}\n\n${command.summary}\n${details}\n${lines([...command.optionHelp, ...commonHelp])}\n`;
}

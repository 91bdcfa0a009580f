import { EXIT_CODES } from '@tollgate/http';
import { Command, CommanderError } from 'commander';
import { CATALOGUE } from './catalogue.ts';
import { useLocalTollgate } from './use-local-tollgate.ts';

/** Codes of errors that say what is wrong with the configuration, as packages/http and packages/bus name them. */
const CONFIG_CODES: readonly string[] = ['config', 'bad-config'];

/** An error whose message tells the reader all there is to know. */
type CodedError = Error & { readonly code: string };

/**
 * Runs one command line.
 *
 * @param args without `node` and the script
 * @returns the exit code: 0 done, 1 failed, 2 the command line or the configuration is wrong
 */
export async function run(args: readonly string[]): Promise<number> {
  const program = new Command('tollgate')
    .description('Audit and chargeback for language models on Databricks')
    .exitOverride()
    .showHelpAfterError('(see --help)');
  useLocalTollgate(program);
  const name = args[0] ?? '';
  const entry = Object.hasOwn(CATALOGUE, name) ? CATALOGUE[name] : undefined;
  try {
    if (entry) {
      program.addCommand(inherit(await entry.load()));
    } else {
      for (const [other, { description }] of Object.entries(CATALOGUE)) {
        program.command(other).description(description);
      }
      if (args.length === 0) {
        program.outputHelp({ error: true });
        return EXIT_CODES.usage;
      }
    }
    await program.parseAsync([...args], { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT_CODES.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    process.stderr.write(`tollgate: ${describe(error)}\n`);
    return error instanceof Error && isCoded(error) && CONFIG_CODES.includes(error.code)
      ? EXIT_CODES.usage
      : EXIT_CODES.failed;
  }
}

/** Errors of the whole tree of commands are thrown rather than ending the process. */
function inherit(command: Command): Command {
  command.exitOverride().showHelpAfterError('(see --help)');
  for (const child of command.commands) inherit(child);
  return command;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isCoded(error) ? `${error.message} [${error.code}]` : (error.stack ?? error.message);
}

function isCoded(error: Error): error is CodedError {
  return 'code' in error && typeof error.code === 'string';
}

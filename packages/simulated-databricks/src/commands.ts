import { Command, InvalidArgumentError } from 'commander';
import { createSimulatedDatabricks, DEFAULT_TOKEN } from './serving/workspace.ts';

const DEFAULT_LISTEN = '127.0.0.1:41020';

interface RunOptions {
  readonly listen: string;
  readonly token: string[];
  readonly latencyMs?: number;
  readonly chunkDelayMs?: number;
  readonly wordsPerChunk?: number;
  readonly anyEndpoint?: boolean;
  readonly json?: boolean;
}

/** `simulated-databricks run`, to be added to the `tollgate` command; serves until SIGINT or SIGTERM. */
export function simulatedDatabricksCommand(): Command {
  const command = new Command('simulated-databricks').description(
    'a Databricks workspace for tests: exact token counts, faults on demand',
  );
  command
    .command('run')
    .description('serve the endpoints until SIGINT or SIGTERM')
    .option('--listen <host:port>', 'where to listen', DEFAULT_LISTEN)
    .option('--token <token...>', 'bearer tokens that are let in', [DEFAULT_TOKEN])
    .option('--latency-ms <ms>', 'wait before each answer', wholeNumber)
    .option('--chunk-delay-ms <ms>', 'wait between the chunks of a stream', wholeNumber)
    .option('--words-per-chunk <words>', 'words in a chunk of a stream', wholeNumber)
    .option('--any-endpoint', 'serve any endpoint name, not only the known ones')
    .option('--json', 'print where it listens as a line of JSON')
    .action(run);
  return command;
}

async function run({ listen, token, json, ...behaviour }: RunOptions): Promise<void> {
  const workspace = createSimulatedDatabricks({ ...behaviour, tokens: token });
  const url = await workspace.listen(listen);
  process.stdout.write(
    json === true
      ? `${JSON.stringify({ url, pid: process.pid })}\n`
      : `Simulated Databricks workspace at ${url} (set DATABRICKS_HOST to it, and DATABRICKS_TOKEN to its token).\n`,
  );
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  await workspace.close();
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError('Give a whole number of zero or more.');
  }
  return value;
}

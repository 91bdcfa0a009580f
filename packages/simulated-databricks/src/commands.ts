import { readConfig, runProcess, type Stoppable } from '@tollgate/http';
import { createLogger } from '@tollgate/telemetry';
import { Command, InvalidArgumentError } from 'commander';
import { simulatedDatabricksConfig } from './config.ts';
import { SimulatedDatabricksError } from './errors.ts';
import { parseListenAddress } from './serving/listen-address.ts';
import { createSimulatedDatabricks } from './serving/workspace.ts';

const DEFAULT_LISTEN = '127.0.0.1:41020';

interface RunOptions {
  readonly listen: string;
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
    .description('serve the endpoints; the token that is let in comes from DATABRICKS_TOKEN')
    .option('--listen <host:port>', 'where to listen', listenAddress, DEFAULT_LISTEN)
    .option('--latency-ms <ms>', 'wait before each answer', wholeNumber(0))
    .option('--chunk-delay-ms <ms>', 'wait between the chunks of a stream', wholeNumber(0))
    .option('--words-per-chunk <words>', 'words in a chunk of a stream', wholeNumber(1))
    .option('--any-endpoint', 'serve any endpoint name, not only the known ones')
    .option('--json', 'say where it listens in a line of JSON')
    .action(run);
  return command;
}

async function run({ listen, json, ...behaviour }: RunOptions): Promise<void> {
  const name = 'simulated-databricks';
  // Standard output says where it listens, for people and scripts; the log goes beside it.
  const logger = createLogger({ service: name, destination: process.stderr });
  const start = async (): Promise<Stoppable> => {
    const config = readConfig(simulatedDatabricksConfig, process.env);
    logger.level = config.LOG_LEVEL;
    const { DATABRICKS_CLIENT_ID: clientId, DATABRICKS_CLIENT_SECRET: clientSecret } = config;
    const workspace = createSimulatedDatabricks({
      ...behaviour,
      tokens: [config.DATABRICKS_TOKEN],
      oauthClients: clientId === undefined || clientSecret === undefined ? [] : [{ clientId, clientSecret }],
    });
    const url = await workspace.listen(listen);
    process.stdout.write(
      json === true
        ? `${JSON.stringify({ url, pid: process.pid })}\n`
        : `Simulated Databricks workspace at ${url} (give it to clients as DATABRICKS_HOST).\n`,
    );
    return { stop: () => workspace.close() };
  };
  process.exitCode = await runProcess({ name, logger, start });
}

function listenAddress(text: string): string {
  try {
    parseListenAddress(text);
    return text;
  } catch (error) {
    if (error instanceof SimulatedDatabricksError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`Give a whole number of ${least} or more.`);
  };
}

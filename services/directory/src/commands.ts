import { createBus } from '@tollgate/bus';
import { openPool } from '@tollgate/database';
import { type Environment, runProcess, type Stoppable, stopInOrder } from '@tollgate/http';
import { createLogger, createMetrics, type Logger } from '@tollgate/telemetry';
import { Command } from 'commander';
import { createDirectory } from './app.ts';
import { readDirectoryConfig } from './config.ts';

export { DIRECTORY_CLIENT_COMMANDS, directoryClientCommands } from './client/client-commands.ts';

const NAME = 'directory';

/** `tollgate directory run`: serves until SIGTERM or SIGINT. */
export function directoryCommand(): Command {
  const command = new Command(NAME).description('who may call: organisations, teams, people, roles and keys');
  command
    .command('run')
    .description('serve the directory; configured by environment variables')
    .option('--listen <host:port>', 'where to listen, before LISTEN')
    .action(async ({ listen }: { listen?: string }) => {
      const env = listen === undefined ? process.env : { ...process.env, LISTEN: listen };
      const logger = createLogger({ service: NAME });
      process.exitCode = await runProcess({ name: NAME, logger, start: () => startDirectory(env, logger) });
    });
  return command;
}

/**
 * The service with everything it needs, from its environment.
 *
 * @throws ConfigError one line that names the variable
 */
export async function startDirectory(env: Environment, logger: Logger): Promise<Stoppable> {
  const config = readDirectoryConfig(env);
  logger.level = config.logLevel;
  const metrics = createMetrics({ processMetrics: true });
  const pool = openPool({ url: config.databaseUrl, applicationName: `tollgate-${NAME}`, logger });
  const bus = createBus(config.bus, { logger, metrics, clientId: `tollgate-${NAME}` });
  const started: Stoppable[] = [{ stop: () => pool.end() }, { stop: () => bus.close() }];
  try {
    const directory = await createDirectory({ ...config, pool, bus, logger, metrics });
    started.push(directory);
    const { url } = await directory.listen(config.listen);
    logger.info({ url }, 'the directory listens');
  } catch (error) {
    await stopInOrder(started).stop();
    throw error;
  }
  return stopInOrder(started);
}

import { runService, type StartService, serviceStart } from '@tollgate/http';
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
      await runService(NAME, startDirectory, env);
    });
  return command;
}

/** The service with everything it needs, from its environment. */
export const startDirectory: StartService = serviceStart(NAME, readDirectoryConfig, createDirectory);

import { type Environment, readConfig } from '@tollgate/http';
import { Command } from 'commander';
import { z } from 'zod';
import { DirectoryClient } from './directory-client.ts';
import { ENTITY_COMMANDS, type EntityCommand } from './entity-commands.ts';
import { grantCommands } from './grant-commands.ts';
import { say } from './output.ts';

const environment = z.object({
  TOLLGATE_DIRECTORY_URL: z
    .url('must be a URL, such as http://127.0.0.1:41010')
    .default('http://127.0.0.1:41010'),
  TOLLGATE_TOKEN: z.string(),
});

/** The names of the commands and what they are about, for a catalogue that loads them late. */
export const DIRECTORY_CLIENT_COMMANDS: Readonly<Record<string, string>> = Object.fromEntries([
  ...ENTITY_COMMANDS.map(({ name, description }) => [name, description]),
  ['grant', 'roles for a while, which a second person approves'],
]);

/**
 * `tollgate org|team|project|… create|list|show|delete`, `tollgate grant request|approve|list|delete`: the directory's
 * API from a terminal, at TOLLGATE_DIRECTORY_URL with TOLLGATE_TOKEN (or TOLLGATE_TOKEN_FILE).
 */
export function directoryClientCommands(env: Environment = process.env): Command[] {
  const connect = () => {
    const { TOLLGATE_DIRECTORY_URL: baseUrl, TOLLGATE_TOKEN: token } = readConfig(environment, env);
    return new DirectoryClient({ baseUrl, token });
  };
  return [...ENTITY_COMMANDS.map((entry) => entityCommand(entry, connect)), grantCommands(connect)];
}

function entityCommand(entry: EntityCommand, connect: () => DirectoryClient): Command {
  const command = new Command(entry.name).description(entry.description);
  if (entry.create !== undefined) {
    const create = command.command('create').description(`create one ${entry.noun}`);
    entry.create.options(create);
    const { run } = entry.create;
    create.option('--json', 'say it in a line of JSON').action(async (options: Record<string, unknown>) => {
      const { json, ...given } = options;
      say(await run(connect(), given), { json: json === true, columns: entry.columns });
    });
  }
  const list = command.command('list').description(`list ${entry.noun}s`);
  for (const { flag, text } of entry.filters) list.option(flag, text);
  list.option('--json', 'one line of JSON each').action(async (options: Record<string, unknown>) => {
    const { json, ...filters } = options;
    for await (const item of entry.list(connect(), filters)) {
      say(item, { json: json === true, columns: entry.columns });
    }
  });
  command
    .command('show <id>')
    .description(`show one ${entry.noun}`)
    .action(async (id: string) =>
      say(await entry.get(connect(), id), { json: true, columns: entry.columns }),
    );
  command
    .command(`${entry.deletion} <id>`)
    .description(`${entry.deletion} one ${entry.noun}`)
    .action((id: string) => entry.delete(connect(), id));
  return command;
}

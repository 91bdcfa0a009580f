import { text } from 'node:stream/consumers';
import { ConfigError, type Environment, readConfig } from '@tollgate/http';
import { Command } from 'commander';
import { z } from 'zod';
import { serviceSchemas } from '../database/schemas.ts';
import { ensureGatewayToken } from './gateway-token.ts';
import { writeSecrets } from './secrets.ts';

interface SecretsFlags {
  readonly folder: string;
  readonly postgres: string;
  readonly owner: string;
  readonly databricksTokenStdin?: true;
}

/** `tollgate setup …`. */
export function setupCommand(environment: Environment = process.env): Command {
  const command = new Command('setup').description(
    'what an installation in containers has to have before its services start',
  );
  command
    .command('secrets')
    .description('make the passwords that are missing, each in the folder of its reader')
    .requiredOption('--folder <folder>', 'with a folder for each reader')
    .option('--postgres <host:port/database>', 'where Postgres is to be', 'postgres:5432/tollgate')
    .option('--owner <role>', "the database's owner", 'tollgate')
    .option('--databricks-token-stdin', 'take the token of a Databricks workspace from standard input')
    .action(secrets);
  command
    .command('tokens')
    .description(
      "make the gateways' own token, unless the directory knows it (TOLLGATE_DIRECTORY_URL; TOLLGATE_TOKEN with the scope roles:assign)",
    )
    .requiredOption('--gateway-token <file>', 'where the gateways read it')
    .action((flags: { readonly gatewayToken: string }) => tokens(flags.gatewayToken, environment));
  return command;
}

async function secrets(flags: SecretsFlags): Promise<void> {
  const { folder, postgres, owner } = flags;
  const schemas = await serviceSchemas();
  const written = writeSecrets({
    folder,
    postgres,
    owner,
    roles: schemas.map(({ role }) => role),
    databricksToken: flags.databricksTokenStdin ? await tokenFromStdin() : null,
  });
  process.stdout.write(written.length === 0 ? 'Every secret is there.\n' : `wrote ${written.join(', ')}\n`);
}

async function tokenFromStdin(): Promise<string> {
  const token = (await text(process.stdin)).trim();
  if (/^\S+$/.test(token)) return token;
  throw new ConfigError('--databricks-token-stdin', 'standard input has to hold one token and nothing else');
}

async function tokens(file: string, environment: Environment): Promise<void> {
  const { TOLLGATE_DIRECTORY_URL: directoryUrl } = readConfig(
    z.object({ TOLLGATE_DIRECTORY_URL: z.url() }),
    environment,
  );
  const made = await ensureGatewayToken({
    directoryUrl,
    file,
    administrator: () => readConfig(z.object({ TOLLGATE_TOKEN: z.string() }), environment).TOLLGATE_TOKEN,
  });
  process.stdout.write(made ? `wrote ${file}\n` : "The gateways' token is there.\n");
}

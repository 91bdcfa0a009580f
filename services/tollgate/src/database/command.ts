import { initEmbeddedBus } from '@tollgate/bus';
import { migrate } from '@tollgate/database';
import { readConfig } from '@tollgate/http';
import { createLogger } from '@tollgate/telemetry';
import { Command } from 'commander';
import { z } from 'zod';
import { serviceSchemas } from './schemas.ts';

const PASSWORD = z.string().min(8);
/** Has no schema of its own: it is there for the bus. */
const GATEWAY = 'gateway';

/** `tollgate database …`. */
export function databaseCommand(): Command {
  const command = new Command('database').description("the services' schemas and roles in Postgres");
  command
    .command('migrate')
    .description(
      'create or update the schemas and login roles of all services (DATABASE_OWNER_URL; a password per role in ' +
        'DIRECTORY_DATABASE_PASSWORD, AUDIT_DATABASE_PASSWORD, CHARGEBACK_DATABASE_PASSWORD, ' +
        'BUDGETS_DATABASE_PASSWORD, DATABRICKS_SYNC_DATABASE_PASSWORD; each also as *_FILE)',
    )
    .option(
      '--embedded-bus',
      'the bus in this Postgres as well, and a role gateway for it (GATEWAY_DATABASE_PASSWORD)',
    )
    .option('--json', 'print what was applied as one line of JSON')
    .action(migrateAll);
  return command;
}

async function migrateAll(flags: { embeddedBus?: true; json?: true }): Promise<void> {
  const schemas = await serviceSchemas();
  const passwordOf = (role: string) => `${role.toUpperCase()}_DATABASE_PASSWORD`;
  const config: Record<string, string | undefined> = readConfig(
    z.object({
      DATABASE_OWNER_URL: z.url({ protocol: /^postgres(ql)?$/ }),
      ...Object.fromEntries(schemas.map(({ role }) => [passwordOf(role), PASSWORD.optional()])),
      ...(flags.embeddedBus ? { [passwordOf(GATEWAY)]: PASSWORD } : {}),
    }),
    process.env,
  );
  const ownerUrl = config['DATABASE_OWNER_URL'] ?? '';
  const logger = createLogger({ service: 'database' });
  const applied: { schema: string; set: string; number: number; name: string }[] = [];
  for (const { schema, role, sets } of schemas) {
    const rolePassword = config[passwordOf(role)];
    const result = await migrate({
      ownerUrl,
      schema,
      role,
      sets,
      logger,
      ...(rolePassword === undefined ? {} : { rolePassword }),
    });
    applied.push(...result.applied.map((file) => ({ schema, ...file })));
  }
  if (flags.embeddedBus) {
    const rolePassword = config[passwordOf(GATEWAY)] ?? '';
    await initEmbeddedBus({
      ownerUrl,
      roles: [{ role: GATEWAY, rolePassword }, ...schemas.map(({ role }) => ({ role }))],
      logger,
    });
  }
  if (flags.json) process.stdout.write(`${JSON.stringify({ applied })}\n`);
  else if (applied.length === 0) process.stdout.write('Every schema is up to date.\n');
  else for (const file of applied) process.stdout.write(`applied ${file.schema} ${file.set}/${file.name}\n`);
}

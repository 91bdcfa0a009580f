import { EXIT_CODES, runService, type StartService, serviceStart } from '@tollgate/http';
import { Command } from 'commander';
import { createDatabricksSync } from './app.ts';
import { readDatabricksSyncConfig, readNamespace, readTargetConfig } from './config.ts';
import { createTarget } from './target/create-target.ts';
import { databricksDdl } from './target/databricks/databricks-sql.ts';

const NAME = 'databricks-sync';

/** `tollgate databricks-sync run`. */
export function databricksSyncCommand(): Command {
  const command = new Command(NAME).description('delivery of charges and audit events to Databricks SQL');
  command
    .command('run')
    .description('run the service; configured by environment variables')
    .action(() => runService(NAME, startDatabricksSync));
  return command;
}

/** `tollgate databricks init`. */
export function databricksCommand(): Command {
  const command = new Command('databricks').description('the tables in Databricks SQL');
  command
    .command('init')
    .description('make schema, tables and views where they are missing')
    .option('--dry-run', 'print the SQL and connect to nothing')
    .action(async (flags: { readonly dryRun?: true }) => {
      if (flags.dryRun === true) {
        for (const statement of databricksDdl(readNamespace(process.env)))
          process.stdout.write(`${statement};\n\n`);
        return;
      }
      const config = readTargetConfig(process.env);
      const target = createTarget(
        config.kind === 'databricks-sql' ? { ...config, createTables: true } : config,
      );
      try {
        await target.init();
        process.stdout.write(`${target.description.location} has its tables\n`);
      } catch (error) {
        process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
        process.exitCode = EXIT_CODES.failed;
      } finally {
        await target.close();
      }
    });
  return command;
}

/** The service with everything it needs, from its environment. */
export const startDatabricksSync: StartService = serviceStart(
  NAME,
  readDatabricksSyncConfig,
  async (parts) => {
    const target = createTarget(parts.targetConfig);
    try {
      const service = await createDatabricksSync({ ...parts, target });
      return {
        ...service,
        async stop() {
          await service.stop();
          await target.close();
        },
      };
    } catch (error) {
      await target.close();
      throw error;
    }
  },
);

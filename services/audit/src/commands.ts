import { createBus } from '@tollgate/bus';
import { openPool } from '@tollgate/database';
import { readConfig, runProcess, ServiceClient, stopInOrder } from '@tollgate/http';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import { Command } from 'commander';
import { z } from 'zod';
import { createAudit } from './app.ts';
import { openFileSegments } from './archive/file-segments.ts';
import { type AuditConfig, readAuditConfig } from './config.ts';

const MAX_CONNECTIONS = 16;

/** `tollgate audit run` and `tollgate audit search`. */
export function auditCommand(): Command {
  const command = new Command('audit').description('the audit trail');
  command.command('run').description('run the service; configured by environment variables').action(run);
  command
    .command('search')
    .description('search the trail, newest first')
    .option('--request-id <id>')
    .option('--team <id>')
    .option('--organisation <id>')
    .option('--type <type>', 'such as tollgate.usage.v1')
    .option('--source <source>')
    .option('--from <instant>', 'RFC 3339, event time')
    .option('--to <instant>', 'RFC 3339, event time, not included')
    .option('--limit <events>', 'at most', '100')
    .option('--json', 'one JSON object a line')
    .action(search);
  return command;
}

async function run(): Promise<void> {
  const logger = createLogger({ service: 'audit' });
  process.exitCode = await runProcess({
    name: 'audit',
    logger,
    async start() {
      const config = readAuditConfig(process.env);
      logger.level = config.logLevel;
      return startAudit(config, logger);
    },
  });
}

async function startAudit(config: AuditConfig, logger: ReturnType<typeof createLogger>) {
  const metrics = createMetrics({ processMetrics: true });
  const pool = openPool({
    url: config.databaseUrl,
    applicationName: 'tollgate-audit',
    maxConnections: MAX_CONNECTIONS,
    logger,
  });
  const bus = createBus(config.bus, { logger, metrics, clientId: 'tollgate-audit' });
  const store = await openFileSegments(config.archiveFolder);
  const owned = [{ stop: () => store.close() }, { stop: () => pool.end() }, { stop: () => bus.close() }];
  try {
    const audit = await createAudit({ ...config, pool, bus, store, logger, metrics });
    owned.push(audit);
    const { url } = await audit.listen(config.listen);
    logger.info({ url }, 'audit serves');
    return stopInOrder(owned);
  } catch (error) {
    await stopInOrder(owned).stop();
    throw error;
  }
}

const clientEnvironment = z.object({
  TOLLGATE_AUDIT_URL: z.url().default('http://127.0.0.1:41011'),
  TOLLGATE_TOKEN: z.string(),
});

interface SearchOptions {
  readonly requestId?: string;
  readonly team?: string;
  readonly organisation?: string;
  readonly type?: string;
  readonly source?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: string;
  readonly json?: boolean;
}

const foundPage = z.object({
  items: z.array(
    z.object({
      leaf_index: z.number(),
      received_at: z.string(),
      event: z.looseObject({
        id: z.string(),
        type: z.string(),
        subject: z.string(),
        time: z.string(),
        source: z.string(),
      }),
    }),
  ),
  next_cursor: z.string().nullable(),
});

async function search({ json, requestId, limit, ...filter }: SearchOptions): Promise<void> {
  const env = readConfig(clientEnvironment, process.env);
  const client = new ServiceClient({ baseUrl: env.TOLLGATE_AUDIT_URL, token: env.TOLLGATE_TOKEN });
  const page = await client.call({
    method: 'GET',
    path: '/v1/events',
    query: { ...filter, request_id: requestId, limit },
    answer: foundPage,
  });
  for (const item of page.items) {
    const { event } = item;
    const line =
      json === true
        ? JSON.stringify(item)
        : [item.leaf_index, event.time, event.type, event.subject, event.source].join('  ');
    process.stdout.write(`${line}\n`);
  }
  if (page.next_cursor !== null && json !== true)
    process.stderr.write('There are more: narrow the search.\n');
}

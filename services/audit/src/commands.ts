import { assertMigrated } from '@tollgate/database';
import {
  configuredClient,
  runService,
  type Service,
  type ServiceParts,
  type StartService,
  serviceStart,
  stopInOrder,
} from '@tollgate/http';
import { CHECKPOINT_PATH } from '@tollgate/transparency-log';
import { Command } from 'commander';
import { z } from 'zod';
import { createAudit } from './app.ts';
import { openFileSegments } from './archive/file-segments.ts';
import { type AuditConfig, DEFAULT_PORT, readAuditConfig } from './config.ts';
import { fsckCommand } from './fsck/command.ts';
import { auditMigrations } from './migrations.ts';
import { proofCommands } from './tree/commands.ts';
import { openFileTiles } from './tree/file-tiles.ts';
import { type LogSigners, openLogSigners, readLogSigners } from './tree/log-signers.ts';
import { readPublication } from './tree/publication.ts';
import type { TileStore } from './tree/tile-store.ts';

const NAME = 'audit';

/** `tollgate audit run`, `search`, `key`, `prove`, `verify` and `fsck`. */
export function auditCommand(): Command {
  const command = new Command(NAME).description('the audit trail');
  command
    .command('run')
    .description('run the service; configured by environment variables')
    .action(() => runService(NAME, startAudit));
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
  for (const each of proofCommands()) command.addCommand(each);
  command.addCommand(fsckCommand());
  return command;
}

/** The service with everything it needs, from its environment. */
export const startAudit: StartService = serviceStart(NAME, readAuditConfig, createOnFiles);

/** The service with its archive and its tiles in folders. */
async function createOnFiles(parts: ServiceParts & AuditConfig): Promise<Service> {
  const store = await openFileSegments(parts.archiveFolder);
  try {
    const tiles = await openFileTiles(parts.logFolder);
    const signers = await signersOf(parts, tiles);
    const audit = await createAudit({ ...parts, store, tiles, signers });
    return { ...audit, stop: () => stopInOrder([{ stop: () => store.close() }, audit]).stop() };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function signersOf(
  { logKey, logOrigin, pool }: ServiceParts & AuditConfig,
  tiles: TileStore,
): Promise<LogSigners> {
  if ('text' in logKey) return readLogSigners(logKey.text, logOrigin);
  await assertMigrated({ pool, ...auditMigrations });
  const begun = (await tiles.read(CHECKPOINT_PATH)) !== undefined || (await readPublication(pool)) !== null;
  return openLogSigners(logKey.file, { origin: logOrigin, begun });
}

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
  const client = configuredClient(process.env, 'TOLLGATE_AUDIT_URL', DEFAULT_PORT);
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

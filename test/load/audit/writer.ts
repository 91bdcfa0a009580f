import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  auditMigrations,
  createAudit,
  openFileSegments,
  openFileTiles,
  openLogSigners,
} from '@tollgate/audit';
import { type Bus, createKafkaBus, type KafkaConfig } from '@tollgate/bus';
import { migrate, openPool, type Pool } from '@tollgate/database';
import { type Service, stopInOrder } from '@tollgate/http';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import { processCpuSeconds } from '../process-cpu.ts';

const POLL_MS = 10;
const TIMEOUT_MS = 300_000;

/** The audit service of the benchmark, on a real Kafka and Postgres, and where its files are. */
export interface RunningAudit {
  readonly pool: Pool;
  readonly url: string;
  stop(): Promise<void>;
}

export interface AuditPlace {
  /** As the owner. */
  readonly postgresUrl: string;
  readonly kafka: KafkaConfig;
  readonly folder: string;
  readonly password: string;
}

export function auditPlace(place: Omit<AuditPlace, 'password'>): AuditPlace {
  return { ...place, password: randomBytes(18).toString('base64url') };
}

/** Starts the service as it runs, consumer, integrator, publisher, indexer and API in one process. */
export async function startAudit({
  postgresUrl,
  kafka,
  folder,
  password,
}: AuditPlace): Promise<RunningAudit> {
  await migrate({ ownerUrl: postgresUrl, ...auditMigrations, rolePassword: password });
  const url = new URL(postgresUrl);
  url.username = auditMigrations.role;
  url.password = password;
  mkdirSync(folder, { recursive: true });
  const logger = createLogger({ service: 'bench', level: 'error' });
  const pool = openPool({ url: url.href, applicationName: 'bench-audit', maxConnections: 16 });
  const bus: Bus = createKafkaBus(kafka, { logger });
  const store = await openFileSegments(folder);
  const service: Service = await createAudit({
    pool,
    databaseUrl: url.href,
    bus,
    store,
    tiles: await openFileTiles(join(folder, 'log')),
    signers: await openLogSigners(join(folder, 'log.key'), { origin: undefined, begun: false }),
    logger,
    metrics: createMetrics(),
    witnesses: [],
    witnessTimeoutMs: 0,
    gapGraceMs: 30_000,
    sourceLostAfterMs: 30_000,
    unsettledAfterMs: 900_000,
    payloadGraceMs: 300_000,
  });
  const address = await service.listen({ host: '127.0.0.1', port: 0 });
  const parts = [
    { stop: () => store.close() },
    { stop: () => pool.end() },
    { stop: () => bus.close() },
    service,
  ];
  return { pool, url: address.url, stop: () => stopInOrder(parts).stop() };
}

/** Events per second from the topic, and microseconds of CPU an event: ours and of all of Postgres. */
export interface Written {
  readonly events: number;
  /** From the first commit into the log to the published checkpoint that covers them all. */
  readonly published_per_second: number;
  /** The same to the search index. */
  readonly searchable_per_second: number;
  readonly cpu_us: number;
}

/** Waits until so many more events are published and indexed, and says how fast that went. */
export async function drain(place: AuditPlace, events: number, before: number): Promise<Written> {
  const cpu = processCpuSeconds(process.pid);
  const audit = await startAudit(place);
  try {
    const deadline = performance.now() + TIMEOUT_MS;
    let first: { readonly atMs: number; readonly size: number } | null = null;
    let published = 0;
    for (;;) {
      const { rows } = await audit.pool.query<{ size: string; published: string; indexed: string }>(
        `SELECT (SELECT size FROM log_state)::text AS size, (SELECT size FROM log_publication)::text AS published,
                (SELECT size FROM index_position)::text AS indexed`,
      );
      const atMs = performance.now();
      const [size = 0, done = 0, indexed = 0] = [rows[0]?.size, rows[0]?.published, rows[0]?.indexed].map(
        (text) => Number(text) - before,
      );
      if (first === null && size > 0) first = { atMs, size };
      if (first !== null) {
        const rate = ((events - first.size) * 1000) / (atMs - first.atMs);
        if (published === 0 && done >= events) published = rate;
        if (published > 0 && indexed >= events) {
          const cpuSeconds = processCpuSeconds(process.pid) - cpu;
          return {
            events,
            published_per_second: Math.round(published),
            searchable_per_second: Math.round(rate),
            cpu_us: Number(((cpuSeconds / events) * 1e6).toFixed(1)),
          };
        }
      }
      if (atMs > deadline) throw new Error(`${done} of ${events} events are published, ${indexed} indexed`);
      await delay(POLL_MS);
    }
  } finally {
    await audit.stop();
  }
}

/** Bytes an event takes for good: archive, log, Postgres. */
export interface Sizes {
  readonly event_bytes: number;
  readonly archive_bytes: number;
  readonly log_bytes: number;
  readonly postgres_bytes: number;
}

export async function sizesPerEvent(
  place: AuditPlace,
  owner: Pool,
  events: number,
  eventBytes: number,
): Promise<Sizes> {
  const log = await bytesBelow(join(place.folder, 'log'));
  const archive = (await bytesBelow(place.folder)) - log;
  await owner.query('CHECKPOINT');
  const { rows } = await owner.query<{ bytes: string }>(
    `SELECT sum(pg_total_relation_size(c.oid))::text AS bytes FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE nspname = 'audit' AND relkind = 'r' AND relname <> 'inbox'`,
  );
  const per = (bytes: number) => Math.round(bytes / events);
  return {
    event_bytes: Math.round(eventBytes),
    archive_bytes: per(archive),
    log_bytes: per(log),
    postgres_bytes: per(Number(rows[0]?.bytes)),
  };
}

async function bytesBelow(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return sum;
}

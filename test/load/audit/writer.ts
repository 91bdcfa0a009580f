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
import { familyCpuSeconds, processCpuSeconds } from '../process-cpu.ts';

const POLL_MS = 20;
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
  readonly postgresPid: number;
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

/** Events per second from the topic, and microseconds of CPU an event. */
export interface Written {
  readonly events: number;
  /** From the first commit into the log to the published checkpoint that covers them all. */
  readonly published_per_second: number;
  /** The same to the search index; null where that was left out. */
  readonly searchable_per_second: number | null;
  /** Of the service, in the same stretch of time. */
  readonly node_cpu_us: number;
  /** Of everything that Postgres does meanwhile. */
  readonly postgres_cpu_us: number;
}

interface Extent {
  readonly atMs: number;
  readonly size: number;
  readonly published: number;
  readonly indexed: number;
  readonly nodeSeconds: number;
  readonly postgresSeconds: number;
}

async function extent(owner: Pool, place: AuditPlace, before: number): Promise<Extent> {
  const { rows } = await owner.query<{ size: string; published: string; indexed: string }>(
    `SELECT (SELECT size FROM audit.log_state)::text AS size,
            (SELECT size FROM audit.log_publication)::text AS published,
            (SELECT size FROM audit.index_position)::text AS indexed`,
  );
  const [size = 0, published = 0, indexed = 0] = [rows[0]?.size, rows[0]?.published, rows[0]?.indexed].map(
    (text) => Number(text) - before,
  );
  return {
    atMs: performance.now(),
    ...{ size, published, indexed },
    nodeSeconds: processCpuSeconds(process.pid),
    postgresSeconds: familyCpuSeconds(place.postgresPid),
  };
}

/** Beyond every leaf: an indexer that stands here has nothing to do. */
const FAR_AHEAD = 2 ** 50;

/**
 * Waits until so many more events are published and indexed, and says how fast that went.
 *
 * @param indexing whether the index is made at the same time; if not, afterwards, unmeasured
 */
export async function drain(
  owner: Pool,
  place: AuditPlace,
  {
    events,
    before,
    indexing,
  }: { readonly events: number; readonly before: number; readonly indexing: boolean },
): Promise<Written> {
  const standAt = (leaf: number) => owner.query('UPDATE audit.index_position SET size = $1', [leaf]);
  const stood = indexing ? 0 : before + (await extent(owner, place, before)).indexed;
  if (!indexing) await standAt(FAR_AHEAD);
  const audit = await startAudit(place);
  try {
    const first = await reached(owner, place, before, ({ size }) => size > 0);
    const published = await reached(owner, place, before, (now) => now.published >= events);
    const rate = (end: Extent) => Math.round(((events - first.size) * 1000) / (end.atMs - first.atMs));
    const done = indexing ? await reached(owner, place, before, (now) => now.indexed >= events) : published;
    const perEvent = (seconds: number) => Number(((seconds * 1e6) / (events - first.size)).toFixed(1));
    return {
      events,
      published_per_second: rate(published),
      searchable_per_second: indexing ? rate(done) : null,
      node_cpu_us: perEvent(done.nodeSeconds - first.nodeSeconds),
      postgres_cpu_us: perEvent(done.postgresSeconds - first.postgresSeconds),
    };
  } finally {
    if (!indexing) {
      await standAt(stood);
      await reached(owner, place, before, (now) => now.indexed >= events);
    }
    await audit.stop();
  }
}

async function reached(
  owner: Pool,
  place: AuditPlace,
  before: number,
  there: (extent: Extent) => boolean,
): Promise<Extent> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const now = await extent(owner, place, before);
    if (there(now)) return now;
    if (performance.now() > deadline) {
      throw new Error(
        `of those published to the topic, ${now.published} events are published, ${now.indexed} indexed`,
      );
    }
    await delay(POLL_MS);
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

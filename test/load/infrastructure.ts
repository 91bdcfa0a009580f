import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Bus, createKafkaBus, initTopics, type KafkaConfig, type Publisher } from '@tollgate/bus';
import { startLocalKafka } from '@tollgate/bus/local-kafka';
import { openPool, type Pool } from '@tollgate/database';
import { startEmbeddedPostgres } from '@tollgate/database/embedded';
import { type DirectoryEntity, serializeEvent, uuidV7 } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { ORGANISATION } from './usage-stream.ts';

/** One publisher's flush: it goes to one partition, the next to the next. */
const EVENTS_PER_FLUSH = 1_000;
const PUBLISH_TIMEOUT_MS = 180_000;

/** What a benchmark of services runs on: a real Kafka and a real Postgres, its own. */
export interface Infrastructure {
  readonly kafka: KafkaConfig;
  readonly postgresUrl: string;
  /** The process that all of Postgres' own are children of. */
  readonly postgresPid: number;
  /** As the owner of the database. */
  readonly owner: Pool;
}

/** A folder for a run; the caller removes it. */
export function benchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
  // As root, the embedded Postgres runs as another account, which has to pass through.
  if (process.getuid?.() === 0) chmodSync(folder, 0o711);
  return folder;
}

/** Starts both below the folder, or takes KAFKA_BROKERS; what was started is stopped by `stops`, the last first. */
export async function startInfrastructure(
  folder: string,
  stops: (() => Promise<unknown>)[],
): Promise<Infrastructure> {
  const logger = createLogger({ service: 'bench', level: 'warn' });
  const given = process.env['KAFKA_BROKERS']?.split(',');
  const local = given === undefined ? await startLocalKafka({ folder: join(folder, 'kafka'), logger }) : null;
  if (local !== null) stops.push(() => local.stop());
  const kafka = {
    brokers: given ?? local?.brokers ?? [],
    topicPrefix: `bench-${randomUUID().slice(0, 8)}.`,
  };
  await initTopics(kafka, { replicationFactor: 1, minInsyncReplicas: 1, logger });
  const postgres = await startEmbeddedPostgres({ dataFolder: join(folder, 'postgres'), logger });
  stops.push(() => postgres.stop());
  const owner = openPool({ url: postgres.url, applicationName: 'bench' });
  stops.push(() => owner.end());
  return { kafka, postgresUrl: postgres.url, postgresPid: postgres.pid, owner };
}

export function quietBus(kafka: KafkaConfig): Bus {
  return createKafkaBus(kafka, { logger: createLogger({ service: 'bench', level: 'error' }) });
}

/** The organisation that the usage stream belongs to. */
export const BENCH_ORGANISATION: DirectoryEntity = {
  kind: 'organisation',
  id: ORGANISATION,
  version: 1,
  deleted: false,
  name: 'Bench',
  currency: 'USD',
  billing_time_zone: 'Europe/Berlin',
};

/** Tells services that follow the directory of some entities. */
export async function publishDirectory(
  publisher: Publisher,
  entities: readonly DirectoryEntity[],
): Promise<void> {
  const time = new Date().toISOString();
  const batch = entities.map((entity, nth) => {
    const key = `${entity.kind}/${entity.id}`;
    const draft = { id: uuidV7(Date.now()), subject: key, time, data: { entity } };
    const event = { type: 'tollgate.directory.v1' as const, ...draft };
    return {
      topic: 'directory' as const,
      key,
      value: serializeEvent(event, '/services/directory/bench', nth + 1),
    };
  });
  await publishAgain(publisher, batch);
}

export async function publish(publisher: Publisher, values: readonly Buffer[]): Promise<void> {
  for (let start = 0; start < values.length; start += EVENTS_PER_FLUSH) {
    const flush = values.slice(start, start + EVENTS_PER_FLUSH);
    await publishAgain(
      publisher,
      flush.map((value) => ({ topic: 'usage', key: '', value })),
    );
  }
}

/** Topics that were just made have no leader for a moment. */
async function publishAgain(publisher: Publisher, batch: Parameters<Publisher['publish']>[0]): Promise<void> {
  const deadline = performance.now() + PUBLISH_TIMEOUT_MS;
  for (;;) {
    try {
      return await publisher.publish(batch);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(100);
    }
  }
}

/** The number behind a flag; undefined where there is none. */
export function numberAfter(args: readonly string[], flag: string): number | undefined {
  const index = args.indexOf(flag);
  const value = Number(args[index + 1]);
  return index >= 0 && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

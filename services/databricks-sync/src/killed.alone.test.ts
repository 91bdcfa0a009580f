import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bus, createPostgresBus, initEmbeddedBus, type Publisher } from '@tollgate/bus';
import { TOPICS } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { freePort, seededRandom, temporaryFolder, until } from '@tollgate/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishTokens } from './testing/directory.ts';
import { duckdbRows } from './testing/duckdb-file.ts';
import { chargeBytes, usageBytes } from './testing/events.ts';
import { SyncDatabase } from './testing/sync-database.ts';

const PROGRAM = fileURLToPath(new URL('testing/sync-process.ts', import.meta.url));
const EVENTS = 1_000;
const KILLS = 5;
const IN_TIME = { timeoutMs: 120_000, intervalMs: 50 };
const random = seededRandom(20);

let database: SyncDatabase;
let bus: Bus;
let publisher: Publisher;
let child: ChildProcess | null = null;
let env: Record<string, string>;
let file: string;

beforeAll(async () => {
  database = await SyncDatabase.create();
  await initEmbeddedBus({
    ownerUrl: database.ownerUrl,
    roles: [{ role: 'databricks_sync', writes: TOPICS }],
  });
  bus = createPostgresBus(
    { url: database.url },
    { logger: createLogger({ service: 'test', level: 'silent' }) },
  );
  publisher = await bus.createPublisher();
  await publishTokens(publisher, []);
  file = join(temporaryFolder('killed'), 'lakehouse.duckdb');
  env = {
    PATH: process.env['PATH'] ?? '',
    DATABASE_URL: database.url,
    TOLLGATE_BUS: 'embedded',
    TOLLGATE_BUS_DATABASE_URL: database.url,
    LISTEN: `127.0.0.1:${await freePort()}`,
    LOG_LEVEL: 'silent',
    DATABRICKS_SYNC_DUCKDB_FILE: file,
    DATABRICKS_SYNC_MAX_STALENESS_MS: '0',
    // Many small batches, so that a kill finds one under way.
    DATABRICKS_SYNC_MAX_BATCH_ROWS: '40',
  };
}, 120_000);

afterAll(async () => {
  await kill();
  await bus?.close();
  await database?.close();
});

function start(): void {
  child = spawn(process.execPath, [PROGRAM], { env, stdio: 'ignore' });
}

async function kill(): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function deliveredRows(): Promise<bigint> {
  const [audit, charges] = [await database.progress('audit_events'), await database.progress('charges')];
  return audit.deliveredRows + charges.deliveredRows;
}

it(`has every row exactly once after kill -9 at ${KILLS} moments (seed ${random.seed})`, async () => {
  for (let first = 0; first < EVENTS; first += 100) {
    const numbers = Array.from({ length: 100 }, (_, index) => first + index);
    await publisher.publish(numbers.map((n) => ({ topic: 'usage', key: 'k', value: usageBytes({ n }) })));
    await publisher.publish(numbers.map((n) => ({ topic: 'charges', key: 'k', value: chargeBytes(n) })));
  }
  start();
  for (let kills = 0; kills < KILLS; kills += 1) {
    const before = await deliveredRows();
    await until(async () => (await deliveredRows()) > before, IN_TIME);
    await new Promise((resolve) => setTimeout(resolve, random.integer(0, 120)));
    await kill();
    expect(await database.drained(), 'it was killed too late').toBe(false);
    start();
  }
  await until(
    async () => (await deliveredRows()) >= BigInt(3 * EVENTS) && (await database.drained()),
    IN_TIME,
  );
  await kill();
  expect(
    await duckdbRows(
      file,
      'SELECT count(*)::INT AS n, count(DISTINCT charge_id)::INT AS ids, sum(quantity)::INT AS tokens FROM charges',
    ),
  ).toEqual([{ n: EVENTS, ids: EVENTS, tokens: EVENTS * 100 }]);
  expect(
    await duckdbRows(
      file,
      "SELECT count(*)::INT AS n, count(DISTINCT event_id)::INT AS ids FROM audit_events WHERE type <> 'tollgate.source.started.v1'",
    ),
  ).toEqual([{ n: 2 * EVENTS, ids: 2 * EVENTS }]);
});

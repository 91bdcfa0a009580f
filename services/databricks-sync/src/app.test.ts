import { join } from 'node:path';
import { type Bus, createPostgresBus, initEmbeddedBus, type Publisher } from '@tollgate/bus';
import { openPool, type Pool } from '@tollgate/database';
import { TOPICS } from '@tollgate/events';
import type { Service } from '@tollgate/http';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import { createTestDatabase, type TestDatabase, temporaryFolder, until } from '@tollgate/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabricksSync } from './app.ts';
import { databricksSyncMigrations } from './migrations.ts';
import { DuckDbTarget } from './target/duckdb/duckdb-target.ts';
import { publishTokens } from './testing/directory.ts';
import { chargeBytes, usageBytes } from './testing/events.ts';

const IN_TIME = { timeoutMs: 30_000 };
const logger = createLogger({ service: 'databricks-sync', level: 'silent' });
const RANGE = 'from=2026-03-10T00:00:00Z&to=2026-03-11T00:00:00Z';

let database: TestDatabase;
let pool: Pool;
let bus: Bus;
let publisher: Publisher;
let sync: Service;
let target: DuckDbTarget;

beforeAll(async () => {
  database = await createTestDatabase({ services: [databricksSyncMigrations] });
  const url = database.urlFor('databricks_sync');
  await initEmbeddedBus({
    ownerUrl: database.ownerUrl,
    roles: [{ role: 'databricks_sync', writes: TOPICS }],
  });
  bus = createPostgresBus({ url }, { logger });
  publisher = await bus.createPublisher();
  await publishTokens(publisher, [
    { name: 'finance', role: 'finance' },
    { name: 'search', role: 'finance', change: { team_id: 'team_search' } },
    { name: 'member', role: 'team', change: { team_id: 'team_search' } },
  ]);
  pool = openPool({ url, applicationName: 'databricks-sync-test' });
  target = new DuckDbTarget(join(temporaryFolder('app'), 'lakehouse.duckdb'));
  sync = await createDatabricksSync({
    pool,
    databaseUrl: url,
    bus,
    logger,
    metrics: createMetrics(),
    target,
    maxStalenessMs: 100,
    maxBatchRows: 1_000,
    maxBatchBytes: 1e6,
    deliveryDeadlineMs: 20_000,
  });
  await until(async () => (await get('/v1/deliveries')).status === 200, IN_TIME);
}, 120_000);

afterAll(async () => {
  await sync?.stop();
  await target?.close();
  await bus?.close();
  await pool?.end();
  await database?.close();
});

// biome-ignore lint/suspicious/noExplicitAny: an answer is JSON of any shape here
async function get(url: string, token = 'finance'): Promise<{ status: number; json: any; text: string }> {
  const answer = await sync.http.inject({
    method: 'GET',
    url,
    headers: { authorization: `Bearer tgs_${token}` },
  });
  const isJson = String(answer.headers['content-type']).includes('json');
  return { status: answer.statusCode, json: isJson ? JSON.parse(answer.body) : undefined, text: answer.body };
}

describe('the delivery on the embedded bus', () => {
  it('brings events and charges from the bus into the target, and tells how far it has come', async () => {
    await publisher.publish([
      ...[1, 2, 3].map((n) => ({
        topic: 'usage' as const,
        key: 'k',
        value: usageBytes({ n, attribution: n === 3 ? { team_id: 'team_support' } : {} }),
      })),
      ...[1, 2, 2].map((n) => ({ topic: 'charges' as const, key: 'k', value: chargeBytes(n) })),
    ]);
    await until(async () => (await get(`/v1/lakehouse/totals?${RANGE}`)).json.charges === '2', IN_TIME);
    const { json } = await get(`/v1/lakehouse/totals?${RANGE}`);
    expect(json).toMatchObject({
      target: 'duckdb-file',
      requests: '3',
      input_tokens: '300',
      output_tokens: '30',
      charges: '2',
      amounts: [{ currency: 'USD', amount: '0.000108' }],
    });
    const deliveries = await until(async () => {
      const found = (await get('/v1/deliveries')).json;
      return found.items.every((item: { backlog_rows: number }) => item.backlog_rows === 0) && found;
    }, IN_TIME);
    expect(deliveries.target).toMatchObject({ kind: 'duckdb-file', stand_in: true });
    expect(deliveries.items).toMatchObject([
      { table: 'audit_events', lag_seconds: null, last_error: null, refused_rows: 0 },
      { table: 'charges', delivered_rows: 3, last_success_at: expect.any(String) },
    ]);
  });

  it('shows each caller what is within reach', async () => {
    expect((await get(`/v1/lakehouse/totals?${RANGE}&team=team_support`)).json.requests).toBe('1');
    expect((await get(`/v1/lakehouse/totals?${RANGE}`, 'search')).json.requests).toBe('2');
    expect((await get(`/v1/lakehouse/totals?${RANGE}&team=team_support`, 'search')).json.requests).toBe('0');
    expect((await get('/v1/deliveries', 'member')).status).toBe(403);
  });

  it('refuses an empty range', async () => {
    const answer = await get('/v1/lakehouse/totals?from=2026-03-10T00:00:00Z&to=2026-03-10T00:00:00Z');
    expect([answer.status, answer.json.code]).toEqual([400, 'range_invalid']);
  });

  it('is ready, and shows its backlog in the metrics', async () => {
    expect((await get('/readyz')).status).toBe(200);
    await publishTokens(publisher, [{ name: 'platform', role: 'platform' }]);
    const metrics = await until(async () => {
      const answer = await get('/metrics', 'platform');
      return answer.status === 200 && answer.text;
    }, IN_TIME);
    expect(metrics).toContain('tollgate_databricks_sync_backlog_rows{table="charges"} 0');
    expect(metrics).toContain('tollgate_databricks_sync_delivered_rows_total{table="charges"} 3');
  });
});

import { generateKeyPairSync } from 'node:crypto';
import path from 'node:path';
import { type Bus, createKafkaBus, initTopics, type Publisher } from '@tollgate/bus';
import { openPool, type Pool } from '@tollgate/database';
import { type EventType, serializeEvent, topicOf } from '@tollgate/events';
import { hashCredential, type Service, ServiceClient } from '@tollgate/http';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import {
  createTestDatabase,
  kafkaForTests,
  seededRandom,
  type TestDatabase,
  temporaryFolder,
  until,
} from '@tollgate/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createAudit } from './app.ts';
import { openFileSegments } from './archive/file-segments.ts';
import type { SegmentStore } from './archive/segment-store.ts';
import { auditMigrations } from './migrations.ts';
import { testSource, uuid7 } from './testing/events.ts';
import { openFileTiles } from './tree/file-tiles.ts';
import { openLogSigners } from './tree/log-signers.ts';

const TIMEOUT_MS = 30_000;
const random = seededRandom(99);
const key = generateKeyPairSync('ed25519');
const secret = 'tgs_apptest';
const logger = createLogger({ service: 'audit', level: 'silent' });

let database: TestDatabase;
let pool: Pool;
let bus: Bus;
let publisher: Publisher;
let store: SegmentStore;
let audit: Service;
let client: ServiceClient;

beforeAll(async () => {
  database = await createTestDatabase({ services: [auditMigrations] });
  const { brokers, topicPrefix } = await kafkaForTests();
  await initTopics({ brokers, topicPrefix }, { replicationFactor: 1, minInsyncReplicas: 1, logger });
  bus = createKafkaBus({ brokers, topicPrefix }, { logger });
  publisher = await bus.createPublisher();
  pool = openPool({ url: database.urlFor('audit'), applicationName: 'audit-test' });
  const folder = temporaryFolder('archive');
  store = await openFileSegments(folder);
  await publishDirectory();
  audit = await createAudit({
    pool,
    databaseUrl: database.urlFor('audit'),
    bus,
    store,
    tiles: await openFileTiles(path.join(folder, 'log')),
    signers: await openLogSigners(path.join(folder, 'log.key'), { origin: undefined, begun: false }),
    logger,
    metrics: createMetrics(),
    witnesses: [],
    witnessTimeoutMs: 400,
    gapGraceMs: 0,
    sourceLostAfterMs: 30_000,
    unsettledAfterMs: 900_000,
    payloadGraceMs: 300_000,
  });
  const { url } = await audit.listen({ host: '127.0.0.1', port: 0 });
  client = new ServiceClient({ baseUrl: url, token: secret });
});
afterAll(async () => {
  await audit.stop();
  await bus.close();
  await pool.end();
  await store.close();
  await database.close();
});

async function publish(events: readonly Buffer[]): Promise<void> {
  const batch = events.map((value) => {
    const { type, subject }: { type: EventType; subject: string } = JSON.parse(value.toString());
    return { topic: topicOf(type), key: subject, value };
  });
  // Whole again where it failed, as a publisher does: topics that were just made have no leader for a moment.
  await until(async () => publisher.publish(batch).then(() => true), {
    timeoutMs: TIMEOUT_MS,
    intervalMs: 200,
  });
}

/** A token that opens everything, and a gateway's key. */
async function publishDirectory(): Promise<void> {
  const base = { version: 1, deleted: false };
  const entities = [
    {
      ...base,
      kind: 'access-token' as const,
      id: 'tok_1',
      organisation_id: null,
      principal_type: 'service' as const,
      principal_id: 'svc_1',
      name: 'test',
      sha256: hashCredential(secret),
      roles: [],
      scopes: ['audit:read', 'events:replay', 'gaps:read', 'metrics:read'],
      team_id: null,
      expires_at: null,
    },
    {
      ...base,
      kind: 'gateway-instance' as const,
      id: 'gwi_1',
      instance: 'gw-1',
      public_key: testSource(random, '/gateways/gw-1/e0', key).publicKey,
    },
  ];
  await publish(
    entities.map((entity, nth) =>
      serializeEvent(
        {
          type: 'tollgate.directory.v1',
          id: uuid7(random),
          subject: `${entity.kind}/${entity.id}`,
          time: '2026-03-01T10:00:00.000Z',
          data: { entity },
        },
        '/services/directory/e1',
        nth + 1,
      ),
    ),
  );
}

const sources = z.object({ sources: z.array(z.looseObject({ source: z.string() })) });

describe('the audit service', () => {
  it('takes what is published, whatever comes twice, and answers for it', { timeout: 60_000 }, async () => {
    const gateway = testSource(random, '/gateways/gw-1/e1', key);
    gateway.started();
    const requests = Array.from({ length: 40 }, () => uuid7(random));
    for (const id of requests) gateway.request('team_a', id);
    const shuffled = random.shuffle([...gateway.events, ...gateway.events.slice(0, 50)]);
    for (let at = 0; at < shuffled.length; at += 20) await publish(shuffled.slice(at, at + 20));
    await publish([gateway.heartbeat()]);

    const standing = await until(
      async () => {
        const answer = await client.call({
          method: 'GET',
          path: '/v1/sources',
          query: { instance: 'gw-1' },
          answer: sources,
        });
        return answer.sources.find((each) => each['received'] === 121 && each['verified_through'] === 121);
      },
      { timeoutMs: TIMEOUT_MS },
    );
    expect(standing).toMatchObject({
      state: 'open',
      through: 121,
      missing: 0,
      gaps: [],
      chain_mismatch_at: null,
    });
    const life = await until(
      async () => {
        const { items } = await client.call({
          method: 'GET',
          path: '/v1/events',
          query: { request_id: requests[17] },
          answer: z.object({ items: z.array(z.unknown()) }),
        });
        return items.length >= 3 ? items : undefined;
      },
      { timeoutMs: TIMEOUT_MS },
    );
    expect(life).toHaveLength(3);
  });

  it('tells a gateway what it misses, and no more once it has it', { timeout: 60_000 }, async () => {
    const gateway = testSource(random, '/gateways/gw-1/e2', key);
    gateway.started();
    for (let i = 0; i < 5; i += 1) gateway.usage();
    await publish([...gateway.events.slice(0, 2), ...gateway.events.slice(4), gateway.heartbeat()]);
    const answer = z.object({ gaps: z.array(z.unknown()) });
    const gaps = async () =>
      (await client.call({ method: 'GET', path: '/v1/gaps', query: { instance: 'gw-1' }, answer })).gaps;
    // The heartbeat may come before the events, so that more is missed for a moment.
    const missed = JSON.stringify([{ source: gateway.name, from: 3, to: 4 }]);
    await until(async () => JSON.stringify(await gaps()) === missed, { timeoutMs: TIMEOUT_MS });
    await publish(gateway.events.slice(2, 4));
    await until(async () => (await gaps()).length === 0, { timeoutMs: TIMEOUT_MS });
  });

  it('archives, and publishes a checkpoint of it, within a second of arrival', {
    timeout: 60_000,
  }, async () => {
    const gateway = testSource(random, '/gateways/gw-1/e3', key);
    const delays: number[] = [];
    for (let i = 0; i < 10; i += 1) {
      gateway.usage();
      const from = performance.now();
      await publish(gateway.events.slice(i));
      await until(
        async () =>
          (
            await pool.query(
              `SELECT FROM entry JOIN source USING (source_id), log_publication
               WHERE name = $1 AND sequence = $2 AND leaf_index < log_publication.size`,
              [gateway.name, i + 1],
            )
          ).rowCount === 1,
        { timeoutMs: TIMEOUT_MS, intervalMs: 5 },
      );
      delays.push(performance.now() - from);
    }
    delays.sort((a, b) => a - b);
    expect(delays[5]).toBeLessThan(1_000);
  });

  it('keeps its own admin events, and what the directory says', { timeout: 60_000 }, async () => {
    const answer = await until(
      async () => {
        const found = await client.call({
          method: 'GET',
          path: '/v1/events',
          query: { source: '/services/directory/e1' },
          answer: z.object({ items: z.array(z.unknown()) }),
        });
        return found.items.length === 2 ? found : null;
      },
      { timeoutMs: TIMEOUT_MS },
    );
    expect(answer.items).toHaveLength(2);
    await until(
      async () => {
        const { sources: all } = await client.call({ method: 'GET', path: '/v1/sources', answer: sources });
        return all.some(
          ({ source, through, verified_through }) =>
            source.startsWith('/services/audit/') && Number(through) >= 1 && through === verified_through,
        );
      },
      { timeoutMs: TIMEOUT_MS },
    );
  });

  it('shows its depth, lag, size, gaps and conflicts as metrics', async () => {
    const response = await audit.http.inject({
      method: 'GET',
      url: '/metrics',
      headers: { authorization: `Bearer ${secret}` },
    });
    for (const name of [
      'inbox_events',
      'inbox_lag_seconds',
      'log_entries',
      'published_entries',
      'missing_events',
      'conflicts_total',
    ]) {
      expect(response.payload).toContain(`tollgate_audit_${name}`);
    }
  });

  it('says what it lacks: here only the heartbeat of a directory', async () => {
    const response = await audit.http.inject({ method: 'GET', url: '/readyz' });
    const { checks }: { checks: Record<string, { ok: boolean }> } = response.json();
    expect(Object.entries(checks).filter(([, { ok }]) => !ok)).toMatchObject([['directory', {}]]);
  });
});

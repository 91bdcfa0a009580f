import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Bus, createKafkaBus, initTopics, type Publisher } from '@tollgate/bus';
import { openPool, type Pool } from '@tollgate/database';
import { parseEvent, type TollgateEvent } from '@tollgate/events';
import { type Service, ServiceClient } from '@tollgate/http';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import {
  createTestDatabase,
  kafkaForTests,
  type TestDatabase,
  temporaryFolder,
  until,
} from '@tollgate/testing';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createChargeback } from './app.ts';
import { rollupDifferences } from './charging/rollup-differences.ts';
import { pricesCommandOf } from './client/prices-command.ts';
import { reportCommandOf } from './client/report-command.ts';
import { readCsv } from './csv.ts';
import { chargebackMigrations } from './migrations.ts';
import { pricesFromCsv, pricesToCsv } from './prices/price-csv.ts';
import { organisationEntity, publishDirectory, teamEntity, tokenEntity } from './testing/directory-events.ts';
import { priceOf } from './testing/price-rows.ts';
import { countingUuid, usageBytes } from './testing/usage-events.ts';

const TIMEOUT_MS = 60_000;
const logger = createLogger({ service: 'chargeback', level: 'silent' });

let database: TestDatabase;
let pool: Pool;
let bus: Bus;
let publisher: Publisher;
let chargeback: Service;

beforeAll(async () => {
  database = await createTestDatabase({ services: [chargebackMigrations] });
  const { brokers, topicPrefix } = await kafkaForTests();
  await initTopics({ brokers, topicPrefix }, { replicationFactor: 1, minInsyncReplicas: 1, logger });
  bus = createKafkaBus({ brokers, topicPrefix }, { logger });
  publisher = await bus.createPublisher();
  pool = openPool({ url: database.urlFor('chargeback'), applicationName: 'chargeback-test' });
  await until(
    () =>
      publishDirectory(publisher, [
        organisationEntity('org_acme', 'Europe/Berlin'),
        teamEntity('team_search', 'org_acme'),
        teamEntity('team_support', 'org_acme'),
        tokenEntity('finance', 'finance'),
        tokenEntity('security', 'security'),
        tokenEntity('member', 'team', { organisation_id: 'org_acme', team_id: 'team_support' }),
      ]).then(() => true),
    { timeoutMs: TIMEOUT_MS, intervalMs: 200 },
  );
  chargeback = await createChargeback({
    pool,
    databaseUrl: database.urlFor('chargeback'),
    bus,
    logger,
    metrics: createMetrics(),
    timeZoneGraceMs: 0,
  });
  await until(async () => (await call('GET', '/v1/prices')).status === 200, { timeoutMs: TIMEOUT_MS });
}, 240_000);

afterAll(async () => {
  await chargeback?.stop();
  await bus?.close();
  await pool?.end();
  await database?.close();
});

async function call(
  method: 'GET' | 'POST',
  url: string,
  body?: object,
  token = 'finance',
  // biome-ignore lint/suspicious/noExplicitAny: an answer is JSON of any shape here
): Promise<{ status: number; text: string; json: any }> {
  const answer = await chargeback.http.inject({
    method,
    url,
    headers: { authorization: `Bearer tgs_${token}` },
    ...(body === undefined ? {} : { payload: body }),
  });
  const isJson = String(answer.headers['content-type']).includes('json');
  return { status: answer.statusCode, text: answer.body, json: isJson ? JSON.parse(answer.body) : undefined };
}

/** Publishes usage; each batch goes to the next partition. */
async function publishUsage(values: readonly Buffer[]): Promise<void> {
  await until(
    () => publisher.publish(values.map((value) => ({ topic: 'usage', key: 'k', value }))).then(() => true),
    { timeoutMs: TIMEOUT_MS, intervalMs: 200 },
  );
}

/** Waits until so many usages can be read: other tests' transactions, on the same server, hold them back. */
async function charged(count: number): Promise<void> {
  await until(async () => (await call('GET', '/v1/charges?limit=1000')).json.items.length === count, {
    timeoutMs: TIMEOUT_MS,
    describe: `${count} usage events are not charged`,
  });
}

describe('the chargeback service on Kafka', () => {
  it('takes prices, charges usage once however it is repeated, and reports it', async () => {
    const prices = [priceOf().data, priceOf({ token_class: 'output', amount: '2' }).data].map(
      ({ price_id: _, version: __, ...draft }) => draft,
    );
    expect((await call('POST', '/v1/prices', { prices })).json).toMatchObject({
      added: [{}, {}],
      unchanged: 0,
    });
    expect((await call('POST', '/v1/prices', { prices })).json).toEqual({ added: [], unchanged: 2 });

    const events = Array.from({ length: 60 }, (_, n) =>
      usageBytes({ n, attribution: { team_id: n % 3 === 0 ? 'team_support' : 'team_search' } }),
    );
    await publishUsage(events.slice(0, 30));
    await publishUsage(events.slice(20));
    await publishUsage([Buffer.from('{"broken'), ...events.toReversed()]);
    await charged(60);
    await until(async () => (await chargeback.http.inject({ url: '/readyz' })).statusCode === 200, {
      timeoutMs: TIMEOUT_MS,
    });

    const report = await call('GET', '/v1/report?period=2026-03');
    expect(report.json).toMatchObject({
      period: '2026-03',
      rows: [
        {
          team: 'team_search',
          team_name: 'Name of team_search',
          currency: 'USD',
          requests: 40,
          input_tokens: 4000,
          output_tokens: 400,
          amount: '0.00296',
        },
        { team: 'team_support', requests: 20, input_tokens: 2000, output_tokens: 200, amount: '0.00148' },
      ],
      totals: [{ currency: 'USD', requests: 60, amount: '0.00444', time_zone_assumed: 0 }],
    });
    const csv = await call('GET', '/v1/report?period=2026-03&format=csv');
    expect(readCsv(csv.text)).toEqual(
      report.json.rows.map((row: object) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, String(value ?? '')])),
      ),
    );
    expect(await rollupDifferences(pool)).toEqual([]);
  });

  it('publishes each new price row and who brought it', async () => {
    const seen = new Map<string, TollgateEvent>();
    const consumer = await bus.follow({
      topic: 'prices',
      apply: ({ key, value }) => {
        const parsed = parseEvent(value);
        if (parsed.kind === 'event') seen.set(key, parsed.event);
      },
    });
    await until(() => seen.size === 2, { timeoutMs: TIMEOUT_MS });
    await consumer.stop();
    expect([...seen]).toEqual(
      expect.arrayContaining([
        [
          priceOf().data.price_id,
          expect.objectContaining({ data: expect.objectContaining({ amount: '0.54' }) }),
        ],
      ]),
    );
  });

  it('hands out charges page by page, and goes on from where a reader stopped', async () => {
    const items: { request_id: string; amount: string; charges: unknown[] }[] = [];
    let url = '/v1/charges?limit=25';
    let cursor: string;
    for (;;) {
      const { json } = await call('GET', url);
      items.push(...json.items);
      cursor = json.cursor;
      if (json.next_cursor === null) break;
      url = `/v1/charges?limit=25&cursor=${json.next_cursor}`;
    }
    expect(items).toHaveLength(60);
    expect(new Set(items.map((item) => item.request_id)).size).toBe(60);
    expect(items[0]).toMatchObject({
      client_request_id: expect.stringMatching(/^client-/),
      outcome: 'completed',
      amount: '0.000074',
      charges: [
        { token_class: 'input', quantity: 100, amount: '0.000054', status: 'priced' },
        { token_class: 'output', quantity: 10, amount: '0.00002', status: 'priced' },
      ],
    });

    const end = await call('GET', '/v1/charges?start=end');
    expect(end.json).toMatchObject({ items: [], next_cursor: null, cursor });
    await publishUsage([usageBytes({ n: 100, attribution: { served_model: 'unheard-of' } })]);
    await charged(61);
    const more = await until(
      async () => {
        const { json } = await call('GET', `/v1/charges?cursor=${cursor}`);
        return json.items.length > 0 && json.items;
      },
      { timeoutMs: TIMEOUT_MS },
    );
    expect(more).toMatchObject([{ request_id: countingUuid(100, 2), amount: null }]);
  });

  it('lists what has no price', async () => {
    expect((await call('GET', '/v1/unpriced')).json.items).toMatchObject([
      { model: 'unheard-of', token_class: 'input', charges: 1, tokens: 100 },
      { model: 'unheard-of', token_class: 'output', charges: 1, tokens: 10 },
    ]);
    const { json } = await call('GET', '/v1/charges?status=unpriced');
    expect(json.items).toHaveLength(1);
    const report = await call('GET', '/v1/report?period=2026-03');
    expect(report.json.totals).toMatchObject([
      { unpriced_charges: 2, unpriced_tokens: 110, amount: '0.00444' },
    ]);
    const metrics = await call('GET', '/metrics', undefined, 'finance');
    expect(metrics.status).toBe(403);
  });

  it('shows a team its own, and nobody else anything', async () => {
    const own = await call('GET', '/v1/report?period=2026-03', undefined, 'member');
    expect(own.json.rows.map((row: { team: string }) => row.team)).toEqual(['team_support']);
    const charges = await call('GET', '/v1/charges?limit=500', undefined, 'member');
    expect(charges.json.items).toHaveLength(20);
    expect((await call('GET', '/v1/charges?team=team_search', undefined, 'member')).status).toBe(403);
    expect((await call('GET', '/v1/unpriced', undefined, 'member')).json.items).toEqual([]);
    expect((await call('GET', '/v1/report?period=2026-03', undefined, 'security')).status).toBe(403);
    expect((await call('GET', '/v1/report?period=2026-03', undefined, 'nobody')).status).toBe(401);
    expect((await call('POST', '/v1/prices', { prices: [] }, 'member')).status).toBe(403);
  });

  it.each([
    ['/v1/report', 400, 'report_invalid'],
    ['/v1/report?period=2026-13', 400, 'invalid_request'],
    ['/v1/report?period=1776-07', 400, 'report_invalid'],
    ['/v1/report?period=2026-03&from=2026-03-01T00:00:00Z', 400, 'report_invalid'],
    ['/v1/report?from=2026-03-01T00:00:00Z&to=2026-03-01T00:30:00Z', 400, 'report_invalid'],
    ['/v1/report?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z', 400, 'report_invalid'],
    ['/v1/report?from=0000-01-01T00:00:00Z&to=2026-03-01T00:00:00Z', 400, 'report_invalid'],
    ['/v1/report?period=2026-03&group_by=mood', 400, 'invalid_request'],
    ['/v1/charges?cursor=nonsense', 400, 'invalid_cursor'],
    ['/v1/charges?limit=0', 400, 'invalid_request'],
  ])('refuses %s', async (url, status, code) => {
    const answer = await call('GET', url);
    expect({ status: answer.status, code: answer.json.code }).toEqual({ status, code });
  });

  it('refuses to edit a price, and says so by its code', async () => {
    const { price_id: _, version: __, ...draft } = priceOf({ amount: '99' }).data;
    const answer = await call('POST', '/v1/prices', { prices: [draft] });
    expect({ status: answer.status, code: answer.json.code }).toEqual({
      status: 409,
      code: 'price_conflict',
    });
    expect((await call('GET', '/v1/prices')).json.items).toHaveLength(2);
  });

  it('groups by every dimension with the same total', async () => {
    for (const dimension of [
      'organisation',
      'team',
      'project',
      'cost_centre',
      'principal',
      'key',
      'model',
      'requested_model',
      'serving_mode',
      'region',
      'outcome',
      'fidelity',
      'period',
      'day',
      'hour',
      'team,model,hour',
    ]) {
      const { json } = await call('GET', `/v1/report?period=2026-03&group_by=${dimension}`);
      const requests = json.rows.reduce((sum: number, row: { requests: number }) => sum + row.requests, 0);
      expect({ dimension, requests, totals: json.totals[0].amount }).toEqual({
        dimension,
        requests: 61,
        totals: '0.00444',
      });
    }
  });

  it('takes list prices and gives reports by its commands', async () => {
    const { url } = await chargeback.listen({ host: '127.0.0.1', port: 0 });
    const connect = () => new ServiceClient({ baseUrl: url, token: 'tgs_finance' });
    const run = async (command: Command, ...args: string[]): Promise<string> => {
      let text = '';
      const written = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
        text += String(chunk);
        return true;
      });
      try {
        await command.parseAsync(args, { from: 'user' });
        return text;
      } finally {
        written.mockRestore();
      }
    };
    const prices = () => pricesCommandOf(connect);
    expect(await run(prices(), 'import', '--list-prices')).toBe('9 rows added, 0 were there already\n');
    const file = path.join(temporaryFolder('prices'), 'prices.csv');
    writeFileSync(file, pricesToCsv([priceOf({ model: 'another' }).data]));
    expect(await run(prices(), 'import', file, '--json')).toBe('{"added":1,"unchanged":0}\n');
    expect(await run(prices(), 'import', file)).toBe('0 rows added, 1 were there already\n');
    expect(pricesFromCsv(await run(prices(), 'list'))).toHaveLength(12);
    expect(await run(prices(), 'missing')).toMatch(/^unheard-of\tpay-per-token\t.*100 tokens$/m);

    const csv = await run(reportCommandOf(connect), '--period', '2026-03', '--group-by', 'team,model');
    expect(csv).toBe((await call('GET', '/v1/report?period=2026-03&group_by=team,model&format=csv')).text);
    const out = path.join(temporaryFolder('report'), 'report.json');
    await run(reportCommandOf(connect), '--period', '2026-03', '--format', 'json', '--out', out);
    expect(JSON.parse(readFileSync(out, 'utf8'))).toEqual(
      (await call('GET', '/v1/report?period=2026-03')).json,
    );
  });
});

import { type Bus, createPostgresBus, initEmbeddedBus, type Publisher } from '@tollgate/bus';
import { openPool, type Pool } from '@tollgate/database';
import { type AccessToken, type DirectoryEntity, type Role, serializeEvent, TOPICS } from '@tollgate/events';
import { hashCredential, type Service, ServiceClient } from '@tollgate/http';
import { FollowedLimits, leaseAnswer } from '@tollgate/limits';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import { createTestDatabase, type TestDatabase, until } from '@tollgate/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBudgets } from './app.ts';
import { limitsCommandOf } from './client/limits-command.ts';
import { budgetsMigrations } from './migrations.ts';
import { countingUuid, priceMessage, usageBytes } from './testing/events.ts';

const TIMEOUT_MS = 30_000;
const logger = createLogger({ service: 'budgets', level: 'silent' });
const BASE = { version: 1, deleted: false };

let database: TestDatabase;
let pool: Pool;
let bus: Bus;
let publisher: Publisher;
let budgets: Service;
let url: string;
const limits = new FollowedLimits();

beforeAll(async () => {
  database = await createTestDatabase({ services: [budgetsMigrations] });
  await initEmbeddedBus({ ownerUrl: database.ownerUrl, roles: [{ role: 'budgets', writes: TOPICS }] });
  const databaseUrl = database.urlFor('budgets');
  bus = createPostgresBus({ url: databaseUrl }, { logger });
  pool = openPool({ url: databaseUrl, applicationName: 'budgets-test' });
  publisher = await bus.createPublisher();
  await publishDirectory();
  await publisher.publish(
    (['input', 'output'] as const).map((tokenClass) => ({
      topic: 'prices' as const,
      ...priceMessage({ tokenClass, amount: '1' }),
    })),
  );
  await bus.follow({ topic: 'limits', apply: (message) => limits.apply(message) });
  budgets = await createBudgets({
    pool,
    databaseUrl,
    bus,
    logger,
    metrics: createMetrics(),
    leaseTtlMs: 10_000,
    inFlightMs: 900_000,
    clockSkewMs: 60_000,
    priceGraceMs: 0,
    maxBatch: 100,
  });
  ({ url } = await budgets.listen({ host: '127.0.0.1', port: 0 }));
  await until(async () => (await call('GET', '/v1/limits')).status === 200, { timeoutMs: TIMEOUT_MS });
});
afterAll(async () => {
  await budgets?.stop();
  await bus?.close();
  await pool?.end();
  await database?.close();
});

async function publishDirectory(): Promise<void> {
  const organisation = { ...BASE, kind: 'organisation', currency: 'USD', billing_time_zone: 'UTC' } as const;
  const team = { ...BASE, kind: 'team', organisation_id: 'org_acme', cost_centre_id: null } as const;
  const entities: DirectoryEntity[] = [
    { ...organisation, id: 'org_acme', name: 'Acme' },
    { ...organisation, id: 'org_other', name: 'Other' },
    { ...team, id: 'team_search', name: 'Search' },
    { ...team, id: 'team_support', name: 'Support' },
    token('platform', ['platform']),
    token('other', ['platform'], { organisation_id: 'org_other' }),
    token('member', ['team'], { organisation_id: 'org_acme', team_id: 'team_support' }),
    token('gateway', [], { scopes: ['budgets:lease'] }),
  ];
  const time = new Date().toISOString();
  const source = '/services/directory/e1';
  await publisher.publish([
    ...entities.map((entity, n) => {
      const key = `${entity.kind}/${entity.id}`;
      const draft = {
        type: 'tollgate.directory.v1',
        id: countingUuid(n, 9),
        subject: key,
        time,
        data: { entity },
      } as const;
      return { topic: 'directory' as const, key, value: serializeEvent(draft, source, n + 1) };
    }),
    {
      topic: 'directory',
      key: 'heartbeat',
      value: serializeEvent(
        {
          type: 'tollgate.directory.heartbeat.v1',
          id: countingUuid(0, 10),
          subject: 'directory',
          time,
          data: { at: time },
        },
        source,
        null,
      ),
    },
  ]);
}

function token(name: string, roles: Role[], change: Partial<AccessToken> = {}): DirectoryEntity {
  return {
    ...BASE,
    kind: 'access-token',
    id: `tok_${name}`,
    organisation_id: null,
    principal_type: 'service',
    principal_id: `sp_${name}`,
    name,
    sha256: hashCredential(`tgs_${name}`),
    roles,
    scopes: [],
    team_id: null,
    expires_at: null,
    ...change,
  };
}

async function call(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
  as = 'platform',
  // biome-ignore lint/suspicious/noExplicitAny: an answer is JSON of any shape here
): Promise<{ status: number; json: any }> {
  const answer = await budgets.http.inject({
    method,
    url: path,
    headers: { authorization: `Bearer tgs_${as}` },
    ...(body === undefined ? {} : { payload: body }),
  });
  return { status: answer.statusCode, json: answer.body === '' ? null : JSON.parse(answer.body) };
}

const LIMIT = {
  organisation_id: 'org_acme',
  scope: { team: 'team_search' },
  unit: 'total-tokens',
  window: 'day',
  amount: '1000',
  strict: true,
};

describe('the budgets service', () => {
  it('makes limits, tells them to all, grants leases of them and counts what was used', async () => {
    const made = await call('POST', '/v1/limits', LIMIT);
    expect(made).toMatchObject({ status: 201, json: { version: 1, amount: '1000', team_id: 'team_search' } });
    const id: string = made.json.limit_id;
    await until(() => limits.get(id)?.amount === 1000n, { timeoutMs: TIMEOUT_MS });
    const money = await call('POST', '/v1/limits', { ...LIMIT, unit: 'money', window: 'month', amount: '1' });

    const lease = {
      instance: 'gw-1',
      source: '/gateways/gw-1/e1',
      reports: [],
      wants: [
        {
          lease_id: countingUuid(1, 5),
          limit_id: id,
          window_starts_at: `${new Date().toISOString().slice(0, 10)}T00:00:00.000Z`,
          amount: '400',
          minimum: '100',
        },
      ],
    };
    const granted = await call('POST', '/v1/leases', lease, 'gateway');
    expect(granted.status).toBe(200);
    expect(leaseAnswer.parse(granted.json)).toMatchObject({
      leases: [{ granted: '400' }],
      states: [{ limit: '1000', granted: '400', remaining: '600' }],
    });

    const requested_at = new Date().toISOString();
    const usage = Array.from({ length: 4 }, (_, n) =>
      usageBytes({
        n: n + 1,
        source: lease.source,
        data: { requested_at, lease_ids: n === 3 ? [] : [countingUuid(1, 5)] },
      }),
    );
    const messages = [...usage, ...usage, Buffer.from('{"broken')].map((value) => ({
      topic: 'usage' as const,
      key: 'k',
      value,
    }));
    await publisher.publish(messages.slice(0, 5));
    await publisher.publish(messages.slice(2));
    await until(
      async () => (await call('GET', `/v1/budgets?limit_id=${id}`)).json.items[0]?.confirmed === '440',
      { timeoutMs: TIMEOUT_MS },
    );
    const { json } = await call('GET', `/v1/budgets?team=team_search&limit_id=${id}`);
    expect(json.items).toMatchObject([
      { limit_id: id, limit: '1000', granted: '400', settled: '330', unleased: '110', remaining: '490' },
    ]);
    const spent = await call('GET', `/v1/budgets?limit_id=${money.json.limit_id}`);
    expect(spent.json.items).toMatchObject([{ currency: 'USD', confirmed: '0.00044', uncounted: 0 }]);
    const day = new Date().toISOString().slice(0, 10);
    const range = await call(
      'GET',
      `/v1/budgets?limit_id=${id}&from=${day}T00:00:00Z&to=2199-01-01T00:00:00Z`,
    );
    expect(range.json).toMatchObject({ items: [{ limit_id: id, confirmed: '440' }], next_cursor: null });
    await until(async () => (await call('GET', '/readyz')).status === 200, { timeoutMs: TIMEOUT_MS });
    const { body } = await budgets.http.inject({
      url: '/metrics',
      headers: { authorization: 'Bearer tgs_platform' },
    });
    expect(body).toContain('tollgate_budgets_wants_total{result="granted"} 1');
    expect(body).toContain('tollgate_budgets_usage_events_total{result="new"} 4');
    expect(body).toContain('tollgate_budgets_stranded{unit="total-tokens"} 0');
    expect(body).toContain('tollgate_budgets_overshoot{unit="money"} 0');
  });

  it('shows and changes only what the token reaches', async () => {
    const { json } = await call('POST', '/v1/limits', { ...LIMIT, scope: { team: 'team_support' } });
    const own = (await call('GET', '/v1/budgets', undefined, 'member')).json.items;
    expect(own).toMatchObject([{ limit_id: json.limit_id, confirmed: '0', remaining: '1000' }]);
    expect((await call('GET', '/v1/limits', undefined, 'member')).json.items).toHaveLength(1);
    expect((await call('GET', '/v1/limits', undefined, 'other')).json.items).toEqual([]);
    const path = `/v1/limits/${json.limit_id}`;
    expect((await call('GET', path, undefined, 'other')).status).toBe(404);
    expect((await call('DELETE', path, undefined, 'other')).status).toBe(404);
    expect((await call('PATCH', path, { version: 1, amount: '1' }, 'member')).status).toBe(403);
    expect((await call('POST', '/v1/limits', LIMIT, 'other')).status).toBe(403);
    expect((await call('POST', '/v1/leases', {}, 'platform')).status).toBe(403);
    expect((await call('GET', '/v1/budgets', undefined, 'gateway')).status).toBe(403);
    const others = { instance: 'gw-1', source: '/gateways/gw-2/e1', reports: [], wants: [] };
    expect((await call('POST', '/v1/leases', others, 'gateway')).json).toMatchObject({
      code: 'invalid_request',
      errors: [{ field: 'source' }],
    });
  });

  it('describes its API', async () => {
    const { json } = await call('GET', '/openapi.json');
    expect(Object.keys(json.paths)).toEqual(
      expect.arrayContaining(['/v1/leases', '/v1/limits', '/v1/limits/{id}', '/v1/budgets']),
    );
  });

  it('turns pages', async () => {
    for (const window of ['minute', 'hour', 'month']) await call('POST', '/v1/limits', { ...LIMIT, window });
    for (const path of ['/v1/limits', '/v1/budgets']) {
      const all = (await call('GET', path)).json.items;
      const seen = [];
      let cursor = '';
      do {
        const page = (await call('GET', `${path}?limit=2${cursor}`)).json;
        seen.push(...page.items);
        cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`;
      } while (cursor !== '');
      expect(seen).toEqual(all);
      expect(all.length).toBeGreaterThanOrEqual(5);
    }
    expect((await call('GET', '/v1/budgets?from=2026-01-01T00:00:00Z')).status).toBe(400);
  });

  it('answers the command `limits`', async () => {
    const run = async (...args: string[]): Promise<string> => {
      let written = '';
      const client = new ServiceClient({ baseUrl: url, token: 'tgs_platform' });
      const command = limitsCommandOf(
        () => client,
        (text) => {
          written += text;
        },
      );
      await command.parseAsync(args, { from: 'user' });
      return written;
    };
    const budget = ['--org', 'org_acme', '--team', 'team_support', '--unit', 'money', '--window', 'month'];
    const made = JSON.parse(await run('set', ...budget, '--amount', '50', '--json'));
    expect(made).toMatchObject({ version: 1, amount: '50', currency: 'USD', strict: false });
    const changed = JSON.parse(await run('set', ...budget, '--amount', '60.5', '--strict', '--json'));
    expect(changed).toMatchObject({ limit_id: made.limit_id, version: 2, amount: '60.5', strict: true });
    expect(await run('list', '--team', 'team_support')).toContain('team=team_support\t60.5 USD per month');
    expect(await run('show', made.limit_id)).toMatch(/0 used, 60\.5 left/);
    expect(JSON.parse(await run('show', made.limit_id, '--json'))).toMatchObject({
      now: { remaining: '60.5' },
    });
    expect(await run('delete', made.limit_id)).toBe(`${made.limit_id} deleted\n`);
    await expect(run('show', made.limit_id)).rejects.toMatchObject({ code: 'not_found' });
    await until(() => limits.get(made.limit_id) === undefined, { timeoutMs: TIMEOUT_MS });
  });
});

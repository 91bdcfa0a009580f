import {
  startWarehouse,
  type Warehouse,
  type WarehouseFaultRule,
} from '@tollgate/simulated-databricks/warehouse';
import { until } from '@tollgate/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chargeBytes, countingUuid } from '../../testing/events.ts';
import { ScriptedLakehouse } from '../../testing/scripted-lakehouse.ts';
import { SyncDatabase } from '../../testing/sync-database.ts';
import { DatabricksTarget, type WarehouseCredential } from './databricks-target.ts';

const IN_TIME = { timeoutMs: 25_000 };
const OAUTH = { clientId: 'delivery', clientSecret: 'not a secret' };

let database: SyncDatabase;
let lakehouse: ScriptedLakehouse;
let warehouse: Warehouse;
let target: DatabricksTarget;

beforeAll(async () => {
  database = await SyncDatabase.create();
});
afterAll(() => database.close());

beforeEach(async () => {
  lakehouse = new ScriptedLakehouse();
  warehouse = await startWarehouse({ engine: lakehouse.engine, oauthClients: [OAUTH] });
  target = targetOf({ token: warehouse.token });
});
afterEach(async () => {
  await database.stopDelivery();
  await target.close();
  await warehouse.stop();
});

function targetOf(credential: WarehouseCredential): DatabricksTarget {
  return new DatabricksTarget({
    address: { host: warehouse.host, port: warehouse.port, path: warehouse.path },
    credential,
    namespace: { catalog: 'main', schema: 'tollgate' },
    createTables: true,
    trustedCertificate: warehouse.certificate,
  });
}

async function delivered(): Promise<void> {
  await until(() => database.drained(), { ...IN_TIME, describe: 'rows still wait' });
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Each with whether what it strikes was executed all the same. */
const FAULTS: readonly [string, WarehouseFaultRule][] = [
  ['the request is lost', { kind: 'request-lost' }],
  ['the reply is lost', { kind: 'reply-lost' }],
  ['the reply is cut in the middle', { kind: 'cut-mid-answer' }],
  ['the session has expired', { kind: 'session-expired' }],
  ['the warehouse is overloaded', { kind: 'http-error', status: 503 }],
  ['there are too many requests', { kind: 'http-error', status: 429, retryAfterSeconds: 1 }],
  ['the token is refused for a moment', { kind: 'http-error', status: 403 }],
  ['the warehouse takes a while to start', { kind: 'slow', ms: 400 }],
  [
    'another writer wins',
    {
      kind: 'sql-error',
      message: 'files were added',
      sqlState: '2D521',
      condition: 'DELTA_CONCURRENT_APPEND',
    },
  ],
  ['the warehouse is stopped', { kind: 'sql-error', message: 'stopped', sqlState: '57014' }],
  ['no session is given', { kind: 'http-error', status: 503, rpc: 'OpenSession' }],
  ['the reply to opening a session is lost', { kind: 'reply-lost', rpc: 'OpenSession' }],
  ['the connection is cut while the result is read', { kind: 'cut-mid-answer', rpc: 'FetchResults' }],
  ['the operation can not be closed', { kind: 'request-lost', rpc: 'CloseOperation' }],
];

describe('delivery to a SQL warehouse, by the real driver', () => {
  it.each(FAULTS)('has every row once though %s', async (_, rule) => {
    await database.take(range(5).map((n) => chargeBytes(n)));
    for (const after of rule.rpc === 'OpenSession' ? [0] : [0, 1]) {
      warehouse.faults.next({ ...rule, after, ...(rule.rpc === undefined ? { statement: /^MERGE/ } : {}) });
    }
    database.startDelivery(target, { limits: { maxRows: 2, maxBytes: 1e6 } });
    await delivered();
    expect(lakehouse.ids('charges')).toEqual(range(5).map((n) => countingUuid(n, 4)));
    expect(lakehouse.ids('audit_events')).toEqual(range(5).map((n) => countingUuid(n, 3)));
    if (rule.rpc === undefined) expect(warehouse.faults.struck).toBe(2);
  });

  it('keeps the order of the queue, and merges by one parameter within the limits', async () => {
    await database.take(range(7).map((n) => chargeBytes(n)));
    database.startDelivery(target, { limits: { maxRows: 3, maxBytes: 1e6 } });
    await delivered();
    const merges = lakehouse.engine.executed.filter(
      ({ sql }) => sql.includes('`charges`') && sql.startsWith('MERGE'),
    );
    expect(merges.map(({ parameters }) => JSON.parse(parameters[0]?.value ?? '').length)).toEqual([3, 3, 1]);
    expect(merges[0]?.sql).toContain("BETWEEN DATE'2026-03-10' AND DATE'2026-03-10'");
    expect(lakehouse.ddl[0]).toBe('CREATE SCHEMA IF NOT EXISTS `main`.`tollgate`');
    expect(lakehouse.ddl[1]).toContain("'delta.appendOnly' = 'true'");
  });

  it('waits as long as the warehouse asks', async () => {
    await database.take([chargeBytes(1)]);
    const fault = warehouse.faults.next({
      kind: 'http-error',
      status: 503,
      retryAfterSeconds: 1,
      statement: /^MERGE INTO .*`charges`/,
    });
    database.startDelivery(target);
    await until(() => fault.struck === 1, IN_TIME);
    const struckMs = performance.now();
    await delivered();
    expect(performance.now() - struckMs).toBeGreaterThan(900);
  });

  it('stops at what the warehouse refuses, says so, and goes on once that is mended', async () => {
    await database.take([chargeBytes(1)]);
    const fault = warehouse.faults.next({
      kind: 'sql-error',
      message: "can't cast 'secret value'",
      sqlState: '22018',
      condition: 'CAST_INVALID_INPUT',
      statement: /^MERGE INTO .*`charges`/,
      times: 2,
    });
    database.startDelivery(target);
    await until(async () => (await database.progress('charges')).lastErrorCode === 'target_refused', IN_TIME);
    const { lastError } = await database.progress('charges');
    expect(lastError).toBe('SQLSTATE 22018 CAST_INVALID_INPUT: see the log');
    await delivered();
    expect(fault.struck).toBe(2);
    expect(lakehouse.ids('charges')).toHaveLength(1);
  });

  it('is let in by OAuth, and fetches another token when one is refused', async () => {
    const principal = targetOf({ oauth: OAUTH });
    try {
      await principal.init();
      expect(warehouse.tokensIssued).toBe(1);
      await principal.deliver('charges', [], new AbortController().signal).catch(() => {});
      warehouse.expireTokens();
      await expect(principal.init()).rejects.toMatchObject({ code: 'target_denied' });
      await principal.init();
      expect(warehouse.tokensIssued).toBe(2);
    } finally {
      await principal.close();
    }
  });

  it('reads totals as decimal text', async () => {
    lakehouse.engine
      .on(/FROM `main`\.`tollgate`\.`audit_events` WHERE/, () => ({
        columns: { requests: 'string', input_tokens: 'string', output_tokens: 'string' },
        rows: [{ requests: '2', input_tokens: '9007199254740993', output_tokens: '0' }],
      }))
      .on(/FROM `main`\.`tollgate`\.`charges` WHERE/, () => ({
        columns: { currency: 'string', charges: 'string', amount: 'string' },
        rows: [
          { currency: null, charges: '1', amount: null },
          { currency: 'USD', charges: '2', amount: '12345678901234567890.123456789012345670' },
        ],
      }));
    const query = {
      from: '2026-03-10T00:00:00Z',
      to: '2026-03-11T00:00:00Z',
      organisationId: 'o',
      teamIds: ['t'],
    };
    expect(await target.totals(query, new AbortController().signal)).toEqual({
      requests: '2',
      inputTokens: '9007199254740993',
      outputTokens: '0',
      charges: '3',
      amounts: [{ currency: 'USD', amount: '12345678901234567890.12345678901234567' }],
    });
  });

  it('closes quietly though the warehouse has forgotten its sessions', async () => {
    await target.init();
    await warehouse.expireSessions();
    await target.close();
  });
});

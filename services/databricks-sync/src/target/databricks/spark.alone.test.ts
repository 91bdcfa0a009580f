import { until, type WarehouseForTests, warehouseForTests } from '@tollgate/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ATTRIBUTION, chargeBytes, countingUuid, taken, usageBytes } from '../../testing/events.ts';
import { SyncDatabase } from '../../testing/sync-database.ts';
import { databricksDialect } from './databricks-sql.ts';
import { DatabricksTarget } from './databricks-target.ts';
import { WarehouseClient } from './warehouse-client.ts';

const { signal } = new AbortController();
const DAY = { from: '2026-03-10T00:00:00Z', to: '2026-03-11T00:00:00Z', organisationId: null, teamIds: null };
const HOSTILE = {
  'quote"\'`;--': "'); DROP TABLE charges;--",
  '😀': '\u2028\\ \\u0041',
  empty: '',
  ключ: '\t\n',
};

let spark: WarehouseForTests;
let database: SyncDatabase;
let target: DatabricksTarget;
let analyst: WarehouseClient;

beforeAll(async () => {
  spark = await warehouseForTests();
  if (!spark.available) return;
  database = await SyncDatabase.create();
  const { host, port, path, token, certificate } = spark.warehouse;
  const address = { host, port, path };
  target = new DatabricksTarget({
    address,
    credential: { token },
    namespace: { catalog: spark.catalog, schema: spark.schema },
    createTables: true,
    trustedCertificate: certificate,
  });
  analyst = new WarehouseClient(address, { get: async () => token, forget: () => {} }, certificate);
}, 900_000);

afterAll(async () => {
  await database?.close();
  await Promise.all([target?.close(), analyst?.close()]);
  if (spark?.available) await spark.warehouse.stop();
});

beforeEach((context) => context.skip(!spark.available, spark.available ? undefined : spark.reason));

/** As somebody who has opened a SQL editor. */
function query(sql: string): Promise<unknown[]> {
  if (!spark.available) throw new Error('no Spark');
  const { auditEvents, charges } = databricksDialect({ catalog: spark.catalog, schema: spark.schema });
  const daily = charges.replace('charges', 'daily');
  return analyst.execute(
    sql.replaceAll('AUDIT_EVENTS', auditEvents).replaceAll('CHARGES', charges).replaceAll('DAILY', daily),
    {},
  );
}

describe('the tables on Spark and Delta Lake, by the real driver', () => {
  it('are made once, and filled by the queue exactly once though replies are lost', async () => {
    if (!spark.available) return;
    const bytes = [
      ...Array.from({ length: 40 }, (_, n) => usageBytes({ n })),
      ...Array.from({ length: 40 }, (_, n) => chargeBytes(n)),
    ];
    await database.take([...bytes, chargeBytes(1), usageBytes({ n: 1 })]);
    for (const kind of ['reply-lost', 'request-lost', 'session-expired', 'cut-mid-answer'] as const) {
      spark.warehouse.faults.next({ kind, statement: /^MERGE/ });
    }
    database.startDelivery(target, { deadlineMs: 120_000, limits: { maxRows: 50, maxBytes: 1e6 } });
    await until(() => database.drained(), { timeoutMs: 240_000 });
    await database.stopDelivery();
    expect(spark.warehouse.faults.struck).toBe(4);
    await target.init();
    expect(
      await query(
        'SELECT count(*) AS n, count(DISTINCT charge_id) AS ids, sum(amount) AS amount FROM CHARGES',
      ),
    ).toEqual([{ n: 40n, ids: 40n, amount: '0.002160000000000000' }]);
    expect(await query('SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM AUDIT_EVENTS')).toEqual([
      { n: 80n, ids: 80n },
    ]);
    expect(await target.totals(DAY, signal)).toEqual({
      requests: '40',
      inputTokens: '4000',
      outputTokens: '400',
      charges: '40',
      amounts: [{ currency: 'USD', amount: '0.00216' }],
    });
    expect(
      await target.totals({ ...DAY, teamIds: ['nobody'], organisationId: 'org_acme' }, signal),
    ).toMatchObject({
      requests: '0',
      amounts: [],
    });
    expect(await query('SELECT day, requests, input_tokens, amount FROM DAILY')).toMatchObject([
      { requests: 40n, input_tokens: 4000n, amount: '0.002160000000000000' },
    ]);
  });

  it('refuse to be changed', async () => {
    for (const sql of ['UPDATE CHARGES SET amount = 0', 'DELETE FROM AUDIT_EVENTS']) {
      const error: unknown = await query(sql).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'target_refused',
        message: 'SQLSTATE 42809 DELTA_CANNOT_MODIFY_APPEND_ONLY: see the log',
      });
    }
  });

  it('hold every digit, microsecond, text and null unchanged, and check the digests of events themselves', async () => {
    const amount = '-12345678901234567890.123456789012345678';
    const charge = chargeBytes(1000, {
      line: { amount },
      requested_at: '2026-03-10T12:00:00.123456Z',
      attribution: { ...ATTRIBUTION, tags: HOSTILE, region: '', project_id: null },
    });
    const rows = [
      ...taken(charge).rows,
      ...taken(usageBytes({ n: 1000, attribution: { tags: HOSTILE } })).rows,
    ];
    for (const table of ['audit_events', 'charges'] as const) {
      await target.deliver(
        table,
        rows.filter((row) => row.table === table),
        signal,
      );
    }
    // As text: of negative decimals with so many digits the driver makes -1.23.45678901234568e+37.
    expect(
      await query(
        `SELECT CAST(amount AS STRING) AS amount, unix_micros(requested_at) AS micros, tags, region, project_id FROM CHARGES WHERE charge_id = '${countingUuid(1000, 4)}'`,
      ),
    ).toEqual([
      {
        amount,
        micros: BigInt(Date.parse('2026-03-10T12:00:00.123Z')) * 1000n + 456n,
        tags: JSON.stringify(HOSTILE),
        region: '',
        project_id: null,
      },
    ]);
    expect(
      await query('SELECT count(*) AS n, count_if(sha2(event, 256) = sha256) AS whole FROM AUDIT_EVENTS'),
    ).toEqual([{ n: 82n, whole: 82n }]);
  });

  it('take nothing of a batch in which one row can not be read', async () => {
    const [, row] = taken(chargeBytes(2000)).rows;
    if (row === undefined) throw new Error('no row');
    const broken = { ...row, key: 'k', body: row.body.replace('"quantity":100', '"quantity":"many"') };
    await expect(target.deliver('charges', [row, broken], signal)).rejects.toMatchObject({
      code: 'target_refused',
    });
    expect(await query(`SELECT * FROM CHARGES WHERE charge_id = '${countingUuid(2000, 4)}'`)).toEqual([]);
  });
});

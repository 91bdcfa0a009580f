import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { temporaryFolder } from '@tollgate/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { TableName } from '../../tables/columns.ts';
import { duckdbRows } from '../../testing/duckdb-file.ts';
import { chargeBytes, taken, usageBytes } from '../../testing/events.ts';
import { DuckDbTarget } from './duckdb-target.ts';

const { signal } = new AbortController();
const DAY = { from: '2026-03-10T00:00:00Z', to: '2026-03-11T00:00:00Z', organisationId: null, teamIds: null };

let file: string;
let target: DuckDbTarget;

beforeEach(async () => {
  file = join(temporaryFolder('duckdb'), 'data', 'lakehouse.duckdb');
  target = new DuckDbTarget(file);
  await target.init();
});

async function deliver(table: TableName, events: readonly Buffer[]): Promise<void> {
  const rows = events.flatMap((bytes) => taken(bytes).rows).filter((row) => row.table === table);
  await target.deliver(table, rows, signal);
}

describe('a DuckDB file as the target', () => {
  it('holds each row once, however often it is delivered, and never changes one', async () => {
    await deliver('charges', [chargeBytes(1), chargeBytes(2)]);
    await deliver('charges', [chargeBytes(2, { line: { amount: '9' } }), chargeBytes(3)]);
    await target.init();
    expect(await duckdbRows(file, 'SELECT count(*) AS n, sum(amount)::VARCHAR AS sum FROM charges')).toEqual([
      { n: '3', sum: '0.000162000000000000' },
    ]);
  });

  it('keeps every digit of DECIMAL(38,18), microseconds, Unicode, nulls and hostile texts', async () => {
    const amount = '-12345678901234567890.123456789012345678';
    const tags = {
      'quote"\'`;--': "Robert'); DROP TABLE charges;--",
      nul: 'a\u0000b',
      '😀': '\u2028\\',
      empty: '',
    };
    await deliver('charges', [
      chargeBytes(1, {
        line: { amount },
        requested_at: '2026-03-10T12:00:00.123456Z',
        attribution: { ...JSON.parse(chargeBytes(1).toString()).data.attribution, tags, region: null },
      }),
    ]);
    expect(
      await duckdbRows(
        file,
        'SELECT amount::VARCHAR AS amount, epoch_us(requested_at) AS micros, region, tags, event_date::VARCHAR AS day FROM charges',
      ),
    ).toEqual([
      {
        amount,
        micros: String(Date.parse('2026-03-10T12:00:00.123Z') * 1000 + 456),
        region: null,
        tags: JSON.stringify(tags),
        day: '2026-03-10',
      },
    ]);
  });

  it('keeps events to the byte, so that it can check their digests itself', async () => {
    const bytes = usageBytes({ n: 1, attribution: { tags: { ключ: '"\\\ud83d\ude00' } } });
    await deliver('audit_events', [bytes, usageBytes({ n: 2 })]);
    expect(
      await duckdbRows(
        file,
        'SELECT bool_and(sha256(event) = sha256) AS whole, count(*) AS n FROM audit_events',
      ),
    ).toEqual([{ whole: true, n: '2' }]);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(await duckdbRows(file, `SELECT sequence FROM audit_events WHERE sha256 = '${sha256}'`)).toEqual([
      { sequence: '2' },
    ]);
  });

  it('adds up what it holds, per team and time, and per day in its view', async () => {
    const support = { team_id: 'team_support' };
    await deliver('audit_events', [
      usageBytes({ n: 1 }),
      usageBytes({ n: 2, attribution: support, input: 7 }),
      usageBytes({ n: 3, data: { final: false, outcome: 'failed' } }),
      usageBytes({ n: 4, data: { requested_at: '2026-03-11T00:00:00.000Z' } }),
      chargeBytes(1),
    ]);
    await deliver('charges', [
      chargeBytes(1),
      chargeBytes(3, { line: { currency: 'EUR', amount: '1.50' } }),
      chargeBytes(4, { requested_at: '2026-03-11T00:00:00.000Z' }),
      chargeBytes(5, { line: { status: 'unpriced', amount: null, currency: null } }),
    ]);
    expect(await target.totals(DAY, signal)).toEqual({
      requests: '2',
      inputTokens: '207',
      outputTokens: '30',
      charges: '3',
      amounts: [
        { currency: 'EUR', amount: '1.5' },
        { currency: 'USD', amount: '0.000054' },
      ],
    });
    expect(await target.totals({ ...DAY, teamIds: ['team_support'] }, signal)).toMatchObject({
      requests: '1',
      inputTokens: '7',
      charges: '0',
      amounts: [],
    });
    expect(await target.totals({ ...DAY, organisationId: 'org_other' }, signal)).toMatchObject({
      requests: '0',
    });
    expect(await target.totals({ ...DAY, teamIds: [] }, signal)).toMatchObject({
      requests: '0',
      charges: '0',
    });
    expect(
      await duckdbRows(
        file,
        'SELECT day::VARCHAR AS day, team_id, currency, requests::INT AS requests, amount::VARCHAR AS amount FROM daily ORDER BY ALL',
      ),
    ).toEqual([
      {
        day: '2026-03-10',
        team_id: 'team_search',
        currency: 'EUR',
        requests: 0,
        amount: '1.500000000000000000',
      },
      {
        day: '2026-03-10',
        team_id: 'team_search',
        currency: 'USD',
        requests: 1,
        amount: '0.000054000000000000',
      },
      { day: '2026-03-10', team_id: 'team_support', currency: null, requests: 1, amount: null },
      {
        day: '2026-03-11',
        team_id: 'team_search',
        currency: 'USD',
        requests: 1,
        amount: '0.000054000000000000',
      },
    ]);
  });

  it('leaves the file to others between two deliveries', async () => {
    await Promise.all([
      deliver('charges', [chargeBytes(1)]),
      deliver('audit_events', [usageBytes({ n: 1 })]),
    ]);
    expect(await duckdbRows(file, 'SELECT count(*) AS n FROM charges')).toEqual([{ n: '1' }]);
    const instance = await DuckDBInstance.create(file);
    instance.closeSync();
  });

  it('says that the file can not be had, rather than that it has delivered', async () => {
    const nowhere = new DuckDbTarget('/dev/null/lakehouse.duckdb');
    await expect(nowhere.init()).rejects.toMatchObject({ name: 'SyncError' });
    await expect(
      target.deliver('charges', [{ key: 'k', date: '2026-03-10', body: '{"charge_id": 1}' }], signal),
    ).rejects.toMatchObject({ code: 'target_refused' });
  });
});

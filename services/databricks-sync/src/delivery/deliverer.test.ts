import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { transaction } from '@tollgate/database';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SyncError } from '../errors.ts';
import { append } from '../queue/append.ts';
import { TableQueue } from '../queue/queue.ts';
import { DuckDbTarget } from '../target/duckdb/duckdb-target.ts';
import type { LakehouseTarget } from '../target/lakehouse-target.ts';
import { duckdbRows } from '../testing/duckdb-file.ts';
import { batchOf, chargeBytes, countingUuid, usageBytes } from '../testing/events.ts';
import { SyncDatabase } from '../testing/sync-database.ts';

const IN_TIME = { timeoutMs: 20_000 };

let database: SyncDatabase;
let file: string;
let target: DuckDbTarget;

beforeEach(async () => {
  database = await SyncDatabase.create();
  file = join(temporaryFolder('delivery'), 'lakehouse.duckdb');
  target = new DuckDbTarget(file);
});
afterEach(() => database.close());

/** The target, but for what happens around a delivery. */
function around(deliver: LakehouseTarget['deliver']): LakehouseTarget {
  return {
    description: target.description,
    init: () => target.init(),
    deliver,
    totals: (query, signal) => target.totals(query, signal),
    close: () => target.close(),
  };
}

async function delivered(): Promise<void> {
  await until(() => database.drained(), { ...IN_TIME, describe: 'rows still wait' });
}

async function rowsOf(table: string): Promise<readonly unknown[]> {
  return duckdbRows(
    file,
    `SELECT count(*)::INT AS n, count(DISTINCT ${table === 'charges' ? 'charge_id' : 'event_id'})::INT AS ids FROM ${table}`,
  );
}

const range = (count: number, from = 0): number[] =>
  Array.from({ length: count }, (_, index) => from + index);

describe('delivery', () => {
  it('brings every row into the target once, in batches, and advances the watermark', async () => {
    await database.take(range(30).map((n) => usageBytes({ n })));
    await database.take(range(20).map((n) => chargeBytes(n)));
    const batches: number[] = [];
    database.startDelivery(target, {
      limits: { maxRows: 8, maxBytes: 1e6 },
      onDelivered: (rows) => batches.push(rows),
    });
    await delivered();
    expect(await rowsOf('audit_events')).toEqual([{ n: 50, ids: 50 }]);
    expect(await rowsOf('charges')).toEqual([{ n: 20, ids: 20 }]);
    expect(Math.max(...batches)).toBe(8);
    expect(await database.progress('charges')).toMatchObject({
      deliveredRows: 20n,
      backlogRows: 0,
      lastErrorCode: null,
      lastSuccessAt: expect.any(String),
    });
    expect((await database.progress('charges')).watermark).toBeGreaterThan(0n);
  });

  it('delivers once what was published twice, in one batch or in two', async () => {
    await database.take([chargeBytes(1), chargeBytes(1), chargeBytes(2)]);
    database.startDelivery(target);
    await delivered();
    await database.take([chargeBytes(2), chargeBytes(3)]);
    await delivered();
    expect(await rowsOf('charges')).toEqual([{ n: 3, ids: 3 }]);
  });

  it('does again what was merged but not noted: after a lost answer, and after a crash in between', async () => {
    await database.take(range(10).map((n) => chargeBytes(n)));
    let calls = 0;
    const unreliable = around(async (table, rows, signal) => {
      calls += 1;
      if (calls % 3 === 1) throw new SyncError('target_unavailable', 'the request was lost');
      await target.deliver(table, rows, signal);
      if (calls % 3 === 2) throw new SyncError('target_unavailable', 'the answer was lost');
    });
    database.startDelivery(unreliable, { limits: { maxRows: 3, maxBytes: 1e6 } });
    await delivered();
    expect(calls).toBeGreaterThan(8);
    expect(await rowsOf('charges')).toEqual([{ n: 10, ids: 10 }]);
    expect(await rowsOf('audit_events')).toEqual([{ n: 10, ids: 10 }]);
  });

  it('leaves out no row of a transaction that commits after a later one was delivered', async () => {
    const fastDone = Promise.withResolvers<void>();
    const slowBegun = Promise.withResolvers<void>();
    const slow = transaction(database.pool, async (tx) => {
      await append(batchOf([chargeBytes(1)]), tx, Date.now());
      slowBegun.resolve();
      await fastDone.promise;
    });
    await slowBegun.promise;
    await database.take([chargeBytes(2)]);
    database.startDelivery(target);
    await until(async () => (await database.progress('charges')).deliveredRows === 1n, IN_TIME);
    fastDone.resolve();
    await slow;
    await until(async () => (await database.progress('charges')).deliveredRows === 2n, IN_TIME);
    await delivered();
    expect(await rowsOf('charges')).toEqual([{ n: 2, ids: 2 }]);
  });

  it('lets nobody advance the watermark who has been overtaken', async () => {
    await database.take([chargeBytes(1), chargeBytes(2)]);
    const queue = new TableQueue(database.pool, 'charges');
    const first = await queue.lead();
    const batch = await queue.next({ maxRows: 10, maxBytes: 1e6 });
    const second = await queue.lead();
    await expect(queue.delivered(batch, first, Date.now())).rejects.toMatchObject({ code: 'lead_lost' });
    expect((await database.progress('charges')).backlogRows).toBe(2);
    await queue.delivered(batch, second, Date.now());
    await expect(queue.delivered(batch, second, Date.now())).rejects.toMatchObject({ code: 'lead_lost' });
    expect(await database.progress('charges')).toMatchObject({ backlogRows: 0, deliveredRows: 2n });
  });

  it('is led by one replica at a time, and by the next when the first ends', async () => {
    let writers = 0;
    let most = 0;
    const counted = around(async (table, rows, signal) => {
      if (table === 'charges') {
        writers += 1;
        most = Math.max(most, writers);
      }
      await target.deliver(table, rows, signal);
      if (table === 'charges') writers -= 1;
    });
    const limits = { maxRows: 2, maxBytes: 1e6 };
    const first = database.startDelivery(counted, { limits });
    database.startDelivery(counted, { limits });
    await database.take(range(20).map((n) => chargeBytes(n)));
    await Promise.all(first.map((deliverer) => deliverer.stop()));
    await database.take(range(5, 20).map((n) => chargeBytes(n)));
    await delivered();
    expect(most).toBe(1);
    expect(await rowsOf('charges')).toEqual([{ n: 25, ids: 25 }]);
  });

  it('waits while another process has the file open, and says so', async () => {
    await target.init();
    await database.take([chargeBytes(1)]);
    let open = true;
    const locked = around(async (table, rows, signal) => {
      if (open) throw new SyncError('target_busy', 'another process has the file open: close it there');
      await target.deliver(table, rows, signal);
    });
    database.startDelivery(locked);
    await until(async () => (await database.progress('charges')).lastErrorCode === 'target_busy', IN_TIME);
    open = false;
    await delivered();
    expect(await database.progress('charges')).toMatchObject({ lastErrorCode: null, lastError: null });
    expect(await rowsOf('charges')).toEqual([{ n: 1, ids: 1 }]);
  });

  it('keeps in the queue what the target refuses, and tells why, while the other table goes on', async () => {
    await database.take([chargeBytes(1)]);
    const failures: string[] = [];
    const refusing = around(async (table, rows, signal) => {
      if (table === 'charges') throw new SyncError('target_refused', 'SQLSTATE 42809: see the log');
      await target.deliver(table, rows, signal);
    });
    const [audit, charges] = database.startDelivery(refusing, { onFailed: (code) => failures.push(code) });
    await until(async () => (await database.progress('audit_events')).deliveredRows === 1n, IN_TIME);
    await until(async () => (await database.progress('charges')).lastErrorCode === 'target_refused', IN_TIME);
    expect(await database.progress('charges')).toMatchObject({ backlogRows: 1, deliveredRows: 0n });
    expect(charges?.trouble()).toContain('target_refused');
    expect(audit?.trouble()).toBeNull();
    expect(failures).toContain('target_refused');
  });

  it('keeps apart, and counts, what no column can hold', async () => {
    await database.take([chargeBytes(1, { line: { amount: '0.0000000000000000001' } }), chargeBytes(2)]);
    await database.take([chargeBytes(1, { line: { amount: '0.0000000000000000001' } })]);
    database.startDelivery(target);
    await delivered();
    expect(await rowsOf('charges')).toEqual([{ n: 1, ids: 1 }]);
    expect((await database.progress('charges')).refusedRows).toBe(1);
    const { rows } = await database.pool.query('SELECT row_key, code FROM refused_row');
    expect(rows).toEqual([{ row_key: countingUuid(1, 4), code: 'value_not_representable' }]);
  });

  it('gives a delivery up that takes too long, and does it again', async () => {
    await database.take([chargeBytes(1)]);
    let calls = 0;
    const slow = around(async (table, rows, signal) => {
      calls += 1;
      if (calls <= 2) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await target.deliver(table, rows, new AbortController().signal);
    });
    database.startDelivery(slow, { deadlineMs: 300 });
    await delivered();
    expect(await rowsOf('charges')).toEqual([{ n: 1, ids: 1 }]);
  });

  it('lets rows below the limits wait until they are due, so that a warehouse can sleep', async () => {
    const clock = { nowMs: Date.now() };
    const delivery: number[] = [];
    database.startDelivery(target, {
      maxStalenessMs: 60_000,
      limits: { maxRows: 4, maxBytes: 1e6 },
      now: () => clock.nowMs,
      onDelivered: (rows) => delivery.push(rows),
    });
    await database.take(
      range(3).map((n) => usageBytes({ n })),
      clock.nowMs,
    );
    await until(async () => (await database.progress('audit_events')).backlogRows === 3, IN_TIME);
    expect(delivery).toEqual([]);
    // A batch that is full goes at once.
    await database.take([usageBytes({ n: 3 }), usageBytes({ n: 4 })], clock.nowMs);
    await until(() => delivery.length === 1, IN_TIME);
    expect(delivery).toEqual([4]);
    clock.nowMs += 60_001;
    await until(() => delivery.length === 2, IN_TIME);
    expect(delivery).toEqual([4, 1]);
  });
});

describe('a file that another process holds', () => {
  it('is waited for, and has every row once in the end', async () => {
    await target.init();
    const { spawn } = await import('node:child_process');
    const api = import.meta.resolve('@duckdb/node-api');
    const holder = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { DuckDBInstance } from ${JSON.stringify(api)};
         const instance = await DuckDBInstance.create(${JSON.stringify(file)});
         process.stdout.write('open');
         process.stdin.once('data', () => { instance.closeSync(); process.exit(0); });`,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    try {
      await new Promise((resolve) => holder.stdout.once('data', resolve));
      await expect(DuckDBInstance.create(file)).rejects.toThrow(/lock/i);
      await database.take([chargeBytes(1), chargeBytes(2)]);
      database.startDelivery(target);
      await until(async () => (await database.progress('charges')).lastErrorCode === 'target_busy', IN_TIME);
      holder.stdin.write('close');
      await delivered();
      expect(await rowsOf('charges')).toEqual([{ n: 2, ids: 2 }]);
    } finally {
      holder.kill('SIGKILL');
    }
  });
});

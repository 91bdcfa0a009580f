import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { connect, failureOf, query, type Session } from './driver-under-test.ts';
import { type ScriptedEngine, scriptedEngine, startWarehouse, type Warehouse } from './index.ts';

let engine: ScriptedEngine;
let warehouse: Warehouse;
let session: Session;
/** What the statements put there. */
let table: Set<string>;

beforeEach(async () => {
  table = new Set();
  engine = scriptedEngine()
    .on(/^PUT (\w+)/, (_, [, row = '']) => {
      table.add(row);
      return undefined;
    })
    .on(/^SELECT/, () => ({
      columns: { n: 'int' },
      rows: Array.from({ length: 400 }, (_, n) => ({ n })),
      rowsPerBatch: 100,
    }));
  warehouse = await startWarehouse({ engine });
  session = await (await connect(warehouse)).openSession();
  return () => warehouse.stop();
});

describe('what the driver makes of faults', () => {
  it('a lost request: ECONNRESET, and nothing was executed', async () => {
    warehouse.faults.next({ kind: 'request-lost' });
    expect(await failureOf(query(session, 'PUT a'))).toMatchObject({
      name: 'FetchError',
      code: 'ECONNRESET',
    });
    expect(table).toEqual(new Set());
    await query(session, 'PUT a');
    expect(table).toEqual(new Set(['a']));
  });

  it('a lost reply: the same error, but it was executed, once', async () => {
    warehouse.faults.next({ kind: 'reply-lost' });
    expect(await failureOf(query(session, 'PUT a'))).toMatchObject({
      name: 'FetchError',
      code: 'ECONNRESET',
    });
    expect(table).toEqual(new Set(['a']));
    expect(engine.executed).toHaveLength(1);
    expect(warehouse.statements).toMatchObject([{ sql: 'PUT a', state: 'finished' }]);
  });

  it('a lost reply of a slow statement: it has ended when the connection is cut', async () => {
    const slow = await startWarehouse({ engine, directResultsWaitMs: 1 });
    onTestFinished(() => slow.stop());
    const other = await (await connect(slow)).openSession();
    slow.faults.next({ kind: 'slow', ms: 100 });
    await query(other, 'PUT first');
    engine.on(/^PUT later/, async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      table.add('later');
      return undefined;
    });
    slow.faults.next({ kind: 'reply-lost' });
    await failureOf(query(other, 'PUT later'));
    expect(table).toEqual(new Set(['first', 'later']));
  });

  it('an answer cut in the middle: executed, and an error all the same', async () => {
    warehouse.faults.next({ kind: 'cut-mid-answer' });
    expect(await failureOf(query(session, 'PUT a'))).toMatchObject({ name: 'FetchError' });
    expect(table).toEqual(new Set(['a']));
  });

  it('an answer cut after its length was announced: noticed only after the socket time-out', async () => {
    const impatient = await (await connect(warehouse, { socketTimeout: 300 })).openSession();
    warehouse.faults.next({ kind: 'cut-mid-answer', lengthAnnounced: true });
    const started = performance.now();
    expect(await failureOf(query(impatient, 'PUT a'))).toMatchObject({ name: 'FetchError' });
    expect(performance.now() - started).toBeGreaterThan(250);
    expect(table).toEqual(new Set(['a']));
  });

  it('an expired session: Invalid SessionHandle, code -1, until another is opened', async () => {
    warehouse.faults.next({ kind: 'session-expired' });
    for (const _ of [1, 2]) {
      expect(await failureOf(query(session, 'PUT a'))).toMatchObject({
        name: 'StatusError',
        message: expect.stringContaining('Invalid SessionHandle'),
        code: -1,
      });
    }
    expect(engine.executed).toEqual([]);
    expect(engine.sessions.size).toBe(0);
    await query(await (await connect(warehouse)).openSession(), 'PUT a');
    expect(table.size).toBe(1);
  });

  it.each([429, 503])('HTTP %i on a statement: not tried again by the driver', async (status) => {
    const fault = warehouse.faults.next({ kind: 'http-error', status, retryAfterSeconds: 1 });
    const failure = failureOf(query(session, 'PUT a'));
    expect(await failure).toMatchObject({ name: 'THTTPException', statusCode: status });
    expect(fault.struck).toBe(1);
    expect(table.size).toBe(0);
  });

  it('Retry-After reaches the client', async () => {
    warehouse.faults.next({ kind: 'http-error', status: 429, retryAfterSeconds: 7 });
    const error: unknown = await session.executeStatement('PUT a').catch((thrown: unknown) => thrown);
    const response: unknown = error instanceof Error ? Reflect.get(error, 'response') : undefined;
    const headers: unknown = response instanceof Object ? Reflect.get(response, 'headers') : undefined;
    expect(headers instanceof Object && Reflect.get(headers, 'get').call(headers, 'retry-after')).toBe('7');
  });

  it('a SQL error: its SQLSTATE, and nothing was executed', async () => {
    warehouse.faults.next({
      kind: 'sql-error',
      message: 'files were added by a concurrent update',
      sqlState: '2D521',
      condition: 'DELTA_CONCURRENT_APPEND',
    });
    expect(await failureOf(query(session, 'PUT a'))).toMatchObject({
      name: 'OperationStateError',
      sqlState: '2D521',
      message: expect.stringContaining('[DELTA_CONCURRENT_APPEND]'),
    });
    expect(table.size).toBe(0);
  });

  it('a connection cut while rows are fetched: an error, and the statement was executed', async () => {
    const fault = warehouse.faults.next({ kind: 'cut-mid-answer', rpc: 'FetchResults', after: 1 });
    const operation = await session.executeStatement('SELECT n', { maxRows: 100 });
    expect(await failureOf(operation.fetchAll({ maxRows: 100 }))).toMatchObject({ name: 'FetchError' });
    expect(fault.struck).toBe(1);
    expect(warehouse.statements).toMatchObject([{ state: 'finished' }]);
  });

  it('no answer: the driver gives up after its socket time-out, and nothing was executed', async () => {
    const impatient = await (await connect(warehouse, { socketTimeout: 200 })).openSession();
    warehouse.faults.next({ kind: 'no-answer' });
    expect((await failureOf(query(impatient, 'PUT a'))).message).toMatch(/timed out|timeout/i);
    expect(table.size).toBe(0);
  });

  it('a session that the warehouse forgot makes closing the client throw', async () => {
    warehouse.faults.next({ kind: 'session-expired', rpc: 'CloseSession' });
    expect((await failureOf(session.close())).message).toContain('Invalid SessionHandle');
  });
});

describe('when a fault strikes', () => {
  it('only statements that match, after so many, so many times', async () => {
    const fault = warehouse.faults.next({
      kind: 'request-lost',
      statement: /^PUT b/,
      after: 1,
      times: 2,
    });
    const fates: string[] = [];
    for (const row of ['a', 'b1', 'b2', 'a2', 'b3', 'b4']) {
      fates.push(
        await query(session, `PUT ${row}`).then(
          () => `${row} put`,
          () => `${row} lost`,
        ),
      );
    }
    expect(fates).toEqual(['a put', 'b1 put', 'b2 lost', 'a2 put', 'b3 lost', 'b4 put']);
    expect(fault.struck).toBe(2);
    expect(warehouse.faults.struck).toBe(2);
    expect(warehouse.faults.pending).toEqual([]);
  });

  it('one after the other, and not those taken back', async () => {
    warehouse.faults.next({ kind: 'http-error', status: 503 });
    const second = warehouse.faults.next({ kind: 'request-lost' });
    warehouse.faults.next({ kind: 'http-error', status: 429 });
    second.cancel();
    expect((await failureOf(query(session, 'PUT a'))).statusCode).toBe(503);
    expect((await failureOf(query(session, 'PUT a'))).statusCode).toBe(429);
    warehouse.faults.next({ kind: 'request-lost', times: Number.POSITIVE_INFINITY });
    warehouse.faults.clear();
    await query(session, 'PUT a');
    expect(second.struck).toBe(0);
  });

  it('never, where it makes no sense', () => {
    const { faults } = warehouse;
    expect(() => faults.next({ kind: 'slow', ms: 1, rpc: 'CloseSession' })).toThrow(/leave rpc out/);
    expect(() => faults.next({ kind: 'request-lost', times: 0 })).toThrow(/one or more/);
    expect(() => faults.next({ kind: 'session-expired', rpc: 'FetchResults' })).toThrow(/name a session/);
  });
});

import { DBSQLParameter, DBSQLParameterType } from '@databricks/sql';
import { until } from '@tollgate/testing';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { connect, failureOf, query } from './driver-under-test.ts';
import { type ScriptedEngine, SqlError, scriptedEngine, startWarehouse, type Warehouse } from './index.ts';

const CLIENT = { clientId: 'sync', clientSecret: 'its secret: ü+/' };

let engine: ScriptedEngine;

beforeEach(() => {
  engine = scriptedEngine().on(/^SELECT 1\b/, () => ({ columns: { one: 'int' }, rows: [{ one: 1 }] }));
});

async function warehouseUnderTest(
  options: Partial<Parameters<typeof startWarehouse>[0]> = {},
): Promise<Warehouse> {
  const warehouse = await startWarehouse({ engine, ...options });
  onTestFinished(() => warehouse.stop());
  return warehouse;
}

describe('the real driver on a simulated warehouse', () => {
  it('gets every value as the engine gave it', async () => {
    const largest = `${'9'.repeat(20)}.${'9'.repeat(18)}`;
    engine.on(/^SELECT everything/, () => ({
      columns: {
        text: 'string',
        yes: 'boolean',
        small: 'int',
        big: 'bigint',
        ratio: 'double',
        amount: 'decimal(38,18)',
        day: 'date',
        at: 'timestamp',
      },
      rows: [
        {
          text: 'é€😀',
          yes: true,
          small: -7,
          big: 9_007_199_254_740_993n,
          ratio: 0.1,
          amount: largest,
          day: '2026-02-28',
          at: 1_767_323_045_678_901n,
        },
        {
          text: '',
          yes: false,
          small: 0,
          big: -(2n ** 63n),
          ratio: -0.5,
          amount: '-0.000000000000000001',
          day: '1969-12-31',
          at: new Date('2026-01-02T03:04:05.678Z'),
        },
        { text: null },
      ],
    }));
    const session = await (await connect(await warehouseUnderTest())).openSession();
    const [first, second, third] = await query(session, 'SELECT everything');
    expect(first).toEqual({
      text: 'é€😀',
      yes: true,
      small: -7,
      big: 9_007_199_254_740_993n,
      ratio: 0.1,
      amount: largest,
      day: expect.anything(),
      at: new Date('2026-01-02T03:04:05.678Z'),
    });
    expect(second).toMatchObject({ text: '', big: -(2n ** 63n), amount: '-0.000000000000000001' });
    expect(third).toMatchObject({ text: null, amount: null, at: null });
  });

  it('sends named and positional parameters as text and type', async () => {
    engine.on(/^INSERT/, () => undefined);
    const session = await (await connect(await warehouseUnderTest())).openSession();
    await query(session, 'INSERT :a, :b, :c, :d', {
      namedParameters: {
        a: "it's\\n",
        b: 5,
        c: null,
        d: new DBSQLParameter({ type: DBSQLParameterType.DECIMAL, value: '0.1' }),
      },
    });
    await query(session, 'INSERT ?', { ordinalParameters: [true] });
    expect(engine.executed.map(({ parameters }) => parameters)).toEqual([
      [
        { name: 'a', type: 'STRING', value: "it's\\n" },
        { name: 'b', type: 'INTEGER', value: '5' },
        { name: 'c', type: 'VOID', value: null },
        { name: 'd', type: 'DECIMAL', value: '0.1' },
      ],
      [{ type: 'BOOLEAN', value: 'TRUE' }],
    ]);
  });

  it('fetches a result batch by batch when it is larger than an answer may be', async () => {
    const rows = Array.from({ length: 1_000 }, (_, n) => ({ n }));
    engine.on(/^SELECT many/, () => ({ columns: { n: 'int' }, rows, rowsPerBatch: 100 }));
    const session = await (await connect(await warehouseUnderTest())).openSession();
    const operation = await session.executeStatement('SELECT many', { maxRows: 250 });
    expect(await operation.fetchAll({ maxRows: 250 })).toEqual(rows);
  });

  it('polls a statement that takes longer than a call waits', async () => {
    const warehouse = await warehouseUnderTest({ directResultsWaitMs: 10 });
    const session = await (await connect(warehouse)).openSession();
    warehouse.faults.next({ kind: 'slow', ms: 150 });
    expect(await query(session, 'SELECT 1')).toEqual([{ one: 1 }]);
  });

  it('cancels a statement while it runs', async () => {
    let aborted = false;
    engine.on(/^SELECT forever/, ({ signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return new Promise(() => {});
    });
    const warehouse = await warehouseUnderTest();
    const session = await (await connect(warehouse)).openSession();
    const operation = await session.executeStatement('SELECT forever', { maxRows: null });
    const rows = operation.fetchAll();
    await operation.cancel();
    expect(await failureOf(rows)).toMatchObject({ name: 'OperationStateError', code: 'CANCELED' });
    expect(aborted).toBe(true);
    expect(warehouse.statements).toMatchObject([{ state: 'cancelled' }]);
  });

  it('is told the SQLSTATE of a statement that failed', async () => {
    engine.on(/^DELETE/, () => {
      throw new SqlError({
        message: 'this table may only be added to',
        sqlState: '42809',
        condition: 'DELTA_CANNOT_MODIFY_APPEND_ONLY',
      });
    });
    const session = await (await connect(await warehouseUnderTest())).openSession();
    expect(await failureOf(query(session, 'DELETE FROM audit'))).toMatchObject({
      name: 'OperationStateError',
      sqlState: '42809',
      message: expect.stringContaining('[DELTA_CANNOT_MODIFY_APPEND_ONLY] this table'),
    });
    expect(await failureOf(query(session, 'SELEKT'))).toMatchObject({ sqlState: '42601' });
  });

  it('gets HTTP 400 for more than 256 parameters', async () => {
    const session = await (await connect(await warehouseUnderTest())).openSession();
    const select = (count: number) =>
      query(session, 'SELECT 1', { ordinalParameters: Array.from({ length: count }, (_, n) => n) });
    expect(await select(256)).toHaveLength(1);
    expect(await failureOf(select(257))).toMatchObject({ statusCode: 400 });
  });

  it('opens sessions with a catalog and a schema, and closes them', async () => {
    const session = await (await connect(await warehouseUnderTest())).openSession({
      initialCatalog: 'main',
      initialSchema: 'tollgate',
    });
    expect([...engine.sessions.values()]).toEqual([{ catalog: 'main', schema: 'tollgate' }]);
    await session.close();
    expect(engine.sessions.size).toBe(0);
  });
});

describe('who is let in', () => {
  it('is nobody with a wrong token, and nobody who does not trust the certificate', async () => {
    const warehouse = await warehouseUnderTest();
    const stranger = await connect(warehouse, { token: 'wrong' });
    expect(await failureOf(stranger.openSession())).toMatchObject({ statusCode: 403 });
    const wary = await connect(warehouse, { customCaCert: undefined } as never);
    expect((await failureOf(wary.openSession())).message).toMatch(/self-signed certificate/);
    expect(engine.sessions.size).toBe(0);
  });

  it('is who fetched a token by client credentials, until it expires', async () => {
    let now = Date.parse('2026-11-21T12:00:00Z');
    const warehouse = await warehouseUnderTest({
      oauthClients: [{ ...CLIENT, tokenLifetimeSeconds: 60 }],
      now: () => now,
    });
    const fetchToken = async (secret: string): Promise<Response> => {
      const { Agent, fetch: get } = await import('undici');
      const dispatcher = new Agent({ connect: { ca: warehouse.certificate } });
      onTestFinished(() => dispatcher.close());
      const basic = `${encodeURIComponent(CLIENT.clientId)}:${encodeURIComponent(secret)}`;
      return (await get(`https://${warehouse.host}:${warehouse.port}/oidc/v1/token`, {
        dispatcher,
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(basic).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'all-apis' }),
      })) as unknown as Response;
    };
    expect((await fetchToken('guessed')).status).toBe(401);
    const { access_token: token } = (await (await fetchToken(CLIENT.clientSecret)).json()) as {
      access_token: string;
    };
    const driver = await connect(warehouse, {
      authType: 'external-token',
      getToken: async () => token,
    } as never);
    const session = await driver.openSession();
    expect(await query(session, 'SELECT 1')).toHaveLength(1);
    now += 60_000;
    expect(await failureOf(query(session, 'SELECT 1'))).toMatchObject({ statusCode: 403 });
    expect(warehouse.tokensIssued).toBe(1);
  });
});

describe('a warehouse that stops', () => {
  it('cuts its clients, ends their sessions and leaves the engine alone', async () => {
    const warehouse = await warehouseUnderTest();
    const session = await (await connect(warehouse)).openSession();
    warehouse.faults.next({ kind: 'no-answer' });
    const unanswered = failureOf(query(session, 'SELECT 1'));
    await until(() => warehouse.faults.struck === 1, { timeoutMs: 5_000 });
    await warehouse.stop();
    expect((await unanswered).name).toBe('FetchError');
    expect(engine.sessions.size).toBe(0);
    expect(engine.executed).toEqual([]);
  });
});
